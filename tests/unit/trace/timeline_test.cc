// SPDX-License-Identifier: MIT
#include "trace/timeline.h"

#include <doctest/doctest.h>
#include <linux/errqueue.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstring>

using namespace std::chrono_literals;
using namespace tcptool;
using trace::Payload;
using trace::Stamp;
using trace::Timeline;

namespace {

// The control data of one recvmsg.
class Control {
 public:
  template <class T>
  Control& add(int level, int type, const T& data) {
    cmsghdr header{CMSG_LEN(sizeof data), level, type};
    const std::size_t at = bytes_.size();
    bytes_.resize(at + CMSG_SPACE(sizeof data));
    std::memcpy(bytes_.data() + at, &header, sizeof header);
    std::memcpy(bytes_.data() + at + CMSG_LEN(0), &data, sizeof data);
    return *this;
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

struct Note {
  sock_extended_err error{};
  sockaddr_in offender{};
};

Note note(std::uint32_t kind, std::uint8_t origin = SO_EE_ORIGIN_TIMESTAMPING) {
  Note out;
  out.error.ee_errno = ENOMSG;
  out.error.ee_origin = origin;
  out.error.ee_info = kind;
  out.error.ee_data = 77;
  return out;
}

constexpr std::array<std::int64_t, 6> at_ten{10, 5, 0, 0, 0, 0};

}  // namespace

TEST_CASE("a write is told with what became of it, as far as that is known") {
  Timeline timeline;
  timeline.fd = 4;
  timeline.time = sys::TimePoint{} + 1s;
  timeline.offset = 100;
  timeline.size = 12;
  CHECK(trace::timeline_text(timeline, {}) ==
        "  1.000000 ## fd 4: write of 12 bytes at 100: not acknowledged");
  CHECK(trace::timeline_json(timeline, {}) ==
        R"({"type":"write","time_ns":1000000000,"sockfd":4,"offset":100,"size":12})");
  timeline.scheduled = 6us;
  timeline.sent = 10us;
  timeline.acknowledged = 1500us;
  CHECK(trace::timeline_text(timeline, {}) ==
        "  1.000000 ## fd 4: write of 12 bytes at 100: scheduled after 0.006 ms, sent after 0.010 "
        "ms, acknowledged after 1.50 ms");
  CHECK(trace::timeline_json(timeline, {})
            .ends_with(R"("scheduled_ns":6000,"sent_ns":10000,"acknowledged_ns":1500000})"));
}

TEST_CASE("a read is told with how long its bytes had waited") {
  Timeline timeline;
  timeline.direction = Payload::Direction::received;
  timeline.fd = 4;
  timeline.size = 1;
  timeline.waited = 20ms;
  CHECK(trace::timeline_text(timeline, {}) ==
        "  0.000000 ## fd 4: read of 1 byte at 0: had waited 20 ms to be read");
  CHECK(trace::timeline_json(timeline, {}) ==
        R"({"type":"read","time_ns":0,"sockfd":4,"offset":0,"size":1,"waited_ns":20000000})");
}

TEST_CASE("a stamp says when, of which byte, and what happened then") {
  const auto time = std::chrono::system_clock::time_point(10s + 5ns);
  for (const auto& [number, kind] : {std::pair{SCM_TSTAMP_SND, Stamp::Kind::sent},
                                     {SCM_TSTAMP_SCHED, Stamp::Kind::scheduled},
                                     {SCM_TSTAMP_ACK, Stamp::Kind::acknowledged}}) {
    for (const auto& [level, type] :
         {std::pair{IPPROTO_IP, IP_RECVERR}, {IPPROTO_IPV6, IPV6_RECVERR}}) {
      Control control;
      control.add(SOL_SOCKET, SCM_TIMESTAMPING, at_ten)
          .add(level, type, note(static_cast<std::uint32_t>(number)));
      const auto stamp = trace::stamp_of(control.bytes());
      REQUIRE(stamp);
      CHECK(stamp->kind == kind);
      CHECK(stamp->byte == 77);
      CHECK(stamp->time == time);
    }
  }
  Control received;
  received.add(SOL_SOCKET, SCM_TIMESTAMPING, at_ten);
  REQUIRE(trace::stamp_of(received.bytes()));
  CHECK(trace::stamp_of(received.bytes())->kind == Stamp::Kind::received);
}

TEST_CASE("what is no stamp is none") {
  CHECK_FALSE(trace::stamp_of({}));
  Control icmp;
  icmp.add(IPPROTO_IP, IP_RECVERR, note(0, SO_EE_ORIGIN_ICMP));
  CHECK_FALSE(trace::stamp_of(icmp.bytes()));
  Control unknown;
  unknown.add(SOL_SOCKET, SCM_TIMESTAMPING, at_ten).add(IPPROTO_IP, IP_RECVERR, note(9));
  CHECK_FALSE(trace::stamp_of(unknown.bytes()));
  for (const std::array<std::int64_t, 6>& bad :
       {std::array<std::int64_t, 6>{}, {-1, 0}, {1, -1}, {1, 1'000'000'000}, {INT64_MAX, 0}}) {
    Control control;
    control.add(SOL_SOCKET, SCM_TIMESTAMPING, bad);
    CHECK_FALSE(trace::stamp_of(control.bytes()));
  }
  Control cut;
  cut.add(SOL_SOCKET, SCM_TIMESTAMPING, at_ten);
  for (std::size_t length = 0; length < cut.bytes().size(); ++length) {
    CHECK_FALSE(trace::stamp_of(cut.bytes().first(length)));
  }
}
