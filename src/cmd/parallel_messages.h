// SPDX-License-Identifier: MIT
// What connect --parallel says, beside the messages that it shares with a single connection.
#pragma once

#include <map>

#include "cmd/messages.h"

namespace tcptool::cmd {

// What became of all connections of a run.
struct ParallelEnd {
  std::size_t total = 0;
  std::size_t connected = 0;
  std::map<diagnose::FailureClass, std::size_t> failed;
  std::size_t interrupted = 0;  // the run ended before they had an answer
  std::size_t peer_closed = 0;  // of those connected: the peer's FIN came
  std::size_t lost = 0;         // of those connected: reset, or given up by the kernel
  std::optional<std::chrono::nanoseconds> held;  // since the first was connected
  std::uint64_t received = 0;                    // bytes from the peers, which are discarded
  std::uint64_t stdin_bytes = 0;                 // discarded, too
  int signal = 0;                                // that ended the run
};

// All decided: some are held now. `until_stdin_ends`, or else until the run is ended.
Message holding_message(std::size_t held, bool until_stdin_ends);
// stdin has ended, and `waiting` connections have no answer yet.
Message still_waiting_message(std::size_t waiting);
// What became of a connection that was held: the peer's FIN, or its end by `error`.
Message peer_ended_message(const tcp::Connection& connection, const Place& place,
                           std::chrono::nanoseconds after);
Message connection_lost_message(const tcp::Connection& connection, const Place& place, int error,
                                std::chrono::nanoseconds after);
Message parallel_end_message(const ParallelEnd& end);
// Why the run has failed where some of those held were lost; how each was, has been told.
Message parallel_lost_message(std::string_view object, const ParallelEnd& end);

// More descriptors are needed than RLIMIT_NOFILE allows, of which `spare` are for all else.
Message descriptor_limit_message(std::string_view object, std::size_t connections,
                                 std::uint64_t limit, std::uint64_t spare);

}  // namespace tcptool::cmd
