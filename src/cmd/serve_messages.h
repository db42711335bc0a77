// SPDX-License-Identifier: MIT
// What a listener for many says of its clients and of the run: pure functions.
#pragma once

#include "cmd/accept_messages.h"
#include "cmd/messages.h"
#include "relay/service.h"

namespace tcptool::cmd {

// The clients of a run, by how they ended.
struct ServeCounts {
  std::uint64_t complete = 0;
  std::uint64_t failed = 0;  // commands
  std::uint64_t lost = 0;
  std::uint64_t too_slow = 0;
  std::uint64_t idle = 0;
  std::uint64_t cut_short = 0;
  bool bytes_known = true;  // false: other programs moved them
  std::uint64_t sent = 0;   // bytes, of all
  std::uint64_t received = 0;
  std::uint64_t unwritten = 0;  // received, and not written to stdout

  void add(const relay::ClientEnd& end);
};

// The end of a run whose clients were let finish.
struct WindDown {
  std::uint64_t in_flight = 0;  // when it began
  std::uint64_t finished = 0;
};

// A command that was run for a client, and its end as wait(2) tells it.
struct CommandEnd {
  pid_t pid = 0;
  sys::Address peer;
  int status = 0;
  std::chrono::nanoseconds duration{0};
};

// --max-clients has been reached.
Message full_message(std::uint64_t max_clients);
Message client_closed_message(const relay::ClientEnd& end, std::size_t client_buffer);
Message command_ended_message(const CommandEnd& end);
// A command that SIGTERM did not end when the run ended.
Message command_killed_message(pid_t pid, const sys::Address& peer);
Message winding_down_message(int signum, std::uint64_t in_flight, std::chrono::nanoseconds grace);
Message served_message(const ServeCounts& counts, const AcceptCounts& accepted,
                       const std::optional<WindDown>& wind_down, std::chrono::nanoseconds duration,
                       int signum);

ExitStatus status_of(const relay::ClientEnd& end);

}  // namespace tcptool::cmd
