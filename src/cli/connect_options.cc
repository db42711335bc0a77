// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "base/parse.h"
#include "base/text.h"
#include "cli/declare.h"
#include "cmd/parallel.h"

namespace tcptool::cli {
namespace {

std::string not_a_number(const std::string& port) {
  return fmt::format("port {} must be a number, such as 40000", in_quotes(port));
}

// ADDR, ADDR:PORT or [ADDR]:PORT.
std::string settle_source(const Draft& draft, cmd::CommonOptions& common) {
  if (!draft.port.empty()) {
    auto port = tcp::parse_port(draft.port, tcp::PortZero::accepted);
    if (!port) return "--source-port: " + port.error();
    if (!port->service.empty()) return "--source-port: " + not_a_number(draft.port);
    common.source_port = *port;
  }
  if (draft.source.empty()) return "";
  std::string address = draft.source;
  if (!sys::Address::parse(address, 0) && address.find(':') != std::string::npos &&
      address.find('%') == std::string::npos) {
    auto split = tcp::split_host_port(address);
    if (!split) return "--source: " + split.error();
    if (common.source_port) return "the source port is given twice, by -s and by -p";
    auto port = tcp::parse_port(split->second, tcp::PortZero::accepted);
    if (!port) return "--source: " + port.error();
    if (!port->service.empty()) return "--source: " + not_a_number(port->service);
    common.source_port = *port;
    address = split->first;
  }
  auto host = tcp::parse_host(address);
  if (!host) return "--source: " + host.error();
  if (!host->numeric) {
    return fmt::format("--source: {} is not an address of this host, such as 127.0.0.1",
                       in_quotes(address));
  }
  common.source = std::move(*host);
  return "";
}

// What to say in place of a URL, or "" where the word is none.
std::string instead_of_url(std::string_view word) {
  constexpr std::string_view mark = "://";
  const std::size_t end = word.find(mark);
  if (end == std::string_view::npos) return "";
  std::string_view authority = word.substr(end + mark.size());
  authority = authority.substr(0, authority.find_first_of("/?#"));
  authority.remove_prefix(authority.rfind('@') + 1);  // a user; npos + 1 is 0
  const auto split = tcp::split_host_port(authority);
  const std::string host = split ? split->first : std::string(authority);
  const std::string port = split ? split->second : std::string(word.substr(0, end));
  if (host.empty() || port.empty()) return "";
  return fmt::format("{} is a URL; say: tcptool connect {} {}", in_quotes(word), escape(host),
                     escape(port));
}

// HOST PORT or HOST:PORT.
std::string settle_target(Draft& draft) {
  cmd::ConnectOptions& options = draft.connect;
  std::vector<std::string>& words = draft.positionals;
  if (words.empty()) return "which host and port? Say: tcptool connect HOST PORT";
  if (std::string instead = instead_of_url(words[0]); !instead.empty()) return instead;
  if (words.size() > 2 && options.check) {
    return fmt::format("{} is one word too many; several ports are one word, as in 22,80,8000-8010",
                       in_quotes(words[2]));
  }
  if (words.size() > 2) {
    return fmt::format("{} is one word too many; say: tcptool connect HOST PORT",
                       in_quotes(words[2]));
  }
  if (words.size() == 1) {
    auto split = tcp::split_host_port(words[0]);
    if (!split) return split.error();
    words = {split->first, split->second};
  } else if (tcp::split_host_port(words[0]) && !sys::Address::parse(words[0], 0)) {
    return fmt::format("{} has its port already, so {} is one word too many", in_quotes(words[0]),
                       in_quotes(words[1]));
  }
  auto host = tcp::parse_host(words[0]);
  if (!host) return host.error();
  options.host = std::move(*host);
  if (options.check) {
    auto ports = tcp::parse_port_list(words[1]);
    if (!ports) return ports.error();
    options.ports = std::move(*ports);
    return "";
  }
  auto port = tcp::parse_port(words[1], tcp::PortZero::refused);
  if (!port) {
    const bool list = tcp::parse_port_list(words[1]).has_value();
    return list ? fmt::format("{} is several ports, which only -z takes", in_quotes(words[1]))
                : port.error();
  }
  options.ports = {std::move(*port)};
  return "";
}

std::string settle_numeric(const Draft& draft) {
  const cmd::ConnectOptions& options = draft.connect;
  if (!draft.numeric) return "";
  if (!options.host.numeric) {
    return fmt::format("host {} is a name, and -n allows only addresses",
                       in_quotes(options.host.text));
  }
  for (const tcp::Port& port : options.ports) {
    if (!port.service.empty()) {
      return fmt::format("port {} is a service name, and -n allows only numbers",
                         in_quotes(port.service));
    }
  }
  return "";
}

// What --parallel would do nothing with, or cannot do.
std::string settle_parallel(const Draft& draft) {
  const cmd::ConnectOptions& options = draft.connect;
  const cmd::CommonOptions& common = options.common;
  const relay::RelayPolicy& relay = common.relay;
  if (!options.parallel) return "";
  if (options.check) {
    return "--parallel holds its connections open, and -z closes them at once; give one of them";
  }
  if (options.retry) return "--parallel tries each connection once; leave --retry out";
  if (options.sequential) {
    return "--parallel connects to the first address alone; leave --sequential out";
  }
  if (common.source_port && common.source_port->number != 0 && *options.parallel > 1) {
    return "--parallel needs a local port for each connection; leave the source port out";
  }
  const bool data = draft.half_close || draft.no_half_close || relay.send_only || relay.crlf ||
                    relay.linger || relay.idle_timeout.count() != 0;
  if (!data) return "";
  return "--parallel sends nothing and keeps nothing: -N, --no-half-close, --linger, --send-only, "
         "-C and --idle-timeout do not go with it";
}

std::string settle_progress(const cmd::ConnectOptions& options) {
  const bool moves_data = !options.check && !options.parallel;
  if (moves_data || options.common.output.progress == cmd::ProgressMode::off) return "";
  return "--progress shows what moves, and with -z or --parallel nothing does; leave it out";
}

// A link-local address is one of the interface that -i names; the source's is the peer's, too.
void settle_zones(Draft& draft) {
  const auto give = [](tcp::Host& host, const std::string& zone) {
    if (host.numeric && host.numeric->is_link_local() && host.zone.empty()) host.zone = zone;
  };
  auto& source = draft.connect.common.source;
  give(draft.connect.host, draft.interface);
  if (source) give(*source, draft.interface.empty() ? draft.connect.host.zone : draft.interface);
}

std::string settle_families(const Draft& draft) {
  const cmd::ConnectOptions& options = draft.connect;
  const cmd::CommonOptions& common = options.common;
  const auto& numeric = options.host.numeric;
  if (numeric && common.family != 0 && numeric->family() != common.family) {
    return fmt::format("{} is not an {} address, which is what -{} asks for", options.host.text,
                       sys::family_word(common.family), common.family == AF_INET6 ? 6 : 4);
  }
  if (common.source) {
    const int family = common.source->numeric->family();
    const int wanted = numeric ? numeric->family() : common.family;
    if (wanted != 0 && family != wanted) {
      return fmt::format("--source: {} is an {} address, and the connection is to be {}",
                         common.source->text, sys::family_word(family), sys::family_word(wanted));
    }
  }
  for (const tcp::Host* host : {&options.host, common.source ? &*common.source : nullptr}) {
    if (host == nullptr || !host->numeric) continue;
    if (!host->numeric->is_link_local() || !host->zone.empty()) continue;
    return fmt::format("{} is a link-local address and needs its interface: {}%eth0 or -i eth0",
                       host->text, host->text);
  }
  return "";
}

}  // namespace

void declare_connect_options(Subcommand& subcommand, Draft& draft) {
  cmd::ConnectOptions& options = draft.connect;
  cmd::CommonOptions& common = options.common;
  Group group(subcommand, "Connecting");
  group.value({"-w,--connect-timeout", "D",
               "give up connecting after D, look-up and all addresses included (default 10s)"},
              keep(common.connect_timeout, parse_duration));
  group.flag({"-z,--check", "", "only connect and close; PORT may be a list such as 20-25,80"},
             [&options] { options.check = true; });
  group.value({"--parallel", "N",
               "open N connections at once, a line each, and hold them until stdin ends: to watch "
               "the peer's accept queue"},
              [&options](const std::string& text) -> std::string {
                auto count = parse_unsigned(text, cmd::most_parallel, 1);
                if (!count) return count.error();
                options.parallel = *count;
                return "";
              });
  group.flag({"--sequential", "", "try the addresses one after the other, not in a race"},
             [&options] { options.sequential = true; });
  group.value(
      {"--retry", "[=N]",
       "try again, at most N times (default: until it works), where the name, the host or the "
       "port did not answer"},
      [&options](const std::string& text) -> std::string {
        options.retry = true;
        if (text == "unlimited") return "";
        constexpr std::uint64_t most = 1'000'000'000;
        auto count = parse_unsigned(text, most);
        if (!count) return count.error();
        options.retries = *count;
        return "";
      });
  group.value({"--retry-interval", "D", "wait D between tries (default 1s)"},
              keep(options.retry_interval, parse_duration));
  group.value(
      {"-s,--source", "ADDR[:PORT]", "connect from this local address (default: the route's)"},
      [&draft](const std::string& text) -> std::string {
        draft.source = text;
        return text.empty() ? "the address is empty; give one such as 127.0.0.1" : "";
      });
  group.value({"-p,--source-port", "PORT", "connect from this local port (default: any free one)"},
              [&draft](const std::string& text) -> std::string {
                draft.port = text;
                return text.empty() ? "the port is empty; give a number such as 40000" : "";
              });
  declare_common_options(subcommand, draft, common);
}

std::string settle_connect_options(Draft& draft) {
  cmd::CommonOptions& common = draft.connect.common;
  for (std::string wrong :
       {settle_target(draft), settle_common_options(draft, common), settle_source(draft, common),
        settle_parallel(draft), settle_progress(draft.connect)}) {
    if (!wrong.empty()) return wrong;
  }
  settle_zones(draft);
  std::string wrong = settle_numeric(draft);
  return wrong.empty() ? settle_families(draft) : wrong;
}

}  // namespace tcptool::cli
