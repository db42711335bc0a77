// SPDX-License-Identifier: MIT
// --explain: one sentence on a call, for someone who learns sockets. It begins with the layer that
// the call is about: application, transport, internet or link.
#pragma once

#include <string>

#include "trace/event.h"

namespace tcptool::trace {

// What the call asked of the kernel, what came back, and what follows. Of printable ASCII.
std::string explain(const Event& event);

}  // namespace tcptool::trace
