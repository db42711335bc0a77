// SPDX-License-Identifier: MIT
#include "cmd/progress.h"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using namespace tcptool;
using cmd::Progress;
using relay::RelayEnd;

namespace {

constexpr std::uint64_t mebi = 1 << 20;

// `at` after the connection was made.
RelayEnd reached(std::chrono::nanoseconds at, std::uint64_t sent, std::uint64_t received) {
  RelayEnd end;
  end.duration = at;
  end.sent = sent;
  end.received = received;
  return end;
}

RelayEnd held_up(std::chrono::milliseconds at, std::uint64_t sent) {
  RelayEnd end = reached(at, sent, 0);
  end.info.emplace();
  end.info->rtt = 4120us;
  end.info->total_retrans = 3;
  end.info->busy_time = at;
  end.info->rwnd_limited = at;
  end.info->bytes_acked = sent + 1;
  return end;
}

std::string field(const Progress& progress) {
  return progress.fields().text();
}

}  // namespace

TEST_CASE("progress tells bytes and rates of the directions in which something moves") {
  Progress progress(true);
  progress.take(reached(100ms, 0, 0));
  CHECK(progress.text(79) == "sent 0 bytes");
  progress.take(reached(500ms, 3 * mebi, 0));
  CHECK(progress.text(79) == "sent 3.0 MiB (6.0 MiB/s)");
  progress.take(reached(1s, 3 * mebi, 1000));
  CHECK(progress.text(79) == "sent 3.0 MiB (3.0 MiB/s), received 1000 bytes (1000 bytes/s)");
  Progress receiving(false);
  receiving.take(reached(2s, 0, 500));
  CHECK(receiving.text(79) == "received 500 bytes (250 bytes/s)");
}

TEST_CASE("rates are those of the last second, and a halt is told with its time") {
  Progress progress(false);
  for (int i = 1; i <= 10; ++i) progress.take(reached(i * 100ms, 0, 1000));
  for (unsigned i = 11; i <= 20; ++i) progress.take(reached(i * 100ms, 0, i * 1000U));
  CHECK(progress.text(79) == "received 20000 bytes (19000 bytes/s)");
  for (int i = 21; i <= 32; ++i) progress.take(reached(i * 100ms, 0, 20000));
  CHECK(progress.text(79) == "received 20000 bytes, nothing moved for 1.2 s");
}

TEST_CASE("the rate of sending counts payload that was acknowledged, without SYN and FIN") {
  Progress progress(true);
  RelayEnd end = reached(1s, 5000, 0);
  end.info.emplace();
  end.info->bytes_acked = 2001;
  progress.take(end);
  CHECK(progress.text(79) == "sent 5000 bytes (2000 bytes/s)");
  end.duration = 2s;
  end.info->bytes_acked = 5002;
  progress.take(end);
  CHECK(progress.text(79) == "sent 5000 bytes (3000 bytes/s)");
  Progress idle(true);
  RelayEnd nothing = reached(100ms, 0, 0);
  nothing.info.emplace();
  nothing.info->bytes_acked = 1;
  idle.take(nothing);
  CHECK(idle.text(79) == "sent 0 bytes");
}

TEST_CASE("what limits comes before rtt where the terminal is too narrow for all") {
  Progress progress(true);
  for (int i = 1; i <= 10; ++i) progress.take(held_up(i * 100ms, mebi * unsigned(i)));
  CHECK(progress.text(SIZE_MAX) ==
        "sent 10.0 MiB (10.0 MiB/s), rtt 4.12 ms, 3 segments retransmitted, limited by the peer's "
        "receive window");
  CHECK(progress.text(79) ==
        "sent 10.0 MiB (10.0 MiB/s), rtt 4.12 ms, limited by the peer's receive window");
  CHECK(progress.text(64) == "sent 10.0 MiB (10.0 MiB/s), limited by the peer's receive window");
  CHECK(progress.text(60) == "sent 10.0 MiB (10.0 MiB/s), 3 segments retransmitted");
  CHECK(progress.text(30) == "sent 10.0 MiB (10.0 MiB/s)");
  for (std::size_t columns = 0; columns < 120; ++columns) {
    CHECK(progress.text(columns).size() <= columns);
  }
}

TEST_CASE("what limits is that of the last second, not of the whole connection") {
  Progress progress(true);
  for (int i = 1; i <= 10; ++i) progress.take(held_up(i * 100ms, mebi));
  RelayEnd end = held_up(1s, mebi);
  for (int i = 11; i <= 20; ++i) {
    end.duration = i * 100ms;
    end.info->busy_time = i * 100ms;
    end.sent += mebi;
    end.info->bytes_acked = end.sent;
    progress.take(end);
  }
  CHECK(field(progress).find(R"("limited_by":"the network")") != std::string::npos);
}

TEST_CASE("the object of progress has numbers where the line has words") {
  Progress progress(true);
  progress.take(held_up(1000ms, 2000));
  CHECK(field(progress) ==
        R"({"duration_ns":1000000000,"sent_bytes":2000,"received_bytes":0,)"
        R"("sent_bytes_per_second":2000,"received_bytes_per_second":0,"still_ns":0,)"
        R"("rtt_ns":4120000,"retransmitted_segments":3,"limited_by":"the peer's receive window"})");
}
