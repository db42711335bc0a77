// SPDX-License-Identifier: MIT
#include "tcp/tcp_info.h"

#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace tcptool::tcp {
namespace {

template <class T>
std::optional<T> field(std::span<const std::byte> bytes, std::size_t offset) {
  if (bytes.size() < offset + sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <class Duration, class T>
std::optional<Duration> duration(std::span<const std::byte> bytes, std::size_t offset) {
  const auto value = field<T>(bytes, offset);
  if (!value) return std::nullopt;
  return Duration(*value);
}

}  // namespace

TcpInfo TcpInfo::parse(std::span<const std::byte> bytes) {
  using std::chrono::microseconds;
  using std::chrono::milliseconds;
  TcpInfo info;
  const auto state = field<std::uint8_t>(bytes, offsetof(tcp_info, tcpi_state));
  constexpr auto last_state = static_cast<std::uint8_t>(State::closing);
  if (state && *state <= last_state) info.state = static_cast<State>(*state);
  if (const auto count = field<std::uint8_t>(bytes, offsetof(tcp_info, tcpi_retransmits))) {
    info.retransmits = *count;
  }
  if (const auto count = field<std::uint8_t>(bytes, offsetof(tcp_info, tcpi_probes))) {
    info.probes = *count;
  }
  info.total_retrans = field<std::uint32_t>(bytes, offsetof(tcp_info, tcpi_total_retrans));
  info.unacked = field<std::uint32_t>(bytes, offsetof(tcp_info, tcpi_unacked));
  info.sacked = field<std::uint32_t>(bytes, offsetof(tcp_info, tcpi_sacked));
  info.snd_mss = field<std::uint32_t>(bytes, offsetof(tcp_info, tcpi_snd_mss));
  info.path_mtu = field<std::uint32_t>(bytes, offsetof(tcp_info, tcpi_pmtu));
  info.snd_wnd = field<std::uint32_t>(bytes, offsetof(tcp_info, tcpi_snd_wnd));
  info.notsent_bytes = field<std::uint32_t>(bytes, offsetof(tcp_info, tcpi_notsent_bytes));
  info.data_segs_out = field<std::uint32_t>(bytes, offsetof(tcp_info, tcpi_data_segs_out));
  info.rcv_mss = field<std::uint32_t>(bytes, offsetof(tcp_info, tcpi_rcv_mss));
  info.advmss = field<std::uint32_t>(bytes, offsetof(tcp_info, tcpi_advmss));
  info.rcv_ooopack = field<std::uint32_t>(bytes, offsetof(tcp_info, tcpi_rcv_ooopack));
  info.segs_in = field<std::uint32_t>(bytes, offsetof(tcp_info, tcpi_segs_in));
  info.rto = duration<microseconds, std::uint32_t>(bytes, offsetof(tcp_info, tcpi_rto));
  info.rtt = duration<microseconds, std::uint32_t>(bytes, offsetof(tcp_info, tcpi_rtt));
  info.last_data_sent =
      duration<milliseconds, std::uint32_t>(bytes, offsetof(tcp_info, tcpi_last_data_sent));
  info.last_ack_received =
      duration<milliseconds, std::uint32_t>(bytes, offsetof(tcp_info, tcpi_last_ack_recv));
  info.bytes_acked = field<std::uint64_t>(bytes, offsetof(tcp_info, tcpi_bytes_acked));
  info.bytes_sent = field<std::uint64_t>(bytes, offsetof(tcp_info, tcpi_bytes_sent));
  info.bytes_retrans = field<std::uint64_t>(bytes, offsetof(tcp_info, tcpi_bytes_retrans));
  info.busy_time = duration<microseconds, std::uint64_t>(bytes, offsetof(tcp_info, tcpi_busy_time));
  info.rwnd_limited =
      duration<microseconds, std::uint64_t>(bytes, offsetof(tcp_info, tcpi_rwnd_limited));
  info.sndbuf_limited =
      duration<microseconds, std::uint64_t>(bytes, offsetof(tcp_info, tcpi_sndbuf_limited));
  return info;
}

std::optional<TcpInfo> read_tcp_info(sys::Kernel& kernel, int fd) {
  constexpr std::size_t roomy = 512;  // newer kernels write more than this build knows
  std::array<std::byte, roomy> bytes{};
  const sys::Outcome got = kernel.getsockopt(fd, IPPROTO_TCP, TCP_INFO, bytes);
  if (!got.ok()) return std::nullopt;
  return TcpInfo::parse(std::span(bytes).first(got.as_size()));
}

std::optional<std::uint32_t> read_meminfo(sys::Kernel& kernel, int fd, std::size_t which) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> all{};
  const sys::Outcome got =
      kernel.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, std::as_writable_bytes(std::span(all)));
  if (!got.ok() || got.as_size() <= which * sizeof all.front()) return std::nullopt;
  return all.at(which);
}

bool holds_unsent_segment(sys::Kernel& kernel, int fd) {
  return read_meminfo(kernel, fd, SK_MEMINFO_WMEM_ALLOC).value_or(0) > 0;
}

bool holds_received(sys::Kernel& kernel, int fd) {
  return read_meminfo(kernel, fd, SK_MEMINFO_RMEM_ALLOC).value_or(0) > 0;
}

}  // namespace tcptool::tcp
