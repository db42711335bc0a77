// SPDX-License-Identifier: MIT
#include "sys/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace tcptool::sys {

std::string_view family_word(int family) {
  return family == AF_INET6 ? "IPv6" : "IPv4";
}

std::optional<Address> Address::parse(std::string_view numeric, std::uint16_t port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (numeric.empty() || numeric.size() >= text.size()) return std::nullopt;
  if (numeric.find('\0') != std::string_view::npos) return std::nullopt;
  std::copy(numeric.begin(), numeric.end(), text.begin());
  Address address = any(AF_INET, port);
  if (inet_pton(AF_INET, text.data(), &address.storage_.in.sin_addr) == 1) return address;
  address = any(AF_INET6, port);
  if (inet_pton(AF_INET6, text.data(), &address.storage_.in6.sin6_addr) == 1) return address;
  return std::nullopt;
}

Address Address::any(int family, std::uint16_t port) {
  Address address;
  address.storage_.sa.sa_family = static_cast<sa_family_t>(family);
  return address.with_port(port);
}

Address Address::loopback(int family, std::uint16_t port) {
  Address address = any(family, port);
  if (family == AF_INET6) {
    address.storage_.in6.sin6_addr = in6addr_loopback;
  } else {
    address.storage_.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  return address;
}

Address Address::from(const sockaddr* address, socklen_t length) {
  Address copy;
  if (address == nullptr || length < sizeof(sa_family_t)) return copy;
  const bool fits = (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) ||
                    (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6));
  const std::size_t size = std::min<std::size_t>(length, sizeof(Storage));
  if (fits) std::memcpy(static_cast<void*>(&copy.storage_), address, size);
  return copy;
}

std::uint16_t Address::port() const {
  // At the same place in both families, and kept where the family is still open.
  return ntohs(storage_.in.sin_port);
}

std::uint32_t Address::scope_id() const {
  return family() == AF_INET6 ? storage_.in6.sin6_scope_id : 0;
}

bool Address::is_any() const {
  if (family() == AF_INET) return storage_.in.sin_addr.s_addr == htonl(INADDR_ANY);
  return family() == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&storage_.in6.sin6_addr);
}

bool Address::is_link_local() const {
  return family() == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&storage_.in6.sin6_addr);
}

bool Address::is_v4_mapped() const {
  return family() == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&storage_.in6.sin6_addr);
}

Address Address::with_port(std::uint16_t port) const {
  Address copy = *this;
  copy.storage_.in.sin_port = htons(port);
  return copy;
}

Address Address::with_zone(std::uint32_t scope_id, std::string_view zone_name) const {
  Address copy = *this;
  if (family() != AF_INET6) return copy;
  copy.storage_.in6.sin6_scope_id = scope_id;
  copy.zone_.fill('\0');
  zone_name = zone_name.substr(0, copy.zone_.size() - 1);
  std::copy(zone_name.begin(), zone_name.end(), copy.zone_.begin());
  return copy;
}

Address Address::unmapped() const {
  if (!is_v4_mapped()) return *this;
  Address ipv4 = any(AF_INET, port());
  std::memcpy(&ipv4.storage_.in.sin_addr, &storage_.in6.sin6_addr.s6_addr[12], 4);
  return ipv4;
}

Address Address::mapped() const {
  if (family() != AF_INET) return *this;
  Address ipv6 = any(AF_INET6, port());
  ipv6.storage_.in6.sin6_addr.s6_addr[10] = 0xff;
  ipv6.storage_.in6.sin6_addr.s6_addr[11] = 0xff;
  std::memcpy(&ipv6.storage_.in6.sin6_addr.s6_addr[12], &storage_.in.sin_addr, 4);
  return ipv6;
}

std::string Address::host() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &storage_.in.sin_addr, text.data(), text.size());
    return text.data();
  }
  if (family() != AF_INET6) return "unknown";
  inet_ntop(AF_INET6, &storage_.in6.sin6_addr, text.data(), text.size());
  if (zone_[0] != '\0') return fmt::format("{}%{}", text.data(), zone_.data());
  if (scope_id() != 0) return fmt::format("{}%{}", text.data(), scope_id());
  return text.data();
}

std::string Address::text() const {
  if (family() == AF_INET6) return fmt::format("[{}]:{}", host(), port());
  return fmt::format("{}:{}", host(), port());
}

socklen_t Address::size() const {
  return family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

std::span<const std::byte> Address::bytes() const {
  return std::as_bytes(std::span(&storage_, 1)).first(size());
}

bool operator==(const Address& a, const Address& b) {
  if (a.family() != b.family() || a.port() != b.port()) return false;
  if (a.family() == AF_INET) {
    return a.storage_.in.sin_addr.s_addr == b.storage_.in.sin_addr.s_addr;
  }
  return a.scope_id() == b.scope_id() &&
         IN6_ARE_ADDR_EQUAL(&a.storage_.in6.sin6_addr, &b.storage_.in6.sin6_addr);
}

}  // namespace tcptool::sys
