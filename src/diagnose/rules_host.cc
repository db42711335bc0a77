// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/rules.h"
#include "sys/names.h"

namespace tcptool::diagnose {
namespace {

using sys::Syscall;

bool failed_as(const Evidence& evidence, Syscall call, int error) {
  return evidence.error.call == call && evidence.error.error == error;
}

std::string error_words(const Evidence& evidence) {
  return fmt::format("{} ({})", sys::errno_text(evidence.error.error),
                     sys::errno_name(evidence.error.error));
}

std::string errno_words(const Evidence& evidence) {
  return fmt::format("{}: {}", name(evidence.error.call), error_words(evidence));
}

// Whether the socket's address and the one that was to be bound exclude each other.
bool in_the_way(const sys::SocketRow& socket, const sys::Address& asked) {
  const sys::Address theirs = socket.local.unmapped().with_port(0);
  const sys::Address ours = asked.unmapped().with_port(0);
  if (!ours.known() || theirs == ours) return true;
  if (theirs.is_any() && theirs.family() == AF_INET6 && ours.family() == AF_INET) {
    return !socket.v6only;
  }
  if (ours.is_any() && ours.family() == AF_INET6) return true;  // perhaps of both families
  return theirs.family() == ours.family() && (theirs.is_any() || ours.is_any());
}

// The first holder whose socket is in that state, of the asked family if there is one.
const PortHolder* holder_in(const Evidence& evidence, std::optional<unsigned> state) {
  const PortHolder* found = nullptr;
  for (const PortHolder& holder : evidence.host.holders) {
    const sys::SocketRow& socket = holder.socket;
    if (state && socket.state != *state) continue;
    if (!in_the_way(socket, evidence.peer)) continue;
    if (socket.local.unmapped().family() == evidence.peer.unmapped().family()) return &holder;
    if (found == nullptr) found = &holder;
  }
  return found;
}

// SO_REUSEPORT was asked for, and did not help. Of another socket it cannot be read.
std::string not_shared(const Evidence& evidence, const PortHolder& holder) {
  const auto own = evidence.host.own_uid;
  if (!evidence.asked.reuse_port || !own) return "";
  if (holder.socket.uid == *own) {
    return "; it was bound without SO_REUSEPORT, which all sockets that share a port must set";
  }
  return fmt::format(
      "; SO_REUSEPORT shares a port among sockets of one uid alone, and ours is {} (nor can it be "
      "seen whether that listener has set it, as it must)",
      *own);
}

std::optional<Finding> port_in_use(const Evidence& evidence) {
  const bool in_use = failed_as(evidence, Syscall::bind, EADDRINUSE) ||
                      failed_as(evidence, Syscall::listen, EADDRINUSE);
  if (!in_use) return std::nullopt;
  const std::string port = fmt::format("{}", evidence.peer.port());
  if (const PortHolder* const holder = holder_in(evidence, state_listen)) {
    const std::string who = holder_text(*holder);
    const std::string local = holder->socket.local.text();
    return Finding{
        Cause::port_in_use, "the address is in use (EADDRINUSE)",
        fmt::format("{} is a listening socket of {}", local, who),
        fmt::format("{} already listens on {}{}", who, local, not_shared(evidence, *holder)),
        holder->owner ? "another port, or end that process"
                      : fmt::format("another port; root sees who it is: ss -ltnp "
                                    "'sport = {}'",
                                    port)};
  }
  if (const PortHolder* const holder = holder_in(evidence, state_time_wait)) {
    const auto left = holder->socket.time_wait_left;
    const std::string time = left ? fmt::format(" for {} more", format_duration(*left)) : "";
    return Finding{
        Cause::source_port_in_time_wait,
        "the address is in use by a connection in TIME-WAIT (EADDRINUSE)",
        fmt::format("{} -> {} is in TIME-WAIT{}", holder->socket.local.text(),
                    holder->socket.remote.text(), time),
        fmt::format("an earlier connection from port {} waits in TIME-WAIT{}", port, time),
        "another source port, or wait"};
  }
  if (const PortHolder* const holder = holder_in(evidence, std::nullopt)) {
    const std::string who = holder_text(*holder);
    return Finding{
        Cause::source_port_in_use, "the address is in use (EADDRINUSE)",
        fmt::format("{} -> {} ({}) belongs to {}", holder->socket.local.text(),
                    holder->socket.remote.text(), sys::tcp_state_name(holder->socket.state), who),
        fmt::format("a connection of {} uses port {}", who, port), "another port"};
  }
  return Finding{Cause::port_in_use, "the address is in use (EADDRINUSE)", errno_words(evidence),
                 fmt::format("another socket of this host has port {}{}", port,
                             evidence.host.holders_known
                                 ? "; it is bound without listening, so that no table shows it"
                                 : ""),
                 "another port"};
}

std::optional<Finding> privileged_port(const Evidence& evidence) {
  if (!failed_as(evidence, Syscall::bind, EACCES)) return std::nullopt;
  const auto& host = evidence.host;
  const auto first = host.first_unprivileged_port;
  if (!first || evidence.peer.port() >= *first || evidence.peer.port() == 0) return std::nullopt;
  return Finding{
      Cause::privileged_port,
      fmt::format("permission denied: port {} is privileged (EACCES)", evidence.peer.port()),
      fmt::format("net.ipv4.ip_unprivileged_port_start is {}", *first),
      fmt::format("a port below {} needs the capability CAP_NET_BIND_SERVICE", *first),
      fmt::format("a port from {} on", *first)};
}

std::string some(const std::vector<std::string>& words) {
  constexpr std::size_t most = 6;
  std::string out;
  for (std::size_t i = 0; i < std::min(words.size(), most); ++i) {
    out += (i == 0 ? "" : ", ") + escape(words[i]);
  }
  return words.size() > most ? out + ", ..." : out;
}

std::optional<Finding> ipv6_disabled(const Evidence& evidence) {
  const auto& own = evidence.host.addresses;
  const bool any = std::any_of(own.begin(), own.end(), [](const sys::Address& address) {
    return address.family() == AF_INET6;
  });
  if (!failed_as(evidence, Syscall::bind, EADDRNOTAVAIL) || !evidence.path.ipv6_disabled || any) {
    return std::nullopt;
  }
  return Finding{Cause::ipv6_disabled, "IPv6 is disabled on this host (EADDRNOTAVAIL)",
                 "net.ipv6.conf.all.disable_ipv6 is 1, and no interface has an IPv6 address",
                 "IPv6 is disabled on this host (net.ipv6.conf.all.disable_ipv6 = 1)",
                 "an IPv4 address (-4), or enable IPv6"};
}

std::optional<Finding> address_not_local(const Evidence& evidence) {
  if (!failed_as(evidence, Syscall::bind, EADDRNOTAVAIL)) return std::nullopt;
  const std::string address = evidence.peer.host();
  std::vector<std::string> own;
  bool there = false;
  for (const sys::Address& one : evidence.host.addresses) {
    own.push_back(one.host());
    there = there || one == evidence.peer.unmapped().with_zone(0, "").with_port(0);
  }
  if (there) {
    return Finding{Cause::address_not_local,
                   fmt::format("{} cannot be used yet (EADDRNOTAVAIL)", address),
                   errno_words(evidence),
                   fmt::format("an interface has the address {}, but the kernel does not let it be "
                               "used: it is tentative, or its interface is down",
                               address),
                   "ip addr; again in a few seconds"};
  }
  return Finding{
      Cause::address_not_local,
      fmt::format("{} is not an address of this host (EADDRNOTAVAIL)", address),
      own.empty() ? errno_words(evidence) : fmt::format("its addresses are {}", some(own)),
      fmt::format("no interface of this host has the address {}", address),
      "one of this host's addresses (ip addr)"};
}

std::optional<Finding> descriptor_limit(const Evidence& evidence) {
  const int error = evidence.error.error;
  if (error != EMFILE && error != ENFILE) return std::nullopt;
  if (error == ENFILE) {
    return Finding{Cause::descriptor_limit, "too many open files in the whole system (ENFILE)",
                   errno_words(evidence),
                   "the system's limit of open files (fs.file-max) has been reached",
                   "end what holds so many, or raise fs.file-max"};
  }
  const auto limit = evidence.host.descriptor_limit;
  const std::string number = limit ? fmt::format(" is {}", *limit) : "";
  return Finding{
      Cause::descriptor_limit, "too many open files (EMFILE)", errno_words(evidence),
      fmt::format("this process has as many open descriptors as it may: RLIMIT_NOFILE{}", number),
      "a higher limit: ulimit -n"};
}

std::optional<Finding> family_not_supported(const Evidence& evidence) {
  const int error = evidence.error.error;
  const bool refused = error == EAFNOSUPPORT || error == EPROTONOSUPPORT;
  if (!refused || evidence.error.call != Syscall::socket) return std::nullopt;
  const std::string& object = evidence.error.object;
  const bool v6 = evidence.peer.family() == AF_INET6 || object == sys::family_name(AF_INET6);
  const bool v4 = evidence.peer.family() == AF_INET || object == sys::family_name(AF_INET);
  return Finding{
      Cause::family_not_supported, "the address family is not supported", errno_words(evidence),
      fmt::format("this host's kernel has no {}", v6 ? "IPv6" : (v4 ? "IPv4" : "such protocol")),
      v6 ? "-4, or an IPv4 address" : "an address of the other family"};
}

std::optional<Finding> no_such_interface(const Evidence& evidence) {
  constexpr std::string_view option = "SO_BINDTODEVICE=";
  const int error = evidence.error.error;
  if (error != ENODEV && error != ENXIO) return std::nullopt;
  std::string asked;
  if (evidence.error.call == Syscall::setsockopt && evidence.error.object.starts_with(option)) {
    asked = evidence.error.object.substr(option.size());
  } else if (evidence.error.call == Syscall::bind && evidence.peer.is_link_local()) {
    const std::string host = evidence.peer.host();  // the zone is the interface
    asked = host.substr(std::min(host.find('%'), host.size() - 1) + 1);
  }
  const auto& all = evidence.host.interfaces;
  if (asked.empty() || std::find(all.begin(), all.end(), asked) != all.end()) return std::nullopt;
  return Finding{Cause::no_such_interface,
                 fmt::format("no such interface: {} ({})", asked, sys::errno_name(error)),
                 errno_words(evidence),
                 fmt::format("this host has no interface {}{}", asked,
                             all.empty() ? "" : "; it has " + some(all)),
                 "an interface that is there (ip link)"};
}

std::optional<Finding> option_refused(const Evidence& evidence) {
  if (evidence.error.call != Syscall::setsockopt) return std::nullopt;
  const bool rights = evidence.error.error == EPERM || evidence.error.error == EACCES;
  return Finding{
      Cause::option_refused, error_words(evidence), errno_words(evidence),
      fmt::format("the kernel refuses {}{}", evidence.error.object,
                  rights ? ": it needs a capability (CAP_NET_ADMIN or CAP_NET_RAW)" : ""),
      "another value, or without it"};
}

std::optional<Finding> no_memory(const Evidence& evidence) {
  const int error = evidence.error.error;
  if (error != ENOMEM && error != ENOBUFS) return std::nullopt;
  return Finding{Cause::no_memory, error_words(evidence), errno_words(evidence),
                 "the kernel has no memory left for another socket",
                 "what uses it: /proc/net/sockstat, net.ipv4.tcp_mem"};
}

constexpr std::array<Rule, 9> rules{port_in_use,       privileged_port,  ipv6_disabled,
                                    address_not_local, descriptor_limit, family_not_supported,
                                    no_such_interface, option_refused,   no_memory};

}  // namespace

std::span<const Rule> host_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
