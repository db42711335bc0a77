// SPDX-License-Identifier: MIT
#include "trace/explain.h"

#include <fmt/format.h>

#include <cerrno>

#include "sys/names.h"
#include "trace/decode.h"

namespace tcptool::trace {
namespace {

using sys::Syscall;

std::string bytes(std::int64_t count) {
  return fmt::format("{} byte{}", count, count == 1 ? "" : "s");
}

std::string explain_accept(const Event& event) {
  if (event.outcome.error == EAGAIN) {
    return "transport: the accept queue is empty; accept would wait here if the socket could block";
  }
  return fmt::format(
      "transport: takes the oldest finished connection from the accept queue, on which it would "
      "wait were that empty and the socket one that blocks, as a new socket, {}; "
      "its local port is the listener's own, and the peer's address tells it from all others",
      event.outcome.value);
}

std::string explain_connect(const Event& event) {
  if (event.socket == Event::Socket::datagram) {
    return "transport: where what is sent here will go; UDP has no handshake, so nothing is sent "
           "yet";
  }
  const std::string to = text_of_first(event, ArgKind::address);
  if (event.outcome.error == EINPROGRESS) {
    return fmt::format(
        "transport: sends a SYN to {}; poll will tell when the handshake is done, which needs the "
        "peer's kernel alone, whether or not a program there ever calls accept",
        to);
  }
  if (event.outcome.ok()) return fmt::format("transport: the handshake with {} is done", to);
  return fmt::format("transport: no SYN could be sent to {}: this host knows why at once", to);
}

// Of poll(2) and epoll_wait(2): with a timeout of 0 they look, and return.
bool may_sleep(const Event& event) {
  const auto args = event.arguments();
  return args.empty() || args.back().name != "timeout" || args.back().value != 0;
}

std::string explain_poll(const Event& event) {
  if (!may_sleep(event) && event.outcome.ok()) {
    return "application: looked, without sleeping, what the watched descriptors have to say";
  }
  if (event.outcome.value > 0) {
    return "application: slept until a descriptor had something to say, if none had at once; "
           "revents is what it says";
  }
  if (event.outcome.ok()) return "application: slept until the time was over; nothing had come";
  return "application: the sleep was interrupted";
}

std::string explain_epoll_wait(const Event& event) {
  if (event.outcome.value <= 0 || !may_sleep(event)) return explain_poll(event);
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

// Of a socket that is not the connection's.
std::string explain_question(const Event& event) {
  const bool netlink = event.socket == Event::Socket::netlink;
  if (!event.outcome.ok()) {
    return fmt::format(
        "{}: {}", netlink ? "internet" : "application",
        event.outcome.error == EAGAIN ? "there is no answer yet" : "this could not be asked");
  }
  if (event.call == Syscall::send) {
    return netlink ? "internet: asks this host's kernel for routes, neighbours or sockets; nothing "
                     "leaves this host"
                   : "application: asks a name server, in one UDP datagram";
  }
  return netlink ? "internet: takes the kernel's answer"
                 : "application: takes the name server's answer";
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
           "delivered is lost";
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
  if (text_of_first(event, ArgKind::message_flags).find("MSG_ERRQUEUE") == std::string::npos) {
    return explain_recv(event) + (event.outcome.value > 0 ? "; tells as well when they came" : "");
  }
  if (event.outcome.error == EAGAIN) {
    return "internet: the socket's error queue is empty: no ICMP error has come, or no more";
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
  const bool at_socket = event.socket == Event::Socket::tcp || event.into == Event::Socket::tcp;
  return fmt::format(
      "{}: {} go between a socket, a pipe and a file within the kernel; this program does not see "
      "them, and copies nothing",
      at_socket ? "transport" : "application", bytes(event.outcome.value));
}

}  // namespace

std::string explain(const Event& event) {
  const bool aside =
      event.socket == Event::Socket::netlink || event.socket == Event::Socket::datagram;
  switch (event.call) {
    case Syscall::socket:
      if (event.socket == Event::Socket::netlink) {
        return "internet: makes a socket on which this host's kernel answers questions (netlink)";
      }
      if (aside) return "transport: makes a UDP socket, for a question to a name server";
      break;
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
      return aside ? explain_question(event) : explain_send(event);
    case Syscall::recv:
      return aside ? explain_question(event) : explain_recv(event);
    case Syscall::recvmsg:
      return aside ? explain_question(event) : explain_recvmsg(event);
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
