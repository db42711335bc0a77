// SPDX-License-Identifier: MIT
#include "diagnose/collect.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t listening = 1U << 10U;
constexpr std::uint32_t every_state = 0xfffU;

template <class T>
std::vector<T> or_nothing(Result<std::vector<T>, sys::SysError> rows) {
  return rows ? std::move(*rows) : std::vector<T>();
}

std::vector<sys::Address> own_addresses(const std::vector<sys::InterfaceAddress>& addresses) {
  std::vector<sys::Address> out;
  out.reserve(addresses.size());
  for (const sys::InterfaceAddress& entry : addresses) {
    out.push_back(entry.address.with_zone(0, "").with_port(0));
  }
  return out;
}

HostFacts read_host(sys::Kernel& kernel) {
  HostFacts host;
  host.addresses = own_addresses(or_nothing(sys::interface_addresses(kernel)));
  for (const sys::Link& link : or_nothing(sys::links(kernel))) {
    host.interfaces.push_back(link.name);
  }
  return host;
}

void read_holders(sys::Kernel& kernel, std::uint16_t port, std::uint32_t states, HostFacts& host) {
  constexpr std::size_t most = 16;
  host.holders_known = true;
  for (const int family : {AF_INET, AF_INET6}) {
    const auto rows = sys::tcp_sockets(kernel, family, states);
    if (!rows) host.holders_known = false;
    for (const sys::SocketRow& row : or_nothing(rows)) {
      if (row.local.port() == port && host.holders.size() < most) {
        host.holders.push_back({row, std::nullopt});
      }
    }
  }
  for (PortHolder& holder : host.holders) {
    if (holder.socket.inode != 0) holder.owner = sys::socket_owner(kernel, holder.socket.inode);
  }
}

// The other end of the connection, where it is a socket of this host: one that no process has
// waits to be accepted, and its listener is told with it.
void read_peer_end(sys::Kernel& kernel, const tcp::Connection& connection, Evidence& evidence) {
  constexpr unsigned established = 1;
  constexpr unsigned close_wait = 8;
  constexpr std::uint32_t open = 1U << established | 1U << close_wait;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const sys::SocketRow& row : or_nothing(sys::tcp_sockets(kernel, family, open))) {
      const bool other_end = row.local.unmapped() == connection.peer.unmapped() &&
                             row.remote.unmapped() == connection.local.unmapped();
      if (other_end) evidence.transfer.peer_end = PortHolder{row, std::nullopt};
    }
  }
  auto& end = evidence.transfer.peer_end;
  if (!end) return;
  const bool fin_unread = end->socket.state == close_wait && end->socket.rqueue > 0;
  if (fin_unread) --end->socket.rqueue;
  if (end->socket.inode == 0) {
    read_holders(kernel, connection.peer.port(), listening, evidence.host);
  } else {
    end->owner = sys::socket_owner(kernel, end->socket.inode);
  }
}

// Whether an interface still has the connection's own address, and which.
void read_own_end(sys::Kernel& kernel, const sys::Address& local, TransferFacts& transfer) {
  transfer.local = local;
  const auto addresses = sys::interface_addresses(kernel);
  if (!addresses || !local.known()) return;
  const std::string own = local.unmapped().with_zone(0, "").host();
  const auto found = std::find_if(addresses->begin(), addresses->end(), [&](const auto& entry) {
    return entry.address.with_zone(0, "").host() == own;
  });
  transfer.local_gone = found == addresses->end();
  if (found == addresses->end()) return;
  for (const sys::Link& link : or_nothing(sys::links(kernel))) {
    if (link.index == found->ifindex) transfer.link = link;
  }
}

}  // namespace

Evidence collect_look_up(sys::Waiter& waiter, const tcp::ResolveFailure& failure, int family,
                         sys::Deadline deadline) {
  constexpr auto most = 2s;
  constexpr auto least = 400ms;
  sys::Kernel& kernel = waiter.kernel();
  Evidence evidence;
  evidence.step = Step::look_up;
  evidence.error = failure.error;
  evidence.timed_out = failure.kind == tcp::ResolveFailure::Kind::timed_out;
  evidence.after = failure.after;
  NameFacts& name = evidence.name;
  name.name = failure.subject;
  name.family = family;
  name.status = failure.status;
  name.timed_out = evidence.timed_out;
  if (const auto hosts = sys::read_small_file(kernel, "/etc/hosts")) {
    name.in_hosts = tcp::parse_hosts(*hosts, name.name);
  } else if (hosts.error().error != ENOENT) {
    name.hosts_error = hosts.error();
  }
  const auto config = sys::read_small_file(kernel, "/etc/resolv.conf");
  if (!config) {
    name.config_error = config.error();
    return evidence;
  }
  name.servers = tcp::parse_resolv_conf(*config);
  if (name.servers.empty()) return evidence;
  const sys::TimePoint now = kernel.now();
  const sys::TimePoint until =
      deadline ? std::clamp(*deadline, now + least, now + most) : now + most;
  const unsigned wanted = family == AF_INET6 ? tcp::dns_type_aaaa : tcp::dns_type_a;
  // Of what is no host name of DNS nobody is asked, and nobody is silent.
  if (tcp::dns_query(name.name, wanted, 0).empty()) return evidence;
  name.answers = tcp::ask_name_servers(waiter, name.servers, name.name, wanted, until);
  name.asked_for = kernel.now() - now;
  if (!name_server_answered(name)) {
    evidence.host.addresses = own_addresses(or_nothing(sys::interface_addresses(kernel)));
    for (const auto& answer : name.answers) {
      name.server_paths.push_back(read_path(kernel, answer.server));
    }
  }
  const bool answered =
      std::any_of(name.answers.begin(), name.answers.end(), [](const auto& answer) {
        return answer.kind == tcp::NameServerAnswer::Kind::answered && answer.rcode == 0;
      });
  if (answered) {
    name.other_answers = tcp::ask_name_servers(
        waiter, name.servers, name.name,
        wanted == tcp::dns_type_a ? tcp::dns_type_aaaa : tcp::dns_type_a, until);
  }
  return evidence;
}

