// SPDX-License-Identifier: MIT
#include "diagnose/recognize.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace tcptool::diagnose {
namespace {

// RFC 8446 section 5.1: ContentType, then legacy_record_version 3.x.
constexpr unsigned alert = 21;
constexpr unsigned handshake = 22;
constexpr std::size_t record_header = 5;

unsigned at(std::span<const std::byte> bytes, std::size_t index) {
  return index < bytes.size() ? std::to_integer<unsigned>(bytes[index]) : 0U;
}

bool tls_record(std::span<const std::byte> bytes, unsigned type) {
  return bytes.size() > record_header && at(bytes, 0) == type && at(bytes, 1) == 3 &&
         at(bytes, 2) <= 4;
}

bool begins(std::span<const std::byte> bytes, std::string_view text) {
  if (bytes.size() < text.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (static_cast<char>(bytes[i]) != text[i]) return false;
  }
  return true;
}

// Capital letters, a space and a target, as far as the bytes go: any method, also of WebDAV.
bool http_request(std::span<const std::byte> bytes) {
  std::size_t length = 0;
  while (length < bytes.size() &&
         ((at(bytes, length) >= 'A' && at(bytes, length) <= 'Z') || at(bytes, length) == '-')) {
    ++length;
  }
  if (length == 0) return false;
  if (length == bytes.size()) return true;
  if (at(bytes, length) != ' ') return false;
  if (begins(bytes, "CONNECT ") || length + 1 == bytes.size()) return true;
  const auto target = bytes.subspan(length + 1);
  return begins(target, "/") || begins(target, "*") || begins(target, "http");
}

// RFC 8446 section 6, RFC 5246 section 7.2.
std::string alert_name(unsigned description) {
  struct Row {
    unsigned number;
    std::string_view name;
  };
  constexpr std::array<Row, 8> rows{Row{0, "close_notify"},       Row{10, "unexpected_message"},
                                    Row{22, "record_overflow"},   Row{40, "handshake_failure"},
                                    Row{47, "illegal_parameter"}, Row{50, "decode_error"},
                                    Row{70, "protocol_version"},  Row{80, "internal_error"}};
  for (const Row& row : rows) {
    if (row.number == description) return std::string(row.name);
  }
  return fmt::format("{}", description);
}

}  // namespace

std::optional<std::string> recognize(std::span<const std::byte> received,
                                     std::span<const std::byte> sent) {
  constexpr unsigned client_hello = 1;
  constexpr std::size_t alert_description = 6;
  if (tls_record(sent, handshake)) {
    // TLS from our side is what the user sends: a TLS answer is in order.
    if (!begins(received, "HTTP/")) return std::nullopt;
    return "the peer answers TLS with plain HTTP: that port does not speak TLS";
  }
  if (tls_record(received, handshake) && at(received, record_header) == client_hello) {
    return fmt::format(
        "the peer speaks TLS (its first bytes are a TLS ClientHello, record 16 03 "
        "{:02x}), which tcptool does not: openssl s_server or socat does",
        at(received, 2));
  }
  if (tls_record(received, alert) && received.size() > alert_description) {
    return fmt::format(
        "the peer expects TLS: it {} a TLS alert ({}, record 15 03 {:02x}); openssl s_client or "
        "socat speaks TLS",
        sent.empty() ? "sent" : "answered plain text with",
        alert_name(at(received, alert_description)), at(received, 2));
  }
  const bool answered_unasked = begins(received, "HTTP/1.") && !http_request(sent);
  if (answered_unasked && !sent.empty()) {
    return "the peer speaks HTTP, and what was sent to it is no HTTP request";
  }
  return std::nullopt;
}

}  // namespace tcptool::diagnose
