// SPDX-License-Identifier: MIT
// Numeric addresses as text, and sockaddrs as bytes.
#include <algorithm>
#include <cstring>

#include "fuzz/fuzz.h"
#include "sys/address.h"

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
  sockaddr_storage storage{};
  const std::size_t length = std::min(size, sizeof storage);
  std::memcpy(&storage, data, length);
  check(Address::from(reinterpret_cast<const sockaddr*>(&storage), static_cast<socklen_t>(length)));
  return 0;
}
