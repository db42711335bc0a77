// SPDX-License-Identifier: MIT
#include "sys/host_network.h"

#include <doctest/doctest.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "sys/netlink.h"

using namespace tcptool;
using sys::Address;
using sys::NetlinkRequest;
using sys::RouteType;

namespace {

using Bytes = std::span<const std::byte>;

Bytes payload(const NetlinkRequest& message) {
  return message.bytes().subspan(sizeof(nlmsghdr));
}

Bytes text_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

Address address(std::string_view text) {
  return Address::parse(text, 0).value();
}

Bytes bits(const Address& address) {
  return address.family() == AF_INET ? address.bytes().subspan(4, 4)
                                     : address.bytes().subspan(8, 16);
}

rtmsg route_header(int family, unsigned length, unsigned type = RTN_UNICAST) {
  rtmsg header{};
  header.rtm_family = static_cast<unsigned char>(family);
  header.rtm_dst_len = static_cast<unsigned char>(length);
  header.rtm_type = static_cast<unsigned char>(type);
  header.rtm_table = RT_TABLE_MAIN;
  return header;
}

// Every shorter piece of it is read without harm, and not as more than the whole.
void read_truncated(Bytes whole, const std::function<void(Bytes)>& parse) {
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::vector<std::byte> copy(whole.begin(), whole.begin() + static_cast<long>(length));
    parse(copy);
  }
}

}  // namespace

TEST_CASE("an interface's message tells name, state and MTU") {
  ifinfomsg header{};
  header.ifi_index = 3;
  header.ifi_flags = IFF_UP | IFF_RUNNING;
  const std::uint8_t off = 0;
  NetlinkRequest message(RTM_NEWLINK, 0, header);
  message.add(IFLA_IFNAME, text_bytes(std::string_view("eth0\0", 5))).add(IFLA_MTU, 1500);
  const auto link = sys::parse_link(payload(message));
  REQUIRE(link);
  CHECK(link->index == 3);
  CHECK(link->name == "eth0");
  CHECK(link->up);
  CHECK(link->carrier);
  CHECK_FALSE(link->loopback);
  CHECK(link->mtu == 1500);
  message.add(IFLA_CARRIER, std::as_bytes(std::span(&off, 1)));
  CHECK_FALSE(sys::parse_link(payload(message))->carrier);
  read_truncated(payload(message), [](Bytes bytes) { sys::parse_link(bytes); });
  CHECK_FALSE(sys::parse_link(payload(NetlinkRequest(RTM_NEWLINK, 0, header))));
}

TEST_CASE("an address is the interface's own, not that of a point-to-point link's other end") {
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = 32;
  header.ifa_index = 4;
  const Address own = address("10.0.0.1");
  const Address other = address("10.0.0.2");
  for (const bool own_first : {true, false}) {
    NetlinkRequest message(RTM_NEWADDR, 0, header);
    if (own_first) message.add(IFA_LOCAL, bits(own));
    message.add(IFA_ADDRESS, bits(other));
    if (!own_first) message.add(IFA_LOCAL, bits(own));
    const auto entry = sys::parse_interface_address(payload(message));
    REQUIRE(entry);
    CHECK(entry->address == own);
    CHECK(entry->prefix_length == 32);
    CHECK(entry->ifindex == 4);
    read_truncated(payload(message), [](Bytes bytes) { sys::parse_interface_address(bytes); });
  }
  header.ifa_prefixlen = 33;
  NetlinkRequest wrong(RTM_NEWADDR, 0, header);
  wrong.add(IFA_LOCAL, bits(own));
  CHECK_FALSE(sys::parse_interface_address(payload(wrong)));
}

TEST_CASE("a link-local address has its interface as scope") {
  ifaddrmsg header{};
  header.ifa_family = AF_INET6;
  header.ifa_prefixlen = 64;
  header.ifa_index = 4;
  NetlinkRequest message(RTM_NEWADDR, 0, header);
  message.add(IFA_ADDRESS, bits(address("fe80::1")));
  CHECK(sys::parse_interface_address(payload(message))->address.host() == "fe80::1%4");
}

