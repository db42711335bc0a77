// SPDX-License-Identifier: MIT
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "tcp/connection.h"
#include "tcp/resolve.h"

namespace tcptool::tcp {
namespace {

using namespace std::chrono_literals;

// RFC 8305 section 8, "Connection Attempt Delay".
constexpr auto attempt_delay = 250ms;

// RFC 6298 section 2.1: the first retransmission comes after a second.
constexpr auto first_look = 1050ms;
// Where it is not there yet it is looked for again, less and less often.
constexpr sys::Clock::duration first_doubt = 50ms;
constexpr sys::Clock::duration longest_look = 1s;

// An attempt under way: its socket, and its place in the result.
struct Pending {
  sys::Fd fd;
  std::size_t attempt;
  sys::TimePoint started;
  std::vector<OptionReport> options;
  unsigned told_again = 0;   // retransmissions of the SYN that the observer knows of
  sys::TimePoint next_look;  // when another may have been sent
  sys::Clock::duration look_again{first_doubt};
};

int take_socket_error(sys::Kernel& kernel, int fd) {
  int error = 0;
  static_cast<void>(
      kernel.getsockopt(fd, SOL_SOCKET, SO_ERROR, std::as_writable_bytes(std::span(&error, 1))));
  return error;
}

// The handshake was completed, and a RST came before we could look.
bool reset_after_handshake(int error) {
  return error == ECONNRESET || error == EPIPE;
}

class Race {
 public:
  Race(sys::Waiter& waiter, const std::vector<sys::Address>& addresses, const ConnectPolicy& policy)
      : waiter_(waiter),
        kernel_(waiter.kernel()),
        policy_(policy),
        addresses_(interleave_families(addresses)),
        next_start_(kernel_.now()) {}

  ConnectResult run() {
    while (!result_.connection) {
      start_those_due();
      if (result_.connection) break;
      if (pending_.empty()) {
        if (next_ == addresses_.size()) break;
        continue;
      }
      if (!wait_for_news()) break;
    }
    for (const Pending& loser : pending_) end_attempt(loser, Attempt::End::abandoned);
    return std::move(result_);
  }

 private:
  Attempt& attempt_of(const Pending& pending) { return result_.attempts[pending.attempt]; }

  void start_those_due() {
    while (next_ < addresses_.size() && !result_.connection) {
      const bool due =
          policy_.sequential ? pending_.empty() : pending_.empty() || kernel_.now() >= next_start_;
      if (!due) return;
      start(addresses_[next_++]);
    }
  }

  void start(const sys::Address& peer) {
    const sys::TimePoint now = kernel_.now();
    next_start_ = now + attempt_delay;
    share_ends_ = share_of_time(now);
    result_.attempts.emplace_back().peer = with_zone_name(kernel_, peer);
    if (policy_.setup.source) result_.attempts.back().local = *policy_.setup.source;
    Pending pending{sys::Fd(), result_.attempts.size() - 1, now, {}, 0, now + first_look};
    auto socket = open_socket(kernel_, peer.family(), policy_.setup, pending.options);
    if (!socket) {
      attempt_of(pending).error = socket.error();
      attempt_of(pending).duration = kernel_.now() - now;
      next_start_ = now;
      return;
    }
    pending.fd = std::move(*socket);
    want_icmp_errors(kernel_, pending.fd.get(), peer.family(), true);
    const sys::Outcome connected = kernel_.connect(pending.fd.get(), peer);
    if (connected.ok()) {
      const auto info = read_tcp_info(kernel_, pending.fd.get());
      establish(std::move(pending), 0, info);
    } else if (connected.error == EINPROGRESS || connected.error == EINTR) {
      pending_.push_back(std::move(pending));
    } else {
      take_icmp(pending);
      fail(pending, connected.error);
    }
  }

  void take_icmp(const Pending& pending) {
    const auto icmp = take_icmp_error(kernel_, pending.fd.get());
    if (!icmp) return;
    Attempt& attempt = attempt_of(pending);
    if (!attempt.icmp) attempt.icmp_after = kernel_.now() - pending.started;
    attempt.icmp = icmp;
  }

  // In sequence each address has an equal share of what is left, so that a silent one leaves time
  // for the next.
  sys::Deadline share_of_time(sys::TimePoint now) const {
    if (!policy_.deadline || !policy_.sequential) return policy_.deadline;
    const auto left = std::max(*policy_.deadline - now, sys::Clock::duration::zero());
    const auto remaining = static_cast<std::int64_t>(addresses_.size() - next_ + 1);
    return now + left / remaining;
  }

  // False when time or the run is up.
  bool wait_for_news() {
    std::vector<pollfd> fds;
    fds.reserve(pending_.size());
    for (const Pending& pending : pending_) fds.push_back({pending.fd.get(), POLLOUT, 0});
    const bool more = next_ < addresses_.size() && !policy_.sequential;
    const sys::Deadline until = more ? sys::earlier(next_start_, policy_.deadline) : share_ends_;
    const auto wake = waiter_.wait(fds, sys::earlier(until, next_look()));
    if (!wake) {
      fail_all(wake.error());
      return false;
    }
    if (wake->interrupted()) {
      result_.wake = *wake;
      end_all(Attempt::End::interrupted);
      return false;
    }
    if (wake->reason == sys::Wake::Reason::ready) {
      take_news(fds);
      return true;
    }
    const sys::TimePoint now = kernel_.now();
    look_for_retransmissions(now);
    if (!until || now < *until) return true;
    const bool time_is_up = policy_.deadline && kernel_.now() >= *policy_.deadline;
    if (time_is_up || policy_.sequential) end_all(Attempt::End::timed_out);
    return !time_is_up;
  }

