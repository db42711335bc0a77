// SPDX-License-Identifier: MIT
#include "relay/path.h"

#include <fcntl.h>

#include <cerrno>
#include <span>

#include "relay/local_stream.h"
#include "relay/relay.h"

namespace tcptool::relay {
namespace {

using Kind = Path::Kind;
using Result = Path::Step::Result;

// That many steps without a byte, each after an end that was ready, and the path leads nowhere: out
// of band data stands in the way of splice, for one, and a read takes it out.
constexpr int most_in_vain = 3;

}  // namespace

void Path::take() {
  taken_ = true;
  in_vain_ = 0;
  if (ends_.given_pipe < 0 || pipe_size_before_ != 0) return;
  const sys::Outcome size = kernel_.fcntl(ends_.given_pipe, F_GETPIPE_SZ, 0);
  if (!size.ok() || size.value >= enlarged_pipe) return;
  if (kernel_.fcntl(ends_.given_pipe, F_SETPIPE_SZ, enlarged_pipe).ok()) {
    pipe_size_before_ = size.as_int();
  }
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
    in_vain_ = 0;
    return {Result::moved, moved.as_size(), 0};
  }
  if (moved.ok()) return {Result::end, 0, 0};
  if (moved.error == EINTR) return {};
  if (moved.error == EAGAIN) {
    get_nowhere(flowed);
    return {};
  }
  if (moved.error == EINVAL || moved.error == ENOSYS) {
    give_up();
    return {};
  }
  return {Result::failed, 0, moved.error};
}

void Path::get_nowhere(std::uint64_t flowed) {
  if (kind_ == Kind::splice) awaits_sink_ = !awaits_sink_;
  if (++in_vain_ < most_in_vain) return;
  taken_ = false;
  due_at_ = flowed + least_flow;
}

sys::Outcome Path::move() {
  switch (kind_) {
    case Kind::splice:
      return kernel_.splice(ends_.source, ends_.sink, most_spliced, SPLICE_F_NONBLOCK);
    case Kind::sendfile:
      return kernel_.sendfile(ends_.sink, ends_.source, most_sent);
    case Kind::discard:
      return kernel_.recv(ends_.source, {static_cast<std::byte*>(nullptr), most_discarded},
                          MSG_TRUNC);
    case Kind::copy:
      break;
  }
  return {-1, EINVAL};
}

void Path::put_pipe_back() {
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
  if (!changed && input.kind() == LocalStream::Kind::regular_file) {
    return {kernel, Kind::sendfile, {input.fd(), socket}};
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
  if (output.kind() == LocalStream::Kind::null_device) return {kernel, Kind::discard, {socket}};
  return {kernel, Kind::copy, {}};
}

}  // namespace tcptool::relay
