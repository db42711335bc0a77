// SPDX-License-Identifier: MIT
// What a failed connection attempt comes to: the class that decides the exit status, and the reason
// in words with its evidence. Pure functions of what was observed: no kernel and no clock in here.
#pragma once

#include <span>
#include <string>

#include "tcp/connection.h"

namespace tcptool::diagnose {

struct PathFacts;
struct PolicyFacts;

// In order of how far the attempt got: a later one outweighs an earlier.
enum class FailureClass {
  local,        // this host refused: permission, address, ports, descriptors, option
  unreachable,  // link or internet layer, ours or the network's
  no_answer,    // SYNs left and nothing came back
  refused,      // RST in answer to SYN
};

struct Verdict {
  FailureClass kind = FailureClass::local;
  // "connection refused (RST in answer to the SYN after 0.031 ms)".
  std::string reason;
};

// Of an attempt that failed or timed out.
Verdict judge(const tcp::Attempt& attempt);

// Whether the class hangs on what this host's tables say of the way: SYNs without an answer may not
// have left, for want of the next hop or of lo, or by an interface that leads nowhere near; EINVAL
// may come of the source address or of a route.
bool hangs_on_way(const tcp::Attempt& attempt);
// The class of such an attempt by that way.
FailureClass class_by_way(const tcp::Attempt& attempt, const PathFacts& path,
                          const PolicyFacts& policy);

// The place of the attempt that got furthest, whose class decides for all: the first of several.
// `kinds` has the class of each of `attempts`, of which one at least has failed.
std::size_t furthest(std::span<const tcp::Attempt> attempts, std::span<const FailureClass> kinds);

// How a connection that was established came to its end: "reset by the peer (RST)".
std::string lost_connection_text(int error);

}  // namespace tcptool::diagnose
