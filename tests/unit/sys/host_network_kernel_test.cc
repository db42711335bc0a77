// SPDX-License-Identifier: MIT
// The real kernel's tables; ip(8) is the oracle.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <regex>
#include <utility>

#include "support/skip.h"
#include "support/world.h"
#include "sys/host_network.h"
#include "sys/linux_kernel.h"

using namespace tcptool;
using sys::Address;

namespace {

// What the command prints; empty where it fails or is not there.
std::string output_of(const std::string& command) {
  std::string text;
  // Its words are this file's own.
  FILE* const pipe = ::popen((command + " 2>/dev/null").c_str(), "re");  // NOLINT(cert-env33-c)
  if (pipe == nullptr) return text;
  std::array<char, 4096> chunk{};
  for (std::size_t count = 1; count > 0;) {
    count = std::fread(chunk.data(), 1, chunk.size(), pipe);
    text.append(chunk.data(), count);
  }
  return ::pclose(pipe) == 0 ? text : "";
}

// What `read` says while the command says the same before and after, since others may change the
// network meanwhile; its output goes with it.
template <class Read>
auto read_with(const std::string& command, Read read) {
  constexpr int most_tries = 5;
  std::string before = output_of(command);
  auto found = read();
  for (int i = 0; i < most_tries; ++i) {
    const std::string after = output_of(command);
    if (after == before) break;
    before = after;
    found = read();
  }
  return std::pair(std::move(before), std::move(found));
}

// The values of "key":"..." or "key":number, in order and sorted.
std::vector<std::string> values(const std::string& json, const std::string& key) {
  const std::regex wanted(R"(")" + key + R"re(":"?([^",}\]]*))re");
  std::vector<std::string> found;
  for (std::sregex_iterator it(json.begin(), json.end(), wanted), end; it != end; ++it) {
    found.push_back((*it)[1]);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> sorted(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  return texts;
}

}  // namespace

TEST_CASE("the interfaces are those that ip shows") {
  sys::LinuxKernel kernel;
  const auto [json, links] = read_with("ip -j link show", [&] { return sys::links(kernel); });
  if (json.empty()) SKIP_CASE("ip is missing or without -j (package iproute2)");
  REQUIRE(links);
  std::vector<std::string> names;
  std::vector<std::string> mtus;
  std::vector<std::string> indexes;
  for (const sys::Link& link : *links) {
    names.push_back(link.name);
    mtus.push_back(std::to_string(link.mtu));
    indexes.push_back(std::to_string(link.index));
  }
  CHECK(sorted(names) == values(json, "ifname"));
  CHECK(sorted(mtus) == values(json, "mtu"));
  CHECK(sorted(indexes) == values(json, "ifindex"));
}

TEST_CASE("the addresses are those that ip shows") {
  sys::LinuxKernel kernel;
  const auto [json, addresses] =
      read_with("ip -j addr show", [&] { return sys::interface_addresses(kernel); });
  if (json.empty()) SKIP_CASE("ip is missing or without -j (package iproute2)");
  REQUIRE(addresses);
  std::vector<std::string> hosts;
  for (const auto& entry : *addresses) hosts.push_back(entry.address.with_zone(0, "").host());
  CHECK(sorted(hosts) == values(json, "local"));
}

TEST_CASE("the routes of the main table are those that ip shows") {
  sys::LinuxKernel kernel;
  for (const int family : {AF_INET, AF_INET6}) {
    const std::string version = family == AF_INET ? "-4" : "-6";
    const auto [json, routes] = read_with("ip -j " + version + " route show table main",
                                          [&] { return sys::routes(kernel, family); });
    if (json.empty()) SKIP_CASE("ip is missing or without -j (package iproute2)");
    REQUIRE(routes);
    std::vector<std::string> destinations;
    for (const sys::Route& route : *routes) {
      if (route.table != 254) continue;
      const bool host = route.prefix_length == (family == AF_INET ? 32 : 128);
      destinations.push_back(host ? route.destination.host() : route.text());
    }
    CHECK(sorted(destinations) == values(json, "dst"));
  }
}

TEST_CASE("loopback is up, has its address, and a local route that covers it") {
  sys::LinuxKernel kernel;
  const auto links = sys::links(kernel);
  REQUIRE(links);
  const auto lo =
      std::find_if(links->begin(), links->end(), [](const auto& link) { return link.loopback; });
  REQUIRE(lo != links->end());
  CHECK(lo->up);
  CHECK(lo->carrier);
  const Address loopback = Address::loopback(AF_INET, 0);
  const auto addresses = sys::interface_addresses(kernel);
  REQUIRE(addresses);
  CHECK(std::any_of(addresses->begin(), addresses->end(), [&](const auto& entry) {
    return entry.address == loopback && entry.ifindex == lo->index;
  }));
  const auto routes = sys::routes(kernel, AF_INET);
  REQUIRE(routes);
  const sys::Route* const best = sys::best_route(*routes, loopback);
  REQUIRE(best != nullptr);
  CHECK(best->type == sys::RouteType::local);
  const auto route = sys::route_to(kernel, loopback.with_port(80));
  REQUIRE(route);
  CHECK(route->type == sys::RouteType::local);
  CHECK(route->ifindex == lo->index);
  const auto through = sys::route_through(kernel, loopback, lo->index);
  REQUIRE(through);
  CHECK(through->ifindex == lo->index);
  CHECK(through->prefix_length <= route->prefix_length);
  constexpr unsigned of_nobody = 1U << 30U;
  CHECK_FALSE(sys::route_through(kernel, loopback, of_nobody));
}

TEST_CASE("the neighbours can be read, and an unknown family has no routes") {
  sys::LinuxKernel kernel;
  CHECK(sys::neighbours(kernel, AF_INET));
  CHECK(sys::neighbours(kernel, AF_INET6));
  const auto none = sys::routes(kernel, AF_UNIX);
  CHECK((!none || none->empty()));
  CHECK(sys::route_to(kernel, Address()).error().error == EAFNOSUPPORT);
}
