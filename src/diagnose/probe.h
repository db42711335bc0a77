// SPDX-License-Identifier: MIT
// --diagnose active: a few extra SYNs to the same host find out what looking alone cannot. At most
// 33 to the same port and one to another, in at most four rounds of 0.9 s.
#pragma once

#include "diagnose/diagnosis.h"
#include "sys/waiter.h"

namespace tcptool::diagnose {

class ProbeObserver {
 public:
  ProbeObserver() = default;
  ProbeObserver(const ProbeObserver&) = delete;
  ProbeObserver& operator=(const ProbeObserver&) = delete;
  virtual ~ProbeObserver() = default;
  virtual void probed(const tcp::SynProbe& probe) = 0;           // one SYN to a port
  virtual void walked(std::span<const tcp::SynProbe> hops) = 0;  // the path, by TTL
};

// The one beside `port` to which a SYN is sent.
std::uint16_t other_port(std::uint16_t port);

// Whether a failure with this cause is told more exactly by SYNs.
bool worth_probing(Cause cause, const Evidence& evidence);

// The evidence with what the probes found. A signal, --timeout or `until` ends them early: what is
// known by then is returned.
Evidence probe(sys::Waiter& waiter, Evidence evidence, const tcp::SocketSetup& setup,
               ProbeObserver& observer, sys::Deadline until = {});

}  // namespace tcptool::diagnose