TEST_CASE("a route's message tells all that decides where a packet goes") {
  NetlinkRequest message(RTM_NEWROUTE, 0, route_header(AF_INET, 16));
  const NetlinkRequest metrics = NetlinkRequest(0, 0, Bytes()).add(RTAX_MTU, 1400U);
  message.add(RTA_DST, bits(address("10.99.0.0")))
      .add(RTA_GATEWAY, bits(address("10.0.0.1")))
      .add(RTA_PREFSRC, bits(address("10.0.0.7")))
      .add(RTA_OIF, 3U)
      .add(RTA_PRIORITY, 100U)
      .add(RTA_METRICS, payload(metrics))
      .add(RTA_TABLE, 1000U);
  const auto entry = sys::parse_route(payload(message));
  REQUIRE(entry);
  CHECK(entry->text() == "10.99.0.0/16");
  CHECK(entry->type == RouteType::unicast);
  CHECK(entry->gateway == address("10.0.0.1"));
  CHECK(entry->preferred_source == address("10.0.0.7"));
  CHECK(entry->ifindex == 3);
  CHECK(entry->priority == 100);
  CHECK(entry->table == 1000);
  CHECK(entry->mtu == 1400);
  read_truncated(payload(message), [](Bytes bytes) { sys::parse_route(bytes); });
}

TEST_CASE("a default route has no destination in its message") {
  NetlinkRequest message(RTM_NEWROUTE, 0, route_header(AF_INET6, 0));
  message.add(RTA_GATEWAY, bits(address("fe80::1"))).add(RTA_OIF, 2U);
  const auto entry = sys::parse_route(payload(message));
  REQUIRE(entry);
  CHECK(entry->text() == "default");
  CHECK(entry->destination.is_any());
  CHECK(entry->gateway.host() == "fe80::1%2");
  CHECK_FALSE(entry->preferred_source.known());
  CHECK_FALSE(sys::parse_route(payload(NetlinkRequest(RTM_NEWROUTE, 0, route_header(AF_INET, 8)))));
}

TEST_CASE("every type of route has its name") {
  const std::vector<std::pair<unsigned, RouteType>> types{
      {RTN_LOCAL, RouteType::local},         {RTN_BROADCAST, RouteType::broadcast},
      {RTN_MULTICAST, RouteType::multicast}, {RTN_BLACKHOLE, RouteType::blackhole},
      {RTN_PROHIBIT, RouteType::prohibit},   {RTN_UNREACHABLE, RouteType::unreachable},
      {RTN_THROW, RouteType::throw_},        {RTN_ANYCAST, RouteType::other}};
  for (const auto& [number, type] : types) {
    const NetlinkRequest message(RTM_NEWROUTE, 0, route_header(AF_INET, 0, number));
    CHECK(sys::parse_route(payload(message))->type == type);
  }
}

TEST_CASE("of several next hops the first that is alive counts, with its own gateway") {
  const auto hop = [](unsigned flags, int ifindex, std::string_view gateway) {
    const NetlinkRequest attributes =
        NetlinkRequest(0, 0, Bytes()).add(RTA_GATEWAY, bits(address(gateway)));
    rtnexthop header{};
    header.rtnh_len = static_cast<unsigned short>(sizeof header + payload(attributes).size());
    header.rtnh_flags = static_cast<unsigned char>(flags);
    header.rtnh_ifindex = ifindex;
    std::vector<std::byte> bytes(header.rtnh_len);
    std::memcpy(bytes.data(), &header, sizeof header);
    const Bytes behind = payload(attributes);
    std::copy(behind.begin(), behind.end(), bytes.begin() + sizeof header);
    return bytes;
  };
  auto hops = hop(RTNH_F_DEAD, 5, "10.0.0.5");
  NetlinkRequest dead(RTM_NEWROUTE, 0, route_header(AF_INET, 0));
  CHECK_FALSE(sys::parse_route(payload(dead.add(RTA_MULTIPATH, hops))));
  const auto second = hop(0, 6, "10.0.0.6");
  hops.insert(hops.end(), second.begin(), second.end());
  NetlinkRequest alive(RTM_NEWROUTE, 0, route_header(AF_INET, 0));
  const auto entry = sys::parse_route(payload(alive.add(RTA_MULTIPATH, hops)));
  REQUIRE(entry);
  CHECK(entry->ifindex == 6);
  CHECK(entry->gateway == address("10.0.0.6"));
  for (std::size_t length = 0; length < hops.size(); ++length) {
    NetlinkRequest cut(RTM_NEWROUTE, 0, route_header(AF_INET, 0));
    cut.add(RTA_MULTIPATH, Bytes(hops).first(length));
    sys::parse_route(payload(cut));
  }
}

