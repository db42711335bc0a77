// SPDX-License-Identifier: MIT
// Replies of name servers, names to ask for, resolv.conf, and the counters of /proc.
#include <algorithm>

#include "fuzz/fuzz.h"
#include "sys/process.h"
#include "tcp/name_server.h"

using namespace tcptool;
using namespace tcptool::fuzz;

namespace {

void check_reply(std::span<const std::byte> reply, std::span<const std::byte> query) {
  const auto facts = tcp::parse_dns_reply(reply, query);
  if (!facts) return;
  demand(reply.size() >= 12, "a reply has a header");
  demand(std::equal(query.begin(), query.begin() + 2, reply.begin()), "a reply has the query's id");
  demand(facts->rcode <= 15, "a code has four bits");
  demand(!facts->has_address || reply.size() >= query.size() + 12 + 4, "an address has its bytes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of(data, size);
  const std::vector<std::uint8_t> copy(data, data + size);
  const auto bytes = std::as_bytes(std::span(copy));
  for (const unsigned type : {tcp::dns_type_a, tcp::dns_type_aaaa}) {
    check_reply(bytes, tcp::dns_query("www.example.org", type, 0x1234));
  }
  const auto query = tcp::dns_query(text, tcp::dns_type_a, 0x1234);
  if (!query.empty()) {
    demand(query.size() <= 12 + 255 + 4, "a name is of the allowed length");
    demand(query.size() == 12 + text.size() - (text.ends_with('.') ? 1 : 0) + 2 + 4,
           "nothing of a name is lost");
  }
  const auto servers = tcp::parse_resolv_conf(text);
  demand(servers.size() <= 3, "three servers at most");
  for (const auto& server : servers) {
    demand(server.known() && server.port() == 53, "a server has an address and the port of DNS");
  }
  for (const auto& [name, value] : sys::parse_netstat(text)) {
    demand(name.find('.') != std::string::npos, "a counter has a group");
  }
  return 0;
}
