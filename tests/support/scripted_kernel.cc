// SPDX-License-Identifier: MIT
#include "support/scripted_kernel.h"

#include <algorithm>
#include <stdexcept>

namespace tcptool::test {

using sys::Outcome;
using sys::Syscall;

Script& Script::on(int fd) {
  fd_ = fd;
  return *this;
}

Script& Script::where(std::function<bool()> also) {
  also_ = std::move(also);
  return *this;
}

Script& Script::nth(std::size_t number) {
  from_ = to_ = number;
  return *this;
}

Script& Script::first(std::size_t count) {
  to_ = count;
  return *this;
}

Script& Script::every(std::size_t step) {
  from_ = step_ = step;
  return *this;
}

bool Script::means(Syscall call, int fd) {
  if (call != call_ || (fd_ && *fd_ != fd) || (also_ && !also_())) return false;
  ++seen_;
  return seen_ >= from_ && seen_ <= to_ && (seen_ - from_) % step_ == 0;
}

std::size_t ScriptedKernel::count(Syscall call) const {
  const auto named = [call](const Call& made) { return made.call == call; };
  return static_cast<std::size_t>(std::count_if(calls_.begin(), calls_.end(), named));
}

Outcome ScriptedKernel::play(Syscall call, int fd,
                             const std::function<Outcome(std::size_t)>& real) {
  Script* chosen = nullptr;
  for (Script& script : scripts_) {
    if (script.means(call, fd) && chosen == nullptr) chosen = &script;
  }
  if (chosen != nullptr && chosen->act_) chosen->act_();
  const bool played = chosen != nullptr && chosen->outcome_;
  const Outcome outcome =
      played ? *chosen->outcome_ : real(chosen != nullptr ? chosen->limit_ : SIZE_MAX);
  calls_.push_back({call, fd, outcome});
  return outcome;
}

Outcome ScriptedKernel::opened(Outcome outcome) {
  if (outcome.ok()) open_.insert(outcome.as_int());
  return outcome;
}

// A moment of real time, since even loopback delivers a packet a little later than at once.
Outcome ScriptedKernel::wait(int timeout, const std::function<Outcome(int)>& really) {
  constexpr int moment = 10;
  constexpr int patience = 2000;
  if (steps_.empty() && !fake_now_ && timeout >= 0) return really(timeout);
  while (true) {
    const int real = timeout >= 0 ? std::min(timeout, moment) : moment;
    const Outcome ready = really(real);
    if (!ready.ok() || ready.value != 0) return ready;
    if (!steps_.empty()) {
      const auto step = std::move(steps_.front());
      steps_.pop_front();
      step();
    } else if (timeout >= 0 && fake_now_) {
      advance(std::chrono::milliseconds(timeout));
      return ready;
    } else if (timeout >= 0) {
      return really(timeout);
    } else {
      const Outcome late = really(patience);
      if (!late.ok() || late.value != 0) return late;
      throw std::logic_error("the program waits for ever");
    }
  }
}

}  // namespace tcptool::test
