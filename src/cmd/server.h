// SPDX-License-Identifier: MIT
// tcptool listen for many: -k, --serve, -- COMMAND. One loop accepts and moves bytes; how it ends
// is the user's signal, SIGTERM with --grace.
#pragma once

#include "cmd/acceptor.h"
#include "cmd/listen.h"
#include "cmd/session.h"

namespace tcptool::cmd {

// Serves the clients that `acceptor` lets in, one only unless options.keep_open. `first_client`:
// the end of -w. `streams` where they are the clients'.
Exit serve(Context& context, const ListenOptions& options, Acceptor& acceptor,
           std::optional<Streams> streams, sys::Deadline first_client);

}  // namespace tcptool::cmd
