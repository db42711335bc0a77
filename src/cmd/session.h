// SPDX-License-Identifier: MIT
// An established connection's life between the standard streams, the same for both subcommands.
#pragma once

#include <string_view>

#include "cmd/context.h"
#include "cmd/messages.h"
#include "cmd/options.h"

namespace tcptool::cmd {

// What can be known to be wrong with stdin before anything is opened. Says it, and gives the
// status.
std::optional<Exit> refuse_bad_stdin(Context& context, const CommonOptions& options);

// Relays until the end, says how it ended and closes the connection. `operation` and the peer's
// address name it in messages.
Exit run_session(Context& context, const CommonOptions& options, std::string_view operation,
                 tcp::Connection connection, const SetupTimes& times);

// A run that was ended from outside while `operation` on `object` was under way; `last` is what had
// gone wrong before, if anything.
Exit interrupted(Context& context, const CommonOptions& options, std::string_view operation,
                 std::string_view object, const sys::Wake& wake, std::string_view last = {});

}  // namespace tcptool::cmd
