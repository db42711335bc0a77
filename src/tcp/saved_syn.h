// SPDX-License-Identifier: MIT
// What a client's SYN said of its sender: the IP and TCP header that the kernel kept for an
// accepted socket (TCP_SAVE_SYN, TCP_SAVED_SYN in linux/tcp.h). The bytes come from the network:
// every length in them is checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "sys/kernel.h"

namespace tcptool::tcp {

struct SynFacts {
  unsigned ttl = 0;  // the hop limit in IPv6
  unsigned window = 0;
  std::optional<unsigned> mss;
  std::optional<unsigned> wscale;
  bool sack = false;
  bool timestamps = false;
  bool ecn = false;  // ECE and CWR set: asks for ECN, RFC 3168 section 6.1.1

  // From an IPv4 or IPv6 header with the TCP header behind it; nothing where that is not what the
  // bytes hold. IPv6 extension headers are not followed.
  static std::optional<SynFacts> parse(std::span<const std::byte> packet);

  // How many routers took one off the TTL, where it began at 64, 128 or 255 as is usual: an
  // estimate.
  [[nodiscard]] unsigned hops() const;

  // "ttl 62 (2 hops), mss 1460, wscale 10, sack, ts, window 64240".
  [[nodiscard]] std::string text() const;
};

std::optional<SynFacts> read_saved_syn(sys::Kernel& kernel, int fd);

}  // namespace tcptool::tcp
