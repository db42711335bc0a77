// SPDX-License-Identifier: MIT
// The sentences that do not depend on how the call went.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "sys/names.h"
#include "trace/decode.h"
#include "trace/explain.h"

namespace tcptool::trace {
namespace {

using sys::Syscall;

// What the options are for that tcptool sets for its own ends, and those asked for most.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> option_sentences{{
    {"SO_REUSEADDR",
     "transport: a listener may have a port that connections of its predecessor still hold in "
     "TIME-WAIT"},
    {"SO_OOBINLINE",
     "transport: a byte of urgent data stays in the stream, among the others, and is not lost"},
    {"IPV6_V6ONLY", "internet: whether an IPv6 listener takes IPv4 clients as well (0: it does)"},
    {"IP_RECVERR", "internet: whether ICMP errors of this connection are kept, sender included"},
    {"IPV6_RECVERR",
     "internet: whether ICMPv6 errors of this connection are kept, sender included"},
    {"TCP_SAVE_SYN",
     "transport: the first packet of each client is kept for a look at its options"},
    {"TCP_SAVED_SYN", "transport: the client's first packet, IP and TCP headers, as it arrived"},
    {"TCP_NODELAY",
     "transport: small pieces are sent at once, without waiting for acknowledgements"},
    {"SO_KEEPALIVE", "transport: a silent peer is probed, so that one that has gone is noticed"},
    {"SO_TIMESTAMPING",
     "transport: the kernel notes when bytes arrive, and now and then when a write was sent and "
     "acknowledged; for this trace alone"},
    {"SO_MEMINFO",
     "transport: what of this host's memory the socket uses; of a listener also how many "
     "handshakes it has dropped"},
    {"SO_LINGER", "transport: how long close waits for the peer's acknowledgement; 0 is an RST"},
}};

// Of the calls in which an outcome is not worth a sentence of its own.
constexpr std::array<std::pair<Syscall, std::string_view>, 33> plain_sentences{{
    {Syscall::socket,
     "transport: makes a TCP endpoint; it has no address and no role yet, and nothing has been "
     "sent"},
    {Syscall::bind,
     "transport: gives the socket its local address and port (0: the kernel chooses); this does "
     "not yet decide whether it will listen or connect"},
    {Syscall::listen,
     "transport: makes it a listening socket: from now on the kernel completes handshakes by "
     "itself and keeps up to backlog connections in the accept queue"},
    {Syscall::shutdown,
     "transport: sends FIN behind the last byte, a half-close: the peer reads end of file, and may "
     "still send to us"},
    {Syscall::getsockname,
     "transport: asks for the local address and port, which the kernel may have chosen"},
    {Syscall::getpeername, "transport: asks for the address and port of the other end"},
    {Syscall::close,
     "application: gives the descriptor back; of a TCP socket this ends the connection, with FIN, "
     "or with RST where received bytes were left unread"},
    {Syscall::pread, "application: reads on in a stretch of the file that was taken before"},
    {Syscall::read, "application: moves bytes within this host; the network has no part in it"},
    {Syscall::write, "application: moves bytes within this host; the network has no part in it"},
    {Syscall::ioctl,
     "application: asks the kernel how much is queued there, in or out; terminals answer it, and "
     "sockets"},
    {Syscall::sigaction, "application: asks what a signal does to this program, or decides it"},
    {Syscall::signalfd, "application: makes signals something that poll can wait for, like bytes"},
    {Syscall::sigprocmask,
     "application: keeps signals from ending the program at once, or lets them again"},
    {Syscall::kill,
     "application: sends a signal: to this program itself, which it then ends, or to a command"},
    {Syscall::epoll_create1,
     "application: makes a set of descriptors that one call can wait for, however many"},
    {Syscall::epoll_ctl,
     "application: puts a descriptor into that set, takes it out, or changes what is waited for"},
    {Syscall::pidfd_open,
     "application: makes the end of a process something that epoll and poll can wait for"},
    {Syscall::pidfd_getfd,
     "application: takes a duplicate of a command's descriptor, to reset the connection behind it"},
    {Syscall::prlimit64, "application: asks for a limit of this process, or changes it"},
    {Syscall::getpid, "application: asks for this process's number"},
    {Syscall::prctl,
     "application: from here on no program that it starts could gain privileges, which the kernel "
     "wants of whoever confines itself"},
    {Syscall::capset,
     "application: the sandbox: gives up what root may do beyond other users, as far as it has it"},
    {Syscall::seccomp,
     "application: the sandbox: gives up the system calls that it will not need, among them those "
     "that start programs and change files"},
    {Syscall::landlock_create_ruleset,
     "application: the sandbox: asks what Landlock can forbid here, or begins a list of that"},
    {Syscall::landlock_add_rule, "application: the sandbox: what is still allowed"},
    {Syscall::landlock_restrict_self,
     "application: the sandbox: from here on files can only be read, and TCP binds and connects "
     "only where a rule allows it"},
    {Syscall::open, "application: opens a file of this host"},
    {Syscall::rename, "application: renames or removes a file of this host"},
    {Syscall::unlink, "application: renames or removes a file of this host"},
    {Syscall::pipe2,
     "application: makes a pipe, for the resolver's answer or for what is on its way to a file"},
    {Syscall::lseek,
     "application: takes a stretch of the file for what is about to be put there, so that nobody "
     "else who writes to the same open file puts anything into it"},
    {Syscall::if_indextoname, "link: asks for the number or the name of a network interface"},
}};

}  // namespace

