// SPDX-License-Identifier: MIT
// From what the user typed to addresses. Numbers never leave the process: only names are asked of
// getaddrinfo(3), in a thread of its own, so that a deadline holds.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/waiter.h"
#include "tcp/endpoint.h"

namespace tcptool::tcp {

struct ResolveFailure {
  enum class Kind {
    unknown_service,  // what was typed as the port is no service
    name_failed,      // getaddrinfo said no
    timed_out,        // nothing by the deadline
    bad_zone,         // the interface of a link-local address does not exist
    interrupted,      // see `wake`
    system,           // the look-up could not be started: see `error`
  };
  Kind kind{};
  std::string subject;                // the name or service that was asked for
  int status = 0;                     // EAI_...
  std::chrono::nanoseconds after{0};  // how long an answer was awaited
  sys::SysError error;
  sys::Wake wake;

  // The reason in words, without the subject.
  [[nodiscard]] std::string text() const;
};

// The addresses of `endpoint` in getaddrinfo's order, each once, with the port set. A host that is
// left open gives the wildcard addresses of the family (both, IPv6 first, for AF_UNSPEC).
Result<std::vector<sys::Address>, ResolveFailure> resolve(sys::Waiter& waiter,
                                                          const Endpoint& endpoint, int family,
                                                          sys::Deadline deadline);

// RFC 8305 section 4: the families take turns, beginning with the first address's.
std::vector<sys::Address> interleave_families(const std::vector<sys::Address>& addresses);

}  // namespace tcptool::tcp
