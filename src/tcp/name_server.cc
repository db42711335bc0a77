// SPDX-License-Identifier: MIT
#include "tcp/name_server.h"

#include <array>
#include <string>

#include "sys/fd.h"

namespace tcptool::tcp {
namespace {

using Kind = NameServerAnswer::Kind;
using sys::Outcome;

constexpr std::chrono::seconds usual_patience(5);  // resolv.conf's default timeout
constexpr std::size_t longest_reply = 4096;        // without EDNS they are 512 bytes at most

// A server that was asked; its socket is open as long as it may still answer.
struct Asked {
  sys::Fd fd;
  sys::TimePoint since;
};

// A zone that is a name alone gets its number, or stays as it is.
sys::Address with_scope(sys::Kernel& kernel, const sys::Address& server) {
  if (!server.is_link_local() || server.scope_id() != 0) return server;
  const std::string host = server.host();
  const std::size_t percent = host.find('%');
  if (percent == std::string::npos) return server;
  const std::string zone = host.substr(percent + 1);
  const Outcome index = kernel.if_nametoindex(zone);
  return index.ok() ? server.with_zone(static_cast<std::uint32_t>(index.value), zone) : server;
}

// Sends the question. Errors: those of socket(2), connect(2) and send(2), in the answer.
Asked ask(sys::Kernel& kernel, std::span<const std::byte> query, NameServerAnswer& answer) {
  Asked asked;
  asked.since = kernel.now();
  constexpr int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  Outcome done = kernel.socket(answer.server.family(), type, 0);
  if (done.ok()) {
    asked.fd = sys::Fd(kernel, done.as_int());
    // Without it a UDP socket hears of few ICMP errors.
    want_icmp_errors(kernel, asked.fd.get(), answer.server.family(), true);
    done = kernel.connect(asked.fd.get(), with_scope(kernel, answer.server));
  }
  if (done.ok()) done = kernel.send(asked.fd.get(), query, MSG_NOSIGNAL);
  if (!done.ok()) {
    answer.kind = Kind::unreachable;
    answer.error = done.error;
    answer.after = kernel.now() - asked.since;
    asked.fd = {};
  }
  return asked;
}

// Reads one datagram; after what is no answer to the query one is still awaited.
void hear(sys::Kernel& kernel, Asked& asked, std::span<const std::byte> query,
          NameServerAnswer& answer) {
  std::array<std::byte, longest_reply> buffer;
  const Outcome got = kernel.recv(asked.fd.get(), buffer, MSG_DONTWAIT);
  if (got.again()) return;
  if (got.ok()) {
    const auto reply = parse_dns_reply(std::span(buffer).first(got.as_size()), query);
    if (!reply) {
      answer.unintelligible = true;
      return;
    }
    answer.kind = Kind::answered;
    answer.rcode = reply->rcode;
    answer.has_address = reply->has_address;
    answer.truncated = reply->truncated;
    answer.is_alias = reply->is_alias;
  } else {
    answer.kind = Kind::unreachable;
    answer.error = got.error;
    answer.icmp = take_icmp_error(kernel, asked.fd.get());
  }
  answer.after = kernel.now() - asked.since;
  asked.fd = {};
}

}  // namespace

std::vector<NameServerAnswer> ask_name_servers(sys::Waiter& waiter,
                                               std::span<const sys::Address> servers,
                                               std::string_view name, unsigned type,
                                               sys::Deadline deadline) {
  sys::Kernel& kernel = waiter.kernel();
  const sys::TimePoint start = kernel.now();
  const sys::TimePoint end = deadline.value_or(start + usual_patience);
  const auto nanoseconds = start.time_since_epoch().count();
  const auto query = dns_query(name, type, static_cast<std::uint16_t>(nanoseconds));
  std::vector<NameServerAnswer> answers(servers.size());
  std::vector<Asked> asked;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    answers[i].server = servers[i];
    if (!query.empty()) asked.push_back(ask(kernel, query, answers[i]));
  }
  std::vector<pollfd> polled(asked.size());
  while (true) {
    bool waiting = false;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      polled[i] = {asked[i].fd.get(), POLLIN, 0};
      waiting = waiting || asked[i].fd.open();
    }
    if (!waiting || kernel.now() >= end) return answers;
    const auto wake = waiter.wait(polled, end);
    if (!wake || wake->reason != sys::Wake::Reason::ready) return answers;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      if (asked[i].fd.open() && polled[i].revents != 0) hear(kernel, asked[i], query, answers[i]);
    }
  }
}

}  // namespace tcptool::tcp
