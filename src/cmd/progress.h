// SPDX-License-Identifier: MIT
// --progress: what is said of a connection while it lives, and where that can be shown.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cmd/console.h"
#include "cmd/limits.h"
#include "cmd/options.h"

namespace tcptool::cmd {

struct ProgressPlan {
  ProgressForm form = ProgressForm::none;
  std::optional<Message> why_not;  // where it was asked for, on a terminal, and cannot be shown
};

// `bare` looks at stderr, which is no event of a trace; `kernel` at stdin and stdout.
ProgressPlan plan_progress(sys::Kernel& bare, sys::Kernel& kernel, const CommonOptions& options);

// How often; 0 where nothing is shown.
std::chrono::nanoseconds progress_interval(ProgressForm form);

// Rates and what limits, over the last second.
class Progress {
 public:
  // `active`: of the connecting side, whose SYN counts as an acknowledged byte.
  explicit Progress(bool active) : active_(active), samples_(1) {}

  void take(const relay::RelayEnd& so_far);

  // At most `columns` wide: what does not fit is left out, the least important first.
  [[nodiscard]] std::string text(std::size_t columns) const;
  [[nodiscard]] JsonObject fields() const;

 private:
  struct Sample {
    std::chrono::nanoseconds at{0};  // since the connection was established
    std::uint64_t sent = 0;
    std::uint64_t acknowledged = 0;  // payload; what was sent where the kernel does not tell
    std::uint64_t received = 0;
    std::uint64_t stdin_reads = 0;
    tcp::TcpInfo info;
  };

  // Bytes a second; those sent count when the peer's kernel has acknowledged them.
  [[nodiscard]] std::uint64_t send_rate() const;
  [[nodiscard]] std::uint64_t receive_rate() const;
  [[nodiscard]] std::chrono::nanoseconds still() const { return samples_.back().at - moved_at_; }

  bool active_;
  std::vector<Sample> samples_;  // oldest first; never empty
  std::chrono::nanoseconds moved_at_{0};
  Limit limit_ = Limit::none;
};

}  // namespace tcptool::cmd
