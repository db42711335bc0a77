// SPDX-License-Identifier: MIT
#include "sys/names.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <set>

#include "sys/error.h"

using namespace tcptool::sys;

TEST_CASE("an errno has the manual's name and words that begin small") {
  CHECK(errno_name(ECONNREFUSED) == "ECONNREFUSED");
  CHECK(errno_text(ECONNREFUSED) == "connection refused");
  CHECK(errno_text(EACCES) == "permission denied");
  CHECK(errno_text(EDOTDOT) == "RFS specific error");
  CHECK(errno_name(0) == "0");
  CHECK(errno_name(99999) == "errno 99999");
  CHECK(errno_text(99999) == "errno 99999");
  CHECK(errno_name(-1) == "errno -1");
}

TEST_CASE("a failed call is told with its object, words and name") {
  CHECK(SysError{Syscall::bind, EACCES, "127.0.0.1:80"}.text() ==
        "bind 127.0.0.1:80: permission denied (EACCES)");
  CHECK(SysError{Syscall::poll, ENOMEM, ""}.text() == "poll: cannot allocate memory (ENOMEM)");
  CHECK(SysError{Syscall::open, ENOENT, "\033]0;x\007"}.text() ==
        "open \\x1b]0;x\\x07: no such file or directory (ENOENT)");
}

TEST_CASE("signals, look-up codes and TCP states have names") {
  CHECK(signal_name(SIGINT) == "SIGINT");
  CHECK(signal_name(200) == "signal 200");
  CHECK(lookup_status_name(EAI_NONAME) == "EAI_NONAME");
  CHECK(lookup_status_text(EAI_NONAME) == "name or service not known");
  CHECK(lookup_status_name(-77) == "-77");
  CHECK(tcp_state_name(1) == "ESTABLISHED");
  CHECK(tcp_state_name(2) == "SYN-SENT");
  CHECK(tcp_state_name(5) == "FIN-WAIT-2");
  CHECK(tcp_state_name(8) == "CLOSE-WAIT");
  CHECK(tcp_state_name(10) == "LISTEN");
  CHECK(tcp_state_name(0) == "unknown");
  CHECK(tcp_state_name(255) == "unknown");
  CHECK(memory_info_name(SK_MEMINFO_RMEM_ALLOC) == "SK_MEMINFO_RMEM_ALLOC");
  CHECK(memory_info_name(SK_MEMINFO_OPTMEM) == "SK_MEMINFO_OPTMEM");
  CHECK(memory_info_name(SK_MEMINFO_DROPS) == "SK_MEMINFO_DROPS");
  CHECK(memory_info_name(SK_MEMINFO_VARS).empty());
}

TEST_CASE("flags are joined by their names, what has none follows in hex") {
  CHECK(family_name(AF_INET6) == "AF_INET6");
  CHECK(family_name(77) == "77");
  CHECK(socket_type_name(SOCK_STREAM) == "SOCK_STREAM");
  CHECK(socket_type_name(SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC) ==
        "SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK");
  CHECK(socket_flags_name(0) == "0");
  CHECK(protocol_name(IPPROTO_TCP) == "IPPROTO_TCP");
  CHECK(level_name(SOL_SOCKET) == "SOL_SOCKET");
  CHECK(level_name(IPPROTO_IPV6) == "IPPROTO_IPV6");
  CHECK(shutdown_name(SHUT_WR) == "SHUT_WR");
  CHECK(message_flags_name(0) == "0");
  CHECK(message_flags_name(MSG_NOSIGNAL | MSG_DONTWAIT) == "MSG_DONTWAIT|MSG_NOSIGNAL");
  CHECK(message_flags_name(MSG_NOSIGNAL | 0x100000) == "MSG_NOSIGNAL|0x100000");
  CHECK(poll_events_name(POLLIN | POLLHUP) == "POLLIN|POLLHUP");
  CHECK(poll_events_name(0) == "0");
  CHECK(open_flags_name(O_RDONLY) == "O_RDONLY");
  CHECK(open_flags_name(O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC) ==
        "O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC");
  CHECK(fcntl_op_name(F_GETFL) == "F_GETFL");
  CHECK(fcntl_op_name(F_SETPIPE_SZ) == "F_SETPIPE_SZ");
  CHECK(splice_flags_name(SPLICE_F_MOVE | SPLICE_F_NONBLOCK) == "SPLICE_F_MOVE|SPLICE_F_NONBLOCK");
  CHECK(splice_flags_name(0) == "0");
  CHECK(ioctl_request_name(SIOCOUTQ) == "SIOCOUTQ");
  CHECK(ioctl_request_name(1) == "1");
  CHECK(prctl_op_name(PR_SET_NO_NEW_PRIVS) == "PR_SET_NO_NEW_PRIVS");
  CHECK(prctl_op_name(-1) == "-1");
  CHECK(seccomp_flags_name(SECCOMP_FILTER_FLAG_SPEC_ALLOW) == "SECCOMP_FILTER_FLAG_SPEC_ALLOW");
  CHECK(seccomp_flags_name(0) == "0");
}

TEST_CASE("every known option is found by its name and by its number, each once") {
  std::set<std::string_view> names;
  std::set<std::pair<int, int>> numbers;
  for (const SocketOptionInfo& option : socket_options()) {
    CAPTURE(option.name);
    CHECK(names.insert(option.name).second);
    CHECK(numbers.insert({option.level, option.number}).second);
    CHECK(find_socket_option(option.name) == &option);
    CHECK(find_socket_option(option.level, option.number) == &option);
  }
  CHECK(find_socket_option("NO_SUCH") == nullptr);
  CHECK(find_socket_option(-1, -1) == nullptr);
}

TEST_CASE("every call has its name") {
  CHECK(name(Syscall::accept4) == "accept4");
  CHECK(name(Syscall::getpid) == "getpid");
  CHECK(name(Syscall::write) == "write");
  CHECK(name(Syscall::if_nametoindex) == "if_nametoindex");
  const std::set<std::string_view> names(syscall_names.begin(), syscall_names.end());
  CHECK(names.size() == syscall_names.size());
}
