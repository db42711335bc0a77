// SPDX-License-Identifier: MIT
#include "diagnose/icmp_names.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace tcptool::diagnose {
namespace {

// Destination unreachable, by code.
constexpr std::array<std::string_view, 16> icmp_unreachable{
    "network unreachable",
    "host unreachable",
    "protocol unreachable",
    "port unreachable",
    "fragmentation needed",
    "source route failed",
    "destination network unknown",
    "destination host unknown",
    "source host isolated",
    "network administratively prohibited",
    "host administratively prohibited",
    "network unreachable for this type of service",
    "host unreachable for this type of service",
    "administratively prohibited",
    "host precedence violation",
    "precedence cutoff in effect"};

constexpr std::array<std::string_view, 8> icmpv6_unreachable{
    "no route to destination",
    "administratively prohibited",
    "beyond scope of source address",
    "address unreachable",
    "port unreachable",
    "source address failed ingress/egress policy",
    "reject route to destination",
    "error in source routing header"};

template <std::size_t size>
std::string by_code(const std::array<std::string_view, size>& names, unsigned code) {
  if (code < size) return std::string(names[code]);
  return fmt::format("destination unreachable, code {}", code);
}

}  // namespace

std::string icmp_meaning(const tcp::IcmpError& icmp) {
  if (icmp.protocol == tcp::IcmpError::Protocol::icmp) {
    if (icmp.type == 3) return by_code(icmp_unreachable, icmp.code);
    if (icmp.type == 11) {
      return icmp.code == 0 ? "TTL exceeded in transit" : "fragment reassembly time exceeded";
    }
    if (icmp.type == 12) return "parameter problem";
    if (icmp.type == 4) return "source quench";
    return fmt::format("ICMP type {} code {}", icmp.type, icmp.code);
  }
  if (icmp.type == 1) return by_code(icmpv6_unreachable, icmp.code);
  if (icmp.type == 2) return "packet too big";
  if (icmp.type == 3) {
    return icmp.code == 0 ? "hop limit exceeded in transit" : "fragment reassembly time exceeded";
  }
  if (icmp.type == 4) return "parameter problem";
  return fmt::format("ICMPv6 type {} code {}", icmp.type, icmp.code);
}

bool is_ttl_exceeded(const tcp::IcmpError& icmp) {
  return icmp.type == (icmp.protocol == tcp::IcmpError::Protocol::icmp ? 11 : 3) && icmp.code == 0;
}

std::string icmp_evidence(const tcp::IcmpError& icmp) {
  const bool v4 = icmp.protocol == tcp::IcmpError::Protocol::icmp;
  return fmt::format("{} type {} code {} from {}", v4 ? "ICMP" : "ICMPv6", icmp.type, icmp.code,
                     icmp.offender.known() ? icmp.offender.host() : "an unknown sender");
}

}  // namespace tcptool::diagnose
