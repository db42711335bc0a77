// SPDX-License-Identifier: MIT
#include "support/service_scene.h"

#include <fcntl.h>

#include <stdexcept>

namespace tcptool::test {

using namespace std::chrono_literals;

ServiceScene::ServiceScene() : poll(*sys::EventPoll::open(waiting.waiter)) {
  kernel.use_fake_clock();
}

Plug ServiceScene::client(int* ours) {
  TcpPair pair = make_tcp_pair();
  if (ours != nullptr) *ours = pair.ours.fd();
  tcp::Connection connection;
  connection.fd = sys::Fd(kernel, pair.ours.release());
  connection.established = kernel.now();
  service->add(std::move(connection));
  return std::move(pair.peer);
}

bool ServiceScene::round() {
  const auto wake = poll.wait(sys::earlier(service->deadline(), kernel.now() + 1ms));
  if (!wake) throw std::runtime_error("epoll_wait failed");
  for (const epoll_event& event : poll.ready()) service->take(event.data.u64, event.events);
  const auto due = service->deadline();
  if (due && kernel.now() >= *due) {
    service->on_time();
    return true;
  }
  return wake->reason == sys::Wake::Reason::ready;
}

void ServiceScene::settle() {
  constexpr int most = 100'000;
  for (int i = 0; i < most; ++i) {
    if (!round()) return;
  }
  throw std::runtime_error("the service spins");
}

void ServiceScene::pass(std::chrono::nanoseconds time) {
  kernel.advance(time);
  settle();
}

void ServiceScene::client_spoke(const tcp::Connection&, std::span<const std::byte> received) {
  first_words.emplace_back(reinterpret_cast<const char*>(received.data()), received.size());
}

HubScene::HubScene() {
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  input = std::move(in.read_end);
  stdin_writer = std::move(in.write_end);
  output = std::move(out.write_end);
  stdout_reader = std::move(out.read_end);
}

relay::Hub& HubScene::start() {
  using relay::LocalStream;
  in_.emplace(LocalStream::inspect(kernel, input.fd(), false));
  out_.emplace(LocalStream::inspect(kernel, output.fd(), false));
  in_->reopen(O_RDONLY);
  out_->reopen(O_WRONLY);
  auto hub = std::make_unique<relay::Hub>(kernel, poll, *in_, *out_, policy, *this);
  relay::Hub& started = *hub;
  service = std::move(hub);
  return started;
}

Plug HubScene::owner_of_the_line() {
  Plug owner = client();
  owner.write("begun ");
  settle();
  if (stdout_reader.read() != "begun ") throw std::runtime_error("the line was not begun");
  return owner;
}

}  // namespace tcptool::test
