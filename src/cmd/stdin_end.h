// SPDX-License-Identifier: MIT
// stdin as nothing but a sign: a command that sends no bytes goes on until it ends. What it brings
// is read, since its end comes behind it, counted and thrown away, which is said once.
#pragma once

#include <array>

#include "cmd/context.h"
#include "relay/local_stream.h"

namespace tcptool::cmd {

class StdinEnd {
 public:
  // Not `watched`: stdin is not touched, and never ends.
  StdinEnd(Context& context, bool watched);

  // For poll(2); the descriptor is negative where there is nothing to wait for.
  [[nodiscard]] pollfd entry() const;
  // Once poll had something to say. A failure is told, and is an end as well.
  void read();

  [[nodiscard]] bool watched() const { return watched_; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }  // thrown away

 private:
  Context& context_;
  relay::LocalStream stream_;
  bool watched_;
  bool ended_ = false;
  bool failed_ = false;
  std::uint64_t bytes_ = 0;
};

}  // namespace tcptool::cmd
