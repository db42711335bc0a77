// SPDX-License-Identifier: MIT
// A look-up that succeeded late: which name server did not answer, though another one did.
#pragma once

#include "cmd/context.h"
#include "cmd/options.h"
#include "tcp/name_server.h"

namespace tcptool::cmd {

struct SlowLookUp {
  std::string_view name;
  int family = 0;
  std::chrono::nanoseconds took{0};
};

// Asks each name server of resolv.conf(5) once, for at most 1 s and a quarter of what is left until
// `deadline`. Nothing where the look-up took less than 1 s, or --diagnose is off, or all servers
// answer, or none does.
std::optional<Message> slow_look_up_note(Context& context, const CommonOptions& options,
                                         const SlowLookUp& look_up, sys::Deadline deadline);

// The same of what the servers said; `waited` is how long they had.
std::optional<Message> slow_look_up_message(const SlowLookUp& look_up,
                                            std::span<const tcp::NameServerAnswer> answers,
                                            std::chrono::nanoseconds waited);

}  // namespace tcptool::cmd