TEST_CASE("an IPv4 route may have an IPv6 gateway") {
  const sa_family_t family = AF_INET6;
  const Address gateway = address("fe80::9");
  std::vector<std::byte> via(sizeof family + bits(gateway).size());
  std::memcpy(via.data(), &family, sizeof family);
  std::copy(bits(gateway).begin(), bits(gateway).end(), via.begin() + sizeof family);
  NetlinkRequest message(RTM_NEWROUTE, 0, route_header(AF_INET, 0));
  message.add(RTA_VIA, via).add(RTA_OIF, 3U);
  CHECK(sys::parse_route(payload(message))->gateway.host() == "fe80::9%3");
}

TEST_CASE("what no new connection would use is no route: cached, dead, for another TOS") {
  rtmsg cached = route_header(AF_INET, 0);
  cached.rtm_flags = RTM_F_CLONED;
  rtmsg dead = route_header(AF_INET, 0);
  dead.rtm_flags = RTNH_F_DEAD;
  rtmsg tos = route_header(AF_INET, 0);
  tos.rtm_tos = 16;
  for (const rtmsg& header : {cached, dead, tos, route_header(AF_INET, 33), route_header(7, 0)}) {
    CHECK_FALSE(sys::parse_route(payload(NetlinkRequest(RTM_NEWROUTE, 0, header))));
  }
  CHECK(sys::parse_route(payload(NetlinkRequest(RTM_NEWROUTE, 0, cached)), true));
  dead.rtm_flags |= RTNH_F_LINKDOWN;
  CHECK(sys::parse_route(payload(NetlinkRequest(RTM_NEWROUTE, 0, dead)))->ignored);
  dead.rtm_flags = RTNH_F_LINKDOWN;  // and taken all the same
  CHECK_FALSE(sys::parse_route(payload(NetlinkRequest(RTM_NEWROUTE, 0, dead)))->ignored);
}

TEST_CASE("a neighbour has its state and its address on the link") {
  ndmsg header{};
  header.ndm_family = AF_INET;
  header.ndm_ifindex = 3;
  header.ndm_state = NUD_FAILED;
  const Address silent = address("10.77.0.99");
  NetlinkRequest message(RTM_NEWNEIGH, 0, header);
  message.add(NDA_DST, bits(silent));
  auto entry = sys::parse_neighbour(payload(message));
  REQUIRE(entry);
  CHECK(entry->address == silent);
  CHECK(entry->ifindex == 3);
  CHECK(entry->state == sys::NeighbourState::failed);
  CHECK(entry->link_address.empty());
  message.add(NDA_LLADDR, text_bytes(std::string_view("\x52\x54\x00\x12\x34\xfe", 6)));
  CHECK(sys::parse_neighbour(payload(message))->link_address == "52:54:00:12:34:fe");
  read_truncated(payload(message), [](Bytes bytes) { sys::parse_neighbour(bytes); });
  header.ndm_flags = NTF_PROXY;
  NetlinkRequest proxy(RTM_NEWNEIGH, 0, header);
  CHECK_FALSE(sys::parse_neighbour(payload(proxy.add(NDA_DST, bits(silent)))));
}
