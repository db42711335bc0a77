// SPDX-License-Identifier: MIT
#include "trace/tcp_change.h"

#include <doctest/doctest.h>
#include <linux/tcp.h>

#include <cstring>

using namespace std::chrono_literals;
using namespace tcptool;
using trace::compare_tcp_info;

namespace {

std::span<const std::byte> bytes(const tcp_info& info) {
  return std::as_bytes(std::span(&info, 1));
}

}  // namespace

TEST_CASE("what has changed is told, as it was and as it is") {
  tcp_info before{};
  before.tcpi_state = 1;
  before.tcpi_rtt = 20;
  before.tcpi_snd_cwnd = 10;
  tcp_info after = before;
  after.tcpi_state = 8;
  after.tcpi_rtt = 1500;
  after.tcpi_bytes_acked = 77;
  after.tcpi_delivery_rate = 2048;
  after.tcpi_rwnd_limited = 3'000'000;
  after.tcpi_total_retrans = 2;
  trace::TcpChange change = compare_tcp_info(bytes(before), bytes(after));
  change.fd = 4;
  change.time = sys::TimePoint{} + 1s;
  CHECK(trace::tcp_change_text(change, {}) ==
        "  1.000000 ## fd 4: ESTABLISHED -> CLOSE-WAIT; rtt 0.020 ms -> 1.50 ms, retransmissions 0 "
        "-> 2, acknowledged 0 bytes -> 77 bytes, delivery rate 0 bytes/s -> 2048 bytes/s, held up "
        "by the peer's window 0.000 ms -> 3.0 s");
  CHECK(trace::tcp_change_json(change, {}) ==
        R"({"type":"tcp","time_ns":1000000000,"sockfd":4,"tcp_info":{"state":"CLOSE-WAIT",)"
        R"("rtt_ns":1500000,"total_retrans":2,"bytes_acked":77,"delivery_rate":2048,)"
        R"("rwnd_limited_ns":3000000000}})");
}

TEST_CASE("a socket that was closed behind our FIN may be in TIME-WAIT") {
  tcp_info before{};
  before.tcpi_state = 4;
  tcp_info after = before;
  after.tcpi_state = 7;
  const auto text = trace::tcp_change_text(compare_tcp_info(bytes(before), bytes(after)), {});
  CHECK(text.ends_with("FIN-WAIT-1 -> CLOSED (or TIME-WAIT)"));
  before.tcpi_state = 9;
  const auto last = trace::tcp_change_text(compare_tcp_info(bytes(before), bytes(after)), {});
  CHECK(last.ends_with("LAST-ACK -> CLOSED"));
}

TEST_CASE("what is the same is no change, at first everything is news") {
  tcp_info info{};
  info.tcpi_state = 1;
  info.tcpi_snd_cwnd = 10;
  CHECK(compare_tcp_info(bytes(info), bytes(info)).empty());
  const auto first = compare_tcp_info({}, bytes(info));
  CHECK_FALSE(first.empty());
  CHECK(trace::tcp_change_text(first, first.time) == "  0.000000 ## fd -1: ESTABLISHED; cwnd 10");
}

TEST_CASE("fields behind the length that the kernel returned are not read") {
  tcp_info info{};
  info.tcpi_state = 1;
  info.tcpi_bytes_acked = 5;
  info.tcpi_snd_cwnd = 7;
  const auto change = compare_tcp_info({}, bytes(info).first(104));
  REQUIRE(change.fields.size() == 1);
  CHECK(change.fields[0].after == 7);
  CHECK(compare_tcp_info({}, {}).empty());
}

TEST_CASE("a time that no kernel can mean is cut to what can be counted") {
  tcp_info info{};
  info.tcpi_state = 1;
  info.tcpi_rwnd_limited = UINT64_MAX;
  const auto change = compare_tcp_info({}, bytes(info));
  CHECK(trace::tcp_change_json(change, {}).ends_with(R"("rwnd_limited_ns":9223372036854775000}})"));
  CHECK(trace::tcp_change_text(change, {}).find("window ") != std::string::npos);
}

TEST_CASE("what is in flight is what was queued and sent, without our FIN") {
  tcp_info info{};
  info.tcpi_state = 1;
  CHECK(trace::bytes_in_flight(100, bytes(info)) == 100);
  info.tcpi_notsent_bytes = 30;
  CHECK(trace::bytes_in_flight(100, bytes(info)) == 70);
  CHECK(trace::bytes_in_flight(10, bytes(info)) == 0);
  info.tcpi_state = 4;
  CHECK(trace::bytes_in_flight(100, bytes(info)) == 70);
  info.tcpi_notsent_bytes = 0;
  CHECK(trace::bytes_in_flight(100, bytes(info)) == 99);
  CHECK(trace::bytes_in_flight(0, bytes(info)) == 0);
  CHECK(trace::bytes_in_flight(100, {}) == 100);
}

TEST_CASE("what is in flight and unread stands behind what TCP says") {
  tcp_info info{};
  info.tcpi_state = 1;
  trace::TcpChange change = compare_tcp_info(bytes(info), bytes(info));
  trace::compare_queues(change, {100, 5}, {100, 5});
  CHECK(change.empty());
  trace::compare_queues(change, {100, 5}, {0, 7});
  CHECK_FALSE(change.empty());
  CHECK(trace::tcp_change_text(change, {}) ==
        "  0.000000 ## fd -1: in flight 100 bytes -> 0 bytes, unread 5 bytes -> 7 bytes");
  CHECK(trace::tcp_change_json(change, {})
            .ends_with(
                R"("tcp_info":{"state":"ESTABLISHED"},"bytes_in_flight":0,"bytes_unread":7})"));
}