std::string text_of_first(const Event& event, ArgKind kind) {
  const Arg* const arg = event.find(kind);
  return arg != nullptr ? decode(event, *arg) : "";
}

std::string explain_option(const Event& event) {
  const bool reading = event.call == Syscall::getsockopt;
  const std::string option = text_of_first(event, ArgKind::option);
  if (option == "SO_ERROR") {
    return "transport: asks how the attempt to connect has ended, or what broke the connection; 0 "
           "is that all is well, and asking clears it";
  }
  if (option == "TCP_INFO") {
    if (text_of_first(event, ArgKind::option_value).starts_with("{tcpi_state=LISTEN")) {
      return "transport: asks the listening socket how many connections wait in its accept queue, "
             "and how many may";
    }
    return "transport: asks what TCP itself knows: state, round trip time, retransmissions, bytes "
           "that the peer has acknowledged";
  }
  for (const auto& [name, sentence] : option_sentences) {
    if (option == name) return std::string(sentence);
  }
  std::string_view layer = "transport";
  const auto level = text_of_first(event, ArgKind::level);
  if (level == "IPPROTO_IP" || level == "IPPROTO_IPV6") layer = "internet";
  if (option == "SO_BINDTODEVICE") layer = "link";
  return fmt::format("{}: {} the option {} of this socket", layer, reading ? "reads" : "sets",
                     option);
}

std::string_view explain_plainly(const Event& event) {
  const bool of_pipe = text_of_first(event, ArgKind::fcntl_op).find("PIPE_SZ") != std::string::npos;
  if (of_pipe) return "application: how much a pipe can hold: asks for it, or changes it";
  if (text_of_first(event, ArgKind::fcntl_op) == "F_GETFD") {
    return "application: asks whether a descriptor is open at all";
  }
  if (event.call == Syscall::fstat) {
    return "application: asks what a descriptor is: file, pipe, terminal or socket";
  }
  if (event.call == Syscall::fcntl) {
    return "application: asks how a descriptor was opened, or changes that";
  }
  if (event.call == Syscall::read && event.outcome.ok() && event.outcome.value == 0) {
    return "application: the input is at its end";
  }
  if (event.call == Syscall::close && event.socket != Event::Socket::tcp) {
    return "application: gives the descriptor back";
  }
  const Syscall call = event.call == Syscall::if_nametoindex ? Syscall::if_indextoname : event.call;
  for (const auto& [plain, sentence] : plain_sentences) {
    if (plain == call) return sentence;
  }
  return "application: concerns this host alone; the network has no part in it";
}

}  // namespace tcptool::trace
