// SPDX-License-Identifier: MIT
#include "sys/names.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstring>

namespace tcptool::sys {
namespace {

struct Named {
  std::int64_t value;
  std::string_view name;
};

std::string name_or_number(std::span<const Named> table, std::int64_t value) {
  for (const Named& entry : table) {
    if (entry.value == value) return std::string(entry.name);
  }
  return fmt::format("{}", value);
}

// The names of the bits that are set, joined by |; what has no name follows as a hex number.
std::string flags_by_name(std::span<const Named> table, std::int64_t flags, std::string out = {}) {
  const auto join = [&out](std::string_view part) {
    if (!out.empty()) out += '|';
    out += part;
  };
  for (const Named& entry : table) {
    if (flags == entry.value && out.empty()) return std::string(entry.name);  // the usual one
    if ((flags & entry.value) != entry.value) continue;
    join(entry.name);
    flags &= ~entry.value;
  }
  if (flags != 0) join(fmt::format("{:#x}", flags));
  return out.empty() ? "0" : out;
}

// With a small first letter, unless the second is a capital too ("RPC ...").
std::string uncapitalized(std::string text) {
  const bool abbreviation = text.size() > 1 && text[1] >= 'A' && text[1] <= 'Z';
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z' && !abbreviation) text[0] |= 0x20;
  return text;
}

constexpr std::array<Named, 2> socket_flags{
    {{SOCK_CLOEXEC, "SOCK_CLOEXEC"}, {SOCK_NONBLOCK, "SOCK_NONBLOCK"}}};

}  // namespace

std::string errno_name(int error) {
  const char* const known = strerrorname_np(error);
  return known != nullptr ? known : fmt::format("errno {}", error);
}

std::string errno_text(int error) {
  const char* const known = strerrordesc_np(error);
  return known != nullptr ? uncapitalized(known) : fmt::format("errno {}", error);
}

std::string signal_name(int signum) {
  const char* const known = sigabbrev_np(signum);
  return known != nullptr ? fmt::format("SIG{}", known) : fmt::format("signal {}", signum);
}

std::string lookup_status_name(int eai) {
  static constexpr std::array<Named, 12> table{{{EAI_BADFLAGS, "EAI_BADFLAGS"},
                                                {EAI_NONAME, "EAI_NONAME"},
                                                {EAI_AGAIN, "EAI_AGAIN"},
                                                {EAI_FAIL, "EAI_FAIL"},
                                                {EAI_FAMILY, "EAI_FAMILY"},
                                                {EAI_SOCKTYPE, "EAI_SOCKTYPE"},
                                                {EAI_SERVICE, "EAI_SERVICE"},
                                                {EAI_MEMORY, "EAI_MEMORY"},
                                                {EAI_SYSTEM, "EAI_SYSTEM"},
                                                {EAI_OVERFLOW, "EAI_OVERFLOW"},
                                                {EAI_NODATA, "EAI_NODATA"},
                                                {EAI_ADDRFAMILY, "EAI_ADDRFAMILY"}}};
  return name_or_number(table, eai);
}

std::string lookup_status_text(int eai) {
  return uncapitalized(gai_strerror(eai));
}

std::string_view tcp_state_name(unsigned state) {
  // Numbered as in the kernel's include/net/tcp_states.h, from 1.
  static constexpr std::array<std::string_view, 13> names{
      "unknown",    "ESTABLISHED", "SYN-SENT",    "SYN-RECEIVED", "FIN-WAIT-1",
      "FIN-WAIT-2", "TIME-WAIT",   "CLOSED",      "CLOSE-WAIT",   "LAST-ACK",
      "LISTEN",     "CLOSING",     "SYN-RECEIVED"};
  return state < names.size() ? names[state] : names[0];
}

std::string_view memory_info_name(std::size_t index) {
  static constexpr std::array<std::string_view, 9> names{
      "SK_MEMINFO_RMEM_ALLOC", "SK_MEMINFO_RCVBUF",    "SK_MEMINFO_WMEM_ALLOC",
      "SK_MEMINFO_SNDBUF",     "SK_MEMINFO_FWD_ALLOC", "SK_MEMINFO_WMEM_QUEUED",
      "SK_MEMINFO_OPTMEM",     "SK_MEMINFO_BACKLOG",   "SK_MEMINFO_DROPS"};
  return index < names.size() ? names[index] : std::string_view();
}

std::string family_name(int family) {
  static constexpr std::array<Named, 5> table{{{AF_UNSPEC, "AF_UNSPEC"},
                                               {AF_UNIX, "AF_UNIX"},
                                               {AF_NETLINK, "AF_NETLINK"},
                                               {AF_INET, "AF_INET"},
                                               {AF_INET6, "AF_INET6"}}};
  return name_or_number(table, family);
}

std::string socket_type_name(int type) {
  static constexpr std::array<Named, 3> table{
      {{SOCK_STREAM, "SOCK_STREAM"}, {SOCK_DGRAM, "SOCK_DGRAM"}, {SOCK_RAW, "SOCK_RAW"}}};
  const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  std::string base = name_or_number(table, type & ~flags);
  if ((type & flags) == 0) return base;
  return flags_by_name(socket_flags, type & flags, std::move(base));
}

std::string socket_flags_name(int flags) {
  return flags_by_name(socket_flags, flags);
}

std::string protocol_name(int protocol) {
  static constexpr std::array<Named, 3> table{
      {{IPPROTO_TCP, "IPPROTO_TCP"}, {IPPROTO_UDP, "IPPROTO_UDP"}, {IPPROTO_IP, "0"}}};
  return name_or_number(table, protocol);
}

std::string level_name(int level) {
  static constexpr std::array<Named, 4> table{{{SOL_SOCKET, "SOL_SOCKET"},
                                               {IPPROTO_IP, "IPPROTO_IP"},
                                               {IPPROTO_IPV6, "IPPROTO_IPV6"},
                                               {IPPROTO_TCP, "IPPROTO_TCP"}}};
  return name_or_number(table, level);
}

std::string shutdown_name(int how) {
  static constexpr std::array<Named, 3> table{
      {{SHUT_RD, "SHUT_RD"}, {SHUT_WR, "SHUT_WR"}, {SHUT_RDWR, "SHUT_RDWR"}}};
  return name_or_number(table, how);
}

std::string message_flags_name(int flags) {
  static constexpr std::array<Named, 7> table{{{MSG_PEEK, "MSG_PEEK"},
                                               {MSG_CTRUNC, "MSG_CTRUNC"},
                                               {MSG_TRUNC, "MSG_TRUNC"},
                                               {MSG_DONTWAIT, "MSG_DONTWAIT"},
                                               {MSG_ERRQUEUE, "MSG_ERRQUEUE"},
                                               {MSG_NOSIGNAL, "MSG_NOSIGNAL"},
                                               {MSG_MORE, "MSG_MORE"}}};
  return flags_by_name(table, flags);
}

std::string poll_events_name(short events) {
  static constexpr std::array<Named, 7> table{{{POLLIN, "POLLIN"},
                                               {POLLPRI, "POLLPRI"},
                                               {POLLOUT, "POLLOUT"},
                                               {POLLERR, "POLLERR"},
                                               {POLLHUP, "POLLHUP"},
                                               {POLLNVAL, "POLLNVAL"},
                                               {POLLRDHUP, "POLLRDHUP"}}};
  return flags_by_name(table, static_cast<unsigned short>(events));
}

std::string epoll_events_name(std::uint32_t events) {
  static constexpr std::array<Named, 10> table{{{EPOLLIN, "EPOLLIN"},
                                                {EPOLLPRI, "EPOLLPRI"},
                                                {EPOLLOUT, "EPOLLOUT"},
                                                {EPOLLERR, "EPOLLERR"},
                                                {EPOLLHUP, "EPOLLHUP"},
                                                {EPOLLRDHUP, "EPOLLRDHUP"},
                                                {EPOLLEXCLUSIVE, "EPOLLEXCLUSIVE"},
                                                {EPOLLWAKEUP, "EPOLLWAKEUP"},
                                                {EPOLLONESHOT, "EPOLLONESHOT"},
                                                {EPOLLET, "EPOLLET"}}};
  return flags_by_name(table, events);
}

std::string epoll_flags_name(int flags) {
  static constexpr std::array<Named, 1> table{{{EPOLL_CLOEXEC, "EPOLL_CLOEXEC"}}};
  return flags_by_name(table, flags);
}

std::string epoll_op_name(int op) {
  static constexpr std::array<Named, 3> table{{{EPOLL_CTL_ADD, "EPOLL_CTL_ADD"},
                                               {EPOLL_CTL_DEL, "EPOLL_CTL_DEL"},
                                               {EPOLL_CTL_MOD, "EPOLL_CTL_MOD"}}};
  return name_or_number(table, op);
}

std::string pidfd_flags_name(int flags) {
  static constexpr std::array<Named, 1> table{{{O_NONBLOCK, "PIDFD_NONBLOCK"}}};
  return flags_by_name(table, flags);
}

std::string wait_options_name(int options) {
  // WSTOPPED is WUNTRACED's other name, and the one that strace uses.
  static constexpr std::array<Named, 3> table{
      {{WNOHANG, "WNOHANG"}, {WSTOPPED, "WSTOPPED"}, {WCONTINUED, "WCONTINUED"}}};
  return flags_by_name(table, options);
}

std::string open_flags_name(int flags) {
  static constexpr std::array<Named, 3> access{
      {{O_RDONLY, "O_RDONLY"}, {O_WRONLY, "O_WRONLY"}, {O_RDWR, "O_RDWR"}}};
  // O_LARGEFILE is 0 to a 64-bit libc, and a bit to the kernel all the same.
  constexpr int large_file = 0100000;
  static constexpr std::array<Named, 11> table{{{O_CREAT, "O_CREAT"},
                                                {O_EXCL, "O_EXCL"},
                                                {O_NOCTTY, "O_NOCTTY"},
                                                {O_TRUNC, "O_TRUNC"},
                                                {O_APPEND, "O_APPEND"},
                                                {O_NONBLOCK, "O_NONBLOCK"},
                                                {large_file, "O_LARGEFILE"},
                                                {O_NOFOLLOW, "O_NOFOLLOW"},
                                                {O_CLOEXEC, "O_CLOEXEC"},
                                                {O_PATH, "O_PATH"},
                                                {O_DIRECTORY, "O_DIRECTORY"}}};
  std::string base = name_or_number(access, flags & O_ACCMODE);
  if ((flags & ~O_ACCMODE) == 0) return base;
  return flags_by_name(table, flags & ~O_ACCMODE, std::move(base));
}

std::string resource_name(int resource) {
  static constexpr std::array<Named, 1> table{{{RLIMIT_NOFILE, "RLIMIT_NOFILE"}}};
  return name_or_number(table, resource);
}

std::string descriptor_flags_name(int flags) {
  static constexpr std::array<Named, 2> table{
      {{O_NONBLOCK, "O_NONBLOCK"}, {O_CLOEXEC, "O_CLOEXEC"}}};
  return flags_by_name(table, flags);
}

std::string signalfd_flags_name(int flags) {
  static constexpr std::array<Named, 2> table{
      {{SFD_CLOEXEC, "SFD_CLOEXEC"}, {SFD_NONBLOCK, "SFD_NONBLOCK"}}};
  return flags_by_name(table, flags);
}

std::string splice_flags_name(int flags) {
  static constexpr std::array<Named, 4> table{{{SPLICE_F_MOVE, "SPLICE_F_MOVE"},
                                               {SPLICE_F_NONBLOCK, "SPLICE_F_NONBLOCK"},
                                               {SPLICE_F_MORE, "SPLICE_F_MORE"},
                                               {SPLICE_F_GIFT, "SPLICE_F_GIFT"}}};
  return flags_by_name(table, flags);
}

std::string whence_name(int whence) {
  static constexpr std::array<Named, 3> table{
      {{SEEK_SET, "SEEK_SET"}, {SEEK_CUR, "SEEK_CUR"}, {SEEK_END, "SEEK_END"}}};
  return name_or_number(table, whence);
}

std::string fcntl_op_name(int op) {
  static constexpr std::array<Named, 7> table{{{F_GETFD, "F_GETFD"},
                                               {F_SETFD, "F_SETFD"},
                                               {F_GETFL, "F_GETFL"},
                                               {F_SETFL, "F_SETFL"},
                                               {F_SETPIPE_SZ, "F_SETPIPE_SZ"},
                                               {F_GETPIPE_SZ, "F_GETPIPE_SZ"},
                                               {F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC"}}};
  return name_or_number(table, op);
}

std::string ioctl_request_name(unsigned long request) {
  // SIOCINQ and FIONREAD, SIOCOUTQ and TIOCOUTQ are the same numbers.
  static constexpr std::array<Named, 3> table{
      {{SIOCINQ, "SIOCINQ"}, {SIOCOUTQ, "SIOCOUTQ"}, {SIOCOUTQNSD, "SIOCOUTQNSD"}}};
  return name_or_number(table, static_cast<std::int64_t>(request));
}

std::string prctl_op_name(int op) {
  constexpr Named unprivileged{PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"};
  return name_or_number({&unprivileged, 1}, op);
}

std::string seccomp_flags_name(unsigned flags) {
  constexpr Named spec_allow{SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"};
  return flags_by_name({&spec_allow, 1}, flags);
}

}  // namespace tcptool::sys
