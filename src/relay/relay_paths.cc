// SPDX-License-Identifier: MIT
// The relay's steps along the paths of relay/path.h, beside which there is no buffer.
#include <array>
#include <cerrno>

#include "relay/relay.h"

namespace tcptool::relay {
namespace {

using Result = Path::Step::Result;
using sys::Syscall;

constexpr std::size_t least_read = 4096;  // room below which reading on is not worth a call

}  // namespace

void Relay::take_paths() {
  if (outbound_path_.due(end_.sent) && outbound_.empty() && reading_stdin_) outbound_path_.take();
  if (inbound_path_.due(end_.received) && inbound_.empty() && reading_socket_) {
    inbound_path_.take();
  }
}

// A path that is due waits for the buffer to empty, which it might never do while it is filled.
bool Relay::may_read_stdin() const {
  if (stdin_is_over()) return false;
  if (outbound_path_.taken()) return !outbound_path_.awaits_sink();
  return outbound_.room_size() >= least_read && !outbound_path_.due(end_.sent);
}

bool Relay::may_read_socket() const {
  if (!reading_socket_) return false;
  if (inbound_path_.taken()) return !inbound_path_.awaits_sink();
  return inbound_.room_size() >= least_read && !inbound_path_.due(end_.received);
}

void Relay::move_outbound() {
  const Path::Step step = outbound_path_.step(end_.sent);
  switch (step.result) {
    case Result::moved:
      end_.sent += step.bytes;
      last_stdin_ = last_activity_ = kernel_.now();
      ++end_.stdin_reads;
      if (!next_sample_) next_sample_ = last_activity_ + sample_interval;
      return;
    case Result::nothing:
      return;
    case Result::end:
      end_.stdin_at_eof = true;
      return stop_stdin();
    case Result::failed:
      if (broke_connection()) return lose_connection(Syscall::send, step.error);
      // An error of stdin's: read(2) meets it as well, and there it is told.
      return outbound_path_.give_up();
    case Result::sink_failed:  // of files that are written, and this direction writes none
      return;
  }
}

void Relay::move_inbound() {
  const bool stuck = inbound_path_.awaits_sink();
  const Path::Step step = inbound_path_.step(end_.received);
  switch (step.result) {
    case Result::moved:
      end_.received += step.bytes;
      last_activity_ = kernel_.now();
      return write_held();
    case Result::nothing:
      // The idle clock was suspended until now.
      if (stuck && !inbound_path_.awaits_sink()) last_activity_ = kernel_.now();
      return;
    case Result::end:
      return peer_has_closed();
    case Result::failed:
      if (step.error == EPIPE && stdout_has_no_reader()) return lose_stdout(EPIPE);
      if (!broke_connection()) return inbound_path_.give_up();
      reading_socket_ = false;
      return lose_connection(Syscall::recv, step.error);
    case Result::sink_failed:
      end_.received += step.bytes;
      return lose_stdout(step.error);
  }
}

// What a path that was given up has still taken from the socket, for a file.
void Relay::write_held() {
  while (inbound_path_.held() > 0 && stdout_open_) {
    const sys::Outcome got = inbound_path_.read_held(inbound_.room());
    if (!got.ok() && got.error != EINTR) return lose_stdout(got.error);
    inbound_.commit(got.ok() ? got.as_size() : 0);
    while (!inbound_.empty() && stdout_open_) write_stdout();
  }
}

// Whether an error of splice or sendfile is the connection's, which then has gone.
bool Relay::broke_connection() {
  read_info();
  return !latest_info_ || latest_info_->state == tcp::State::closed;
}

// EPIPE is also what a reset makes of a connection whose peer had sent FIN.
bool Relay::stdout_has_no_reader() {
  std::array<pollfd, 1> fds{{{output_.fd(), 0, 0}}};
  return inbound_path_.kind() == Path::Kind::splice && kernel_.poll(fds, 0).value > 0;
}

}  // namespace tcptool::relay
