// SPDX-License-Identifier: MIT
// What is done with many connections at once, in one loop that watches them all (sys/event_poll.h).
// A service owns its connections; one client's end, reset, slowness or flood never harms another.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include "sys/event_poll.h"
#include "tcp/connection.h"

namespace tcptool::relay {

// How one client's connection ended.
struct ClientEnd {
  enum class Reason {
    complete,   // both sides are through
    failed,     // the program that served it failed
    lost,       // reset or timed out: `error`
    too_slow,   // it did not take what was sent: reset
    idle,       // --idle-timeout: reset
    cut_short,  // the run ended first: reset
  };
  Reason reason = Reason::complete;
  sys::Address peer;
  sys::SysError error;
  bool peer_first = false;  // its FIN came before ours was sent
  std::uint64_t sent = 0;   // payload written to the socket
  std::uint64_t received = 0;
  std::uint64_t undelivered = 0;  // meant for the client and not written to the socket
  std::chrono::nanoseconds duration{0};
};

class ServiceObserver {
 public:
  ServiceObserver() = default;
  ServiceObserver(const ServiceObserver&) = delete;
  ServiceObserver& operator=(const ServiceObserver&) = delete;
  virtual ~ServiceObserver() = default;
  virtual void client_ended(const ClientEnd& end) = 0;
  // The first bytes of a client.
  virtual void client_spoke(const tcp::Connection& connection,
                            std::span<const std::byte> received) = 0;
  virtual void stdout_reader_gone() = 0;
  virtual void stdin_failed(const sys::SysError& error) = 0;
};

class Service {
 public:
  Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service() = default;

  // Takes over a connection that was just accepted.
  virtual void add(tcp::Connection connection) = 0;
  // What EventPoll told of one of the service's tokens, which begin at `first_token`. A token that
  // has ended meanwhile is nobody's.
  virtual void take(std::uint64_t token, std::uint32_t events) = 0;
  // When on_time() wants to be called next.
  [[nodiscard]] virtual sys::Deadline deadline() = 0;
  virtual void on_time() = 0;
  // Begins nothing new: what is in flight may finish.
  virtual void wind_down() = 0;
  // Ends the connections that are left, by RST.
  virtual void cut_short() = 0;

  [[nodiscard]] virtual std::size_t clients() const = 0;
  // No client is left, nor anything of theirs on its way to stdout.
  [[nodiscard]] virtual bool idle() const { return clients() == 0; }
  // What ended the service as a whole: stdout failed.
  [[nodiscard]] virtual const sys::SysError* failure() const { return nullptr; }

  static constexpr std::uint64_t first_token = 16;  // below: the loop's own descriptors
};

}  // namespace tcptool::relay
