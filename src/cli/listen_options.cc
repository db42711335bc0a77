// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <climits>

#include "base/parse.h"
#include "base/text.h"
#include "cli/declare.h"

namespace tcptool::cli {
namespace {

bool is_port_number(const std::string& word) {
  const auto port = tcp::parse_port(word, tcp::PortZero::accepted);
  return port && port->service.empty();
}

// With LISTEN_FDS there is a listening socket already, which has its address, port and family.
std::string settle_inherited(Draft& draft) {
  if (draft.inherited > 1) {
    return fmt::format("LISTEN_FDS hands over {} sockets, and tcptool listens on one",
                       draft.inherited);
  }
  if (!draft.positionals.empty() || !draft.port.empty() || !draft.source.empty() || draft.ipv4 ||
      draft.ipv6) {
    return "LISTEN_FDS hands over a listening socket; leave address, port and family out, or unset "
           "LISTEN_FDS";
  }
  draft.listen.inherited = true;
  return "";
}

// [-p] PORT, ADDR PORT or ADDR:PORT, with -s ADDR as another way to give the address.
std::string settle_target(Draft& draft) {
  if (draft.inherited > 0) return settle_inherited(draft);
  std::vector<std::string> words = draft.positionals;
  if (!draft.port.empty()) words.push_back(draft.port);
  if (words.empty() && is_port_number(draft.hold)) {
    return fmt::format(
        "which port? --hold has taken {} as its time; say: tcptool listen --hold {} "
        "PORT, or --hold forever",
        draft.hold, draft.hold);
  }
  if (words.empty()) return "which port? Say: tcptool listen PORT (0 takes any free one)";
  if (words.size() > 1 && is_port_number(words[0]) && !is_port_number(words[1])) {
    return fmt::format(
        "{} is one word too many; for a command behind the listener say: tcptool "
        "listen {} -- {}",
        in_quotes(words[1]), words[0], escape(words[1]));
  }
  if (words.size() > 2) {
    return fmt::format("{} is one word too many; say: tcptool listen [ADDR] PORT",
                       in_quotes(words[2]));
  }
  if (words.size() == 2 && !draft.port.empty() && is_port_number(words[0])) {
    return fmt::format("the port is given twice, as {} and as -p {}", words[0],
                       in_quotes(words[1]));
  }
  const bool joined = words.size() == 1 && words[0].find(':') != std::string::npos;
  if (joined) {
    auto split = tcp::split_host_port(words[0]);
    if (!split) return split.error();
    words = {split->first, split->second};
  }
  if (words.size() == 2) {
    if (!draft.source.empty()) return "the address is given twice, by -s and before the port";
    draft.source = words[0];
  }
  auto port = tcp::parse_port(words.back(), tcp::PortZero::accepted);
  if (!port) return port.error();
  draft.listen.port = std::move(*port);
  if (draft.source.empty()) return "";
  auto host = tcp::parse_host(draft.source);
  if (!host) return host.error();
  draft.listen.address = std::move(*host);
  return "";
}

std::string settle_address(Draft& draft) {
  cmd::ListenOptions& options = draft.listen;
  if (draft.numeric && !options.port.service.empty()) {
    return fmt::format("port {} is a service name, and -n allows only numbers",
                       in_quotes(options.port.service));
  }
  if (!options.address) return "";
  tcp::Host& host = *options.address;
  if (!host.numeric) {
    if (!draft.numeric) return "";
    return fmt::format("{} is a name, and -n allows only addresses", in_quotes(host.text));
  }
  const int family = host.numeric->family();
  if (options.common.family != 0 && family != options.common.family) {
    return fmt::format("{} is not an IPv{} address", host.text,
                       options.common.family == AF_INET6 ? 6 : 4);
  }
  if (host.numeric->is_link_local() && host.zone.empty()) host.zone = draft.interface;
  if (host.numeric->is_link_local() && host.zone.empty()) {
    return fmt::format("{} is a link-local address and needs its interface: {}%eth0 or -i eth0",
                       host.text, host.text);
  }
  return "";
}

}  // namespace

void declare_listen_options(Subcommand& subcommand, Draft& draft) {
  cmd::ListenOptions& options = draft.listen;
  cmd::CommonOptions& common = options.common;
  Group group(subcommand, "Listening");
  group.value({"-p,--port", "PORT", "the port to listen on, as nc users write it"},
              [&draft](const std::string& text) -> std::string {
                draft.port = text;
                return text.empty() ? "the port is empty; give a number such as 9000" : "";
              });
  group.value({"-s,--source", "ADDR", "the local address to listen on (default: every one)"},
              [&draft](const std::string& text) -> std::string {
                draft.source = text;
                return text.empty() ? "the address is empty; give one such as 127.0.0.1" : "";
              });
  group.value(
      {"-b,--backlog", "N",
       "how many completed connections may wait for accept (default: the system's maximum)"},
      [&options](const std::string& text) -> std::string {
        auto backlog = parse_unsigned(text, INT_MAX);
        if (!backlog) return backlog.error();
        options.backlog = static_cast<int>(*backlog);
        return "";
      });
  group.value({"--port-file", "FILE",
               "write the port's number to FILE once listening, remove it at the end"},
              [&options](const std::string& text) -> std::string {
                options.port_file = text;
                return text.empty() ? "the file name is empty; give one such as /tmp/port" : "";
              });
  group.value({"-w,--connect-timeout", "D",
               "end with status 9 when no client has come within D (default: wait for ever)"},
              keep(common.connect_timeout, parse_duration));
  declare_serve_options(subcommand, draft);
  declare_accept_options(subcommand, draft);
  declare_common_options(subcommand, draft, common);
}

std::string settle_listen_options(Draft& draft) {
  for (std::string wrong : {settle_target(draft), settle_common_options(draft, draft.listen.common),
                            settle_serve_options(draft)}) {
    if (!wrong.empty()) return wrong;
  }
  return settle_address(draft);
}

}  // namespace tcptool::cli
