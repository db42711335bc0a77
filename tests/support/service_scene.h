// SPDX-License-Identifier: MIT
// Clients of a relay::Service over loopback, the loop that serves them, and a clock that does not
// wait. What became of them is in `ends`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "relay/hub.h"
#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

namespace tcptool::test {

class ServiceScene : public relay::ServiceObserver {
 public:
  using Reason = relay::ClientEnd::Reason;

  ServiceScene();

  // A new client of `service`: its end of the connection. `ours` is the descriptor of the other.
  Plug client(int* ours = nullptr);
  // One round of the loop; whether anything was ready within a moment.
  bool round();
  // Rounds until nothing is ready.
  void settle();
  // Time passes, and the service is told where it wanted to be.
  void pass(std::chrono::nanoseconds time);

  sys::LinuxKernel linux_kernel;
  ScriptedKernel kernel{linux_kernel};
  Waiting waiting{kernel};
  sys::EventPoll poll;
  std::unique_ptr<relay::Service> service;

  std::vector<relay::ClientEnd> ends;
  std::vector<std::string> first_words;
  int readers_gone_told = 0;
  std::vector<int> stdin_errors;

 private:
  void client_ended(const relay::ClientEnd& end) override { ends.push_back(end); }
  void client_spoke(const tcp::Connection& connection,
                    std::span<const std::byte> received) override;
  void stdout_reader_gone() override { ++readers_gone_told; }
  void stdin_failed(const sys::SysError& error) override { stdin_errors.push_back(error.error); }
};

// A hub between pipes.
class HubScene : public ServiceScene {
 public:
  HubScene();

  void use_stdin(Plug fd) { input = std::move(fd); }
  void use_stdout(Plug fd) { output = std::move(fd); }
  // With the policy and streams as they are now.
  relay::Hub& start();
  // A client whose unfinished line stands on stdout, so that everybody else is held.
  Plug owner_of_the_line();

  relay::HubPolicy policy;
  Plug input;
  Plug output;
  Plug stdin_writer;
  Plug stdout_reader;

 private:
  std::optional<relay::LocalStream> in_;
  std::optional<relay::LocalStream> out_;
};

}  // namespace tcptool::test
