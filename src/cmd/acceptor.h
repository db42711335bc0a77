// SPDX-License-Identifier: MIT
// A listener and who may come in: when it accepts (--hold, a full server, descriptors), whom
// (--allow, --deny), and what is said of its accept queue (--watch). It polls nothing itself:
// whoever owns it polls fd() together with what else there is.
#pragma once

#include <chrono>
#include <optional>

#include "cmd/queue_watch.h"

namespace tcptool::cmd {

struct AcceptOptions {
  static constexpr std::chrono::nanoseconds forever = std::chrono::nanoseconds::max();
  tcp::AccessRules rules;                         // --allow, --deny
  std::optional<std::chrono::nanoseconds> hold;   // --hold; forever: until the end
  std::optional<std::chrono::nanoseconds> watch;  // --watch: the least time between two looks
};

class Acceptor {
 public:
  // Says what is held or watched.
  Acceptor(Context& context, tcp::Listener listener, const tcp::SocketSetup& setup,
           const AcceptOptions& options);

  // To be polled for POLLIN; -1 while nobody is accepted: held, full, out of descriptors, closed.
  [[nodiscard]] int fd() const;

  // When on_time() wants to be called next; it may be called at any time.
  [[nodiscard]] sys::Deadline deadline() const;
  void on_time();

  // The first client of the accept queue that may come in, and says so. Nothing where there is none
  // for now: the queue was empty, the client was denied and reset, its connection had failed, or
  // there was no descriptor for it, so that accepting pauses: each is told.
  // Errors: the listener itself has failed; or an option was refused on the accepted socket.
  Result<std::optional<tcp::Accepted>, sys::SysError> take();

  // Whether there is room for another client; without it they stay in the accept queue.
  void admit(bool room) { room_ = room; }

  // Somebody closed a descriptor: what lacked one may go on.
  void descriptor_freed() { retry_at_.reset(); }

  // Accepts no more; who is still in the accept queue is reset, and told of.
  void close();

  [[nodiscard]] const tcp::Listener& listener() const { return listener_; }
  [[nodiscard]] AcceptCounts counts();

 private:
  [[nodiscard]] bool open() const { return listener_.fd.open(); }
  // The option that keeps it from accepting now; empty: none does.
  [[nodiscard]] std::string_view held_by() const;
  [[nodiscard]] sys::Deadline next_look() const;
  void end_hold();
  Result<std::optional<tcp::Accepted>, sys::SysError> not_taken(const sys::SysError& error);
  void tell_exhaustion(const sys::SysError& error);

  Context& context_;
  tcp::Listener listener_;
  tcp::SocketSetup setup_;
  AcceptOptions options_;
  bool held_ = false;
  bool room_ = true;
  QueueWatch watch_;
  sys::TimePoint looked_;
  sys::Deadline hold_until_;  // none: for ever
  sys::Deadline retry_at_;    // set: accepting pauses for want of descriptors or memory
  bool exhaustion_told_ = false;
  std::uint64_t accepted_ = 0;
  std::uint64_t denied_ = 0;
  unsigned reset_in_queue_ = 0;
};

}  // namespace tcptool::cmd
