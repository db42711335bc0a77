// SPDX-License-Identifier: MIT
// Numeric addresses and networks as text, and sockaddrs as bytes; what LISTEN_FDS hands over.
#include <algorithm>
#include <cstring>

#include "fuzz/fuzz.h"
#include "sys/activation.h"
#include "sys/address.h"
#include "tcp/access_rules.h"

using namespace tcptool;
using namespace tcptool::fuzz;
using sys::Address;

namespace {

void check(const Address& address) {
  demand_printable(address.host());
  demand_printable(address.text());
  demand(address.text().size() < 80, "an address is short");
  if (!address.known()) return;
  const Address bare = address.with_zone(0, "");
  const auto again = Address::parse(bare.host(), bare.port());
  demand(again && *again == bare, "an address can be read again");
  demand(address.family() == AF_INET6 || address.mapped().unmapped() == address,
         "an IPv4 address survives mapping");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto address = Address::parse(text_of(data, size), 4711)) {
    demand(address->port() == 4711, "the port is the one given");
    check(*address);
  }
  const std::string_view text = text_of(data, size);
  if (const auto network = tcp::parse_network(text)) {
    demand(network->prefix <= 128, "a prefix is no longer than an address");
    const auto again = tcp::parse_network(network->text());
    demand(again && again->base == network->base && again->prefix == network->prefix,
           "a network can be read again");
  } else if (size < 100) {
    demand_message(network.error());
  }
  // LISTEN_PID and LISTEN_FDS.
  const auto comma = text.find(',');
  const unsigned given = sys::inherited_descriptors(
      text.substr(0, comma), comma == text.npos ? "" : text.substr(comma + 1), 4711);
  demand(given == 0 || text.starts_with("4711,"), "descriptors are for one process");
  sockaddr_storage storage{};
  const std::size_t length = std::min(size, sizeof storage);
  std::memcpy(&storage, data, length);
  check(Address::from(reinterpret_cast<const sockaddr*>(&storage), static_cast<socklen_t>(length)));
  return 0;
}