  sys::Deadline next_look() const {
    sys::Deadline next;
    if (policy_.observer == nullptr) return next;
    for (const Pending& pending : pending_) next = sys::earlier(next, pending.next_look);
    return next;
  }

  void look_for_retransmissions(sys::TimePoint now) {
    for (Pending& pending : pending_) {
      if (policy_.observer == nullptr || now < pending.next_look) continue;
      const auto info = read_tcp_info(kernel_, pending.fd.get());
      const unsigned again = info ? info->total_retrans.value_or(0) : 0;
      if (again <= pending.told_again) {
        pending.next_look = now + pending.look_again;
        pending.look_again = std::min(pending.look_again * 2, longest_look);
        continue;
      }
      pending.told_again = again;
      pending.look_again = first_doubt;
      pending.next_look = now + info->rto.value_or(1s);
      policy_.observer->syn_sent_again(attempt_of(pending), again + 1, now - pending.started);
    }
  }

  void take_news(const std::vector<pollfd>& fds) {
    std::vector<Pending> still;
    for (std::size_t i = 0; i < fds.size(); ++i) {
      Pending pending = std::move(pending_[i]);
      if (fds[i].revents == 0 || result_.connection || !conclude(pending)) {
        still.push_back(std::move(pending));
      }
    }
    pending_ = std::move(still);
  }

  // Whether the attempt has come to an end. An error alone does not prove it: a passing ICMP error
  // leaves the socket in SYN-SENT, and the kernel goes on trying.
  bool conclude(Pending& pending) {
    const int fd = pending.fd.get();
    Attempt& attempt = attempt_of(pending);
    const std::optional<TcpInfo> info = read_tcp_info(kernel_, fd);
    const State state = info ? info->state : State::unknown;
    const bool undecided =
        state == State::syn_sent || state == State::closed || state == State::unknown;
    if (!undecided) {
      establish(std::move(pending), 0, info);
      return true;
    }
    const int error = take_socket_error(kernel_, fd);
    take_icmp(pending);
    if (state == State::syn_sent) {
      attempt.error = {sys::Syscall::connect, error, ""};
      if (attempt.icmp && policy_.observer != nullptr) policy_.observer->soft_error(attempt);
      return false;
    }
    if (reset_after_handshake(error)) {
      establish(std::move(pending), error, info);
    } else if (error == 0 && !attempt.icmp && state == State::unknown) {
      establish(std::move(pending), 0, info);
    } else {
      fail(pending, error != 0 || !attempt.icmp ? error : attempt.icmp->error);
    }
    return true;
  }

  void establish(Pending pending, int error, const std::optional<TcpInfo>& info) {
    const int fd = pending.fd.get();
    Attempt& attempt = attempt_of(pending);
    const sys::TimePoint now = kernel_.now();
    want_icmp_errors(kernel_, fd, attempt.peer.family(), false);
    const sys::Address local = local_address(kernel_, fd);
    if (local == attempt.peer.unmapped()) {
      // The port was free, the kernel chose it for our end too, and our SYN met our own socket
      // (RFC 9293 section 3.5, simultaneous open).
      attempt.met_itself = true;
      return fail(pending, ECONNREFUSED);
    }
    attempt.info = info;
    attempt.duration = now - pending.started;
    attempt.end = Attempt::End::connected;
    Connection connection;
    connection.local = local;
    connection.peer = attempt.peer.unmapped();
    connection.active = true;
    connection.error = error;
    connection.established = now;
    if (info) connection.path_mtu = info->path_mtu;
    const bool measured = attempt.info && attempt.info->rtt && attempt.info->rtt->count() > 0;
    connection.handshake =
        measured ? std::chrono::nanoseconds(*attempt.info->rtt) : attempt.duration;
    connection.fd = std::move(pending.fd);
    result_.connection = std::move(connection);
    result_.options = std::move(pending.options);
  }

  void fail(const Pending& pending, int error) {
    Attempt& attempt = attempt_of(pending);
    attempt.error = {sys::Syscall::connect, error, attempt.peer.text()};
    end_attempt(pending, Attempt::End::failed);
    next_start_ = kernel_.now();
  }

  void end_attempt(const Pending& pending, Attempt::End end) {
    Attempt& attempt = attempt_of(pending);
    attempt.end = end;
    attempt.duration = kernel_.now() - pending.started;
    attempt.info = read_tcp_info(kernel_, pending.fd.get());
    if (end == Attempt::End::timed_out) {
      attempt.syn_unsent = holds_unsent_segment(kernel_, pending.fd.get());
    }
  }

  void end_all(Attempt::End end) {
    for (const Pending& pending : pending_) end_attempt(pending, end);
    pending_.clear();
  }

  void fail_all(const sys::SysError& error) {
    for (const Pending& pending : pending_) attempt_of(pending).error = error;
    end_all(Attempt::End::failed);
  }

  sys::Waiter& waiter_;
  sys::Kernel& kernel_;
  const ConnectPolicy& policy_;
  std::vector<sys::Address> addresses_;
  std::size_t next_ = 0;
  sys::TimePoint next_start_;
  sys::Deadline share_ends_;
  std::vector<Pending> pending_;
  ConnectResult result_;
};

}  // namespace

ConnectResult connect(sys::Waiter& waiter, const std::vector<sys::Address>& addresses,
                      const ConnectPolicy& policy) {
  return Race(waiter, addresses, policy).run();
}

}  // namespace tcptool::tcp
