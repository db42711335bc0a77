// SPDX-License-Identifier: MIT
// A journal, and the events that it has told.
#pragma once

#include <memory>
#include <vector>

#include "trace/journal.h"

namespace tcptool::test {

class Events final : public trace::Sink {
 public:
  explicit Events(std::vector<trace::Event>& out) : events_(out) {}
  void take(const trace::Event& event) override { events_.push_back(event); }

 private:
  std::vector<trace::Event>& events_;
};

struct Told {
  Told() { journal.add(std::make_unique<Events>(told)); }
  const std::vector<trace::Event>& events() {
    journal.flush();
    return told;
  }
  trace::Journal journal;
  std::vector<trace::Event> told;
};

}  // namespace tcptool::test
