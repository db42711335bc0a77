// SPDX-License-Identifier: MIT
#include "relay/relay.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tcptool::relay {
namespace {

using namespace std::chrono_literals;
using sys::Syscall;

constexpr auto silence_before_telling = 1s;
constexpr auto longest_ack_check = 50ms;

}  // namespace

struct Relay::PollSet {
  std::array<pollfd, 3> fds;
  [[nodiscard]] short input() const { return fds[0].revents; }
  [[nodiscard]] short socket() const { return fds[1].revents; }
  [[nodiscard]] short output() const { return fds[2].revents; }
};

Relay::Relay(sys::Waiter& waiter, const tcp::Connection& connection, LocalStream& input,
             LocalStream& output, const RelayPolicy& policy, RelayObserver& observer)
    : waiter_(waiter),
      kernel_(waiter.kernel()),
      connection_(connection),
      input_(input),
      output_(output),
      policy_(policy),
      observer_(observer),
      outbound_(policy.recv_only ? 0 : buffer_size),
      inbound_(buffer_size),
      outbound_path_(outbound_path(kernel_, input, connection.fd.get(), policy)),
      inbound_path_(inbound_path(kernel_, connection.fd.get(), output, policy)),
      crlf_input_(policy.crlf ? buffer_size / 2 : 0),
      acked_seen_(connection.active ? 1 : 0),
      last_activity_(connection.established),
      last_stdin_(connection.established) {
  end_.stdin_is_terminal = input_.kind() == LocalStream::Kind::terminal;
  if (policy_.recv_only) {
    reading_stdin_ = false;
    end_.stdin_at_eof = true;
  }
  if (policy_.progress_interval.count() > 0) {
    next_progress_ = connection_.established + policy_.progress_interval;
  }
  if (connection_.error != 0) lose_connection(Syscall::connect, connection_.error);
}

RelayEnd Relay::run() {
  while (true) {
    advance();
    if (ended_) break;
    take_paths();
    PollSet set = poll_set();
    const auto wake = waiter_.wait(set.fds, next_deadline());
    if (!wake) {
      end_.error = wake.error();
      finish(RelayEnd::Reason::connection_lost);
    } else if (wake->reason == sys::Wake::Reason::signal) {
      end_.signal = wake->signal;
      finish(RelayEnd::Reason::signal);
    } else if (wake->reason == sys::Wake::Reason::run_deadline) {
      finish(RelayEnd::Reason::run_timeout);
    } else {
      if (wake->reason == sys::Wake::Reason::ready) take_events(set);
      take_time();
    }
  }
  summarize();
  return end_;
}

// What to wait for: a direction's reader while its buffer has room, its writer while it holds
// something; on a path only one of both. A descriptor of -1 is skipped by poll; events of 0 still
// report errors and hang-ups.
Relay::PollSet Relay::poll_set() {
  outbound_.make_room();
  inbound_.make_room();
  if (may_read_socket()) socket_shouts_ = false;

  PollSet set{{{{-1, 0, 0}, {-1, 0, 0}, {-1, 0, 0}}}};
  if (may_read_stdin() && !lost_) set.fds[0] = {input_.fd(), POLLIN, 0};

  const bool both_closed = end_.fin_sent && end_.peer_fin;
  const bool over = both_closed || (lost_ && !reading_socket_);
  if (!over && !socket_shouts_) {
    const bool want_out = outbound_waits() && !lost_;
    const int events = (may_read_socket() ? POLLIN : 0) | (want_out ? POLLOUT : 0);
    set.fds[1] = {connection_.fd.get(), static_cast<short>(events), 0};
  }

  const bool tells_of_reader = output_.kind() == LocalStream::Kind::pipe ||
                               output_.kind() == LocalStream::Kind::socket ||
                               output_.kind() == LocalStream::Kind::terminal;
  if (stdout_open_ && (inbound_waits() || (tells_of_reader && !policy_.send_only))) {
    const short events = inbound_waits() ? short{POLLOUT} : short{0};
    set.fds[2] = {output_.fd(), events, 0};
  }
  return set;
}

