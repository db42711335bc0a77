// SPDX-License-Identifier: MIT
// --explain: one sentence on a call, for someone who learns sockets. It begins with the layer that
// the call is about: application, transport, internet or link.
#pragma once

#include <string>
#include <string_view>

#include "trace/event.h"

namespace tcptool::trace {

// What the call asked of the kernel, what came back, and what follows. Of printable ASCII.
std::string explain(const Event& event);

// Parts of it: of getsockopt and setsockopt, and of calls whose outcome is not worth a sentence of
// its own.
std::string explain_option(const Event& event);
std::string_view explain_plainly(const Event& event);
// The first argument of that kind, as text; empty where there is none.
std::string text_of_first(const Event& event, ArgKind kind);

}  // namespace tcptool::trace
