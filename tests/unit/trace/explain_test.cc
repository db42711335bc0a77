// SPDX-License-Identifier: MIT
// What --explain says, and which way an arrow points: explain.cc, explain_plain.cc, text_line.cc.
#include "trace/explain.h"

#include <doctest/doctest.h>
#include <netinet/in.h>

#include <cerrno>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"
#include "trace/open_sink.h"
#include "trace/traced_kernel.h"

using namespace tcptool;
using sys::Syscall;
using trace::ArgKind;
using trace::Event;

namespace {

Event event_of(Syscall call, sys::Outcome outcome, Event::Socket socket = Event::Socket::tcp) {
  Event event(call);
  event.outcome = outcome;
  event.socket = socket;
  return event;
}

std::string arrow(const Event& event) {
  return trace::text_line(event, {}, false).substr(11, 2);
}

}  // namespace

TEST_CASE("every call has a sentence that begins with its layer") {
  for (std::size_t i = 0; i < sys::syscall_names.size(); ++i) {
    for (const sys::Outcome outcome : {sys::Outcome{0, 0}, {1, 0}, {-1, EAGAIN}, {-1, EIO}}) {
      const std::string text = trace::explain(event_of(static_cast<Syscall>(i), outcome));
      CAPTURE(text);
      bool begins = false;
      for (const auto* const layer : {"application: ", "transport: ", "internet: ", "link: "}) {
        begins = begins || text.starts_with(layer);
      }
      CHECK(begins);
    }
  }
}

TEST_CASE("what is asked of the kernel or a name server is no traffic with the peer") {
  for (const auto socket : {Event::Socket::netlink, Event::Socket::datagram}) {
    for (const Syscall call : {Syscall::socket, Syscall::send, Syscall::recv, Syscall::recvmsg}) {
      const Event event = event_of(call, {20, 0}, socket);
      CHECK(trace::explain(event).find("TCP") == std::string::npos);
      CHECK(trace::explain(event).find("window") == std::string::npos);
      CHECK(arrow(event) == "  ");
    }
  }
  CHECK(trace::explain(event_of(Syscall::connect, {0, 0}, Event::Socket::datagram))
            .find("no handshake") != std::string::npos);
}

TEST_CASE("an arrow points to the peer, or from there") {
  CHECK(arrow(event_of(Syscall::send, {1, 0})) == "->");
  CHECK(arrow(event_of(Syscall::send, {-1, EAGAIN})) == "  ");
  CHECK(arrow(event_of(Syscall::connect, {-1, EINPROGRESS})) == "->");
  CHECK(arrow(event_of(Syscall::connect, {-1, ENETUNREACH})) == "  ");
  CHECK(arrow(event_of(Syscall::splice, {1, 0}, Event::Socket::tcp)) == "<-");
  Event spliced = event_of(Syscall::splice, {1, 0}, Event::Socket::unknown);
  CHECK(arrow(spliced) == "  ");  // between a pipe and a file
  spliced.into = Event::Socket::tcp;
  CHECK(arrow(spliced) == "->");
  CHECK(arrow(event_of(Syscall::sendfile, {0, 0})) == "  ");
  Event received = event_of(Syscall::recvmsg, {1, 0});
  CHECK(arrow(received) == "<-");
  received.add("flags", ArgKind::message_flags, MSG_ERRQUEUE | MSG_DONTWAIT);
  CHECK(arrow(received) == "  ");
}

TEST_CASE("a call says what kind of socket it is on") {
  sys::LinuxKernel real;
  test::ScriptedKernel inner(real);
  trace::Journal journal;
  journal.stop_waiting_for_sinks();
  trace::TracedKernel kernel(inner, journal);
  const auto kind_of = [&](int domain, int type) {
    const int fd = kernel.socket(domain, type | SOCK_CLOEXEC, 0).as_int();
    static_cast<void>(kernel.send(fd, {}, MSG_DONTWAIT | MSG_NOSIGNAL));
    const Event::Socket kind = journal.last(1)[0]->socket;
    static_cast<void>(kernel.close(fd));
    return kind;
  };
  CHECK(kind_of(AF_INET, SOCK_STREAM) == Event::Socket::tcp);
  CHECK(kind_of(AF_INET, SOCK_DGRAM) == Event::Socket::datagram);
  CHECK(kind_of(AF_NETLINK, SOCK_RAW) == Event::Socket::netlink);
  test::Plug file = test::open_file("/dev/null", 0);
  static_cast<void>(kernel.close(file.release()));
  CHECK(journal.last(1)[0]->socket == Event::Socket::unknown);
}
