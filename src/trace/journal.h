// SPDX-License-Identifier: MIT
// The last calls of the run, as events in a ring, and those who are told of them. Making an event
// costs a few stores; it is rendered later, when the program is about to wait or to say something.
// With nobody to tell, the ring is the flight recorder: what led to a failure can still be shown.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "trace/event.h"

namespace tcptool::trace {

class Journal {
 public:
  static constexpr std::size_t kept = 64;  // events

  void add(std::unique_ptr<Sink> sink);
  // Whether the clock is to be read around each call: until stop_waiting_for_sinks() says that
  // there will be none.
  [[nodiscard]] bool timed() const { return undecided_ || !sinks_.empty(); }
  [[nodiscard]] bool traced() const { return !sinks_.empty(); }
  // All sinks have been added. Where there is none, calls are timed no more.
  void stop_waiting_for_sinks() { undecided_ = false; }

  // The event of a call that is about to be made; it is filled in place, and counts from commit()
  // on. What that overwrites has been told before.
  Event& begin(sys::Syscall call);
  void commit();

  // Whether somebody wants more than the calls; it is told at once.
  [[nodiscard]] bool wants_payload() const { return wants_payload_; }
  [[nodiscard]] bool wants_telemetry() const { return wants_telemetry_; }
  // Whether somebody reads along, for whom a flush is.
  [[nodiscard]] bool wants_flush() const { return wants_flush_; }
  void tell_payload(const Payload& payload);
  void tell_tcp_change(const TcpChange& change);
  void tell_timeline(const Timeline& timeline);

  // Tells every sink what it has not been told yet. To be called before anything that can block and
  // before anything is said, so that what led to it can be seen.
  void flush();
  // The same, for the last time.
  void close();

  // The last events, oldest first, at most `most` and at most `kept`. Valid until the next begin().
  [[nodiscard]] std::vector<const Event*> last(std::size_t most) const;

 private:
  void tell();  // the events that are pending

  std::array<Event, kept> events_;
  std::size_t made_ = 0;  // events, ever
  std::size_t told_ = 0;  // of those, to the sinks
  std::vector<std::unique_ptr<Sink>> sinks_;
  bool undecided_ = true;
  bool wants_payload_ = false;
  bool wants_telemetry_ = false;
  bool wants_flush_ = false;
  bool telling_ = false;  // a sink that has something to say must not begin again
};

}  // namespace tcptool::trace
