// SPDX-License-Identifier: MIT
// An IPv4 or IPv6 socket address, as the kernel takes and gives it, and its text. A link-local
// address carries the name of its zone for display; the scope id in the sockaddr is what counts.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tcptool::sys {

// "IPv4" or "IPv6".
std::string_view family_word(int family);

class Address {
 public:
  // No address: family AF_UNSPEC. The kernel fills it through data() and capacity().
  Address() = default;

  // A numeric IPv4 address in four decimal parts, or a numeric IPv6 address without brackets and
  // without zone. Nothing else is accepted; in particular not the short forms of inet_aton(3).
  static std::optional<Address> parse(std::string_view numeric, std::uint16_t port);
  static Address any(int family, std::uint16_t port);
  static Address loopback(int family, std::uint16_t port);
  // A copy of a sockaddr that somebody else owns; AF_UNSPEC for a family or length not known.
  static Address from(const sockaddr* address, socklen_t length);

  [[nodiscard]] int family() const { return storage_.sa.sa_family; }
  [[nodiscard]] bool known() const { return family() == AF_INET || family() == AF_INET6; }
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::uint32_t scope_id() const;
  [[nodiscard]] bool is_any() const;
  [[nodiscard]] bool is_link_local() const;  // IPv6 only: fe80::/10
  [[nodiscard]] bool is_v4_mapped() const;   // ::ffff:a.b.c.d

  [[nodiscard]] Address with_port(std::uint16_t port) const;
  [[nodiscard]] Address with_zone(std::uint32_t scope_id, std::string_view zone_name) const;
  // The IPv4 address inside a v4-mapped one; any other address as it is.
  [[nodiscard]] Address unmapped() const;
  // The v4-mapped form of an IPv4 address; an IPv6 address as it is.
  [[nodiscard]] Address mapped() const;

  // "127.0.0.1", "::1", "fe80::1%eth0" (with the zone's number where its name is not known).
  [[nodiscard]] std::string host() const;
  // host() with the port: "127.0.0.1:9000", "[::1]:9000".
  [[nodiscard]] std::string text() const;

  [[nodiscard]] const sockaddr* data() const { return &storage_.sa; }
  [[nodiscard]] socklen_t size() const;
  [[nodiscard]] sockaddr* buffer() { return &storage_.sa; }
  static constexpr socklen_t capacity() { return sizeof(Storage); }
  [[nodiscard]] std::span<const std::byte> bytes() const;

  friend bool operator==(const Address& a, const Address& b);

 private:
  union Storage {
    sockaddr_in6 in6{};
    sockaddr_in in;
    sockaddr sa;
  };
  Storage storage_;
  std::array<char, 16> zone_{};  // NUL-terminated, at most IFNAMSIZ - 1 characters
};

}  // namespace tcptool::sys
