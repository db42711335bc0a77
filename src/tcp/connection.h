// SPDX-License-Identifier: MIT
// A TCP connection, and the active OPEN that makes one: all addresses of a host are raced as RFC
// 8305 section 5 says, and every attempt is kept with its result.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/waiter.h"
#include "tcp/error_queue.h"
#include "tcp/socket_options.h"
#include "tcp/tcp_info.h"

namespace tcptool::tcp {

// How the local end of a socket is prepared before it connects or listens.
struct SocketSetup {
  std::vector<OptionSetting> options;  // in the order given; set right after socket()
  std::optional<sys::Address> source;  // AF_UNSPEC address: any address, this port
};

struct Connection {
  sys::Fd fd;
  sys::Address local;
  sys::Address peer;
  bool active = false;  // we sent the first SYN, which tcpi_bytes_acked counts
  int error = 0;        // already reset by the peer when connect returned: its errno
  sys::TimePoint established;
  std::chrono::nanoseconds handshake{0};  // as the kernel measured it, where it did
  std::chrono::nanoseconds opening{0};    // from connect(2) on, with what was sent again
  unsigned syns = 1;                      // sent by us
  std::optional<std::uint32_t> path_mtu;  // bytes, as it was when the connection was made
};

struct Attempt {
  enum class End { connected, failed, timed_out, abandoned, interrupted };
  sys::Address peer;
  sys::Address local;       // the source that was asked for
  sys::Address syn_source;  // where nobody answered: what the SYN was sent from
  End end = End::failed;
  sys::SysError error;                     // which call failed and why
  std::optional<IcmpError> icmp;           // the network's word on it, also where it was not final
  std::optional<TcpInfo> info;             // at the attempt's end
  std::chrono::nanoseconds icmp_after{0};  // the attempt's start
  // The SYN that it answers, to the millisecond; nothing where the error does not quote its time.
  std::optional<std::chrono::nanoseconds> icmp_delay;
  // Of each SYN that was sent again, whether this host's own packet filter or traffic control
  // dropped it; nothing where that is not known of all of them alike.
  std::optional<bool> dropped_here;
  bool met_itself = false;  // connected to its own address and port: nobody listens there
  bool syn_unsent = false;  // timed out with its SYN still waiting in this host
  bool syn_stayed = false;  // when it was due again for the last time, no segment left this host
  std::chrono::nanoseconds duration{0};
};

// Told while attempts are under way.
class ConnectObserver {
 public:
  ConnectObserver() = default;
  ConnectObserver(const ConnectObserver&) = delete;
  ConnectObserver& operator=(const ConnectObserver&) = delete;
  virtual ~ConnectObserver() = default;
  // The SYN has been sent for the `times`-th time, `after` the first; attempt.dropped_here is as
  // of now.
  virtual void syn_sent_again(const Attempt& attempt, unsigned times,
                              std::chrono::nanoseconds after) = 0;
  // attempt.icmp came, and the kernel goes on trying.
  virtual void soft_error(const Attempt& attempt) = 0;
};

struct ConnectPolicy {
  SocketSetup setup;
  bool sequential = false;  // one address after the other, each with its share of the time left
  sys::Deadline deadline;
  ConnectObserver* observer = nullptr;
};

struct ConnectResult {
  std::optional<Connection> connection;
  std::vector<Attempt> attempts;      // in the order in which they were started
  std::vector<OptionReport> options;  // of the connection's socket
  sys::Wake wake;                     // interrupted() where the run is to end
};

// Opens a connection to one of `addresses` (not empty): the families take turns, a new attempt
// starts 250 ms after the last one or as soon as one has failed, and the first to be established
// wins. connect returns when the handshake is done: the server need not have called accept.
// See connect(2), RFC 9293 section 3.10.1 (active OPEN).
ConnectResult connect(sys::Waiter& waiter, const std::vector<sys::Address>& addresses,
                      const ConnectPolicy& policy);

// A non-blocking socket with `setup` applied, up to bind(2) to its source.
// Errors: the refused call with its object.
Result<sys::Fd, sys::SysError> open_socket(sys::Kernel& kernel, int family,
                                           const SocketSetup& setup,
                                           std::vector<OptionReport>& reports);

// A byte that was sent as urgent data stays where it is in the stream, as RFC 6093 section 5 has
// it, instead of being left out of what is read; a listener's connections inherit that.
void keep_urgent_bytes(sys::Kernel& kernel, int fd);

// The socket's own idea of its ends, with zone names; unknown where the call failed.
sys::Address local_address(sys::Kernel& kernel, int fd);
sys::Address peer_address(sys::Kernel& kernel, int fd);
// The address with the name of its interface, where it has a zone.
sys::Address with_zone_name(sys::Kernel& kernel, const sys::Address& address);

}  // namespace tcptool::tcp
