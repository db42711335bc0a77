// SPDX-License-Identifier: MIT
// Which system calls a confined process may still make, as programs for seccomp(2).
#pragma once

#include <linux/filter.h>

#include <vector>

namespace tcptool::sys {

enum class Refusal { error, kill };

// What a run has still to do when it is confined first, and what it then may.
struct Ahead {
  bool renames = false;   // or removes a file
  bool looks_up = false;  // a name, for which libc may ask a daemon of this host
  bool listens = false;
};

// Refuses, with EPERM or by killing the process: to start programs, to change files and what there
// is of them, to trace other processes, reach into them or change their limits, System V IPC,
// namespaces, mounts, keys, the kernel and its clock, ioctls but those that tell, sockets but for
// UNIX, internet and netlink ones, and to connect past Landlock; UNIX sockets and pairs of them,
// listening, rename and unlink, unless they are ahead. clone3(2) and openat2(2), whose arguments no
// filter sees, are refused with ENOSYS: libc then makes the older calls. What it cannot see is
// under SANDBOX in tcptool(1): paths above all, so that bind(2) may make a UNIX socket and
// /proc/PID/mem be read. Empty where the architecture is none that is known here.
std::vector<sock_filter> deny_program(Refusal refusal, const Ahead& ahead);

// Refuses to make UNIX sockets and to listen.
std::vector<sock_filter> deny_sockets_program();

// Kills at every call but those of the kernel seam, and those that libc makes by itself; a UNIX
// socket is refused.
std::vector<sock_filter> allow_program();

// Whether a sanitizer is compiled in. Its runtime traces this process, runs a program and makes
// calls of its own, which the programs above then leave.
constexpr bool has_sanitizer() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
  return true;
#else
  return false;
#endif
#else
  return false;
#endif
}

}  // namespace tcptool::sys
