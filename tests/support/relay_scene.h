// SPDX-License-Identifier: MIT
// A relay between pipes and a real TCP connection over loopback, with a clock that does not wait.
// What the peer and the two programs at the pipes do is told step by step with kernel.when_idle.
#pragma once

#include <optional>
#include <string>

#include "relay/relay.h"
#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

namespace tcptool::test {

class RelayScene : public relay::RelayObserver {
 public:
  enum class Side { connecting, accepting };
  explicit RelayScene(Side side = Side::connecting);
  ~RelayScene() override;

  // Both standard streams, for other kinds than pipes.
  void use_stdin(Plug fd) { input = std::move(fd); }
  void use_stdout(Plug fd) { output = std::move(fd); }

  relay::RelayEnd run();
  void then(std::function<void()> step) { kernel.when_idle(std::move(step)); }
  // The error of the relay's socket, which it then no longer has, as if a splice had told it.
  int take_socket_error();
  // The relay's end of the connection and of its streams.
  [[nodiscard]] int socket() const { return connection.fd.get(); }

  sys::LinuxKernel linux_kernel;
  ScriptedKernel kernel{linux_kernel};
  std::optional<Waiting> waiting;  // made by run() unless there is one already
  relay::RelayPolicy policy;
  tcp::Connection connection;
  bool stdin_was_closed = false;
  bool stdout_was_closed = false;

  Plug peer;
  Plug input;   // what the relay reads
  Plug output;  // what the relay writes
  Plug stdin_writer;
  Plug stdout_reader;
  int peer_closes_told = 0;

  int silences_told = 0;
  int readers_gone_told = 0;
  std::vector<std::byte> first_received;
  std::vector<std::byte> sent_before;
  std::vector<int> soft_errors;
  std::vector<relay::RelayEnd> progress_told;

 private:
  void peer_closed_first(std::chrono::nanoseconds) override { ++peer_closes_told; }
  void stdin_silent_after_peer_fin() override { ++silences_told; }
  void stdout_reader_gone() override { ++readers_gone_told; }
  void peer_spoke(std::span<const std::byte> received, std::span<const std::byte> sent) override {
    first_received.assign(received.begin(), received.end());
    sent_before.assign(sent.begin(), sent.end());
  }
  void soft_error(int error) override { soft_errors.push_back(error); }
  void progress(const relay::RelayEnd& so_far) override { progress_told.push_back(so_far); }
};

}  // namespace tcptool::test
