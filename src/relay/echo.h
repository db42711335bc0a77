// SPDX-License-Identifier: MIT
// The built-in services: each client is sent what it sends (RFC 862), or nothing (RFC 863). A
// client that does not read its echo is read no more: it waits for itself alone.
#pragma once

#include "relay/client_set.h"

namespace tcptool::relay {

class Echo final : public Service {
 public:
  // discard: what arrives is counted, and nothing goes back.
  Echo(sys::Kernel& kernel, sys::EventPoll& poll, ServiceObserver& observer,
       std::chrono::nanoseconds idle_timeout, bool discard);

  void add(tcp::Connection connection) override;
  void take(std::uint64_t token, std::uint32_t events) override;
  [[nodiscard]] sys::Deadline deadline() override { return clients_.deadline(); }
  void on_time() override;
  // A client decides itself when it is through.
  void wind_down() override {}
  void cut_short() override;
  [[nodiscard]] std::size_t clients() const override { return clients_.size(); }

 private:
  // Whether the client is still there.
  bool answer(Client& client, std::span<const std::byte> bytes);
  bool send_rest(Client& client);
  void receive(Client& client);

  ClientSet clients_;
  const bool discard_;
  std::vector<std::byte> scratch_;
};

}  // namespace tcptool::relay
