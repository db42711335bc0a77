// SPDX-License-Identifier: MIT
// How a subcommand's options are declared: with one of the strict readers of base/ and tcp/, so
// that what CLI11 makes of numbers never counts.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "cmd/connect.h"
#include "cmd/listen.h"

namespace tcptool::cli {

// The last of an option's names: "--connect-timeout" of "-w,--connect-timeout".
inline std::string long_name(const std::string& names) {
  const auto comma = names.rfind(',');
  return comma == std::string::npos ? names : names.substr(comma + 1);
}

struct Declaration {
  std::string names;    // "-w,--connect-timeout"
  std::string metavar;  // "D"; empty for a flag
  std::string help;
};

// An option with a value. `take` reads the text, keeps what it read, and returns what is wrong with
// it, or nothing.
using Take = std::function<std::string(const std::string&)>;
inline CLI::Option* add_value(CLI::App& app, const Declaration& declaration, Take take) {
  const std::string name = long_name(declaration.names);
  return app
      .add_option_function<std::string>(
          declaration.names,
          [name, take = std::move(take)](const std::string& text) {
            const std::string wrong = take(text);
            if (!wrong.empty()) throw CLI::ValidationError(name, wrong);
          },
          declaration.help)
      ->type_name(declaration.metavar);
}

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

inline CLI::Option* add_flag(CLI::App& app, const Declaration& declaration,
                             std::function<void()> act) {
  return app.add_flag_callback(declaration.names, std::move(act), declaration.help);
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
  std::string hold;  // as it was typed
  bool ipv4 = false;
  bool ipv6 = false;
  unsigned inherited = 0;  // listening sockets handed over by LISTEN_FDS
};

void declare_common_options(CLI::App& app, Draft& draft, cmd::CommonOptions& common);
void declare_connect_options(CLI::App& app, Draft& draft);
void declare_listen_options(CLI::App& app, Draft& draft);
void declare_serve_options(CLI::App& app, Draft& draft);
void declare_accept_options(CLI::App& app, Draft& draft);

// What is still to be checked once all options are known: a usage error's text, or nothing.
std::string settle_common_options(const Draft& draft, cmd::CommonOptions& common);
std::string settle_connect_options(Draft& draft);
std::string settle_listen_options(Draft& draft);
std::string settle_serve_options(Draft& draft);

// The help text of a subcommand, its options in groups, at most 80 columns wide.
std::string help_text(const CLI::App& command);
std::string overview_text();

// The release, the commit that was built and the libraries in it, a line each.
std::string version_text();

// Advice on a word that was not understood.
std::string unknown_option_text(const CLI::App& command, const std::string& word);
std::string unknown_command_text(const std::string& word);

}  // namespace tcptool::cli
