// SPDX-License-Identifier: MIT
#include "trace/explain.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <utility>

#include "sys/names.h"
#include "trace/decode.h"

namespace tcptool::trace {
namespace {

using sys::Syscall;

std::string text_of(const Event& event, ArgKind kind) {
  const Arg* const arg = event.find(kind);
  return arg != nullptr ? decode(event, *arg) : "";
}

std::string bytes(std::int64_t count) {
  return fmt::format("{} byte{}", count, count == 1 ? "" : "s");
}

std::string explain_accept(const Event& event) {
  if (event.outcome.error == EAGAIN) {
    return "transport: the accept queue is empty; accept would wait here if the socket could block";
  }
  return fmt::format(
      "transport: takes the oldest finished connection from the accept queue as a new socket, {}; "
      "its local port is the listener's own, and the peer's address tells it from all others",
      event.outcome.value);
}

std::string explain_connect(const Event& event) {
  const std::string to = text_of(event, ArgKind::address);
  if (event.outcome.error == EINPROGRESS) {
    return fmt::format(
        "transport: sends a SYN to {}; poll will tell when the handshake is done, which needs the "
        "peer's kernel alone, whether or not a program there ever calls accept",
        to);
  }
  if (event.outcome.ok()) return fmt::format("transport: the handshake with {} is done", to);
  return fmt::format("transport: no SYN could be sent to {}: this host knows why at once", to);
}

std::string explain_poll(const Event& event) {
  if (event.outcome.value > 0) {
    return "application: slept until a descriptor had something to say; revents is what it says";
  }
  if (event.outcome.ok()) return "application: slept until the time was over; nothing had come";
  return "application: the sleep was interrupted";
}

std::string explain_epoll_wait(const Event& event) {
  if (event.outcome.value <= 0) return explain_poll(event);
  return fmt::format(
      "application: slept until {} of the watched descriptors had something to say; events is "
      "what they say",
      event.outcome.value);
}

std::string explain_spawn(const Event& event) {
  if (!event.outcome.ok()) return "application: the program could not be started";
  return fmt::format(
      "application: starts the program as process {}, whose standard input and output are the "
      "connection itself: from now on the bytes do not pass through here",
      event.outcome.value);
}

std::string explain_wait(const Event& event) {
  if (!event.outcome.ok()) return "application: there is no such child to ask for";
  if (event.outcome.value == 0) return "application: asks whether a child has ended: none has";
  return "application: takes how the child has ended, after which nothing of it is left";
}

// What the options are for that tcptool sets for its own ends, and those asked for most.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> option_sentences{{
    {"SO_REUSEADDR",
     "transport: a listener may have a port that connections of its predecessor still hold in "
     "TIME-WAIT"},
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
    {"SO_LINGER", "transport: how long close waits for the peer's acknowledgement; 0 is an RST"},
}};

std::string explain_option(const Event& event) {
  const bool reading = event.call == Syscall::getsockopt;
  const std::string option = text_of(event, ArgKind::option);
  if (option == "SO_ERROR") {
    return "transport: asks how the attempt to connect has ended, or what broke the connection; 0 "
           "is that all is well, and asking clears it";
  }
  if (option == "TCP_INFO") {
    return "transport: asks what TCP itself knows: state, round trip time, retransmissions, bytes "
           "that the peer has acknowledged";
  }
  for (const auto& [name, sentence] : option_sentences) {
    if (option == name) return std::string(sentence);
  }
  std::string_view layer = "transport";
  const auto level = text_of(event, ArgKind::level);
  if (level == "IPPROTO_IP" || level == "IPPROTO_IPV6") layer = "internet";
  if (option == "SO_BINDTODEVICE") layer = "link";
  return fmt::format("{}: {} the option {} of this socket", layer, reading ? "reads" : "sets",
                     option);
}

std::string explain_send(const Event& event) {
  if (event.outcome.error == EAGAIN) {
    return "transport: the send buffer is full, since the peer takes less than we have; poll will "
           "tell when there is room";
  }
  if (!event.outcome.ok()) {
    return "transport: there is no connection any more that could carry this";
  }
  return fmt::format(
      "transport: copies {} into the send buffer; TCP sends them when the peer's window allows, so "
      "that this says nothing yet of their arrival",
      bytes(event.outcome.value));
}

std::string explain_recv(const Event& event) {
  if (event.outcome.error == EAGAIN) return "transport: nothing has arrived that was not read yet";
  if (event.outcome.error == ECONNRESET) {
    return "transport: the peer has sent RST; the connection is gone, and what it had not "
           "delivered is "
           "lost";
  }
  if (!event.outcome.ok()) return "transport: the connection is broken";
  if (event.outcome.value == 0) {
    return "transport: the peer has sent FIN: nothing more will come from it, while we may still "
           "send";
  }
  return fmt::format(
      "transport: takes {} from the receive buffer, which opens the window for more; TCP is a "
      "stream, so that they need not be what one send of the peer's handed over",
      bytes(event.outcome.value));
}

