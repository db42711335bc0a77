// SPDX-License-Identifier: MIT
// The relay's single steps: one call each, and what its outcome means.
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "relay/relay.h"

namespace tcptool::relay {
namespace {

using sys::Syscall;

}  // namespace

void Relay::read_stdin() {
  const auto room = outbound_.room();
  const auto target =
      policy_.crlf ? std::span(crlf_input_).first(std::min(crlf_input_.size(), room.size() / 2))
                   : room;
  const sys::Outcome got =
      outbound_path_.held() > 0 ? outbound_path_.read_held(target) : input_.read(target);
  if (got.again()) return;
  if (!got.ok()) {
    end_.stdin_error = sys::SysError{Syscall::read, got.error, "stdin"};
    stop_stdin();
    return;
  }
  if (got.value == 0) {
    end_.stdin_at_eof = true;
    stop_stdin();
    return;
  }
  outbound_.commit(policy_.crlf ? crlf_.translate(target.first(got.as_size()), room)
                                : got.as_size());
  last_stdin_ = kernel_.now();
  ++end_.stdin_reads;
}

void Relay::write_socket() {
  const sys::Outcome sent = kernel_.send(connection_.fd.get(), outbound_.data(), MSG_NOSIGNAL);
  if (sent.again()) return;
  if (!sent.ok()) return lose_connection(Syscall::send, sent.error);
  if (first_sent_.size() < first_bytes_kept) {
    const auto bytes = outbound_.data().first(sent.as_size());
    const auto kept = bytes.first(std::min(bytes.size(), first_bytes_kept - first_sent_.size()));
    first_sent_.insert(first_sent_.end(), kept.begin(), kept.end());
  }
  outbound_.consume(sent.as_size());
  end_.sent += sent.as_size();
  last_activity_ = kernel_.now();
  if (!next_sample_) next_sample_ = last_activity_ + sample_interval;
  if (outbound_.empty()) last_stdin_ = last_activity_;
}

void Relay::read_socket() {
  const auto room = inbound_.room();
  const sys::Outcome got = kernel_.recv(connection_.fd.get(), room, 0);
  if (got.value > 0) {
    const sys::TimePoint now = kernel_.now();
    if (end_.received == 0) {
      end_.first_byte = now - connection_.established;
      observer_.peer_spoke(room.first(std::min(got.as_size(), first_bytes_kept)), first_sent_);
    }
    end_.received += got.as_size();
    last_activity_ = now;
    if (!discarding()) inbound_.commit(got.as_size());
    return;
  }
  if (got.error == EINTR) return;
  if (lost_) {
    // Whoever had the error took it off the socket, so that a reset looks like FIN now. There was a
    // FIN before it only if the error was EPIPE: so Linux tells a reset in CLOSE-WAIT.
    if (got.value == 0 && end_.error.error == EPIPE) peer_has_closed();
    reading_socket_ = false;
  } else if (got.value == 0) {
    peer_has_closed();
  } else if (!got.again()) {
    reading_socket_ = false;
    lose_connection(Syscall::recv, got.error);
  }
}

// Payload written to the socket that the peer's kernel had not acknowledged when TCP_INFO was read.
// bytes_acked counts the SYN that we sent as the connecting side, and our FIN behind the last byte
// of payload.
std::uint64_t Relay::unacknowledged() {
  if (latest_info_ && latest_info_->bytes_acked) {
    const std::uint64_t syn = connection_.active ? 1 : 0;
    const std::uint64_t acked = *latest_info_->bytes_acked;
    const std::uint64_t payload = acked > syn ? acked - syn : 0;
    return end_.sent - std::min(payload, end_.sent);
  }
  int queued = 0;
  if (!kernel_.ioctl(connection_.fd.get(), TIOCOUTQ, queued).ok() || queued <= 0) return 0;
  return static_cast<std::uint64_t>(queued) - (end_.fin_sent ? 1 : 0);
}

// While data is unacknowledged: TCP_INFO, and once segments are sent again what the network says of
// it. SO_ERROR gives a soft error as well, and clears it; a connection that has ended says so by
// its state.
void Relay::take_sample() {
  next_sample_.reset();
  read_info();
  if (unacknowledged() == 0 && outbound_.empty()) {
    end_.soft_error.reset();
    return;
  }
  next_sample_ = kernel_.now() + sample_interval;
  if (!latest_info_) return;
  if (latest_info_->retransmits.value_or(0) == 0) {
    if (latest_info_->state != tcp::State::closed) end_.soft_error.reset();  // TCP has recovered
    return;
  }
  int error = 0;
  const sys::Outcome got = kernel_.getsockopt(connection_.fd.get(), SOL_SOCKET, SO_ERROR,
                                              std::as_writable_bytes(std::span(&error, 1)));
  if (!got.ok() || error == 0) return;
  read_info();
  if (latest_info_ && latest_info_->state == tcp::State::closed) {
    return lose_connection(Syscall::getsockopt, error);
  }
  const bool told = told_soft_error_ == error;
  told_soft_error_ = error;
  end_.soft_error = error;
  if (!told) observer_.soft_error(error);
}

void Relay::tell_progress(sys::TimePoint now) {
  next_progress_ = now + policy_.progress_interval;
  if (!lost_) read_info();
  end_.info = latest_info_;
  end_.duration = now - connection_.established;
  observer_.progress(end_);
}

// After an error or hang-up that recv cannot tell of: the peer's FIN has been read, and the
// connection has gone. TCP_INFO has just been read.
void Relay::take_socket_error() {
  int error = 0;
  const sys::Outcome got = kernel_.getsockopt(connection_.fd.get(), SOL_SOCKET, SO_ERROR,
                                              std::as_writable_bytes(std::span(&error, 1)));
  if (got.ok() && error != 0) return lose_connection(Syscall::getsockopt, error);
  if (unacknowledged() == 0 && end_.fin_sent) return;
  const bool closed = latest_info_ && latest_info_->state == tcp::State::closed;
  if (closed) presume_reset(Syscall::getsockopt);
}

// The connection has gone, and whoever took its error has not told it: a splice or sendfile that
// sent something before, or another process. Of what can end a connection that is not stuck, a
// reset is left, or somebody on this host who aborted it.
void Relay::presume_reset(sys::Syscall call) {
  lose_connection(call, ECONNRESET);
  end_.presumed = true;
}

void Relay::write_stdout() {
  const sys::Outcome written = output_.write(inbound_.data());
  if (written.again()) return;
  if (!written.ok()) return lose_stdout(written.error);
  inbound_.consume(written.as_size());
  if (inbound_.empty()) last_activity_ = kernel_.now();  // the idle clock was suspended until now
}

void Relay::close_stdout() {
  stdout_open_ = false;
  inbound_path_.put_back();
  const sys::Outcome closed = output_.close();
  if (!closed.ok() && !lost_) {
    end_.error = {Syscall::close, closed.error, "stdout"};
    finish(RelayEnd::Reason::stdout_failed);
  }
}

// Whoever read our stdout has gone: what was read from stdin is still sent, what arrives is
// discarded. Any other error means that received bytes are lost, and ends the run.
void Relay::lose_stdout(int error) {
  const bool reader_gone = error == EPIPE || error == ECONNRESET;
  stdout_open_ = false;
  if (!reader_gone) {
    end_.error = {Syscall::write, error, "stdout"};
    return finish(RelayEnd::Reason::stdout_failed);
  }
  end_.stdout_gone = true;
  inbound_path_.lose_sink();
  inbound_.clear();
  stop_stdin();
  observer_.stdout_reader_gone();
}

// The peer's FIN may have come although we have not read it yet: the state knows, as long as ours
// is not sent. Behind it the connection may be over at once.
RelayEnd::FirstToClose Relay::first_if_we_close() {
  read_info();
  const bool after_peer = latest_info_ && latest_info_->state == tcp::State::close_wait;
  return after_peer ? RelayEnd::FirstToClose::peer : RelayEnd::FirstToClose::this_side;
}

void Relay::send_fin() {
  auto first = end_.first_to_close;
  if (first == RelayEnd::FirstToClose::nobody) first = first_if_we_close();
  const sys::Outcome done = kernel_.shutdown(connection_.fd.get(), SHUT_WR);
  if (!done.ok()) {
    read_info();
    take_socket_error();  // the reason why it is not connected any more
    if (!lost_) lose_connection(Syscall::shutdown, done.error);
    return;
  }
  end_.fin_sent = true;
  end_.first_to_close = first;
}

void Relay::peer_has_closed() {
  end_.peer_fin = true;
  reading_socket_ = false;
  peer_fin_at_ = kernel_.now();
  if (end_.first_to_close == RelayEnd::FirstToClose::nobody) {
    end_.first_to_close = RelayEnd::FirstToClose::peer;
  }
  if (end_.stdin_is_terminal) stop_stdin();
  if (reading_stdin_) observer_.peer_closed_first(peer_fin_at_ - connection_.established);
}

// RST, or the kernel gave up. What it had queued for us before is still read.
void Relay::lose_connection(sys::Syscall call, int error) {
  lost_ = true;
  end_.error = {call, error, connection_.peer.text()};
  outbound_path_.give_up();
  inbound_path_.give_up();
  if (end_.peer_fin) reading_socket_ = false;
}

}  // namespace tcptool::relay
