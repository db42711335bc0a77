// SPDX-License-Identifier: MIT
// Gathers the evidence of a failure, after it has happened: what this host's kernel, its tables and
// its name servers say, as an ordinary user may ask them. Nothing is sent to the peer. What cannot
// be read is left out.
#pragma once

#include <span>
#include <vector>

#include "diagnose/evidence.h"
#include "diagnose/verdict.h"
#include "sys/waiter.h"
#include "tcp/connection.h"
#include "tcp/resolve.h"

namespace tcptool::diagnose {

// A name that was not resolved. Asks each name server once by itself, for at most 2 s and not much
// beyond `deadline`.
Evidence collect_look_up(sys::Waiter& waiter, const tcp::ResolveFailure& failure, int family,
                         sys::Deadline deadline);

// A call that prepares a socket failed; `address` is the one that was to be bound, if any.
Evidence collect_prepare(sys::Kernel& kernel, const sys::SysError& error,
                         const sys::Address& address, const AskedOptions& asked = {});

// An attempt to connect failed or timed out.
Evidence collect_connect(sys::Kernel& kernel, const tcp::Attempt& attempt,
                         const AskedOptions& asked = {});

// A connection was lost, or a time that the user set ran out `after` the last activity.
Evidence collect_transfer(sys::Kernel& kernel, const tcp::Connection& connection,
                          const sys::SysError& error, std::chrono::nanoseconds after,
                          const std::optional<tcp::TcpInfo>& info, const TransferFacts& transfer,
                          const AskedOptions& asked);

// Of a host's rules and routes what may refuse packets from `source`, which may be unknown, to
// `destination`: in the order asked, up to the rule that is taken for certain.
std::vector<Refusal> find_refusals(std::span<const sys::RoutingRule> rules,
                                   std::span<const sys::Route> routes,
                                   const sys::Address& destination, const sys::Address& source);

// What this host's policy routing makes of packets from `local`, which may be unknown, to
// `address`.
PolicyFacts read_policy(sys::Kernel& kernel, const sys::Address& address,
                        const sys::Address& local);

// The class of an attempt that failed or timed out, on a socket that was bound to `interface` if
// any: judge()'s, and by this host's tables where it hangs on them.
FailureClass class_of(sys::Kernel& kernel, const tcp::Attempt& attempt,
                      const std::string& interface);

// The way to evidence.peer as it is now, and the policy where that may say why nothing went by it.
void read_way(sys::Kernel& kernel, Evidence& evidence);

// net.ipv6.conf.all.disable_ipv6 is set.
bool ipv6_disabled(sys::Kernel& kernel);

// What this host knows of the way to `address`, for a socket that is bound to `interface` if any.
PathFacts read_path(sys::Kernel& kernel, const sys::Address& address,
                    const std::string& interface = {});

}  // namespace tcptool::diagnose
