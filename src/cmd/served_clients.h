// SPDX-License-Identifier: MIT
// Those whom a listener for many has served: says how each one ended, and counts them.
#pragma once

#include "cmd/acceptor.h"
#include "cmd/context.h"
#include "cmd/serve_messages.h"

namespace tcptool::cmd {

class ServedClients final : public relay::ServiceObserver {
 public:
  struct Words {
    std::size_t client_buffer = 0;  // --client-buffer, bytes
    bool ends_are_told = true;      // of commands something else says how they ended
  };

  ServedClients(Context& context, Acceptor& acceptor, Words words)
      : context_(context), acceptor_(acceptor), words_(words) {}

  void client_ended(const relay::ClientEnd& end) override;
  void client_spoke(const tcp::Connection& connection,
                    std::span<const std::byte> received) override;
  void stdout_reader_gone() override;
  void stdin_failed(const sys::SysError& error) override;

  // From here on it is counted who finishes of the `in_flight` that are left.
  void wind_down(std::uint64_t in_flight) { wind_down_ = WindDown{in_flight, 0}; }

  [[nodiscard]] const ServeCounts& counts() const { return counts_; }
  [[nodiscard]] const std::optional<WindDown>& winding_down() const { return wind_down_; }
  // That of the client that ended last.
  [[nodiscard]] ExitStatus last_status() const { return last_status_; }
  [[nodiscard]] bool reader_gone() const { return reader_gone_; }
  [[nodiscard]] bool stdin_has_failed() const { return stdin_failed_; }

 private:
  Context& context_;
  Acceptor& acceptor_;
  const Words words_;
  ServeCounts counts_;
  std::optional<WindDown> wind_down_;
  ExitStatus last_status_ = ExitStatus::ok;
  bool reader_gone_ = false;
  bool stdin_failed_ = false;
};

}  // namespace tcptool::cmd