sys::Deadline Relay::next_deadline() {
  // A lost connection brings nothing more: what is there is read at once, without waiting.
  if (lost_ && may_read_socket()) return kernel_.now();
  sys::Deadline deadline = sys::earlier(next_ack_check_, next_progress_);
  if (!lost_) deadline = sys::earlier(deadline, next_sample_);
  if (idle_clock_runs()) {
    deadline = sys::earlier(deadline, last_activity_ + policy_.idle_timeout);
  }
  if (silent_after_peer_fin()) {
    if (!silence_told_) {
      deadline = sys::earlier(deadline, silent_since() + silence_before_telling);
    }
    if (policy_.linger) deadline = sys::earlier(deadline, silent_since() + *policy_.linger);
  }
  return deadline;
}

void Relay::take_events(const PollSet& set) {
  const bool closed = (set.socket() & (POLLHUP | POLLERR)) == POLLHUP;
  if (outbound_on_path() && closed) presume_reset(Syscall::send);
  take_input(set);
  take_socket(set);
  take_output(set);
}

void Relay::take_input(const PollSet& set) {
  if (outbound_on_path()) {
    if ((outbound_path_.awaits_sink() ? set.socket() & ~POLLIN : set.input()) != 0) move_outbound();
    return;
  }
  if (set.input() != 0 && !lost_) read_stdin();
  // Straight on to the socket: it nearly always takes what has just been read.
  if (!outbound_.empty() && !lost_) write_socket();
}

void Relay::take_socket(const PollSet& set) {
  if ((set.socket() & (POLLIN | POLLERR | POLLHUP)) == 0) return;
  if (!reading_socket_) {
    read_info();
    take_socket_error();
  } else if (!may_read_socket()) {
    socket_shouts_ = true;
  } else if (inbound_on_path()) {
    move_inbound();
  } else {
    read_socket();
  }
}

void Relay::take_output(const PollSet& set) {
  const bool writable = (set.output() & POLLOUT) != 0;
  const bool reader_gone = (set.output() & (POLLERR | POLLHUP)) != 0 && !writable;
  if (reader_gone && stdout_open_) {
    lose_stdout(EPIPE);
  } else if (inbound_on_path()) {
    if (writable) move_inbound();
  } else if (!inbound_.empty() && (writable || !output_.may_block())) {
    write_stdout();
  }
}

void Relay::take_time() {
  const sys::TimePoint now = kernel_.now();
  if (next_sample_ && !lost_ && now >= *next_sample_) take_sample();
  if (next_progress_ && now >= *next_progress_) tell_progress(now);
  if (silent_after_peer_fin()) {
    if (!silence_told_ && now >= silent_since() + silence_before_telling) {
      silence_told_ = true;
      if (!policy_.keepalive_set) tcp::probe_silent_peer(kernel_, connection_.fd.get());
      observer_.stdin_silent_after_peer_fin();
    }
    if (policy_.linger && now >= silent_since() + *policy_.linger) stop_stdin();
  }
  if (idle_clock_runs() && now >= last_activity_ + policy_.idle_timeout) {
    // An acknowledgement is activity too, and no event tells of it.
    read_info();
    const std::uint64_t acked =
        latest_info_ ? latest_info_->bytes_acked.value_or(acked_seen_) : acked_seen_;
    if (acked > acked_seen_) {
      acked_seen_ = acked;
      const auto ago = latest_info_->last_ack_received.value_or(0ms);
      last_activity_ = std::max(last_activity_, now - ago);
    }
    if (now >= last_activity_ + policy_.idle_timeout) finish(RelayEnd::Reason::idle_timeout);
  }
}

