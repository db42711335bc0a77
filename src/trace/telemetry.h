// SPDX-License-Identifier: MIT
// What is told of connections beside their calls, for those who want it: the bytes, what TCP_INFO
// says, and what the kernel's timestamps tell of a write or a read. What is asked of the kernel for
// it goes through the traced kernel, so that it is in the trace like every other call.
//
// It is bounded. Of at most most_looked_at connections TCP_INFO is read, every 10 ms at most. At
// most ten writes and ten reads a second are timed, and the kernel stamps no packets of the others:
// each stamp comes through the socket's error queue, where it raises POLLERR until it is taken. A
// kernel that refuses timestamps leaves them out.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "trace/journal.h"

namespace tcptool::trace {

class Telemetry {
 public:
  // `kernel`: the traced one.
  Telemetry(sys::Kernel& kernel, Journal& journal) : kernel_(kernel), journal_(journal) {}

  // Where nobody wants any of it, all that follows does nothing.
  [[nodiscard]] bool wanted() const {
    return journal_.wants_payload() || journal_.wants_telemetry();
  }

  // What the program does. Behind the call but for closes().
  void listens(int fd);
  void connects(int fd);
  void accepts(int fd);
  void closes(int fd);
  void watches(int fd, std::uint64_t token);  // with epoll
  void ignores(int fd);

  // In front of a call that writes to the socket, and behind it. `one_write`: not splice and its
  // kin, of which one call makes many writes, each of which would have timestamps of its own.
  void before_write(int fd, bool one_write);
  void wrote(int fd, std::span<const std::byte> bytes, const Event& event);
  // Whether the next read is to be a recvmsg, which tells when the bytes have arrived; and behind a
  // read, with the control data that it brought.
  [[nodiscard]] bool times_next_read(int fd);
  void read(int fd, std::span<const std::byte> bytes, const Event& event,
            std::span<const std::byte> control = {});
  // Bytes that went by without being seen.
  void moved(Payload::Direction direction, int fd, const Event& event);

  void take_tcp_info(int fd, std::span<const std::byte> info, const Event& event);

  // Behind each poll: looks at connections for which it is time.
  void look();
  // Takes the timestamps that raised POLLERR. Whether there were any: then what is ready must be
  // asked again, since POLLERR may have meant nothing else.
  bool take_stamps(std::span<const pollfd> fds);
  bool take_stamps(std::span<const epoll_event> events);

 private:
  struct PendingWrite {
    Timeline timeline;
    std::chrono::system_clock::time_point began;
  };
  struct Connection {
    std::uint64_t sent = 0;      // bytes
    std::uint64_t received = 0;  // bytes
    std::optional<sys::TimePoint> established;
    bool stamped = false;           // the kernel was asked for timestamps
    bool writes_stamped = false;    // for those of what is written
    bool arrivals_stamped = false;  // and of what arrives
    std::vector<std::byte> info;    // TCP_INFO, when it was last read
    sys::TimePoint info_read{};     // that was when
    Queues queues;                  // as they were told
    std::optional<Queues> asked;    // as just read, with what was not sent yet in in_flight
    std::deque<PendingWrite> pending;
    std::optional<std::uint64_t> token;
  };

  static constexpr std::size_t most_looked_at = 16;  // at once
  static constexpr std::size_t most_pending = 4;     // writes of a connection

  Connection* find(int fd);
  void establish(int fd, Connection& connection);
  void set_stamps(int fd, Connection& connection);
  void look_at(int fd, Connection& connection);
  bool take_stamps(int fd);
  void take(Connection& connection, const Stamp& stamp);
  // The first `count` of the pending writes, as far as they are known.
  void tell_pending(Connection& connection, std::size_t count);

  sys::Kernel& kernel_;
  Journal& journal_;
  std::map<int, Connection> connections_;  // by descriptor
  std::map<std::uint64_t, int> tokens_;    // of epoll, their descriptors
  int looked_at_ = -1;                     // the last one
  sys::TimePoint next_look_{};
  sys::TimePoint next_timed_write_{};
  sys::TimePoint next_timed_read_{};
  std::optional<std::chrono::system_clock::time_point> write_began_;  // of one that is timed
};

}  // namespace tcptool::trace
