// SPDX-License-Identifier: MIT
// What a failed connection attempt comes to: the class that decides the exit status, and the reason
// in words with its evidence. Pure functions of what was observed: no kernel and no clock in here.
#pragma once

#include <span>
#include <string>

#include "tcp/connection.h"

namespace tcptool::diagnose {

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

// The attempt that got furthest, the first of several; null where none failed.
const tcp::Attempt* furthest(std::span<const tcp::Attempt> attempts);

// It decides for all; `attempts` has at least one that failed.
Verdict judge_all(std::span<const tcp::Attempt> attempts);

// How a connection that was established came to its end: "reset by the peer (RST)".
std::string lost_connection_text(int error);

}  // namespace tcptool::diagnose
