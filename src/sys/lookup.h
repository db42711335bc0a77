// SPDX-License-Identifier: MIT
// A question to getaddrinfo(3), which blocks for as long as the name servers please and so runs in
// a thread of its own: the answer comes through a pipe, which the one loop can wait for.
#pragma once

#include "base/result.h"
#include "sys/error.h"
#include "sys/fd.h"

namespace tcptool::sys {

class PendingLookup {
 public:
  // Errors: pipe2(2)'s, or EAGAIN when no thread could be made.
  static Result<PendingLookup, SysError> start(Kernel& kernel, const LookupRequest& request);

  PendingLookup(PendingLookup&&) = default;
  PendingLookup& operator=(PendingLookup&&) = default;
  PendingLookup(const PendingLookup&) = delete;
  PendingLookup& operator=(const PendingLookup&) = delete;
  // Abandons a look-up that has not been finished; an answer that is there already is freed.
  ~PendingLookup();

  // Polls readable once the answer is there.
  [[nodiscard]] int fd() const { return answer_.get(); }

  // The answer, which can be taken once, when fd() is readable. Errors: read(2)'s.
  [[nodiscard]] Result<LookupResult, SysError> finish();

 private:
  PendingLookup(Kernel& kernel, Fd answer) : kernel_(&kernel), answer_(std::move(answer)) {}

  Kernel* kernel_;
  Fd answer_;
};

}  // namespace tcptool::sys
