// SPDX-License-Identifier: MIT
// The world around the code under test: real sockets, pipes and signals on this machine, made with
// plain system calls so that nothing under test builds its own test. What cannot be made throws.
#pragma once

#include <signal.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "sys/address.h"
#include "sys/signals.h"
#include "sys/waiter.h"

namespace tcptool::test {

// A descriptor of the test's own.
class Plug {
 public:
  Plug() = default;
  explicit Plug(int fd) : fd_(fd) {}
  Plug(Plug&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Plug& operator=(Plug&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Plug(const Plug&) = delete;
  Plug& operator=(const Plug&) = delete;
  ~Plug() { close(); }

  [[nodiscard]] int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void close();
  void reset();      // a socket: RST instead of FIN
  void shut_down();  // a socket: FIN, and receiving goes on
  void set_blocking(bool blocking) const;

  // All of it, blocking.
  void write(std::string_view bytes) const;
  // As much as there is room for; it does not block any more.
  void fill() const;
  // What is there now, at most `most` bytes; nothing where nothing is.
  [[nodiscard]] std::string read(std::size_t most = 1 << 20) const;
  // Everything up to end of file or error, blocking.
  [[nodiscard]] std::string read_all() const;
  // Whether the next read would say end of file.
  [[nodiscard]] bool at_end() const;

 private:
  int fd_ = -1;
};

struct Pipe {
  Plug read_end;
  Plug write_end;
};
Pipe make_pipe();

std::pair<Plug, Plug> make_unix_pair();
Plug open_file(const std::string& path, int flags);

// A listener on loopback, with a port that the kernel chose.
struct TestListener {
  Plug socket;
  sys::Address address;
  [[nodiscard]] Plug accept() const;
};
TestListener make_listener(int family = AF_INET, int backlog = 16);
// A loopback address that nobody listens on.
sys::Address closed_port(int family = AF_INET);
// A blocking TCP socket, connected.
Plug connect_to(const sys::Address& address);
bool has_ipv6();

// An established connection's two ends; `ours` does not block.
struct TcpPair {
  Plug ours;
  Plug peer;
};
TcpPair make_tcp_pair();

std::string numbered_bytes(std::size_t count);

// A folder of its own, removed with what is in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  [[nodiscard]] std::string file(std::string_view name) const;

 private:
  std::string path_;
};

std::string contents_of(const std::string& path);

// Puts the signal mask that sys::Signals changes back as it was. SIGPIPE stays ignored: the thread
// of an abandoned look-up may still write to its pipe.
class SignalState {
 public:
  SignalState();
  SignalState(const SignalState&) = delete;
  SignalState& operator=(const SignalState&) = delete;
  ~SignalState();

 private:
  sigset_t mask_{};
};

// What everything that waits needs.
struct Waiting {
  explicit Waiting(sys::Kernel& kernel, sys::Deadline run_deadline = {});
  SignalState before;
  sys::Signals signals;
  sys::Waiter waiter;
};

}  // namespace tcptool::test
