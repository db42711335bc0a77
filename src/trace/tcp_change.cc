// SPDX-License-Identifier: MIT
#include "trace/tcp_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "base/json.h"
#include "base/text.h"
#include "sys/names.h"

namespace tcptool::trace {
namespace {

using Unit = TcpChange::Unit;

// Of tcpi_state, as in the kernel's include/net/tcp_states.h.
constexpr unsigned established = 1;
constexpr unsigned fin_wait_1 = 4;
constexpr unsigned fin_wait_2 = 5;
constexpr unsigned closed = 7;
constexpr unsigned last_ack = 9;
constexpr unsigned listen = 10;
constexpr unsigned closing = 11;

// Where the fields stand in struct tcp_info of linux/tcp.h, which only ever grows at its end.
struct Place {
  std::string_view name;
  std::string_view word;
  Unit unit;
  std::size_t offset;
  std::size_t size;
};

constexpr std::array places{
    Place{"rto", "rto", Unit::microseconds, 8, 4},
    Place{"unacked", "segments in flight", Unit::count, 24, 4},
    Place{"lost", "segments lost", Unit::count, 32, 4},
    Place{"pmtu", "path MTU", Unit::bytes, 60, 4},
    Place{"rtt", "rtt", Unit::microseconds, 68, 4},
    Place{"snd_cwnd", "cwnd", Unit::count, 80, 4},
    Place{"total_retrans", "retransmissions", Unit::count, 100, 4},
    Place{"bytes_acked", "acknowledged", Unit::bytes, 120, 8},
    Place{"bytes_received", "received", Unit::bytes, 128, 8},
    Place{"notsent_bytes", "not sent yet", Unit::bytes, 144, 4},
    Place{"delivery_rate", "delivery rate", Unit::bytes_per_second, 160, 8},
    Place{"rwnd_limited", "held up by the peer's window", Unit::microseconds, 176, 8},
    Place{"sndbuf_limited", "held up by our buffer", Unit::microseconds, 184, 8},
    Place{"snd_wnd", "peer's window", Unit::bytes, 228, 4},
};

// 0 where the kernel did not write it.
std::uint64_t read_at(std::span<const std::byte> info, const Place& place) {
  if (info.size() < place.offset + place.size) return 0;
  std::uint64_t wide = 0;
  std::uint32_t narrow = 0;
  if (place.size == sizeof wide) {
    std::memcpy(&wide, info.data() + place.offset, sizeof wide);
    return wide;
  }
  std::memcpy(&narrow, info.data() + place.offset, sizeof narrow);
  return narrow;
}

// At most what nanoseconds can count, which is centuries.
std::chrono::nanoseconds of_microseconds(std::uint64_t count) {
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max() / 1000;
  return std::chrono::microseconds(static_cast<std::int64_t>(std::min(count, most)));
}

std::string in_unit(std::uint64_t value, Unit unit) {
  switch (unit) {
    case Unit::count:
      break;
    case Unit::bytes:
      return format_bytes(value);
    case Unit::bytes_per_second:
      return format_bytes(value) + "/s";
    case Unit::microseconds:
      return format_duration(of_microseconds(value));
  }
  return fmt::format("{}", value);
}

}  // namespace

TcpChange compare_tcp_info(std::span<const std::byte> before, std::span<const std::byte> after) {
  TcpChange change;
  if (!before.empty()) change.state_before = std::to_integer<unsigned>(before[0]);
  if (!after.empty()) change.state = std::to_integer<unsigned>(after[0]);
  for (const Place& place : places) {
    const std::uint64_t old = read_at(before, place);
    const std::uint64_t now = read_at(after, place);
    if (old != now) change.fields.push_back({place.name, place.word, place.unit, old, now});
  }
  return change;
}

void compare_queues(TcpChange& change, const Queues& before, const Queues& after) {
  const auto compare = [&change](std::string_view name, std::string_view word, std::uint64_t old,
                                 std::uint64_t now) {
    if (old != now) change.queues.push_back({name, word, Unit::bytes, old, now});
  };
  compare("bytes_in_flight", "in flight", before.in_flight, after.in_flight);
  compare("bytes_unread", "unread", before.unread, after.unread);
}

std::uint64_t bytes_in_flight(std::uint64_t queued, std::span<const std::byte> info) {
  constexpr Place unsent{"notsent_bytes", "", Unit::bytes, 144, 4};
  const std::uint64_t not_sent = read_at(info, unsent);
  const std::uint64_t sent = queued - std::min(queued, not_sent);
  const unsigned state = info.empty() ? 0 : std::to_integer<unsigned>(info[0]);
  // A FIN that waits behind unsent bytes is one of those.
  const bool fin_sent =
      not_sent == 0 && (state == fin_wait_1 || state == last_ack || state == closing);
  return fin_sent && sent > 0 ? sent - 1 : sent;
}

bool TcpChange::has_connection() const {
  return state == established || (state >= fin_wait_1 && state != closed && state != listen);
}

std::string tcp_change_text(const TcpChange& change, sys::TimePoint start) {
  const std::chrono::duration<double> since = change.time - start;
  std::string out = fmt::format("{:10.6f} ## fd {}:", since.count(), change.fd);
  const bool first = change.state_before == 0;
  if (first) {
    out += fmt::format(" {}", sys::tcp_state_name(change.state));
  } else if (change.state != change.state_before) {
    out += fmt::format(" {} -> {}", sys::tcp_state_name(change.state_before),
                       sys::tcp_state_name(change.state));
    // The kernel hands a connection in TIME-WAIT over, and calls the socket that it was closed.
    const bool our_fin_first = change.state_before == fin_wait_1 ||
                               change.state_before == fin_wait_2 || change.state_before == closing;
    if (our_fin_first && change.state == closed) out += " (or TIME-WAIT)";
  }
  std::string_view between = out.back() == ':' ? " " : "; ";
  for (const auto* const fields : {&change.fields, &change.queues}) {
    for (const TcpChange::Field& field : *fields) {
      out += between;
      between = ", ";
      out += field.word;
      if (!first) out += fmt::format(" {} ->", in_unit(field.before, field.unit));
      out += fmt::format(" {}", in_unit(field.after, field.unit));
    }
  }
  return out;
}

std::string tcp_change_json(const TcpChange& change, sys::TimePoint start) {
  const std::chrono::nanoseconds since = change.time - start;
  JsonObject info;
  info.add("state", sys::tcp_state_name(change.state));
  for (const TcpChange::Field& field : change.fields) {
    if (field.unit == Unit::microseconds) {
      info.add(fmt::format("{}_ns", field.name), of_microseconds(field.after).count());
    } else {
      info.add(field.name, field.after);
    }
  }
  JsonObject object;
  object.add("type", "tcp")
      .add("time_ns", since.count())
      .add("sockfd", change.fd)
      .add("tcp_info", info);
  for (const TcpChange::Field& field : change.queues) object.add(field.name, field.after);
  return object.text();
}

}  // namespace tcptool::trace
