// SPDX-License-Identifier: MIT
// Single SYNs to find out where a connection fails, as any user may send them: a connecting socket
// with its own TTL, and the error queue for who answered. One SYN each: they are closed before TCP
// would send another (RFC 6298 section 2: after 1 s).
#pragma once

#include <chrono>
#include <optional>
#include <span>

#include "sys/waiter.h"
#include "tcp/connection.h"

namespace tcptool::tcp {

struct SynProbe {
  enum class Answer { none, syn_ack, rst, icmp, not_sent };
  sys::Address peer;
  unsigned ttl = 0;      // IP_TTL, or the hop limit of IPv6; 0: the system's
  unsigned min_ttl = 0;  // IP_MINTTL: answers that came further are not seen; 0: all are

  Answer answer = Answer::none;
  std::optional<IcmpError> icmp;
  int error = 0;
  std::chrono::nanoseconds after{0};  // until the answer

  // The host itself answered, or somebody in its name.
  [[nodiscard]] bool answered_by_tcp() const {
    return answer == Answer::syn_ack || answer == Answer::rst;
  }
};

constexpr auto longest_probe = std::chrono::milliseconds(900);

// Sends all of `probes` at once and waits for their answers, at most longest_probe. A connection
// that comes about is closed at once. The wake is interrupted() where the run is to end.
sys::Wake send_probes(sys::Waiter& waiter, std::span<SynProbe> probes, const SocketSetup& setup);

}  // namespace tcptool::tcp
