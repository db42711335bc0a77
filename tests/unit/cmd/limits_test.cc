// SPDX-License-Identifier: MIT
#include "cmd/limits.h"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using namespace tcptool::cmd;

TEST_CASE("what limits is named where it is worth a word") {
  struct Row {
    Stretch stretch;
    Limit by;
    std::int64_t share;
  };
  const Stretch sending{2s, 1900ms, 0us, 0us, 100, 0, 50, false};
  const auto with = [&sending](auto change) {
    Stretch stretch = sending;
    change(stretch);
    return stretch;
  };
  for (const Row& row : {
           Row{{}, Limit::none, 0},
           Row{sending, Limit::network, 95},
           Row{with([](Stretch& s) { s.busy.reset(); }), Limit::none, 0},
           Row{with([](Stretch& s) { s.rwnd_limited = 950ms; }), Limit::peer_window, 50},
           Row{with([](Stretch& s) { s.sndbuf_limited = 950ms; }), Limit::send_buffer, 50},
           Row{with([](Stretch& s) { s.rwnd_limited = 190ms; }), Limit::network, 95},
           Row{with([](Stretch& s) { s.segments_again = 3; }), Limit::loss, 3},
           Row{with([](Stretch& s) { s.segments_again = 2; }), Limit::network, 95},
           Row{with([](Stretch& s) { s.duration = 500ms; }), Limit::none, 0},
           Row{with([](Stretch& s) { s.duration = 500ms, s.segments_again = 20; }), Limit::loss,
               20},
           Row{with([](Stretch& s) { s.busy = 200ms; }), Limit::stdin_data, 90},
           Row{with([](Stretch& s) { s.busy = 1s; }), Limit::none, 0},
       }) {
    CAPTURE(limit_text(row.by));
    const Limited limited = what_limits(row.stretch);
    CHECK(limited.by == row.by);
    CHECK(limited.share == row.share);
  }
}

TEST_CASE("stdin limits only where it brings data, and is nobody's keyboard") {
  Stretch slow{2s, 100ms, 0us, 0us, 0, 0, 5, false};
  CHECK(what_limits(slow).by == Limit::stdin_data);
  slow.stdin_is_terminal = true;
  CHECK(what_limits(slow).by == Limit::none);
  slow.stdin_is_terminal = false;
  slow.stdin_reads = 4;
  CHECK(what_limits(slow).by == Limit::none);
}

TEST_CASE("a stretch is the difference of two readings, whatever the kernel left out") {
  tcptool::tcp::TcpInfo before;
  tcptool::tcp::TcpInfo after;
  Stretch stretch;
  stretch.fill(before, after);
  CHECK_FALSE(stretch.busy);
  before.busy_time = 1s;
  before.total_retrans = 5;
  after.busy_time = 3s;
  after.total_retrans = 4;  // never in a kernel
  after.data_segs_out = 7;
  stretch.fill(before, after);
  CHECK(stretch.busy == 2s);
  CHECK(stretch.segments == 7);
  CHECK(stretch.segments_again == 0);
}
