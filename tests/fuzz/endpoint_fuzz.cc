// SPDX-License-Identifier: MIT
// Hosts, ports, HOST:PORT and port lists as a user types them.
#include <set>

#include "fuzz/fuzz.h"
#include "tcp/endpoint.h"

using namespace tcptool;
using namespace tcptool::fuzz;
using tcp::PortZero;

namespace {

void check_port(std::string_view text) {
  const auto port = tcp::parse_port(text, PortZero::refused);
  if (!port) return demand_message(port.error());
  demand(port->service.empty() != (port->number == 0), "a port is a number or a name");
  demand(port->text() == text, "a port is written as it was typed");
}

void check_host(std::string_view text) {
  const auto host = tcp::parse_host(text);
  if (!host) return demand_message(host.error());
  demand(!host->text.empty() && host->text.size() <= 253, "a host name is of the allowed length");
  demand(host->zone.size() <= 15, "a zone is at most an interface's name");
  demand_printable(host->zone);
  const tcp::Endpoint endpoint{*host, {9000, ""}};
  const std::string written = endpoint.text();
  demand_printable(written);
  if (!host->numeric) return;
  const auto split = tcp::split_host_port(written);
  demand(split.has_value(), "a numeric endpoint can be split again");
  const auto again = tcp::parse_host(split->first);
  demand(again && again->numeric == host->numeric && again->zone == host->zone,
         "a numeric endpoint can be read again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of(data, size);
  check_port(text);
  check_host(text);
  if (const auto split = tcp::split_host_port(text)) {
    demand(split->first + ":" + split->second == text, "nothing is lost by splitting");
  } else {
    demand_message(split.error());
  }
  const auto ports = tcp::parse_port_list(text);
  if (!ports) {
    demand_message(ports.error());
    return 0;
  }
  demand(!ports->empty(), "a port list names a port");
  std::set<std::uint16_t> seen;
  for (const tcp::Port& port : *ports) {
    if (port.service.empty()) {
      demand(port.number != 0 && seen.insert(port.number).second, "each port is named once");
    }
  }
  return 0;
}
