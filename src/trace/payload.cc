// SPDX-License-Identifier: MIT
#include "trace/payload.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

namespace tcptool::trace {
namespace {

constexpr std::size_t bytes_a_line = 16;

std::string hex(std::span<const std::byte> bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes_a_line; ++i) {
    if (i == bytes_a_line / 2) out += ' ';
    if (i < bytes.size()) {
      fmt::format_to(std::back_inserter(out), "{:02x} ", std::to_integer<unsigned>(bytes[i]));
    } else {
      out += "   ";
    }
  }
  return out;
}

// What is not printable ASCII is a dot.
std::string printable(std::span<const std::byte> bytes) {
  std::string out;
  for (const std::byte byte : bytes) {
    const char c = static_cast<char>(byte);
    out += c >= 0x20 && c <= 0x7e ? c : '.';
  }
  return out;
}

// Calls `line` with each piece of at most `most` bytes and its place.
template <class Line>
void in_pieces(std::span<const std::byte> bytes, std::size_t most, Line line) {
  for (std::size_t at = 0; at < bytes.size(); at += most) {
    line(at, bytes.subspan(at, std::min(most, bytes.size() - at)));
  }
}

}  // namespace

std::vector<std::string> payload_text(const Payload& payload, sys::TimePoint start, bool color) {
  const std::chrono::duration<double> since = payload.time - start;
  const bool sent = payload.direction == Payload::Direction::sent;
  std::string arrow = sent ? "->" : "<-";
  if (color) arrow = fmt::format("\x1b[{}m{}\x1b[0m", sent ? 32 : 36, arrow);
  std::vector<std::string> out;
  in_pieces(payload.bytes, bytes_a_line, [&](std::size_t at, std::span<const std::byte> piece) {
    out.push_back(fmt::format("{:10.6f} {} {:08x}  {} |{}|", since.count(), arrow,
                              payload.offset + at, hex(piece), printable(piece)));
  });
  return out;
}

std::vector<std::string> payload_strace(const Payload& payload) {
  std::vector<std::string> out;
  in_pieces(payload.bytes, bytes_a_line, [&](std::size_t at, std::span<const std::byte> piece) {
    out.push_back(fmt::format(" | {:05x}  {} {:16} |", at, hex(piece), printable(piece)));
  });
  return out;
}

std::vector<std::string> payload_json(const Payload& payload, sys::TimePoint start) {
  constexpr std::size_t bytes_an_object = 1024;
  const std::chrono::nanoseconds since = payload.time - start;
  const bool sent = payload.direction == Payload::Direction::sent;
  std::vector<std::string> out;
  in_pieces(payload.bytes, bytes_an_object, [&](std::size_t at, std::span<const std::byte> piece) {
    JsonObject object;
    object.add("type", "data")
        .add("time_ns", since.count())
        .add("sockfd", payload.fd)
        .add("direction", sent ? "sent" : "received")
        .add("offset", payload.offset + at)
        .add("data", std::string_view(reinterpret_cast<const char*>(piece.data()), piece.size()));
    out.push_back(object.text());
  });
  return out;
}

}  // namespace tcptool::trace
