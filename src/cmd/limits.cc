// SPDX-License-Identifier: MIT
#include "cmd/limits.h"

#include <algorithm>

namespace tcptool::cmd {
namespace {

std::int64_t percent(std::chrono::nanoseconds part, std::chrono::nanoseconds whole) {
  return whole.count() > 0 ? 100 * part.count() / whole.count() : 0;
}

template <class T>
T difference(const std::optional<T>& before, const std::optional<T>& after) {
  const T old = before.value_or(T{});
  return std::max(after.value_or(old), old) - old;
}

}  // namespace

void Stretch::fill(const tcp::TcpInfo& before, const tcp::TcpInfo& after) {
  busy.reset();
  if (after.busy_time) busy = difference(before.busy_time, after.busy_time);
  rwnd_limited = difference(before.rwnd_limited, after.rwnd_limited);
  sndbuf_limited = difference(before.sndbuf_limited, after.sndbuf_limited);
  segments = difference(before.data_segs_out, after.data_segs_out);
  segments_again = difference(before.total_retrans, after.total_retrans);
}

Limited what_limits(const Stretch& stretch) {
  using namespace std::chrono_literals;
  constexpr auto least_busy = 10ms;
  constexpr auto long_enough = 1s;
  constexpr int least_share = 20;
  constexpr std::uint32_t least_segments = 20;
  constexpr std::uint64_t least_reads = 5;
  if (!stretch.busy) return {};
  const auto window = percent(stretch.rwnd_limited, *stretch.busy);
  const auto buffer = percent(stretch.sndbuf_limited, *stretch.busy);
  if (*stretch.busy >= least_busy && std::max(window, buffer) >= least_share) {
    return window >= buffer ? Limited{Limit::peer_window, window}
                            : Limited{Limit::send_buffer, buffer};
  }
  // In less than that, some segments may have been sent again for nothing but the path's MTU.
  const bool short_time = stretch.duration < long_enough;
  const std::uint64_t least_lost = short_time ? 20 : 3;  // per cent
  const std::uint64_t again = stretch.segments_again;
  if (stretch.segments >= least_segments && 100 * again >= least_lost * stretch.segments) {
    return {Limit::loss, static_cast<std::int64_t>(100 * again / stretch.segments)};
  }
  if (short_time) return {};
  const auto share = percent(*stretch.busy, stretch.duration);
  if (share >= 100 - least_share) return {Limit::network, share};
  if (share < least_share && stretch.stdin_reads >= least_reads && !stretch.stdin_is_terminal) {
    return {Limit::stdin_data, 100 - share};
  }
  return {};
}

std::string_view limit_text(Limit limit) {
  switch (limit) {
    case Limit::none:
      break;
    case Limit::peer_window:
      return "the peer's receive window";
    case Limit::send_buffer:
      return "our send buffer";
    case Limit::loss:
      return "loss on the way";
    case Limit::network:
      return "the network";
    case Limit::stdin_data:
      return "stdin";
  }
  return "";
}

}  // namespace tcptool::cmd
