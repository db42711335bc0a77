// SPDX-License-Identifier: MIT
#include "tcp/access_rules.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <span>

#include "base/parse.h"
#include "base/text.h"
#include "sys/host_network.h"

namespace tcptool::tcp {
namespace {

constexpr unsigned v4_bits = 32;
constexpr unsigned v6_bits = 128;
constexpr unsigned mapped_bits = v6_bits - v4_bits;  // ::ffff:0:0/96, RFC 4291 section 2.5.5.2

unsigned address_bits(const sys::Address& address) {
  return address.family() == AF_INET ? v4_bits : v6_bits;
}

void clear_behind(std::span<std::byte> bytes, unsigned prefix) {
  constexpr unsigned byte_bits = 8;
  for (std::byte& byte : bytes) {
    if (prefix < byte_bits) byte &= ~(std::byte{0xff} >> prefix);
    prefix -= std::min(prefix, byte_bits);
  }
}

sys::Address without_host_bits(const sys::Address& address, unsigned prefix) {
  if (address.family() == AF_INET) {
    sockaddr_in in = *reinterpret_cast<const sockaddr_in*>(address.data());
    clear_behind(std::as_writable_bytes(std::span(&in.sin_addr, 1)), prefix);
    return sys::Address::from(reinterpret_cast<const sockaddr*>(&in), sizeof in);
  }
  sockaddr_in6 in6 = *reinterpret_cast<const sockaddr_in6*>(address.data());
  clear_behind(std::as_writable_bytes(std::span(&in6.sin6_addr, 1)), prefix);
  return sys::Address::from(reinterpret_cast<const sockaddr*>(&in6), sizeof in6);
}

// The prefix in bits of `address` as it was written, which may be v4-mapped.
Result<unsigned, std::string> parse_prefix(std::string_view text, const sys::Address& address) {
  const unsigned most = address_bits(address);
  const auto bits = parse_unsigned(text, most);
  if (bits) return static_cast<unsigned>(*bits);
  return failure(fmt::format("the prefix of an IPv{} network is 0 to {} bits, not {}",
                             most == v4_bits ? 4 : 6, most, in_quotes(text)));
}

}  // namespace

std::string Network::text() const {
  return fmt::format("{}/{}", base.host(), prefix);
}

Result<Network, std::string> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = sys::Address::parse(text.substr(0, slash), 0);
  if (!address) {
    return failure(
        fmt::format("{} is no network; give one such as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1",
                    in_quotes(text)));
  }
  unsigned prefix = address_bits(*address);
  if (slash != std::string_view::npos) {
    const auto bits = parse_prefix(text.substr(slash + 1), *address);
    if (!bits) return failure(bits.error());
    prefix = *bits;
  }
  const sys::Address base = without_host_bits(*address, prefix);
  if (!(base == *address)) {
    return failure(
        fmt::format("{} has bits set behind its prefix; say {}/{}, or {} for that address alone",
                    in_quotes(text), base.host(), prefix, address->host()));
  }
  if (!address->is_v4_mapped() || prefix < mapped_bits) return Network{base, prefix};
  return Network{base.unmapped(), prefix - mapped_bits};
}

Result<void, std::string> AccessRules::add(const AccessRule& rule) {
  for (const AccessRule& other : rules_) {
    const bool same =
        other.network.base == rule.network.base && other.network.prefix == rule.network.prefix;
    if (same && other.allow == rule.allow) return {};
    if (same) return failure(fmt::format("{} is allowed and denied", rule.network.text()));
  }
  rules_.push_back(rule);
  return {};
}

AccessRules::Verdict AccessRules::judge(const sys::Address& peer) const {
  const sys::Address address = peer.unmapped();
  Verdict verdict;
  verdict.allowed =
      std::none_of(rules_.begin(), rules_.end(), [](const AccessRule& rule) { return rule.allow; });
  for (const AccessRule& rule : rules_) {
    if (!sys::covers(rule.network.base, rule.network.prefix, address)) continue;
    if (verdict.rule && verdict.rule->network.prefix >= rule.network.prefix) continue;
    verdict = {rule.allow, rule};
  }
  return verdict;
}

}  // namespace tcptool::tcp
