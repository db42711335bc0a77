// SPDX-License-Identifier: MIT
// Host and port as a user writes them, read strictly before anything is opened.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sys/address.h"

namespace tcptool::tcp {

// A port number, or the name of a service that is still to be looked up.
struct Port {
  std::uint16_t number = 0;
  std::string service;  // empty where the number is known

  [[nodiscard]] std::string text() const {
    return service.empty() ? std::to_string(number) : service;
  }
};

// A numeric address, or a name that is still to be looked up; nothing of either on a listener that
// takes every local address.
struct Host {
  std::string text;                     // as typed, without brackets and zone
  std::string zone;                     // of a link-local address: interface name or index
  std::optional<sys::Address> numeric;  // its port is 0
};

struct Endpoint {
  Host host;
  Port port;

  // As a user would type it: "example.org:80", "[::1]:9000"; "port 9000" without a host.
  [[nodiscard]] std::string text() const;
};

enum class PortZero { refused, accepted };

// "9000" or "http". Errors: above 65535, leading zero, sign, 0 where that means nothing, characters
// that no service name has.
Result<Port, std::string> parse_port(std::string_view text, PortZero zero);

// "example.org", "127.0.0.1", "::1", "[::1]", "fe80::1%eth0". Errors: empty, longer than 253
// characters (RFC 1035 section 3.1), characters that no host name has.
Result<Host, std::string> parse_host(std::string_view text);

// "HOST:PORT", "[V6]:PORT" or "V4:PORT", split but not yet read. Errors: no port, or an IPv6
// address whose brackets are missing.
Result<std::pair<std::string, std::string>, std::string> split_host_port(std::string_view text);

// "20-25,80" in the order given; at most 65535 of them, each once.
Result<std::vector<Port>, std::string> parse_port_list(std::string_view text);

}  // namespace tcptool::tcp
