// SPDX-License-Identifier: MIT
#include "relay/path.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include "relay/local_stream.h"
#include "relay/relay.h"

namespace tcptool::relay {
namespace {

using Kind = Path::Kind;
using Result = Path::Step::Result;

// That many steps in a row, each after an end that was ready, and the path is left: those without a
// byte (out of band data stands in the way of splice, for one, and a read takes it out), and those
// with less than least_moved.
constexpr int most_in_vain = 8;
constexpr std::size_t least_moved = 4096;  // bytes, a page: less is copied for less

}  // namespace

void Path::take() {
  taken_ = true;
  in_vain_ = 0;
  if (kind_ == Kind::into_file && !pipe_in_.open() && !make_pipe()) return give_up();
  if (ends_.given_pipe < 0 || pipe_size_before_ != 0) return;
  const sys::Outcome size = kernel_.fcntl(ends_.given_pipe, F_GETPIPE_SZ, 0);
  if (!size.ok() || size.value >= enlarged_pipe) return;
  if (kernel_.fcntl(ends_.given_pipe, F_SETPIPE_SZ, enlarged_pipe).ok()) {
    pipe_size_before_ = size.as_int();
  }
}

// Whether there is one worth having, and a splice from it into the file; no splice goes into a file
// that is open with O_APPEND.
bool Path::make_pipe() {
  std::array<int, 2> fds{};
  if (!kernel_.pipe2(fds, O_CLOEXEC).ok()) return false;
  pipe_out_ = sys::Fd(kernel_, fds[0]);
  pipe_in_ = sys::Fd(kernel_, fds[1]);
  if (!kernel_.fcntl(pipe_in_.get(), F_SETPIPE_SZ, own_pipe).ok()) return false;
  std::int64_t nowhere = 0;  // the pipe is empty
  return kernel_.splice(pipe_out_.get(), ends_.sink, &nowhere, 1, SPLICE_F_NONBLOCK).error ==
         EAGAIN;
}

void Path::give_up() {
  kind_ = Kind::copy;
  taken_ = false;
}

void Path::lose_sink() {
  if (kind_ == Kind::splice) kind_ = Kind::discard;
  awaits_sink_ = false;
}

Path::Step Path::step(std::uint64_t flowed) {
  const sys::Outcome moved = move();
  if (moved.value > 0) {
    in_vain_ = moved.as_size() < least_moved ? in_vain_ + 1 : 0;
    leave_if_in_vain(flowed);
    if (kind_ == Kind::into_file) return put_into_file(moved.as_size());
    return {Result::moved, moved.as_size(), 0};
  }
  if (moved.ok() && receives()) {
    // FIN; or data behind an urgent byte, which no splice gets past. recv(2) tells which.
    leave(flowed);
    return {};
  }
  if (moved.ok()) return {Result::end, 0, 0};
  if (moved.error == EINTR) return {};
  if (moved.error == EAGAIN) {
    if (kind_ == Kind::splice) awaits_sink_ = !awaits_sink_;
    ++in_vain_;
    leave_if_in_vain(flowed);
    return {};
  }
  if (moved.error == EINVAL || moved.error == ENOSYS) {
    give_up();
    return {};
  }
  return {Result::failed, 0, moved.error};
}

// Whether somebody has set O_APPEND meanwhile, so that write(2) puts all at the end.
bool Path::appends() {
  const sys::Outcome flags = kernel_.fcntl(ends_.sink, F_GETFL, 0);
  return flags.ok() && (flags.as_int() & O_APPEND) != 0;
}

Path::Step Path::put_into_file(std::size_t bytes) {
  held_ = bytes;
  const Step moved{Result::moved, bytes, 0};
  const auto length = static_cast<std::int64_t>(bytes);
  const sys::Outcome end = kernel_.lseek(ends_.sink, length, SEEK_CUR);
  if (!end.ok()) return {Result::sink_failed, bytes, end.error};
  std::int64_t at = end.value - length;
  while (held_ > 0) {
    const sys::Outcome put =
        kernel_.splice(pipe_out_.get(), ends_.sink, &at, held_, SPLICE_F_NONBLOCK);
    if (put.value > 0) {
      held_ -= put.as_size();
    } else if (put.error == EINVAL && appends()) {
      give_up();
      return moved;
    } else if (put.error != EINTR && put.error != EAGAIN) {
      take_end_back(end.value);
      return {Result::sink_failed, bytes, put.ok() ? EIO : put.error};
    }
  }
  return moved;
}

// The position is behind what was not written, unless somebody else has moved it on since.
void Path::take_end_back(std::int64_t end) {
  if (kernel_.lseek(ends_.sink, 0, SEEK_CUR).value != end) return;
  static_cast<void>(kernel_.lseek(ends_.sink, -static_cast<std::int64_t>(held_), SEEK_CUR));
}

sys::Outcome Path::read_held(std::span<std::byte> buf) {
  const auto next = buf.first(std::min(buf.size(), held_));
  if (ends_.source_is_file) return read_stretch(next);
  const sys::Outcome got = kernel_.read(pipe_out_.get(), next);
  if (got.value > 0) held_ -= got.as_size();
  return got;
}

void Path::leave_if_in_vain(std::uint64_t flowed) {
  if (in_vain_ >= most_in_vain) leave(flowed);
}

void Path::leave(std::uint64_t flowed) {
  taken_ = false;
  due_at_ = flowed + least_flow;
}

bool Path::receives() const {
  return kind_ == Kind::into_file || (kind_ == Kind::splice && ends_.given_pipe == ends_.sink);
}

// Moves the file's position over what is then ours alone to send, held_ bytes: none at the end of
// the file, behind which nothing is held for longer than this takes.
sys::Outcome Path::take_stretch() {
  const sys::Outcome end = kernel_.lseek(ends_.source, stretch, SEEK_CUR);
  if (!end.ok()) return end;
  stretch_end_ = end.value;
  std::int64_t length = stretch;
  if (stretch_end_ > file_size_) {
    struct stat about {};
    if (kernel_.fstat(ends_.source, about).ok()) file_size_ = about.st_size;
    const std::int64_t beyond = std::clamp(stretch_end_ - file_size_, std::int64_t{0}, stretch);
    if (beyond > 0) static_cast<void>(kernel_.lseek(ends_.source, -beyond, SEEK_CUR));
    stretch_end_ -= beyond;
    length -= beyond;
  }
  held_ = static_cast<std::size_t>(length);
  return end;
}

// Where the file has become shorter meanwhile there is no such stretch.
void Path::lose_stretch() {
  const auto lost = static_cast<std::int64_t>(std::exchange(held_, 0));
  static_cast<void>(kernel_.lseek(ends_.source, -lost, SEEK_CUR));
}

sys::Outcome Path::send_stretch() {
  if (held_ == 0) {
    if (const sys::Outcome taken = take_stretch(); !taken.ok()) return taken;
    if (held_ == 0) return {-1, EINVAL};  // the end, which read(2) meets as well
  }
  std::int64_t at = stretch_end_ - static_cast<std::int64_t>(held_);
  const sys::Outcome sent = kernel_.sendfile(ends_.sink, ends_.source, at, held_);
  if (sent.value > 0) held_ -= sent.as_size();
  if (sent.value == 0) lose_stretch();
  return sent;
}

sys::Outcome Path::read_stretch(std::span<std::byte> buf) {
  const auto at = stretch_end_ - static_cast<std::int64_t>(held_);
  const sys::Outcome got = kernel_.pread(ends_.source, buf, at);
  if (got.value > 0) held_ -= got.as_size();
  if (got.value == 0) lose_stretch();
  if (!got.ok() && !got.again()) held_ = 0;  // they cannot be read
  return got.value == 0 ? sys::Outcome{-1, EAGAIN} : got;
}

sys::Outcome Path::move() {
  switch (kind_) {
    case Kind::splice:
      return kernel_.splice(ends_.source, ends_.sink, nullptr, most_spliced, SPLICE_F_NONBLOCK);
    case Kind::into_file:
      return kernel_.splice(ends_.source, pipe_in_.get(), nullptr, most_spliced, SPLICE_F_NONBLOCK);
    case Kind::sendfile:
      return send_stretch();
    case Kind::discard:
      return kernel_.recv(ends_.source, {static_cast<std::byte*>(nullptr), most_discarded},
                          MSG_TRUNC);
    case Kind::copy:
      break;
  }
  return {-1, EINVAL};
}

void Path::put_back() {
  if (pipe_size_before_ == 0) return;
  static_cast<void>(kernel_.fcntl(ends_.given_pipe, F_SETPIPE_SZ, pipe_size_before_));
  pipe_size_before_ = 0;
}

Path outbound_path(sys::Kernel& kernel, const LocalStream& input, int socket,
                   const RelayPolicy& policy) {
  const bool changed = policy.crlf || policy.recv_only || policy.bytes_are_shown;
  if (!changed && input.kind() == LocalStream::Kind::pipe) {
    return {kernel, Kind::splice, {input.fd(), socket, input.fd()}};
  }
  if (!changed && input.kind() == LocalStream::Kind::regular_file && input.has_size()) {
    return {kernel, Kind::sendfile, {input.fd(), socket, -1, true}};
  }
  return {kernel, Kind::copy, {}};
}

Path inbound_path(sys::Kernel& kernel, int socket, const LocalStream& output,
                  const RelayPolicy& policy) {
  if (policy.bytes_are_shown) return {kernel, Kind::copy, {}};
  if (policy.send_only) return {kernel, Kind::discard, {socket}};
  if (output.was_closed()) return {kernel, Kind::copy, {}};
  if (output.kind() == LocalStream::Kind::pipe) {
    return {kernel, Kind::splice, {socket, output.fd(), output.fd()}};
  }
  if (output.kind() == LocalStream::Kind::regular_file) {
    return {kernel, Kind::into_file, {socket, output.fd()}};
  }
  if (output.kind() == LocalStream::Kind::null_device) return {kernel, Kind::discard, {socket}};
  return {kernel, Kind::copy, {}};
}

}  // namespace tcptool::relay
