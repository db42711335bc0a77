// SPDX-License-Identifier: MIT
// What the kernel tells of one connection (TCP_INFO, see tcp(7) and linux/tcp.h). A field is there
// only if the kernel wrote it: older kernels return a shorter structure, and unknown is never 0.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "sys/kernel.h"

namespace tcptool::tcp {

// tcpi_state, numbered as in the kernel's include/net/tcp_states.h.
enum class State : std::uint8_t {
  unknown = 0,
  established = 1,
  syn_sent = 2,
  syn_received = 3,
  fin_wait_1 = 4,
  fin_wait_2 = 5,
  time_wait = 6,
  closed = 7,
  close_wait = 8,
  last_ack = 9,
  listen = 10,
  closing = 11,
};

struct TcpInfo {
  State state = State::unknown;
  std::optional<std::uint32_t> retransmits;    // timeouts in a row, unanswered
  std::optional<std::uint32_t> probes;         // keepalive or window probes, unanswered
  std::optional<std::uint32_t> total_retrans;  // segments that left again
  std::optional<std::uint32_t> unacked;        // on a listener: connections in the accept queue
  std::optional<std::uint32_t> sacked;         // on a listener: the accept queue's limit
  std::optional<std::uint32_t> snd_mss;        // bytes
  std::optional<std::uint32_t> path_mtu;       // bytes
  std::optional<std::uint32_t> snd_wnd;        // the peer's receive window, bytes
  std::optional<std::uint32_t> notsent_bytes;  // written and not yet sent
  std::optional<std::uint32_t> data_segs_out;  // retransmissions included
  std::optional<std::uint32_t> rcv_mss;        // bytes: the largest segment that came of late
  std::optional<std::uint32_t> advmss;         // bytes: the largest that the peer may send
  std::optional<std::uint32_t> rcv_ooopack;    // segments that came out of order
  std::optional<std::uint32_t> segs_in;        // all that came
  std::optional<std::chrono::microseconds> rto;
  std::optional<std::chrono::microseconds> rtt;
  std::optional<std::chrono::milliseconds> last_data_sent;  // since then
  std::optional<std::chrono::milliseconds> last_ack_received;
  std::optional<std::uint64_t> bytes_acked;  // counts our SYN on the connecting side, and our FIN
  std::optional<std::uint64_t> bytes_sent;   // retransmissions included
  std::optional<std::uint64_t> bytes_retrans;
  std::optional<std::chrono::microseconds> busy_time;
  std::optional<std::chrono::microseconds> rwnd_limited;
  std::optional<std::chrono::microseconds> sndbuf_limited;

  // From what getsockopt filled, of any length.
  static TcpInfo parse(std::span<const std::byte> bytes);
};

// Nothing where the kernel does not say (it always does for a TCP socket).
std::optional<TcpInfo> read_tcp_info(sys::Kernel& kernel, int fd);

// Of SO_MEMINFO, the number at SK_MEMINFO_ `which`: bytes, or how often something was dropped; see
// linux/sock_diag.h. Nothing where the kernel does not say.
std::optional<std::uint32_t> read_meminfo(sys::Kernel& kernel, int fd, std::size_t which);

// Whether segments that were given to the internet layer have not left this host: a SYN that waits
// for the neighbour's link-layer address.
bool holds_unsent_segment(sys::Kernel& kernel, int fd);
// Whether it keeps what was received, in order or not: where nothing is to be read, it is what came
// behind a gap.
bool holds_received(sys::Kernel& kernel, int fd);

}  // namespace tcptool::tcp
