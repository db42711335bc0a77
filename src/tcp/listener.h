// SPDX-License-Identifier: MIT
// A listening socket (passive OPEN) and what it accepts. Completed connections wait in its accept
// queue until accept takes them; the queue's length and limit are shown rather than hidden.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "tcp/accept_queue.h"
#include "tcp/connection.h"
#include "tcp/saved_syn.h"

namespace tcptool::tcp {

struct ListenPolicy {
  // Candidates in order of preference; the next is tried only where the family does not exist here.
  std::vector<sys::Address> addresses;
  bool dual_stack = false;     // an IPv6 wildcard socket takes IPv4 too
  std::optional<int> backlog;  // the system's maximum unless given
  SocketSetup setup;
};

struct Listener {
  sys::Fd fd;
  sys::Address local;                   // with the port in force
  int backlog = 0;                      // as passed to listen(2)
  std::optional<unsigned> queue_limit;  // the backlog in force, after the clamp by somaxconn
  bool ipv4_only = false;               // asked for both families, but this host has no IPv6
  bool unreachable = false;             // IPv6 alone was asked for, and is disabled on this host
  bool inherited = false;               // handed over by whoever started the process
  bool may_block = false;               // an inherited one without O_NONBLOCK
  std::vector<OptionReport> options;
};

struct Accepted {
  Connection connection;
  std::optional<AcceptQueue> queue;                 // right after this connection was taken
  std::optional<std::chrono::milliseconds> queued;  // how long it waited there
  std::optional<SynFacts> syn;
};

// socket, bind, listen, in this order. SO_REUSEADDR is on, so that a restart need not wait for
// TIME-WAIT; SO_REUSEPORT is not.
// Errors: the refused call with the address or option as its object.
Result<Listener, sys::SysError> listen(sys::Kernel& kernel, const ListenPolicy& policy);

// Whether the descriptor is a TCP socket, IPv4 or IPv6, that listens.
bool is_tcp_listener(sys::Kernel& kernel, int fd);

// Takes over such a socket, which is closed with the Listener. Sets the options of `setup`, and the
// backlog where one is given; O_NONBLOCK, which others share, is left as it is.
// Errors: the refused call with the option or address as its object.
Result<Listener, sys::SysError> adopt_listener(sys::Kernel& kernel, int fd,
                                               const SocketSetup& setup,
                                               std::optional<int> backlog);

// A client whose connection was taken off the accept queue, and of whom no more is known.
struct Client {
  sys::Fd fd;
  sys::Address peer;
  std::optional<AcceptQueue> queue;  // right after this connection was taken
};

// Takes the first connection of the accept queue. Errors: accept(2)'s, EAGAIN where it is empty.
Result<Client, sys::SysError> accept_client(sys::Kernel& kernel, const Listener& listener);

// What the kernel is asked of a client: its two addresses, or all that Accepted and its Connection
// can hold, which costs more calls.
enum class ClientFacts { ends, all };

// What the kernel tells of the client; and the options that its socket did not inherit.
// Errors: the option that the kernel refused.
Result<Accepted, sys::SysError> admit(sys::Kernel& kernel, const Listener& listener,
                                      const SocketSetup& setup, Client client, ClientFacts facts);

// Both, with all facts. Errors: theirs.
Result<Accepted, sys::SysError> accept(sys::Kernel& kernel, const Listener& listener,
                                       const SocketSetup& setup);

// Ends the connection with RST.
void reset(sys::Kernel& kernel, sys::Fd fd);
// The same, as soon as every process that has the socket has closed it.
void reset_at_close(sys::Kernel& kernel, int fd);

// Whether accept(2) failed for the sake of one connection or one moment, so that the listener is
// sound and the next call may succeed.
bool accept_may_be_repeated(int error);

// Whether it failed for want of descriptors or memory: the connection stays in the accept queue,
// and poll(2) goes on reporting it.
bool out_of_resources(int error);

}  // namespace tcptool::tcp
