// SPDX-License-Identifier: MIT
#include "tcp/syn_probe.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>

#include "tcp/tcp_info.h"

namespace tcptool::tcp {
namespace {

using Answer = SynProbe::Answer;

struct Sent {
  SynProbe* probe = nullptr;
  sys::Fd fd;
  sys::TimePoint at;
};

void set_int(sys::Kernel& kernel, int fd, int level, int option, unsigned value) {
  const int number = static_cast<int>(value);
  static_cast<void>(kernel.setsockopt(fd, level, option, std::as_bytes(std::span(&number, 1))));
}

// What an errno of connect means for a probe whose error queue is empty.
Answer answer_of(int error) {
  if (error == ECONNREFUSED || error == ECONNRESET) return Answer::rst;
  return error == ETIMEDOUT ? Answer::none : Answer::not_sent;
}

void conclude(sys::Kernel& kernel, Sent& sent, int error) {
  SynProbe& probe = *sent.probe;
  probe.after = kernel.now() - sent.at;
  probe.error = error;
  probe.icmp = take_icmp_error(kernel, sent.fd.get());
  probe.answer = probe.icmp ? Answer::icmp : answer_of(error);
  static_cast<void>(sent.fd.close());
}

// False where there is no answer yet.
bool look(sys::Kernel& kernel, Sent& sent) {
  const auto info = read_tcp_info(kernel, sent.fd.get());
  const State state = info ? info->state : State::unknown;
  int error = 0;
  static_cast<void>(kernel.getsockopt(sent.fd.get(), SOL_SOCKET, SO_ERROR,
                                      std::as_writable_bytes(std::span(&error, 1))));
  const bool connected =
      error == 0 && state != State::syn_sent && state != State::closed && state != State::unknown;
  if (connected) {
    sent.probe->after = kernel.now() - sent.at;
    sent.probe->answer = Answer::syn_ack;
    static_cast<void>(sent.fd.close());
    return true;
  }
  if (error == 0 && state == State::syn_sent) return false;
  conclude(kernel, sent, error);
  return true;
}

Sent send(sys::Kernel& kernel, SynProbe& probe, const SocketSetup& setup) {
  Sent sent{&probe, sys::Fd(), kernel.now()};
  std::vector<OptionReport> reports;
  SocketSetup own = setup;
  if (own.source) own.source = own.source->with_port(0);
  if (own.source && !own.source->known()) own.source.reset();
  auto socket = open_socket(kernel, probe.peer.family(), own, reports);
  if (!socket) {
    probe.answer = Answer::not_sent;
    probe.error = socket.error().error;
    return sent;
  }
  sent.fd = std::move(*socket);
  const int fd = sent.fd.get();
  const bool v6 = probe.peer.family() == AF_INET6;
  want_icmp_errors(kernel, fd, probe.peer.family(), true);
  const int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
  if (probe.ttl > 0) set_int(kernel, fd, level, v6 ? IPV6_UNICAST_HOPS : IP_TTL, probe.ttl);
  if (probe.min_ttl > 0) {
    set_int(kernel, fd, level, v6 ? IPV6_MINHOPCOUNT : IP_MINTTL, probe.min_ttl);
  }
  sent.at = kernel.now();
  const sys::Outcome connected = kernel.connect(fd, probe.peer);
  if (connected.ok()) {
    static_cast<void>(look(kernel, sent));
  } else if (connected.error != EINPROGRESS) {
    conclude(kernel, sent, connected.error);
  }
  return sent;
}

}  // namespace

sys::Wake send_probes(sys::Waiter& waiter, std::span<SynProbe> probes, const SocketSetup& setup) {
  sys::Kernel& kernel = waiter.kernel();
  std::vector<Sent> pending;
  for (SynProbe& probe : probes) {
    Sent sent = send(kernel, probe, setup);
    if (sent.fd.open()) pending.push_back(std::move(sent));
  }
  const sys::TimePoint until = kernel.now() + longest_probe;
  while (!pending.empty()) {
    std::vector<pollfd> fds;
    fds.reserve(pending.size());
    for (const Sent& sent : pending) fds.push_back({sent.fd.get(), POLLOUT, 0});
    const auto wake = waiter.wait(fds, until);
    if (!wake || wake->reason == sys::Wake::Reason::deadline) break;
    if (wake->interrupted()) return *wake;
    for (std::size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].revents != 0) static_cast<void>(look(kernel, pending[i]));
    }
    std::erase_if(pending, [](const Sent& sent) { return !sent.fd.open(); });
  }
  return {};
}

}  // namespace tcptool::tcp
