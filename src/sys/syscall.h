// SPDX-License-Identifier: MIT
// The calls that go through the kernel seam, named as their manual pages are. Those of section 3
// (library calls that enter the system on their own account) stand at the end.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace tcptool::sys {

enum class Syscall {
  accept4,
  bind,
  close,
  connect,
  fcntl,
  fstat,
  getdents64,
  getpeername,
  getpid,
  getsockname,
  getsockopt,
  getuid,
  ioctl,
  kill,
  listen,
  open,
  pipe2,
  poll,
  prlimit64,
  read,
  readlink,
  recv,
  recvmsg,
  rename,
  send,
  setsockopt,
  shutdown,
  sigaction,
  signalfd,
  sigprocmask,
  socket,
  unlink,
  write,
  getaddrinfo,
  if_indextoname,
  if_nametoindex,
};

inline constexpr std::array<std::string_view, 36> syscall_names{
    "accept4",    "bind",        "close",    "connect",     "fcntl",          "fstat",
    "getdents64", "getpeername", "getpid",   "getsockname", "getsockopt",     "getuid",
    "ioctl",      "kill",        "listen",   "open",        "pipe2",          "poll",
    "prlimit64",  "read",        "readlink", "recv",        "recvmsg",        "rename",
    "send",       "setsockopt",  "shutdown", "sigaction",   "signalfd",       "sigprocmask",
    "socket",     "unlink",      "write",    "getaddrinfo", "if_indextoname", "if_nametoindex"};
static_assert(syscall_names.size() == static_cast<std::size_t>(Syscall::if_nametoindex) + 1);

constexpr std::string_view name(Syscall call) {
  return syscall_names[static_cast<std::size_t>(call)];
}

}  // namespace tcptool::sys
