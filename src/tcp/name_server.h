// SPDX-License-Identifier: MIT
// Asks name servers ourselves, since getaddrinfo(3) does not say which server said what: that a
// name does not exist, that a server is silent, or that it cannot be reached. One question by UDP,
// no more: enough to tell those apart, no resolver.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sys/address.h"
#include "sys/waiter.h"
#include "tcp/error_queue.h"

namespace tcptool::tcp {

// Types of RFC 1035 and RFC 3596.
inline constexpr unsigned dns_type_a = 1;
inline constexpr unsigned dns_type_aaaa = 28;

struct NameServerAnswer {
  // unreachable: a call gave an errno, which ICMP or the own routes said.
  enum class Kind { answered, silent, unreachable };
  sys::Address server;
  Kind kind = Kind::silent;
  int error = 0;                    // errno where unreachable
  std::optional<IcmpError> icmp{};  // which said so, if one did
  unsigned rcode = 0;               // DNS RCODE where answered: 0 no error, 3 NXDOMAIN
  bool has_address = false;         // an address of the asked type is in the answer section
  bool is_alias = false;            // a CNAME is, so that all else is said of what it leads to
  bool truncated = false;       // the answer was cut to fit into UDP: has_address may be missing it
  bool unintelligible = false;  // something came from there that is no answer to the question
  std::chrono::nanoseconds after{0};  // from the question to the answer or the error
};

// The name servers of a resolv.conf(5), as glibc takes them: the first three that are addresses,
// with port 53. A zone that is a name is kept as such; ask_name_servers looks up its number. Empty
// where there is none (libc then asks 127.0.0.1).
std::vector<sys::Address> parse_resolv_conf(std::string_view text);

// The addresses that a hosts(5) file has for `name`, of both families, in its order.
std::vector<sys::Address> parse_hosts(std::string_view text, std::string_view name);

// A question for addresses of `name`, which may end in a dot, with recursion wanted. Empty where it
// is no legal host name of DNS: labels of 1 to 63 letters, digits, - and _, at most 253 characters.
// See RFC 1035 section 4.1.
std::vector<std::byte> dns_query(std::string_view name, unsigned type, std::uint16_t id);

struct DnsReply {
  unsigned rcode = 0;
  bool has_address = false;
  bool truncated = false;
  bool is_alias = false;
};

// The reply to `query`, as dns_query made it. Nothing where it is no reply to it: another id or
// another question. A server that refuses may leave the question out. Records behind a malformed
// one do not count.
std::optional<DnsReply> parse_dns_reply(std::span<const std::byte> reply,
                                        std::span<const std::byte> query);

// Asks each server for addresses of `type` (1: A, 28: AAAA), all at once, and waits for their
// answers until `deadline`, or 5 s where there is none. The answers stand in the order of
// `servers`. The end of the run or a signal ends the wait: who has not answered then is silent, and
// so are all where the name is none.
std::vector<NameServerAnswer> ask_name_servers(sys::Waiter& waiter,
                                               std::span<const sys::Address> servers,
                                               std::string_view name, unsigned type,
                                               sys::Deadline deadline);

}  // namespace tcptool::tcp
