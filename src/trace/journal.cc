// SPDX-License-Identifier: MIT
#include "trace/journal.h"

#include <algorithm>

namespace tcptool::trace {

void Journal::add(std::unique_ptr<Sink> sink) {
  wants_payload_ = wants_payload_ || sink->wants_payload();
  wants_telemetry_ = wants_telemetry_ || sink->wants_telemetry();
  wants_flush_ = wants_flush_ || sink->wants_flush();
  sinks_.push_back(std::move(sink));
}

void Journal::tell_payload(const Payload& payload) {
  tell();
  for (const auto& sink : sinks_) {
    if (sink->wants_payload()) sink->take_payload(payload);
  }
}

void Journal::tell_tcp_change(const TcpChange& change) {
  tell();
  for (const auto& sink : sinks_) {
    if (sink->wants_telemetry()) sink->take_tcp_change(change);
  }
}

void Journal::tell_timeline(const Timeline& timeline) {
  tell();
  for (const auto& sink : sinks_) {
    if (sink->wants_telemetry()) sink->take_timeline(timeline);
  }
}

Event& Journal::begin(sys::Syscall call) {
  if (made_ - told_ == kept && traced()) tell();
  Event& event = events_[made_ % kept];
  event.begin(call);
  return event;
}

void Journal::commit() {
  ++made_;
  // Without sinks nothing is pending, once it is known that there will be none.
  if (!undecided_ && sinks_.empty()) told_ = made_;
}

void Journal::tell() {
  if (telling_ || sinks_.empty()) return;
  telling_ = true;
  told_ = std::max(told_, made_ - std::min(made_, kept));
  for (; told_ != made_; ++told_) {
    for (const auto& sink : sinks_) sink->take(events_[told_ % kept]);
  }
  telling_ = false;
}

void Journal::flush() {
  if (telling_) return;
  tell();
  telling_ = true;
  for (const auto& sink : sinks_) sink->flush();
  telling_ = false;
}

void Journal::close() {
  flush();
  for (const auto& sink : sinks_) sink->close();
  sinks_.clear();
  wants_payload_ = wants_telemetry_ = wants_flush_ = false;
}

std::vector<const Event*> Journal::last(std::size_t most) const {
  std::vector<const Event*> out;
  const std::size_t count = std::min({most, kept, made_});
  for (std::size_t i = made_ - count; i < made_; ++i) out.push_back(&events_[i % kept]);
  return out;
}

}  // namespace tcptool::trace
