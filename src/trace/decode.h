// SPDX-License-Identifier: MIT
// The text of an event's arguments and outcome. Foreign bytes are escaped here, so that nothing
// that a peer sent can steer a terminal through any rendering.
#pragma once

#include <string>

#include "sys/names.h"
#include "trace/event.h"

namespace tcptool::trace {

// A msghdr, as ArgKind::message keeps it.
struct Message {
  MessageHeader header;
  std::span<const std::byte> name;
  std::span<const std::byte> data;
  std::span<const std::byte> control;
};
Message unpack_message(std::span<const std::byte> blob);

// "127.0.0.1:9000" for the bytes of a sockaddr.
std::string address_text(std::span<const std::byte> sockaddr);

// The socket option that the arguments `level` and `optname` name; null where there is none.
const sys::SocketOptionInfo* option_of(const Event& event);

// "AF_INET", "127.0.0.1:9000", "\"hello\\n\"", "[{fd=3, events=POLLIN, revents=0}]".
std::string decode(const Event& event, const Arg& arg);

// "3", "-1 ECONNREFUSED (connection refused)", "EAI_NONAME (name or service not known)".
std::string decode_outcome(const Event& event);

}  // namespace tcptool::trace