// Does what has become possible, and ends the run when nothing is left to do.
void Relay::advance() {
  if (ended_) return;
  if (lost_ && may_read_socket()) read_socket();
  if (!reading_socket_ && inbound_.empty() && stdout_open_) close_stdout();
  if (ended_) return;
  if (lost_) {
    if (!reading_socket_ && (inbound_.empty() || !stdout_open_)) {
      finish(RelayEnd::Reason::connection_lost);
    }
    return;
  }
  // Without a FIN of ours the peer's ends the run.
  if (!policy_.half_close && end_.peer_fin && inbound_.empty()) stop_stdin();
  if (stdin_is_over() && outbound_.empty() && policy_.half_close && !policy_.recv_only &&
      !end_.fin_sent) {
    send_fin();
    if (lost_) return advance();
  }
  if (!outbound_finished() || !inbound_finished()) return;
  const sys::TimePoint now = kernel_.now();
  if (next_ack_check_ && now < *next_ack_check_) return;
  if (everything_acknowledged()) return finish(RelayEnd::Reason::complete);
  if (lost_) return advance();
  next_ack_check_ = now + ack_check_interval_;
  ack_check_interval_ =
      std::min<std::chrono::milliseconds>(ack_check_interval_ * 2, longest_ack_check);
}

bool Relay::outbound_finished() const {
  const bool fin_due = policy_.half_close && !policy_.recv_only;
  return stdin_is_over() && outbound_.empty() && (end_.fin_sent || !fin_due);
}

bool Relay::inbound_finished() const {
  return discarding() || (end_.peer_fin && inbound_.empty());
}

sys::TimePoint Relay::silent_since() const {
  return std::max(peer_fin_at_, last_stdin_);
}

// Off after both ends of file; suspended while all that we wait for is our own stdout.
bool Relay::idle_clock_runs() const {
  if (policy_.idle_timeout.count() == 0 || lost_) return false;
  const bool both_at_end = !reading_stdin_ && end_.peer_fin;
  const bool stdout_stuck = inbound_waits() && !outbound_waits();
  return !both_at_end && !stdout_stuck;
}

// With --send-only the peer's own end is not awaited, so its kernel's word on our FIN is.
bool Relay::everything_acknowledged() {
  const bool fin_counts = policy_.send_only && end_.fin_sent && !end_.peer_fin;
  read_info();
  const tcp::State state = latest_info_ ? latest_info_->state : tcp::State::unknown;
  if (state == tcp::State::closed) take_socket_error();
  if (lost_) return false;
  return unacknowledged() == 0 && !(fin_counts && state == tcp::State::fin_wait_1);
}

void Relay::finish(RelayEnd::Reason reason) {
  ended_ = true;
  end_.reason = reason;
}

// Where nothing is to be read. An unread FIN, which takes memory as well, came in order.
bool Relay::holds_later_data() {
  const bool came = !latest_info_ || latest_info_->rcv_ooopack.value_or(1) > 0;
  return came && tcp::holds_received(kernel_, connection_.fd.get());
}

void Relay::summarize() {
  // It was read just now, or nothing changes any more.
  const bool known = end_.reason == RelayEnd::Reason::complete ||
                     end_.reason == RelayEnd::Reason::idle_timeout ||
                     (latest_info_ && latest_info_->state == tcp::State::closed);
  if (!known) read_info();
  const std::uint64_t in_doubt = unacknowledged();
  end_.delivered = end_.sent - in_doubt;
  end_.undelivered = in_doubt + outbound_.size() + outbound_path_.held();
  end_.unwritten = end_.stdout_gone ? 0 : inbound_.size() + inbound_path_.held();
  end_.stdout_stuck = inbound_waits();
  int unread = 0;
  if (!lost_ && !end_.peer_fin && kernel_.ioctl(connection_.fd.get(), FIONREAD, unread).ok()) {
    end_.unread = static_cast<std::uint64_t>(std::max(unread, 0));
    const bool timed_out = end_.reason == RelayEnd::Reason::idle_timeout ||
                           end_.reason == RelayEnd::Reason::run_timeout;
    end_.gap = timed_out && unread == 0 && !end_.stdout_stuck && holds_later_data();
  }
  end_.info = latest_info_;
  outbound_path_.put_back();
  inbound_path_.put_back();
  const sys::TimePoint now = kernel_.now();
  end_.duration = now - connection_.established;
  end_.silence = now - last_activity_;
}

}  // namespace tcptool::relay
