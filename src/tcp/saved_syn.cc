// SPDX-License-Identifier: MIT
#include "tcp/saved_syn.h"

#include <fmt/format.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tcptool::tcp {
namespace {

unsigned byte_at(std::span<const std::byte> bytes, std::size_t at) {
  return std::to_integer<unsigned>(bytes[at]);
}

unsigned word_at(std::span<const std::byte> bytes, std::size_t at) {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

// RFC 9293 section 3.1 and the options' own RFCs (7323, 2018).
void read_options(std::span<const std::byte> options, SynFacts& facts) {
  constexpr unsigned end_of_list = 0;
  constexpr unsigned no_operation = 1;
  std::size_t at = 0;
  while (at < options.size()) {
    const unsigned kind = byte_at(options, at);
    if (kind == end_of_list) return;
    if (kind == no_operation) {
      ++at;
      continue;
    }
    if (at + 2 > options.size()) return;
    const unsigned length = byte_at(options, at + 1);
    if (length < 2 || at + length > options.size()) return;
    if (kind == 2 && length == 4) facts.mss = word_at(options, at + 2);
    if (kind == 3 && length == 3) facts.wscale = byte_at(options, at + 2);
    if (kind == 4 && length == 2) facts.sack = true;
    if (kind == 8 && length == 10) facts.timestamps = true;
    at += length;
  }
}

// The length of the IP header in front of TCP, and the TTL; nothing for anything else.
std::optional<std::size_t> ip_header_length(std::span<const std::byte> packet, unsigned& ttl) {
  constexpr std::size_t v4_minimum = 20;
  constexpr std::size_t v6_length = 40;
  if (packet.empty()) return std::nullopt;
  const unsigned version = byte_at(packet, 0) >> 4;
  if (version == 4 && packet.size() >= v4_minimum && byte_at(packet, 9) == IPPROTO_TCP) {
    const std::size_t length = (byte_at(packet, 0) & 0x0fU) * 4U;
    if (length < v4_minimum) return std::nullopt;
    ttl = byte_at(packet, 8);
    return length;
  }
  if (version == 6 && packet.size() >= v6_length && byte_at(packet, 6) == IPPROTO_TCP) {
    ttl = byte_at(packet, 7);
    return v6_length;
  }
  return std::nullopt;
}

}  // namespace

std::optional<SynFacts> SynFacts::parse(std::span<const std::byte> packet) {
  constexpr std::size_t tcp_minimum = 20;
  constexpr unsigned ece_and_cwr = 0xc0;
  SynFacts facts;
  const auto ip_length = ip_header_length(packet, facts.ttl);
  if (!ip_length || packet.size() < *ip_length + tcp_minimum) return std::nullopt;
  const auto tcp = packet.subspan(*ip_length);
  const std::size_t tcp_length = (byte_at(tcp, 12) >> 4) * 4U;
  if (tcp_length < tcp_minimum || tcp_length > tcp.size()) return std::nullopt;
  facts.ecn = (byte_at(tcp, 13) & ece_and_cwr) == ece_and_cwr;
  facts.window = word_at(tcp, 14);
  read_options(tcp.subspan(tcp_minimum, tcp_length - tcp_minimum), facts);
  return facts;
}

unsigned SynFacts::hops() const {
  constexpr unsigned unix_start = 64;
  constexpr unsigned windows_start = 128;
  constexpr unsigned most = 255;
  const unsigned start =
      ttl <= unix_start ? unix_start : (ttl <= windows_start ? windows_start : most);
  return start - std::min(ttl, start);
}

std::string SynFacts::text() const {
  std::string out = fmt::format("ttl {}", ttl);
  if (hops() > 0) out += fmt::format(" ({})", count_of(hops(), "hop"));
  if (mss) out += fmt::format(", mss {}", *mss);
  if (wscale) out += fmt::format(", wscale {}", *wscale);
  if (sack) out += ", sack";
  if (timestamps) out += ", ts";
  if (ecn) out += ", ecn";
  out += fmt::format(", window {}", window);
  return out;
}

std::optional<SynFacts> read_saved_syn(sys::Kernel& kernel, int fd) {
  std::array<std::byte, 256> packet{};
  const sys::Outcome got = kernel.getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, packet);
  if (!got.ok()) return std::nullopt;
  return SynFacts::parse(std::span(packet).first(got.as_size()));
}

}  // namespace tcptool::tcp
