// SPDX-License-Identifier: MIT
#include "tcp/tcp_info.h"

#include <doctest/doctest.h>
#include <linux/tcp.h>

#include <cstring>
#include <vector>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace std::chrono_literals;
using namespace tcptool;
using tcp::State;
using tcp::TcpInfo;

namespace {

std::span<const std::byte> bytes_of(const tcp_info& info) {
  return std::as_bytes(std::span(&info, 1));
}

}  // namespace

TEST_CASE("at every length a field is there exactly when the kernel wrote all of it") {
  std::vector<std::byte> bytes;
  for (std::size_t length = 0; length <= 300; ++length) {
    CAPTURE(length);
    const TcpInfo info = TcpInfo::parse(bytes);
    const auto whole = [length](std::size_t offset, std::size_t size) {
      return length >= offset + size;
    };
#define HELD(field, name) \
  CHECK(info.field.has_value() == whole(offsetof(tcp_info, name), sizeof(tcp_info::name)))
    HELD(retransmits, tcpi_retransmits);
    HELD(total_retrans, tcpi_total_retrans);
    HELD(unacked, tcpi_unacked);
    HELD(sacked, tcpi_sacked);
    HELD(rtt, tcpi_rtt);
    HELD(last_data_sent, tcpi_last_data_sent);
    HELD(bytes_acked, tcpi_bytes_acked);
    HELD(bytes_sent, tcpi_bytes_sent);
    HELD(bytes_retrans, tcpi_bytes_retrans);
    HELD(busy_time, tcpi_busy_time);
    HELD(rwnd_limited, tcpi_rwnd_limited);
    HELD(sndbuf_limited, tcpi_sndbuf_limited);
#undef HELD
    bytes.push_back(std::byte{1});
  }
}

TEST_CASE("what the kernel wrote is read from its place and in its unit") {
  tcp_info raw{};
  raw.tcpi_state = 1;
  raw.tcpi_retransmits = 2;
  raw.tcpi_total_retrans = 3;
  raw.tcpi_rtt = 1500;
  raw.tcpi_last_data_sent = 7;
  raw.tcpi_bytes_acked = 1ULL << 40;
  raw.tcpi_busy_time = 2'000'000;
  const TcpInfo info = TcpInfo::parse(bytes_of(raw));
  CHECK(info.state == State::established);
  CHECK(info.retransmits == 2U);
  CHECK(info.total_retrans == 3U);
  CHECK(info.rtt == 1500us);
  CHECK(info.last_data_sent == 7ms);
  CHECK(info.bytes_acked == 1ULL << 40);
  CHECK(info.busy_time == 2s);
  CHECK(info.bytes_sent == 0U);
}

TEST_CASE("a state that has no name is unknown") {
  tcp_info raw{};
  for (unsigned state = 0; state < 256; ++state) {
    raw.tcpi_state = static_cast<std::uint8_t>(state);
    const State read = TcpInfo::parse(bytes_of(raw)).state;
    CHECK(read == (state <= 11 ? static_cast<State>(state) : State::unknown));
  }
}

TEST_CASE("a real connection tells its state, and what it cannot tell is nothing") {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel(linux_kernel);
  const test::TcpPair pair = test::make_tcp_pair();
  const auto info = tcp::read_tcp_info(kernel, pair.ours.fd());
  REQUIRE(info);
  CHECK(info->state == State::established);
  CHECK(info->rtt > 0us);
  CHECK(info->bytes_acked == 1U);
  CHECK(tcp::read_tcp_info(kernel, pair.peer.fd())->bytes_acked == 0U);
  kernel.script(sys::Syscall::getsockopt).fails(ENOPROTOOPT);
  CHECK_FALSE(tcp::read_tcp_info(kernel, pair.ours.fd()));
}

TEST_CASE("a socket holds what was received until it is read") {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel(linux_kernel);
  const test::TcpPair pair = test::make_tcp_pair();
  CHECK_FALSE(tcp::holds_received(kernel, pair.ours.fd()));
  pair.peer.write("x");
  CHECK(tcp::holds_received(kernel, pair.ours.fd()));
  CHECK(pair.ours.read() == "x");
  CHECK_FALSE(tcp::holds_received(kernel, pair.ours.fd()));
  kernel.script(sys::Syscall::getsockopt).fails(ENOPROTOOPT);
  CHECK_FALSE(tcp::holds_received(kernel, pair.ours.fd()));
}
