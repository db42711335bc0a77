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
  epoll_create1,
  epoll_ctl,
  epoll_wait,
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
  lseek,
  open,
  pidfd_open,
  pipe2,
  poll,
  prlimit64,
  read,
  readlink,
  recv,
  recvmsg,
  rename,
  send,
  sendfile,
  setsockopt,
  shutdown,
  sigaction,
  signalfd,
  sigprocmask,
  socket,
  splice,
  unlink,
  wait4,
  write,
  getaddrinfo,
  if_indextoname,
  if_nametoindex,
  posix_spawn,
};

inline constexpr std::array<std::string_view, 45> syscall_names{
    "accept4",        "bind",           "close",      "connect",    "epoll_create1", "epoll_ctl",
    "epoll_wait",     "fcntl",          "fstat",      "getdents64", "getpeername",   "getpid",
    "getsockname",    "getsockopt",     "getuid",     "ioctl",      "kill",          "listen",
    "lseek",          "open",           "pidfd_open", "pipe2",      "poll",          "prlimit64",
    "read",           "readlink",       "recv",       "recvmsg",    "rename",        "send",
    "sendfile",       "setsockopt",     "shutdown",   "sigaction",  "signalfd",      "sigprocmask",
    "socket",         "splice",         "unlink",     "wait4",      "write",         "getaddrinfo",
    "if_indextoname", "if_nametoindex", "posix_spawn"};
static_assert(syscall_names.size() == static_cast<std::size_t>(Syscall::posix_spawn) + 1);

constexpr std::string_view name(Syscall call) {
  return syscall_names[static_cast<std::size_t>(call)];
}

}  // namespace tcptool::sys