std::string explain_recvmsg(const Event& event) {
  if (text_of(event, ArgKind::message_flags).find("MSG_ERRQUEUE") == std::string::npos) {
    return explain_recv(event) + (event.outcome.value > 0 ? "; tells as well when they came" : "");
  }
  const Arg* const message = event.find(ArgKind::message);
  const bool stamped =
      message != nullptr && stamp_of(unpack_message(event.blob(*message)).control).has_value();
  return stamped
             ? "transport: takes from the socket's error queue what the kernel noted of a write: "
               "when it was scheduled, sent or acknowledged"
             : "internet: takes from the socket's error queue what ICMP has told of it, if "
               "anything";
}

std::string explain_lookup(const Event& event) {
  const Arg* const answer = event.find(ArgKind::addresses);
  if (answer == nullptr) {
    return "application: asks the resolver, which may ask files and name servers, in a thread of "
           "its own; the answer comes through a pipe";
  }
  if (event.failed()) return "application: the resolver has no address for this name";
  return fmt::format("application: the resolver's answer, {} address{}", answer->value,
                     answer->value == 1 ? "" : "es");
}

std::string explain_moved(const Event& event) {
  if (event.outcome.error == EAGAIN) {
    return "transport: nothing could be moved: either there is nothing to move, or no room for it";
  }
  if (!event.outcome.ok()) return "transport: nothing was moved; this path is of no use here";
  if (event.outcome.value == 0) return "application: there is nothing more to come";
  return fmt::format(
      "transport: {} go between the socket and a file or pipe within the kernel; this program does "
      "not see them, and copies nothing",
      bytes(event.outcome.value));
}

// Of the calls in which an outcome is not worth a sentence of its own.
constexpr std::array<std::pair<Syscall, std::string_view>, 24> plain_sentences{{
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
    {Syscall::read, "application: moves bytes within this host; the network has no part in it"},
    {Syscall::write, "application: moves bytes within this host; the network has no part in it"},
    {Syscall::ioctl,
     "application: asks the kernel how much is queued; terminals answer it, and sockets"},
    {Syscall::sigaction, "application: asks what a signal does to this program, or decides it"},
    {Syscall::signalfd, "application: makes signals something that poll can wait for, like bytes"},
    {Syscall::sigprocmask,
     "application: keeps signals from ending the program at once, or lets them again"},
    {Syscall::kill, "application: ends the program by the signal that it was sent"},
    {Syscall::epoll_create1,
     "application: makes a set of descriptors that one call can wait for, however many"},
    {Syscall::epoll_ctl,
     "application: puts a descriptor into that set, takes it out, or changes what is waited for"},
    {Syscall::pidfd_open,
     "application: makes the end of a process something that epoll and poll can wait for"},
    {Syscall::prlimit64, "application: asks for a limit of this process, or changes it"},
    {Syscall::getpid, "application: asks for this process's number"},
    {Syscall::open, "application: opens a file of this host"},
    {Syscall::rename, "application: renames or removes a file of this host"},
    {Syscall::unlink, "application: renames or removes a file of this host"},
    {Syscall::pipe2, "application: makes the pipe through which the resolver's answer will come"},
    {Syscall::if_indextoname, "link: asks for the number or the name of a network interface"},
}};

std::string_view explain_plainly(const Event& event) {
  const bool of_pipe = text_of(event, ArgKind::fcntl_op).find("PIPE_SZ") != std::string::npos;
  if (of_pipe) return "application: how much a pipe can hold: asks for it, or changes it";
  if (event.call == Syscall::fcntl || event.call == Syscall::fstat) {
    return "application: asks what a descriptor is: file, pipe, terminal or socket, and how it was "
           "opened";
  }
  if (event.call == Syscall::read && event.outcome.ok() && event.outcome.value == 0) {
    return "application: the input is at its end";
  }
  const Syscall call = event.call == Syscall::if_nametoindex ? Syscall::if_indextoname : event.call;
  for (const auto& [plain, sentence] : plain_sentences) {
    if (plain == call) return sentence;
  }
  return "application: concerns this host alone; the network has no part in it";
}

}  // namespace

std::string explain(const Event& event) {
  switch (event.call) {
    case Syscall::accept4:
      return explain_accept(event);
    case Syscall::connect:
      return explain_connect(event);
    case Syscall::poll:
      return explain_poll(event);
    case Syscall::epoll_wait:
      return explain_epoll_wait(event);
    case Syscall::posix_spawn:
      return explain_spawn(event);
    case Syscall::wait4:
      return explain_wait(event);
    case Syscall::getsockopt:
    case Syscall::setsockopt:
      return explain_option(event);
    case Syscall::send:
      return explain_send(event);
    case Syscall::recv:
      return explain_recv(event);
    case Syscall::recvmsg:
      return explain_recvmsg(event);
    case Syscall::sendfile:
    case Syscall::splice:
      return explain_moved(event);
    case Syscall::getaddrinfo:
      return explain_lookup(event);
    case Syscall::bind:
      if (event.outcome.error == EADDRINUSE) {
        return "transport: another socket has this local address and port, or had it a moment ago";
      }
      break;
    default:
      break;
  }
  std::string sentence(explain_plainly(event));
  if (event.failed()) {
    sentence += fmt::format("; here it failed: {}", sys::errno_text(event.outcome.error));
  }
  return sentence;
}

}  // namespace tcptool::trace
