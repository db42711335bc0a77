// SPDX-License-Identifier: MIT
// How a subcommand's options are declared: each with one of the strict readers of base/ and tcp/.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cmd/connect.h"
#include "cmd/listen.h"

namespace tcptool::cli {

// Literals: an option keeps pieces of them.
struct Declaration {
  std::string_view names;    // "-w,--connect-timeout"
  std::string_view metavar;  // "D"; empty for a flag
  std::string_view help;
};

// The options of a subcommand that stand under one heading of its help.
class Group {
 public:
  Group(Subcommand& subcommand, std::string_view heading)
      : options_(subcommand.options), heading_(heading) {}

  // An option with a value.
  Option& value(const Declaration& declaration, Take take) {
    Option& option = add(declaration);
    option.take = std::move(take);
    return option;
  }

  void flag(const Declaration& declaration, std::function<void()> act) {
    add(declaration).act = [act = std::move(act)](std::size_t) { act(); };
  }

  // A flag that may be given several times, such as -vv.
  void counted_flag(const Declaration& declaration, std::function<void(std::size_t times)> act) {
    Option& option = add(declaration);
    option.act = std::move(act);
    option.repeatable = true;
  }

 private:
  Option& add(const Declaration& declaration) {
    const auto comma = declaration.names.find(',');
    const bool both = comma != std::string_view::npos;
    Option& option = options_.emplace_back();
    option.heading = heading_;
    option.short_name = both ? declaration.names.substr(0, comma) : "";
    option.long_name = both ? declaration.names.substr(comma + 1) : declaration.names;
    option.metavar = declaration.metavar;
    option.help = declaration.help;
    return option;
  }

  std::vector<Option>& options_;
  std::string_view heading_;
};

// A Take that keeps what `read` makes of the text in `target`.
template <class Target, class Read>
Take keep(Target& target, Read read) {
  return [&target, read](const std::string& text) -> std::string {
    auto value = read(text);
    if (!value) return value.error();
    target = std::move(*value);
    return "";
  };
}

// What the options of one command line are read into, and what can only be understood together.
struct Draft {
  cmd::ConnectOptions connect;
  cmd::ListenOptions listen;
  std::vector<std::string> positionals;
  std::string port;       // -p
  std::string source;     // -s
  std::string interface;  // -i
  bool numeric = false;   // -n
  bool no_half_close = false;
  bool half_close = false;
  bool client_buffer_given = false;
  bool grace_given = false;
  bool sandbox_given = false;
  std::string hold;  // as it was typed
  bool ipv4 = false;
  bool ipv6 = false;
  bool help = false;
  unsigned inherited = 0;  // listening sockets handed over by LISTEN_FDS
};

void declare_common_options(Subcommand& subcommand, Draft& draft, cmd::CommonOptions& common);
void declare_connect_options(Subcommand& subcommand, Draft& draft);
void declare_listen_options(Subcommand& subcommand, Draft& draft);
void declare_serve_options(Subcommand& subcommand, Draft& draft);
void declare_accept_options(Subcommand& subcommand, Draft& draft);

// What is still to be checked once all options are known: a usage error's text, or nothing.
std::string settle_common_options(const Draft& draft, cmd::CommonOptions& common);
std::string settle_connect_options(Draft& draft);
std::string settle_listen_options(Draft& draft);
std::string settle_serve_options(Draft& draft);

// The help text of a subcommand, its options in groups, at most 80 columns wide.
std::string help_text(const Subcommand& subcommand);
std::string overview_text();

// The release, the commit that was built and the libraries in it, a line each.
std::string version_text();

// Advice on a word that was not understood; `others` and `subcommands` are all of them, whose
// option it may be.
std::string unknown_option_text(const Subcommand& subcommand, std::span<const Subcommand> others,
                                const std::string& word);
std::string unknown_command_text(std::span<const Subcommand> subcommands, const std::string& word);

}  // namespace tcptool::cli
