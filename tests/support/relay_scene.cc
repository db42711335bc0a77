// SPDX-License-Identifier: MIT
#include "support/relay_scene.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <span>

namespace tcptool::test {

RelayScene::RelayScene(Side side) {
  TcpPair pair = make_tcp_pair();
  if (side == Side::accepting) {
    std::swap(pair.ours, pair.peer);
    pair.ours.set_blocking(false);
    pair.peer.set_blocking(true);
  }
  peer = std::move(pair.peer);
  kernel.use_fake_clock();
  connection.fd = sys::Fd(kernel, pair.ours.release());
  connection.active = side == Side::connecting;
  connection.established = kernel.now();
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  input = std::move(in.read_end);
  stdin_writer = std::move(in.write_end);
  output = std::move(out.write_end);
  stdout_reader = std::move(out.read_end);
}

// What stands in for a closed stdout stays open in a program until it ends.
RelayScene::~RelayScene() {
  static_cast<void>(connection.fd.close());
  waiting.reset();
  const auto left = kernel.open_descriptors();
  for (const int fd : left) static_cast<void>(kernel.close(fd));
}

int RelayScene::take_socket_error() {
  int error = 0;
  const auto value = std::as_writable_bytes(std::span(&error, 1));
  static_cast<void>(linux_kernel.getsockopt(socket(), SOL_SOCKET, SO_ERROR, value));
  return error;
}

relay::RelayEnd RelayScene::run() {
  using relay::LocalStream;
  if (!waiting) waiting.emplace(kernel);
  auto in = LocalStream::inspect(kernel, input.fd(), stdin_was_closed);
  const int stdout_fd = stdout_was_closed ? output.fd() : output.release();
  auto out = LocalStream::inspect(kernel, stdout_fd, stdout_was_closed);
  if (!policy.recv_only) in.reopen(O_RDONLY);
  out.reopen(O_WRONLY);
  relay::RelayEnd end = relay::Relay(waiting->waiter, connection, in, out, policy, *this).run();
  static_cast<void>(connection.fd.close());
  return end;
}

}  // namespace tcptool::test
