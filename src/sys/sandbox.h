// SPDX-License-Identifier: MIT
// The process gives rights away, for ever; see SANDBOX in tcptool(1). In two steps, since a process
// in a Landlock domain may no longer look whose the sockets of others are (/proc/PID/fd), which a
// diagnosis asks while there is no connection yet. Each step binds the thread that takes it and
// those that it starts from then on: the first is taken before there is another, the second not
// always, since the resolver's thread of a look-up that was given up may still be at work.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "sys/error.h"
#include "sys/kernel.h"
#include "sys/sandbox_calls.h"

namespace tcptool::sys {

// No new privileges, and by seccomp(2) no call that deny_program() names. Errors: prctl(2)'s,
// seccomp(2)'s; ENOSYS where the architecture is not known.
Result<void, SysError> give_up_calls(Kernel& kernel, Refusal refusal, const Ahead& ahead);

// What is left of the file system, beside reading, of TCP and of privileges.
struct Reach {
  std::string removable_in{};  // the directory in which a file may still be removed; empty: none
  bool connects_anywhere = false;
  std::vector<std::uint16_t> connects_to{};  // else to these ports alone, or nowhere
  bool binds_any_port = false;               // where the kernel chooses which; else none
  bool may_need_capabilities = false;        // on sockets that are still to come
};

// By Landlock, as far as the kernel has it. Needs give_up_calls() first. Errors: those of the three
// calls of landlock(7), and of open(2) for the directory; ENOSYS and EOPNOTSUPP where there is no
// Landlock.
Result<void, SysError> give_up_files(Kernel& kernel, const Reach& reach);

// All capabilities, but for what removing or setting still needs. Errors: capset(2)'s.
Result<void, SysError> give_up_privileges(Kernel& kernel, const Reach& reach);

// By seccomp(2) what was ahead then and no longer is; where refusing is killing, every call but
// allow_program()'s kills, except in a build with a sanitizer, whose own calls are not known.
// Errors: seccomp(2)'s, ENOSYS as above.
Result<void, SysError> give_up_more_calls(Kernel& kernel, Refusal refusal, const Ahead& ahead);

// A set for capset(2): the one that is ever kept by its name, "0".
std::string capabilities_name(std::uint64_t set);

}  // namespace tcptool::sys
