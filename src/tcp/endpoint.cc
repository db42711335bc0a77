// SPDX-License-Identifier: MIT
#include "tcp/endpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"

namespace tcptool::tcp {
namespace {

constexpr std::uint64_t highest_port = 65535;
constexpr std::size_t longest_host = 253;
constexpr std::size_t longest_service = 63;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// RFC 6335 section 5.1 is narrower; /etc/services has _ and + too.
bool is_service_char(char c) {
  return is_digit(c) || is_letter(c) || c == '-' || c == '_' || c == '+' || c == '.';
}

Result<Host, std::string> parse_zoned(std::string_view address, std::string_view zone) {
  constexpr std::size_t longest_zone = 15;  // IFNAMSIZ - 1
  const auto numeric = sys::Address::parse(address, 0);
  if (!numeric || numeric->family() != AF_INET6) {
    return failure(fmt::format("{}: only an IPv6 address can have a zone, such as fe80::1%eth0",
                               in_quotes(address)));
  }
  const bool printable =
      std::all_of(zone.begin(), zone.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (zone.empty() || zone.size() > longest_zone || !printable) {
    return failure(
        fmt::format("{} is not an interface, such as the eth0 in fe80::1%eth0", in_quotes(zone)));
  }
  return Host{std::string(address), std::string(zone), numeric};
}

// Four decimal numbers, one of them above 255. What begins with 0 may be octal to inet_aton(3).
bool is_address_out_of_range(std::string_view text) {
  std::size_t numbers = 0;
  bool above = false;
  while (true) {
    const std::string_view number = text.substr(0, text.find('.'));
    if (!all_digits(number)) return false;
    ++numbers;
    above = above || (number.front() != '0' && !parse_unsigned(number, 255));
    if (number.size() == text.size()) return above && numbers == 4;
    text.remove_prefix(number.size() + 1);
  }
}

}  // namespace

std::string Endpoint::text() const {
  if (host.text.empty()) return fmt::format("port {}", port.text());
  const std::string zone = host.zone.empty() ? "" : "%" + host.zone;
  const bool brackets = host.text.find(':') != std::string::npos;
  return fmt::format("{}{}{}{}:{}", brackets ? "[" : "", escape(host.text), zone,
                     brackets ? "]" : "", port.text());
}

Result<Port, std::string> parse_port(std::string_view text, PortZero zero) {
  if (text.empty()) return failure(std::string("the port is empty; give a number such as 9000"));
  const bool numeric = is_digit(text.front()) || text.front() == '-' || text.front() == '+';
  if (numeric) {
    const auto number = parse_unsigned(text, highest_port);
    if (!number) {
      const std::string why = all_digits(text) && text.front() != '0'
                                  ? fmt::format("is out of range: ports go from {} to 65535",
                                                zero == PortZero::refused ? 1 : 0)
                                  : "is not a port number, such as 9000";
      return failure(fmt::format("port {} {}", in_quotes(text), why));
    }
    if (*number == 0 && zero == PortZero::refused) {
      return failure(std::string("port 0 cannot be connected to: ports go from 1 to 65535"));
    }
    return Port{static_cast<std::uint16_t>(*number), ""};
  }
  const bool plausible =
      text.size() <= longest_service && std::all_of(text.begin(), text.end(), is_service_char);
  if (!plausible) {
    return failure(
        fmt::format("port {} is neither a number such as 9000 nor a service name such "
                    "as http",
                    in_quotes(text)));
  }
  return Port{0, std::string(text)};
}

Result<Host, std::string> parse_host(std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
    if (text.find(':') == std::string_view::npos) {
      return failure(fmt::format("{}: brackets belong around an IPv6 address, such as [::1]",
                                 in_quotes(text)));
    }
  }
  if (text.empty())
    return failure(std::string("the host is empty; give a name, or an address such as 127.0.0.1"));
  if (const auto percent = text.find('%'); percent != std::string_view::npos) {
    return parse_zoned(text.substr(0, percent), text.substr(percent + 1));
  }
  if (const auto numeric = sys::Address::parse(text, 0)) {
    return Host{std::string(text), "", numeric};
  }
  if (text.size() > longest_host) {
    return failure(fmt::format("host {} has {} characters; a host name has at most {}",
                               in_quotes(text), text.size(), longest_host));
  }
  if (text.find(':') != std::string_view::npos) {
    return failure(fmt::format("{} is not an IPv6 address, such as ::1", in_quotes(text)));
  }
  if (is_address_out_of_range(text)) {
    return failure(
        fmt::format("{} is no IPv4 address: its four numbers go from 0 to 255", in_quotes(text)));
  }
  if (all_digits(text)) {
    return failure(
        fmt::format("{} is not a host: a name or an address was expected before the "
                    "port",
                    in_quotes(text)));
  }
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != 0x7f && c != '/' && c != '@';
  });
  if (!printable || text.front() == '-') {
    return failure(fmt::format("{} is not a host name or address", in_quotes(text)));
  }
  return Host{std::string(text), "", std::nullopt};
}

Result<std::pair<std::string, std::string>, std::string> split_host_port(std::string_view text) {
  const auto bracket = text.rfind(']');
  const auto colon = text.rfind(':');
  const bool bracketed = !text.empty() && text.front() == '[' && bracket != std::string_view::npos;
  if (colon == std::string_view::npos || (bracketed && colon < bracket)) {
    if (text.size() > longest_host) {
      return failure(fmt::format("{} has no port; say HOST:PORT or HOST PORT", in_quotes(text)));
    }
    return failure(fmt::format("{} has no port; write {}:9000 or {} 9000", in_quotes(text),
                               escape(text), escape(text)));
  }
  const bool several = text.find(':') != colon;
  if (several && !bracketed) {
    const std::string_view head = text.substr(0, colon);
    const bool with_port = sys::Address::parse(head, 0) && all_digits(text.substr(colon + 1));
    if (with_port) {
      return failure(fmt::format("{} is ambiguous: write [{}]:{}", in_quotes(text), head,
                                 text.substr(colon + 1)));
    }
    if (sys::Address::parse(text, 0)) {
      return failure(fmt::format("{} has no port; write [{}]:9000", in_quotes(text), text));
    }
    return failure(
        fmt::format("{} is not HOST:PORT; an IPv6 address needs brackets, as in "
                    "[::1]:9000",
                    in_quotes(text)));
  }
  return std::pair{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

Result<std::vector<Port>, std::string> parse_port_list(std::string_view text) {
  std::vector<Port> ports;
  std::vector<bool> seen(highest_port + 1);
  const auto add = [&](const Port& port) {
    if (port.service.empty() && seen[port.number]) return;
    seen[port.number] = true;
    ports.push_back(port);
  };
  while (true) {
    const auto comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    const auto dash = item.find('-', 1);
    const bool range = !item.empty() && is_digit(item.front()) && dash != std::string_view::npos;
    const auto first = parse_port(range ? item.substr(0, dash) : item, PortZero::refused);
    if (!first) return failure(first.error());
    if (range) {
      const auto last = parse_port(item.substr(dash + 1), PortZero::refused);
      if (!last) return failure(last.error());
      if (!last->service.empty() || last->number < first->number) {
        return failure(
            fmt::format("port range {} is not LOW-HIGH, such as 20-25", in_quotes(item)));
      }
      for (std::uint32_t number = first->number; number <= last->number; ++number) {
        add(Port{static_cast<std::uint16_t>(number), ""});
      }
    } else {
      add(*first);
    }
    if (comma == std::string_view::npos) return ports;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace tcptool::tcp
