// SPDX-License-Identifier: MIT
#include "sys/address.h"

#include <doctest/doctest.h>

#include <cstring>

using tcptool::sys::Address;

namespace {

Address parsed(const char* text, std::uint16_t port = 0) {
  const auto address = Address::parse(text, port);
  REQUIRE(address);
  return *address;
}

}  // namespace

TEST_CASE("numeric addresses are parsed and written in their shortest form") {
  struct Row {
    const char* typed;
    int family;
    const char* text;
  };
  for (const Row& row :
       {Row{"127.0.0.1", AF_INET, "127.0.0.1:80"}, Row{"0.0.0.0", AF_INET, "0.0.0.0:80"},
        Row{"255.255.255.255", AF_INET, "255.255.255.255:80"}, Row{"::", AF_INET6, "[::]:80"},
        Row{"::1", AF_INET6, "[::1]:80"},
        Row{"2001:0DB8:0:0:0:0:0:1", AF_INET6, "[2001:db8::1]:80"},
        Row{"::ffff:1.2.3.4", AF_INET6, "[::ffff:1.2.3.4]:80"}}) {
    CAPTURE(row.typed);
    const Address address = parsed(row.typed, 80);
    CHECK(address.family() == row.family);
    CHECK(address.port() == 80);
    CHECK(address.text() == row.text);
    CHECK(address.known());
  }
}

TEST_CASE("nothing but a whole numeric address is one") {
  for (const std::string text :
       {"", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4",
        "0x7f.0.0.1", "[::1]", "::1%eth0", "::g", "1::2::3", "localhost", "1.2.3.4/8", "12345::"}) {
    CAPTURE(text);
    CHECK_FALSE(Address::parse(text, 0));
  }
  CHECK_FALSE(Address::parse(std::string_view("127.0.0.1\0x", 11), 0));
  CHECK_FALSE(Address::parse(std::string(1000, ':'), 0));
}

TEST_CASE("an address knows what it is") {
  CHECK(parsed("::").is_any());
  CHECK(parsed("0.0.0.0").is_any());
  CHECK_FALSE(parsed("::1").is_any());
  CHECK(parsed("fe80::1").is_link_local());
  CHECK(parsed("febf::1").is_link_local());
  CHECK_FALSE(parsed("fec0::1").is_link_local());
  CHECK_FALSE(parsed("169.254.0.1").is_link_local());
  CHECK(parsed("::ffff:1.2.3.4").is_v4_mapped());
  CHECK_FALSE(parsed("::1.2.3.4").is_v4_mapped());
  CHECK_FALSE(Address().known());
  CHECK(Address().text() == "unknown:0");
}

TEST_CASE("an IPv4 address goes into its mapped form and back") {
  const Address ipv4 = parsed("192.0.2.7", 99);
  CHECK(ipv4.mapped().text() == "[::ffff:192.0.2.7]:99");
  CHECK(ipv4.mapped().unmapped() == ipv4);
  CHECK(ipv4.unmapped() == ipv4);
  const Address ipv6 = parsed("2001:db8::1", 99);
  CHECK(ipv6.mapped() == ipv6);
  CHECK(ipv6.unmapped() == ipv6);
}

TEST_CASE("a zone is shown by name, by number where the name is not known, and counts in ==") {
  const Address bare = parsed("fe80::1", 80);
  const Address named = bare.with_zone(3, "eth0");
  CHECK(named.text() == "[fe80::1%eth0]:80");
  CHECK(named.scope_id() == 3);
  CHECK(bare.with_zone(3, "").text() == "[fe80::1%3]:80");
  CHECK(named == bare.with_zone(3, ""));
  CHECK_FALSE(named == bare);
  CHECK(bare.with_zone(3, std::string(100, 'z')).host() == "fe80::1%" + std::string(15, 'z'));
  CHECK(parsed("1.2.3.4").with_zone(3, "eth0").host() == "1.2.3.4");
  CHECK(named.with_port(81).text() == "[fe80::1%eth0]:81");
}

TEST_CASE("addresses are equal when family, address and port are") {
  CHECK(parsed("127.0.0.1", 80) == Address::loopback(AF_INET, 80));
  CHECK(parsed("::1", 80) == Address::loopback(AF_INET6, 80));
  CHECK_FALSE(parsed("127.0.0.1", 80) == parsed("127.0.0.1", 81));
  CHECK_FALSE(parsed("127.0.0.1", 80) == parsed("127.0.0.2", 80));
  CHECK_FALSE(parsed("127.0.0.1", 80) == parsed("::ffff:127.0.0.1", 80));
  CHECK(Address::any(AF_INET6, 0) == parsed("::"));
}

TEST_CASE("a foreign sockaddr is copied only where it is a whole one") {
  const Address original = parsed("2001:db8::5", 1234);
  for (socklen_t length = 0; length <= sizeof(sockaddr_in6); ++length) {
    CAPTURE(length);
    const Address copy = Address::from(original.data(), length);
    CHECK(copy.known() == (length >= sizeof(sockaddr_in6)));
  }
  const Address ipv4 = parsed("192.0.2.1", 1);
  for (socklen_t length = 0; length <= sizeof(sockaddr_in); ++length) {
    CHECK(Address::from(ipv4.data(), length).known() == (length >= sizeof(sockaddr_in)));
  }
  CHECK_FALSE(Address::from(nullptr, 28).known());
  sockaddr_storage unix_name{};
  unix_name.ss_family = AF_UNIX;
  CHECK_FALSE(Address::from(reinterpret_cast<sockaddr*>(&unix_name), sizeof unix_name).known());
}

TEST_CASE("what the kernel is handed has the family's size") {
  CHECK(parsed("1.2.3.4").size() == sizeof(sockaddr_in));
  CHECK(parsed("::1").size() == sizeof(sockaddr_in6));
  CHECK(parsed("::1").bytes().size() == sizeof(sockaddr_in6));
  CHECK(std::memcmp(parsed("::1").bytes().data(), parsed("::1").data(), sizeof(sockaddr_in6)) == 0);
}
