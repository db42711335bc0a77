// SPDX-License-Identifier: MIT
// One active OPEN: a socket whose SYN has been sent, until its handshake is done or has failed.
// Whoever waits for many (the race of connect.cc, --parallel) polls their descriptors for POLLOUT
// and hands each the news.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "tcp/connection.h"

namespace tcptool::tcp {

class ActiveOpen {
 public:
  // Opens the socket and sends the SYN. What fails at once has ended already.
  // See connect(2), RFC 9293 section 3.10.1 (active OPEN).
  ActiveOpen(sys::Kernel& kernel, const sys::Address& peer, const SocketSetup& setup);

  [[nodiscard]] bool under_way() const { return under_way_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const Attempt& attempt() const { return attempt_; }

  // poll(2) had something to say of the descriptor. `observer` (or null) hears of an ICMP error
  // that the kernel does not take as final.
  void take_news(ConnectObserver* observer);

  // When another SYN may have been sent; look then. `observer` (or null) hears of it.
  [[nodiscard]] sys::TimePoint next_look() const { return next_look_; }
  void look_for_retransmission(sys::TimePoint now, ConnectObserver* observer);

  // How often its SYN has been sent again, as far as is known.
  [[nodiscard]] unsigned sent_again() const;
  // Whether this host itself dropped each SYN that was sent again, if that is known.
  void know_drops(std::optional<bool> dropped);

  // Gives up: `end` says why. Only while it is under way, as fail().
  void end(Attempt::End end);
  void fail(const sys::SysError& error);

  // Once it has ended: the connection, if there is one, which is handed over once.
  std::optional<Connection> take_connection() { return std::exchange(connection_, std::nullopt); }
  [[nodiscard]] const std::vector<OptionReport>& options() const { return options_; }

 private:
  void take_icmp();
  void note_timeouts(const std::optional<TcpInfo>& info);
  void establish(int error, const std::optional<TcpInfo>& info);
  void fail_to_connect(int error);

  sys::Kernel* kernel_;
  int family_;  // of the socket, which may be IPv6 although the peer's is not
  sys::Fd fd_;
  Attempt attempt_;
  sys::TimePoint started_;
  std::vector<OptionReport> options_;
  std::optional<Connection> connection_;
  bool under_way_ = false;
  // As they were when the socket was last looked at:
  std::uint32_t timeouts_ = 0;  // after which the SYN was due again
  std::uint32_t left_again_ = 0;
  sys::TimePoint next_look_;
  sys::Clock::duration look_again_;
};

}  // namespace tcptool::tcp
