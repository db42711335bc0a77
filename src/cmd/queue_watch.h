// SPDX-License-Identifier: MIT
// Looks at a listener's accept queue and tells what changes (--watch), and once that it overflows,
// whether or not anybody watches.
#pragma once

#include "cmd/accept_messages.h"
#include "cmd/context.h"
#include "tcp/listener.h"

namespace tcptool::cmd {

class QueueWatch {
 public:
  // With `tell` every look that shows a change is a status line, and SYN cookies are looked for.
  // `held_by` as in look().
  QueueWatch(Context& context, const tcp::Listener& listener, bool tell, std::string_view held_by);

  // Looks at the queue, its limit and its drops, and tells of them. `held_by`: the option that
  // keeps the listener from accepting now. The queue, where the kernel tells it.
  std::optional<tcp::AcceptQueue> look(const tcp::Listener& listener, std::string_view held_by);

  // A connection was taken, and this was left.
  void taken(const tcp::Listener& listener, const tcp::AcceptQueue& left);

  [[nodiscard]] bool overflow_told() const { return overflow_told_; }
  [[nodiscard]] const std::optional<tcp::AcceptQueue>& deepest() const { return deepest_; }
  [[nodiscard]] std::optional<std::uint64_t> dropped() const { return dropped_; }

 private:
  void count_drops(const tcp::Listener& listener);
  void deepen(const tcp::AcceptQueue& queue);
  void tell_overflow(const tcp::Listener& listener, std::string_view held_by);
  void look_for_cookies();
  [[nodiscard]] std::optional<std::int64_t> cookies_sent();

  Context& context_;
  bool tell_;
  std::optional<tcp::AcceptQueue> deepest_;
  std::uint32_t drops_seen_ = 0;  // the kernel's counter, which wraps around
  std::optional<std::uint64_t> dropped_;
  std::optional<QueueState> told_;
  bool overflow_told_ = false;
  std::optional<bool> defers_;                  // once it matters
  std::optional<std::int64_t> cookies_before_;  // nothing once they have been told
  sys::TimePoint cookies_read_;
};

}  // namespace tcptool::cmd