Evidence collect_prepare(sys::Kernel& kernel, const sys::SysError& error,
                         const sys::Address& address, const AskedOptions& asked) {
  Evidence evidence;
  evidence.asked = asked;
  evidence.step = Step::prepare;
  evidence.error = error;
  evidence.peer = address;
  if (error.error == EMFILE) {
    sys::RLimit limit;
    if (kernel.prlimit64(RLIMIT_NOFILE, nullptr, &limit).ok()) {
      evidence.host.descriptor_limit = limit.soft;
    }
    return evidence;  // every other question needs a descriptor
  }
  evidence.host = read_host(kernel);
  if (error.error == EADDRINUSE) {
    read_holders(kernel, address.port(), every_state, evidence.host);
    if (asked.reuse_port) evidence.host.own_uid = static_cast<unsigned>(kernel.getuid().value);
  }
  if (error.error == EADDRNOTAVAIL && address.family() == AF_INET6) {
    evidence.path.ipv6_disabled = ipv6_disabled(kernel);
  }
  if (error.error == EACCES) {
    evidence.host.first_unprivileged_port =
        sys::read_sysctl(kernel, "/proc/sys/net/ipv4/ip_unprivileged_port_start");
  }
  return evidence;
}

Evidence collect_connect(sys::Kernel& kernel, const tcp::Attempt& attempt,
                         const AskedOptions& asked) {
  Evidence evidence;
  if (attempt.error.error != 0 && attempt.error.call != sys::Syscall::connect) {
    return collect_prepare(kernel, attempt.error, attempt.local, asked);
  }
  evidence.asked = asked;
  evidence.peer = attempt.peer;
  evidence.source = attempt.local;
  evidence.syn_source = attempt.syn_source;
  evidence.error = attempt.error;
  evidence.timed_out = attempt.end == tcp::Attempt::End::timed_out;
  evidence.after = attempt.duration;
  evidence.icmp = attempt.icmp;
  evidence.icmp_after = attempt.icmp_after;
  evidence.icmp_delay = attempt.icmp_delay;
  evidence.dropped_here = attempt.dropped_here;
  evidence.info = attempt.info;
  evidence.met_itself = attempt.met_itself;
  evidence.syn_unsent = attempt.syn_unsent;
  read_way(kernel, evidence);
  evidence.host = read_host(kernel);
  if (evidence.path.own_address) {
    read_holders(kernel, attempt.peer.port(), listening, evidence.host);
  }
  if (attempt.error.error == EADDRNOTAVAIL && attempt.local.port() != 0) {
    read_holders(kernel, attempt.local.port(), every_state, evidence.host);
  }
  if (attempt.error.error == EADDRNOTAVAIL) {
    auto range = sys::read_small_file(kernel, "/proc/sys/net/ipv4/ip_local_port_range");
    if (range) {
      while (!range->empty() && range->back() == '\n') range->pop_back();
      std::replace(range->begin(), range->end(), '\t', ' ');
      evidence.host.port_range = *range;
    }
  }
  return evidence;
}

Evidence collect_transfer(sys::Kernel& kernel, const tcp::Connection& connection,
                          const sys::SysError& error, std::chrono::nanoseconds after,
                          const std::optional<tcp::TcpInfo>& info, const TransferFacts& transfer,
                          const AskedOptions& asked) {
  Evidence evidence;
  evidence.step = Step::transfer;
  evidence.asked = asked;
  evidence.peer = connection.peer;
  evidence.error = error;
  evidence.timed_out = transfer.end != TransferFacts::End::lost;
  evidence.after = after;
  evidence.info = info;
  evidence.transfer = transfer;
  evidence.path = read_path(kernel, connection.peer, asked.interface);
  evidence.policy = read_policy(kernel, connection.peer, connection.local);
  evidence.host = read_host(kernel);
  read_own_end(kernel, connection.local, evidence.transfer);
  if (evidence.timed_out && evidence.path.own_address) read_peer_end(kernel, connection, evidence);
  return evidence;
}

}  // namespace tcptool::diagnose
