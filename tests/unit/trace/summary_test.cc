// SPDX-License-Identifier: MIT
#include "trace/summary.h"

#include <doctest/doctest.h>

#include <cerrno>

using namespace std::chrono_literals;
using namespace tcptool;
using trace::Event;
using trace::Histogram;

TEST_CASE("a percentile is at most an eighth too long and never above the longest") {
  for (const std::int64_t ns : {0L, 1L, 7L, 8L, 9L, 100L, 12345L, 1'000'000'007L, INT64_MAX / 2}) {
    CAPTURE(ns);
    Histogram histogram;
    histogram.add(std::chrono::nanoseconds(ns));
    histogram.add(std::chrono::nanoseconds(INT64_MAX / 2));
    const auto median = histogram.percentile(0.5).count();
    CHECK(median >= ns);
    CHECK(median - ns <= ns / 8);
    CHECK(histogram.percentile(1).count() == INT64_MAX / 2);
  }
}

TEST_CASE("percentiles of many durations") {
  Histogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.add(std::chrono::microseconds(i));
  CHECK(histogram.count() == 1000);
  CHECK(histogram.longest() == 1ms);
  CHECK(histogram.percentile(0.5) >= 500us);
  CHECK(histogram.percentile(0.5) <= 563us);
  CHECK(histogram.percentile(0.99) >= 990us);
  CHECK(histogram.percentile(0.99) <= 1ms);
  CHECK(Histogram().percentile(0.5) == 0ns);
}

TEST_CASE("a summary has a line for each call, most time first, and one for all") {
  trace::Summary summary;
  for (int i = 0; i < 3; ++i) {
    Event event(sys::Syscall::recv);
    event.outcome = i == 0 ? sys::Outcome{-1, EAGAIN} : sys::Outcome{1, 0};
    event.duration = 2us;
    summary.add(event);
  }
  Event poll(sys::Syscall::poll);
  poll.duration = 1s;
  summary.add(poll);
  Event untimed(sys::Syscall::kill);
  untimed.duration = Event::unknown_duration;
  summary.add(untimed);
  const auto lines = summary.lines();
  REQUIRE(lines.size() == 5);
  CHECK(lines[1].ends_with("  1000000.0    1000000.0    1000000.0    1000000.0  poll"));
  CHECK(lines[2] ==
        "        3         1          6.0          2.0          2.0          2.0  recv");
  CHECK(lines[3].ends_with("  kill"));
  CHECK(lines[4].starts_with("        5         1    1000006.0"));
}
