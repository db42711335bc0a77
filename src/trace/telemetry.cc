// SPDX-License-Identifier: MIT
#include "trace/telemetry.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <array>

#include "sys/message.h"
#include "sys/names.h"

namespace tcptool::trace {
namespace {

using namespace std::chrono_literals;
using Direction = Payload::Direction;

constexpr auto look_interval = 10ms;
constexpr auto sample_interval = 100ms;

// SOF_TIMESTAMPING_... of linux/net_tstamp.h. OPT_ID: a stamp names its byte; OPT_TSONLY: it comes
// without the packet.
constexpr int of_software = 1 << 4;
constexpr int of_arrival = 1 << 3;
constexpr int of_writes = 1 << 1 | 1 << 8 | 1 << 9;  // TX_SOFTWARE, TX_SCHED, TX_ACK
constexpr int with_id_alone = 1 << 7 | 1 << 11;

std::optional<std::chrono::nanoseconds> between(std::chrono::system_clock::time_point began,
                                                std::chrono::system_clock::time_point stamp,
                                                std::chrono::system_clock::time_point now) {
  // The clock is the world's, and may have been set meanwhile: then nothing is known.
  if (stamp < began || stamp > now) return std::nullopt;
  return stamp - began;
}

}  // namespace

Telemetry::Connection* Telemetry::find(int fd) {
  if (connections_.empty()) return nullptr;
  const auto found = connections_.find(fd);
  return found == connections_.end() ? nullptr : &found->second;
}

// What arrives before it is accepted is stamped as well: accepted sockets inherit it.
void Telemetry::listens(int fd) {
  if (!journal_.wants_telemetry()) return;
  const int flags = of_software | of_arrival;
  static_cast<void>(
      kernel_.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, std::as_bytes(std::span(&flags, 1))));
}

void Telemetry::connects(int fd) {
  if (wanted()) connections_[fd] = {};
}

void Telemetry::accepts(int fd) {
  if (!wanted()) return;
  Connection& connection = connections_[fd];
  connection = {};
  connection.arrivals_stamped = true;  // as the listening socket's are
  establish(fd, connection);
}

// From here on nothing has been sent yet, so that the stamps count bytes as we do.
void Telemetry::establish(int fd, Connection& connection) {
  connection.established = kernel_.now();
  if (journal_.wants_telemetry()) set_stamps(fd, connection);
}

void Telemetry::set_stamps(int fd, Connection& connection) {
  const int flags = of_software | with_id_alone | (connection.writes_stamped ? of_writes : 0) |
                    (connection.arrivals_stamped ? of_arrival : 0);
  connection.stamped =
      kernel_.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, std::as_bytes(std::span(&flags, 1))).ok();
}

void Telemetry::closes(int fd) {
  Connection* const connection = find(fd);
  if (connection == nullptr) return;
  if (!connection->pending.empty()) take_stamps(fd);
  tell_pending(*connection, connection->pending.size());
  ignores(fd);
  connections_.erase(fd);
}

void Telemetry::watches(int fd, std::uint64_t token) {
  Connection* const connection = find(fd);
  if (connection == nullptr) return;
  connection->token = token;
  tokens_[token] = fd;
}

void Telemetry::ignores(int fd) {
  Connection* const connection = find(fd);
  if (connection == nullptr || !connection->token) return;
  tokens_.erase(*connection->token);
  connection->token.reset();
}

void Telemetry::before_write(int fd, bool one_write) {
  write_began_.reset();
  Connection* const connection = find(fd);
  if (connection == nullptr || !connection->stamped) return;
  const bool timed =
      one_write && connection->pending.size() < most_pending && kernel_.now() >= next_timed_write_;
  if (timed != connection->writes_stamped) {
    connection->writes_stamped = timed;
    set_stamps(fd, *connection);
  }
  if (timed && connection->stamped) write_began_ = kernel_.wall_clock();
}

void Telemetry::wrote(int fd, std::span<const std::byte> bytes, const Event& event) {
  Connection* const connection = find(fd);
  if (connection == nullptr || event.outcome.value <= 0) return;
  bytes = bytes.first(std::min(bytes.size(), event.outcome.as_size()));
  if (write_began_) {
    Timeline timeline;
    timeline.fd = fd;
    timeline.time = event.start;
    timeline.offset = connection->sent;
    timeline.size = bytes.size();
    connection->pending.push_back({timeline, *write_began_});
    next_timed_write_ = event.start + sample_interval;
  }
  if (journal_.wants_payload()) {
    journal_.tell_payload({Direction::sent, fd, connection->sent, bytes, event.start});
  }
  connection->sent += bytes.size();
}

bool Telemetry::times_next_read(int fd) {
  const Connection* const connection = find(fd);
  return connection != nullptr && connection->stamped && connection->arrivals_stamped &&
         kernel_.now() >= next_timed_read_;
}

void Telemetry::read(int fd, std::span<const std::byte> bytes, const Event& event,
                     std::span<const std::byte> control) {
  Connection* const connection = find(fd);
  if (connection == nullptr || event.outcome.value <= 0) return;
  bytes = bytes.first(std::min(bytes.size(), event.outcome.as_size()));
  const auto stamp = stamp_of(control);
  if (stamp && stamp->kind == Stamp::Kind::received) {
    const auto now = kernel_.wall_clock();
    Timeline timeline;
    timeline.direction = Direction::received;
    timeline.fd = fd;
    timeline.time = event.start;
    timeline.offset = connection->received;
    timeline.size = bytes.size();
    timeline.waited = between(stamp->time, now, now);
    if (timeline.waited) journal_.tell_timeline(timeline);
    next_timed_read_ = event.start + sample_interval;
  }
  if (journal_.wants_payload()) {
    journal_.tell_payload({Direction::received, fd, connection->received, bytes, event.start});
  }
  connection->received += bytes.size();
}

