// SPDX-License-Identifier: MIT
// An established connection's life between the standard streams, the same for both subcommands.
#pragma once

#include <string_view>

#include "cmd/context.h"
#include "cmd/messages.h"
#include "cmd/options.h"
#include "diagnose/diagnosis.h"
#include "relay/local_stream.h"

namespace tcptool::cmd {

// What can be known to be wrong with stdin before anything is opened. Says it, and gives the
// status.
std::optional<Exit> refuse_bad_stdin(Context& context, const CommonOptions& options);

// stdin and stdout as a run uses them, opened for itself where their kind needs it: the last that
// is opened for writing.
struct Streams {
  relay::LocalStream input;
  relay::LocalStream output;
};

// As refuse_bad_stdin() where stdin is of no use.
Result<Streams, Exit> open_streams(Context& context, const CommonOptions& options);

// Relays until the end, says how it ended and closes the connection. `operation` and the peer's
// address name it in messages.
Exit run_session(Context& context, const CommonOptions& options, std::string_view operation,
                 tcp::Connection connection, Streams streams, const SetupTimes& times);

// A run that was ended from outside while `operation` on `object` was under way; `last` is what had
// gone wrong before, if anything, and `cause` what is known of why it took so long.
Exit interrupted(Context& context, const CommonOptions& options, std::string_view operation,
                 std::string_view object, const sys::Wake& wake, std::string_view last = {},
                 const std::optional<diagnose::Diagnosis>& cause = {});

}  // namespace tcptool::cmd
