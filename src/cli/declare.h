// SPDX-License-Identifier: MIT
// How a subcommand's options are declared: each with one of the strict readers of base/ and tcp/.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cmd/connect.h"
#include "cmd/listen.h"

namespace tcptool::cli {

struct Declaration {
  std::string names;    // "-w,--connect-timeout"
  std::string metavar;  // "D"; empty for a flag
  std::string help;
};

// The options of a subcommand that stand under one heading of its help.
class Group {
 public:
  Group(Subcommand& subcommand, std::string heading)
      : options_(subcommand.options), heading_(std::move(heading)) {}

  // An option with a value.
  Option& value(Declaration declaration, Take take) {
    Option& option = add(std::move(declaration));
    option.take = std::move(take);
    return option;
  }

  void flag(Declaration declaration, std::function<void()> act) {
    add(std::move(declaration)).act = [act = std::move(act)](std::size_t) { act(); };
  }

  // A flag that may be given several times, such as -vv.
  void counted_flag(Declaration declaration, std::function<void(std::size_t times)> act) {
    Option& option = add(std::move(declaration));
    option.act = std::move(act);
    option.repeatable = true;
  }

 private:
  Option& add(Declaration declaration) {
    const auto comma = declaration.names.find(',');
    const bool both = comma != std::string::npos;
    Option option;
    option.heading = heading_;
    option.short_name = both ? declaration.names.substr(0, comma) : "";
    option.long_name = both ? declaration.names.substr(comma + 1) : std::move(declaration.names);
    option.metavar = std::move(declaration.metavar);
    option.help = std::move(declaration.help);
    options_.push_back(std::move(option));
    return options_.back();
  }

  std::vector<Option>& options_;
  std::string heading_;
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
