// SPDX-License-Identifier: MIT
// Questions to the kernel over netlink(7), and the walk through what comes back. Every length in a
// reply is checked against the bytes that are there: nothing here trusts its sender.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/error.h"
#include "sys/kernel.h"

namespace tcptool::sys {

struct NetlinkMessage {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;  // NLM_F_
  std::uint32_t sequence = 0;
  std::span<const std::byte> payload;
};

struct NetlinkAttribute {
  unsigned type = 0;  // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
  std::span<const std::byte> value;
};

// Takes the first message, or attribute, off `rest`. Nothing at the end, and nothing more once a
// length does not fit into what is left.
std::optional<NetlinkMessage> next_message(std::span<const std::byte>& rest);
std::optional<NetlinkAttribute> next_attribute(std::span<const std::byte>& rest);

// A request: the family's header, then attributes. netlink_ask numbers it.
class NetlinkRequest {
 public:
  // `flags` beside NLM_F_REQUEST: NLM_F_DUMP or none. `header` is the family's, as rtmsg.
  template <class Header>
  NetlinkRequest(std::uint16_t type, std::uint16_t flags, const Header& header)
      : NetlinkRequest(type, flags, std::as_bytes(std::span(&header, 1))) {}
  NetlinkRequest(std::uint16_t type, std::uint16_t flags, std::span<const std::byte> header);

  NetlinkRequest& add(std::uint16_t attribute, std::span<const std::byte> value);
  NetlinkRequest& add(std::uint16_t attribute, std::uint32_t value);
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  void append(std::span<const std::byte> bytes);
  std::vector<std::byte> bytes_;
};

// Asks `protocol` (NETLINK_ROUTE, NETLINK_SOCK_DIAG) on a socket of its own; returns the messages
// that answer, one after the other, for next_message. A dump that changed underway is asked for
// again, at most three times.
// Bounds: 500 ms in all, 65,536 messages and 64 MiB an answer: half an answer is none.
// Errors: what socket(2), send(2), poll(2) or recvmsg(2) said; the errno with which the kernel
// answered, as recvmsg's; ETIMEDOUT; ENOBUFS for an answer that is too large; EINTR for one that
// changed each time; EPROTO for one that is no netlink. `object` is for the error's text.
// See netlink(7), rtnetlink(7).
Result<std::vector<std::byte>, SysError> netlink_ask(Kernel& kernel, int protocol,
                                                     const NetlinkRequest& request,
                                                     const std::string& object);

}  // namespace tcptool::sys
