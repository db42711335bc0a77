// SPDX-License-Identifier: MIT
// Numbers of the system's interface as the manual writes them, and back. A number without a name
// comes out as a number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tcptool::sys {

std::string errno_name(int error);        // "ECONNREFUSED"
std::string errno_text(int error);        // "connection refused": words, first letter small
std::string signal_name(int signum);      // "SIGINT"
std::string lookup_status_name(int eai);  // "EAI_NONAME"
std::string lookup_status_text(int eai);  // "name or service not known"

// The state of RFC 9293 for tcpi_state: "SYN-SENT", "ESTABLISHED", ...
std::string_view tcp_state_name(unsigned state);

// Of the numbers that SO_MEMINFO gives, by their place: "SK_MEMINFO_RMEM_ALLOC", ...; empty for one
// that is not known. See linux/sock_diag.h.
std::string_view memory_info_name(std::size_t index);

// How the value of a socket option is written and what the kernel expects of it.
enum class OptionType {
  flag,          // int, 0 or 1
  integer,       // int
  size,          // int, bytes
  seconds,       // int, whole seconds
  milliseconds,  // unsigned int, milliseconds
  text,          // bytes, without NUL
  linger,        // struct linger
};

struct SocketOptionInfo {
  std::string_view name;  // "TCP_NODELAY"
  int level;
  int number;
  OptionType type;
  bool settable;                       // from the command line, with a meaning for a TCP socket
  bool may_need_capabilities = false;  // CAP_NET_ADMIN or CAP_NET_RAW, for some values
};

// Every option that tcptool knows by name.
std::span<const SocketOptionInfo> socket_options();
const SocketOptionInfo* find_socket_option(std::string_view name);
const SocketOptionInfo* find_socket_option(int level, int number);

std::string family_name(int family);                    // "AF_INET6"
std::string socket_type_name(int type);                 // "SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK"
std::string protocol_name(int protocol);                // "IPPROTO_TCP"
std::string level_name(int level);                      // "SOL_SOCKET"
std::string shutdown_name(int how);                     // "SHUT_WR"
std::string message_flags_name(int flags);              // "MSG_DONTWAIT|MSG_NOSIGNAL", "0"
std::string poll_events_name(short events);             // "POLLIN|POLLOUT", "0"
std::string epoll_events_name(std::uint32_t events);    // "EPOLLIN|EPOLLET", "0"
std::string epoll_flags_name(int flags);                // of epoll_create1: "EPOLL_CLOEXEC"
std::string epoll_op_name(int op);                      // "EPOLL_CTL_ADD"
std::string pidfd_flags_name(int flags);                // "PIDFD_NONBLOCK", "0"
std::string wait_options_name(int options);             // "WNOHANG", "0"
std::string open_flags_name(int flags);                 // "O_RDONLY|O_CLOEXEC"
std::string resource_name(int resource);                // "RLIMIT_NOFILE"
std::string socket_flags_name(int flags);               // of accept4: "SOCK_CLOEXEC|SOCK_NONBLOCK"
std::string descriptor_flags_name(int flags);           // of pipe2: "O_CLOEXEC", "0"
std::string signalfd_flags_name(int flags);             // "SFD_CLOEXEC|SFD_NONBLOCK"
std::string splice_flags_name(int flags);               // "SPLICE_F_NONBLOCK", "0"
std::string whence_name(int whence);                    // of lseek: "SEEK_CUR"
std::string fcntl_op_name(int op);                      // "F_GETFL"
std::string ioctl_request_name(unsigned long request);  // "SIOCOUTQ"
std::string prctl_op_name(int op);                      // "PR_SET_NO_NEW_PRIVS"
std::string seccomp_flags_name(unsigned flags);         // "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "0"

}  // namespace tcptool::sys
