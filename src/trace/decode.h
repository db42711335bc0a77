// SPDX-License-Identifier: MIT
// The text of an event's arguments and outcome. Foreign bytes are escaped here, so that nothing
// that a peer sent can steer a terminal through any rendering.
#pragma once

#include <string>

#include "trace/event.h"

namespace tcptool::trace {

// "AF_INET", "127.0.0.1:9000", "\"hello\\n\"", "[{fd=3, events=POLLIN, revents=0}]".
std::string decode(const Event& event, const Arg& arg);

// "3", "-1 ECONNREFUSED (connection refused)", "EAI_NONAME (name or service not known)".
std::string decode_outcome(const Event& event);

}  // namespace tcptool::trace