void Telemetry::moved(Direction direction, int fd, const Event& event) {
  Connection* const connection = find(fd);
  if (connection == nullptr) return;
  (direction == Direction::sent ? connection->sent : connection->received) +=
      event.outcome.as_size();
}

// --------------------------------------------------------------------------------- what TCP says

void Telemetry::take_tcp_info(int fd, std::span<const std::byte> info, const Event& event) {
  Connection* const connection = journal_.wants_telemetry() ? find(fd) : nullptr;
  if (connection == nullptr) return;
  TcpChange change = compare_tcp_info(connection->info, info);
  if (connection->asked) {
    const Queues queues{bytes_in_flight(connection->asked->in_flight, info),
                        connection->asked->unread};
    compare_queues(change, connection->queues, queues);
    connection->queues = queues;
    connection->asked.reset();
  }
  connection->info.assign(info.begin(), info.end());
  connection->info_read = event.start;
  if (!change.empty()) {
    change.fd = fd;
    change.time = event.start;
    journal_.tell_tcp_change(change);
  }
  if (!connection->established && change.has_connection()) establish(fd, *connection);
}

void Telemetry::look() {
  if (connections_.empty() || !journal_.wants_telemetry()) return;
  const sys::TimePoint now = kernel_.now();
  if (now < next_look_) return;
  next_look_ = now + look_interval;
  auto next = connections_.upper_bound(looked_at_);
  for (std::size_t left = std::min(connections_.size(), most_looked_at); left > 0; --left) {
    if (next == connections_.end()) next = connections_.begin();
    looked_at_ = next->first;
    if (now - next->second.info_read >= look_interval) look_at(next->first, next->second);
    ++next;
  }
}

// The first socket of a host that asks when packets arrive makes the kernel patch its own code, 0.2
// ms of all processors: a connection that is over at once does without.
void Telemetry::look_at(int fd, Connection& connection) {
  if (connection.stamped && !connection.arrivals_stamped &&
      kernel_.now() - *connection.established >= look_interval) {
    connection.arrivals_stamped = true;
    set_stamps(fd, connection);
  }
  int unsent = 0;  // and unacknowledged
  int unread = 0;
  if (connection.established && kernel_.ioctl(fd, TIOCOUTQ, unsent).ok() &&
      kernel_.ioctl(fd, FIONREAD, unread).ok()) {
    connection.asked = Queues{static_cast<std::uint64_t>(std::max(unsent, 0)),
                              static_cast<std::uint64_t>(std::max(unread, 0))};
  }
  constexpr std::size_t roomy = 512;  // newer kernels write more than this build knows
  std::array<std::byte, roomy> info{};
  const sys::SocketOptionInfo& option = *sys::find_socket_option("TCP_INFO");
  // Comes back as take_tcp_info().
  static_cast<void>(kernel_.getsockopt(fd, option.level, option.number, info));
}

// ------------------------------------------------------------------------ what the stamps say

bool Telemetry::take_stamps(std::span<const pollfd> fds) {
  bool any = false;
  for (const pollfd& fd : fds) {
    if ((fd.revents & POLLERR) != 0) any = take_stamps(fd.fd) || any;
  }
  return any;
}

bool Telemetry::take_stamps(std::span<const epoll_event> events) {
  bool any = false;
  for (const epoll_event& event : events) {
    const auto found = tokens_.find(std::uint64_t{event.data.u64});  // it is packed: a copy
    if ((event.events & EPOLLERR) == 0 || found == tokens_.end()) continue;
    any = take_stamps(found->second) || any;
  }
  return any;
}

bool Telemetry::take_stamps(int fd) {
  constexpr int most_at_once = 64;
  Connection* const connection = find(fd);
  if (connection == nullptr || !connection->stamped) return false;
  bool any = false;
  for (int i = 0; i < most_at_once; ++i) {
    std::array<std::byte, 1> nothing{};
    sys::Message<256> message(nothing);
    if (!kernel_.recvmsg(fd, message.header, MSG_ERRQUEUE | MSG_DONTWAIT).ok()) break;
    any = true;
    if (const auto stamp = stamp_of(message.control())) take(*connection, *stamp);
  }
  return any;
}

void Telemetry::take(Connection& connection, const Stamp& stamp) {
  const auto now = kernel_.wall_clock();
  for (std::size_t i = 0; i < connection.pending.size(); ++i) {
    auto& [timeline, began] = connection.pending[i];
    const auto last_byte = static_cast<std::uint32_t>(timeline.offset + timeline.size - 1);
    if (last_byte != stamp.byte) continue;
    const auto time = between(began, stamp.time, now);
    switch (stamp.kind) {
      case Stamp::Kind::scheduled:
        if (!timeline.scheduled) timeline.scheduled = time;  // not of a retransmission
        return;
      case Stamp::Kind::sent:
        if (!timeline.sent) timeline.sent = time;
        return;
      case Stamp::Kind::acknowledged:
        timeline.acknowledged = time;
        return tell_pending(connection, i + 1);
      case Stamp::Kind::received:
        return;
    }
  }
}

void Telemetry::tell_pending(Connection& connection, std::size_t count) {
  for (; count > 0; --count) {
    journal_.tell_timeline(connection.pending.front().timeline);
    connection.pending.pop_front();
  }
}

}  // namespace tcptool::trace
