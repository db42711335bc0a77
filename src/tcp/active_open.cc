// SPDX-License-Identifier: MIT
#include "tcp/active_open.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>

#include "sys/host_network.h"

namespace tcptool::tcp {
namespace {

using namespace std::chrono_literals;

// RFC 6298 section 2.1: the first retransmission comes after a second.
constexpr auto first_look = 1050ms;
// Where it is not there yet it is looked for again, less and less often.
constexpr sys::Clock::duration first_doubt = 50ms;
constexpr sys::Clock::duration longest_look = 1s;

int take_socket_error(sys::Kernel& kernel, int fd) {
  int error = 0;
  static_cast<void>(
      kernel.getsockopt(fd, SOL_SOCKET, SO_ERROR, std::as_writable_bytes(std::span(&error, 1))));
  return error;
}

// How old the segment with this timestamp is, by the clock of the socket's own ones, which counts
// milliseconds. Nothing where it is older than `most`, so that the kernel counts otherwise.
std::optional<std::chrono::nanoseconds> age_of(sys::Kernel& kernel, int fd, std::uint32_t timestamp,
                                               std::chrono::nanoseconds most) {
  std::uint32_t now = 0;
  const auto bytes = std::as_writable_bytes(std::span(&now, 1));
  if (!kernel.getsockopt(fd, IPPROTO_TCP, TCP_TIMESTAMP, bytes).ok()) return std::nullopt;
  const std::chrono::milliseconds age(static_cast<std::int32_t>(now - timestamp));
  constexpr auto after_now = -1ms;  // a newer kernel takes the lowest bit of `now` for a flag
  constexpr auto reading = 50ms;    // may pass between two looks at the clock
  if (age < after_now || age > most + reading) return std::nullopt;
  return std::max(age, 0ms);
}

// The handshake was completed, and a RST came before we could look.
bool reset_after_handshake(int error) {
  return error == ECONNRESET || error == EPIPE;
}

}  // namespace

ActiveOpen::ActiveOpen(sys::Kernel& kernel, const sys::Address& peer, const SocketSetup& setup)
    : kernel_(&kernel),
      family_(peer.family()),
      started_(kernel.now()),
      next_look_(started_ + first_look),
      look_again_(first_doubt) {
  attempt_.peer = with_zone_name(kernel, peer).unmapped();
  if (setup.source) attempt_.local = *setup.source;
  auto socket = open_socket(kernel, family_, setup, options_);
  if (!socket) {
    attempt_.error = socket.error();
    attempt_.duration = kernel.now() - started_;
    return;
  }
  fd_ = std::move(*socket);
  under_way_ = true;
  want_icmp_errors(kernel, fd_.get(), family_, true);
  const sys::Outcome connected = kernel.connect(fd_.get(), peer);
  if (connected.ok()) {
    establish(0, read_tcp_info(kernel, fd_.get()));
  } else if (connected.error != EINPROGRESS && connected.error != EINTR) {
    take_icmp();
    fail_to_connect(connected.error);
  }
}

void ActiveOpen::take_icmp() {
  const auto icmp = take_icmp_error(*kernel_, fd_.get());
  if (!icmp) return;
  if (!attempt_.icmp) {
    attempt_.icmp_after = kernel_->now() - started_;
    if (icmp->timestamp) {
      attempt_.icmp_delay = age_of(*kernel_, fd_.get(), *icmp->timestamp, attempt_.icmp_after);
    }
  }
  attempt_.icmp = icmp;
}

// The kernel counts a timeout even where no segment leaves for it, and never makes up for that:
// whether any leaves now, the last ones tell.
void ActiveOpen::note_timeouts(const std::optional<TcpInfo>& info) {
  if (!info || !info->retransmits || !info->total_retrans) return;
  if (*info->retransmits > timeouts_) attempt_.syn_stayed = *info->total_retrans == left_again_;
  timeouts_ = *info->retransmits;
  left_again_ = *info->total_retrans;
}

void ActiveOpen::look_for_retransmission(sys::TimePoint now, ConnectObserver* observer) {
  const auto info = read_tcp_info(*kernel_, fd_.get());
  const std::uint32_t before = left_again_;
  note_timeouts(info);
  if (left_again_ <= before) {
    next_look_ = now + look_again_;
    look_again_ = std::min(look_again_ * 2, longest_look);
    return;
  }
  look_again_ = first_doubt;
  next_look_ = now + info->rto.value_or(1s);
  if (observer != nullptr) observer->syn_sent_again(attempt_, left_again_ + 1, now - started_);
}

// An error alone does not prove that the attempt has come to an end: a passing ICMP error leaves
// the socket in SYN-SENT, and the kernel goes on trying.
void ActiveOpen::take_news(ConnectObserver* observer) {
  const std::optional<TcpInfo> info = read_tcp_info(*kernel_, fd_.get());
  const State state = info ? info->state : State::unknown;
  const bool undecided =
      state == State::syn_sent || state == State::closed || state == State::unknown;
  if (!undecided) return establish(0, info);
  const int error = take_socket_error(*kernel_, fd_.get());
  take_icmp();
  if (state == State::syn_sent) {
    attempt_.error = {sys::Syscall::connect, error, ""};
    if (attempt_.icmp && observer != nullptr) observer->soft_error(attempt_);
  } else if (reset_after_handshake(error)) {
    establish(error, info);
  } else if (error == 0 && !attempt_.icmp && state == State::unknown) {
    establish(0, info);
  } else {
    fail_to_connect(error != 0 || !attempt_.icmp ? error : attempt_.icmp->error);
  }
}

void ActiveOpen::establish(int error, const std::optional<TcpInfo>& info) {
  const sys::TimePoint now = kernel_->now();
  want_icmp_errors(*kernel_, fd_.get(), family_, false);
  const sys::Address local = local_address(*kernel_, fd_.get());
  if (local == attempt_.peer) {
    // The port was free, the kernel chose it for our end too, and our SYN met our own socket
    // (RFC 9293 section 3.5, simultaneous open).
    attempt_.met_itself = true;
    return fail_to_connect(ECONNREFUSED);
  }
  attempt_.info = info;
  attempt_.duration = now - started_;
  attempt_.end = Attempt::End::connected;
  Connection connection;
  connection.local = local;
  connection.peer = attempt_.peer;
  connection.active = true;
  connection.error = error;
  connection.established = now;
  if (info) connection.path_mtu = info->path_mtu;
  const bool measured = info && info->rtt && info->rtt->count() > 0;
  connection.handshake = measured ? std::chrono::nanoseconds(*info->rtt) : attempt_.duration;
  connection.opening = attempt_.duration;
  connection.syns += info ? info->total_retrans.value_or(0) : 0;
  connection.fd = std::move(fd_);
  connection_ = std::move(connection);
  under_way_ = false;
}

void ActiveOpen::fail_to_connect(int error) {
  fail({sys::Syscall::connect, error, attempt_.peer.text()});
}

void ActiveOpen::fail(const sys::SysError& error) {
  attempt_.error = error;
  end(Attempt::End::failed);
}

unsigned ActiveOpen::sent_again() const {
  const auto info = under_way_ ? read_tcp_info(*kernel_, fd_.get()) : attempt_.info;
  return info ? info->total_retrans.value_or(0) : 0;
}

void ActiveOpen::know_drops(std::optional<bool> dropped) {
  if (sent_again() > 0) attempt_.dropped_here = dropped;
}

void ActiveOpen::end(Attempt::End end) {
  attempt_.end = end;
  attempt_.duration = kernel_->now() - started_;
  attempt_.info = read_tcp_info(*kernel_, fd_.get());
  note_timeouts(attempt_.info);
  const bool given_up = end == Attempt::End::timed_out || end == Attempt::End::interrupted;
  if (given_up) attempt_.syn_unsent = holds_unsent_segment(*kernel_, fd_.get());
  const int error = attempt_.error.error;
  const bool in_vain = error == ETIMEDOUT || error == ENETDOWN || sys::is_routing_error(error);
  if (given_up || (end == Attempt::End::failed && !attempt_.icmp && in_vain)) {
    attempt_.syn_source = local_address(*kernel_, fd_.get()).with_port(0);
  }
  static_cast<void>(fd_.close());
  under_way_ = false;
}

}  // namespace tcptool::tcp
