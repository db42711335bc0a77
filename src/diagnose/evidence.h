// SPDX-License-Identifier: MIT
// What was observed of a failure: plain facts, each as it was read, nothing concluded. A fact that
// could not be read is not there. diagnosis.h makes a cause of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sys/error.h"
#include "sys/host_network.h"
#include "sys/process.h"
#include "sys/routing_rules.h"
#include "sys/sock_diag.h"
#include "tcp/error_queue.h"
#include "tcp/name_server.h"
#include "tcp/syn_probe.h"
#include "tcp/tcp_info.h"

namespace tcptool::diagnose {

enum class Step {
  look_up,   // a name to addresses
  prepare,   // socket, its options, bind, listen, accept: before anything leaves this host
  connect,   // the handshake
  transfer,  // an established connection
};

// This host's word on the way to an address.
struct PathFacts {
  bool routes_known = false;                // the tables could be read
  std::optional<sys::Route> route;          // the entry that covers the address: the longest prefix
  std::optional<sys::Link> link;            // that entry's interface
  sys::Address next_hop;                    // the gateway, or the address itself; or not known
  std::optional<sys::Neighbour> neighbour;  // the next hop's entry
  bool own_address = false;                 // it is this host's own
  std::optional<sys::Link> down_link;       // is down, and has an address whose network covers it
  std::vector<std::string> down_interfaces;  // switched off, that may have had such routes
  // Has no carrier; the entry that would cover the address, where none else does, is ignored for
  // it.
  std::optional<sys::Link> ignored_link;
  bool family_has_address = true;  // some interface has one of the family, loopback apart
  bool ipv6_disabled = false;      // net.ipv6.conf.all.disable_ipv6
  // The socket is bound to `link`, which no route to the address goes by: `route` and its gateway
  // are what another interface has, if any.
  bool not_by_interface = false;
  std::string route_interface;  // where not_by_interface: the interface of `route`
};

// A rule of policy routing that may refuse the packet: by itself, or by an entry of its table.
struct Refusal {
  sys::RoutingRule rule;
  std::optional<sys::Route> route;  // that entry
  bool certain = false;             // nothing but the addresses decides that the rule is taken
};

// Read where connect failed with an error that a routing decision gives.
struct PolicyFacts {
  std::vector<Refusal> refusals;     // as find_refusals() has them
  std::optional<int> look_up_error;  // of the kernel's own look-up (ip route get); 0: a route
};

// What the user asked of the socket, as far as a failure may come of it.
struct AskedOptions {
  bool ttl = false;          // IP_TTL or IPV6_UNICAST_HOPS
  bool reuse_port = false;   // SO_REUSEPORT
  bool keepalive = false;    // SO_KEEPALIVE
  std::string interface;     // SO_BINDTODEVICE
  std::string user_timeout;  // TCP_USER_TIMEOUT, as it was written
};

// A socket of this host that has a port.
struct PortHolder {
  sys::SocketRow socket;
  std::optional<sys::Owner> owner;  // only of one's own processes
};

struct HostFacts {
  std::vector<sys::Address> addresses;  // of its interfaces
  std::vector<std::string> interfaces;
  bool holders_known = false;       // the sockets could be listed
  std::vector<PortHolder> holders;  // of the port in question
  std::optional<unsigned> own_uid;  // where SO_REUSEPORT was asked for
  std::optional<std::int64_t> first_unprivileged_port;
  std::optional<std::uint64_t> descriptor_limit;
  std::string port_range;  // net.ipv4.ip_local_port_range, as it is written there
};

struct NameFacts {
  std::string name;
  int family = 0;
  int status = 0;  // EAI_...
  bool timed_out = false;
  std::chrono::nanoseconds asked_for{0};      // how long their answers were awaited
  std::optional<sys::SysError> config_error;  // why resolv.conf(5) could not be read
  std::optional<sys::SysError> hosts_error;   // why hosts(5) could not, if there is such a file
  std::vector<sys::Address> servers;
  std::vector<tcp::NameServerAnswer> answers;        // to the asked family's type, a server each
  std::vector<tcp::NameServerAnswer> other_answers;  // to the other family's
  std::vector<PathFacts> server_paths;  // where none answered: the way to each, as in `answers`
  std::vector<sys::Address> in_hosts;   // what /etc/hosts has for the name, of both families
};

struct TransferFacts {
  enum class End { lost, idle_timeout, run_timeout };
  End end = End::lost;
  bool active = false;  // we connected
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t undelivered = 0;  // read from stdin, and not acknowledged
  std::uint64_t unsent = 0;       // of these, what the socket had not taken yet
  bool peer_fin = false;
  std::chrono::nanoseconds duration{0};
  std::optional<int> soft_error;  // what SO_ERROR told while the connection lived
  bool presumed = false;          // that it was reset: nobody has the kernel's own word on it
  bool gap = false;               // later data has come, and waits for a part before it
  std::uint64_t unwritten = 0;    // received, and not written to stdout
  std::uint64_t unread = 0;       // left in the socket
  bool stdout_stuck = false;      // takes nothing; a FIN may be unread behind what waits for it
  sys::Address local;             // the connection's own address
  std::optional<sys::Link> link;  // the interface that has it
  bool local_gone = false;        // none has it any more
  std::optional<PortHolder> peer_end;  // the peer's socket, where that is one of this host's
};

// What extra SYNs found out (--diagnose active).
struct ProbeFacts {
  bool made = false;
  std::vector<tcp::SynProbe> path;     // by TTL, to the first that was no router's answer
  std::optional<tcp::SynProbe> again;  // the same port
  std::optional<tcp::SynProbe> other;  // another port of the same host
  // A refusal: the same port, seen only if its RST came from less far away than the host is.
  std::optional<tcp::SynProbe> nearer;
  // Both that port's RST and another one's came from less far away: something refuses them all, or
  // the way back is the shorter.
  bool all_nearer = false;
  // The same port once more, where nobody had answered: what a router says that gives a host up.
  std::optional<tcp::SynProbe> later;
  std::chrono::nanoseconds took{0};  // until Evidence::path was read again; 0: it was not
};

struct Evidence {
  Step step = Step::connect;
  sys::Address peer;        // or the address to be bound
  sys::Address source;      // that was asked for; AF_UNSPEC: none
  sys::Address syn_source;  // where nobody answered: what the SYN was sent from
  sys::SysError error;      // error 0 where our own time ran out
  bool timed_out = false;
  std::chrono::nanoseconds after{0};
  std::optional<tcp::IcmpError> icmp;
  std::chrono::nanoseconds icmp_after{0};
  std::optional<std::chrono::nanoseconds> icmp_delay;  // behind the SYN that it answers
  std::optional<tcp::TcpInfo> info;
  bool met_itself = false;
  bool syn_unsent = false;
  std::optional<bool> dropped_here;  // each SYN that was sent again, by this host itself
  std::size_t connected_beside = 0;  // connections to the same port that the same run made
  AskedOptions asked;
  PathFacts path;
  PolicyFacts policy;
  HostFacts host;
  NameFacts name;
  TransferFacts transfer;
  ProbeFacts probes;
};

}  // namespace tcptool::diagnose
