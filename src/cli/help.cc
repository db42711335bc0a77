// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cli/declare.h"
#include "cli/parse.h"

namespace tcptool::cli {
namespace {

constexpr std::size_t page_width = 80;
constexpr std::size_t name_width = 28;

// "  -w, --connect-timeout=D".
std::string name_column(const Option& option) {
  std::string out = option.short_name.empty() ? "      " : fmt::format("  {}, ", option.short_name);
  out += option.long_name;
  if (!option.metavar.empty() && option.metavar.front() != '[') out += "=";
  out += option.metavar;
  return out;
}

// `text` broken between words, its first line after `first`, the others indented as far.
std::string wrapped(std::string first, std::string_view text) {
  std::string out;
  if (first.size() + 2 > name_width) {
    out = first + "\n";
    first.clear();
  }
  std::string line = first + std::string(name_width - first.size(), ' ');
  while (!text.empty()) {
    const auto space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    if (line.size() + word.size() > page_width) {
      out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
      line.assign(name_width, ' ');
    }
    line += word;
    line += ' ';
  }
  return out + line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

std::string usage_of(const std::string& command) {
  if (command == "connect") {
    return "Usage: tcptool connect [OPTIONS] HOST PORT\n"
           "       tcptool connect [OPTIONS] HOST:PORT\n\n"
           "Connects to HOST, sends stdin, writes what arrives to stdout.\n";
  }
  return "Usage: tcptool listen [OPTIONS] [-p] PORT      [-- COMMAND [ARG...]]\n"
         "       tcptool listen [OPTIONS] ADDR PORT     [-- COMMAND [ARG...]]\n"
         "       tcptool listen [OPTIONS] ADDR:PORT     [-- COMMAND [ARG...]]\n\n"
         "Accepts one connection, sends stdin, writes what arrives to stdout; with -k as\n"
         "many as come. COMMAND is run for a connection, which is its stdin and stdout.\n";
}

// An option of nc, ncat or socat that means something else here; a long name stands for all that
// begin with it.
struct Foreign {
  char letter;
  std::string_view name;
  std::string_view advice;
};

constexpr std::string_view for_programs =
    "to run a program for a connection, say: tcptool listen PORT -- COMMAND; on the connecting "
    "side use socat EXEC:COMMAND";
constexpr std::array<Foreign, 10> foreign_options{{
    {'l', "--listen", "to listen, say: tcptool listen -p PORT"},
    {'u', "--udp", "tcptool speaks TCP only; for UDP use nc -u"},
    {'U', "--unix", "tcptool speaks TCP only; for Unix sockets use nc -U or socat UNIX-CONNECT:"},
    {'e', "--exec", for_programs},
    {'c', "--sh-exec", for_programs},
    {'x', "--proxy", "tcptool uses no proxy; for one use ncat --proxy"},
    {'d', "", "to leave stdin alone, say --recv-only, or read from < /dev/null"},
    {'k', "", "-k serves many clients: tcptool listen -k PORT"},
    {'\0', "--ssl", "tcptool speaks no TLS; for it use openssl s_client, or ncat --ssl"},
    {'\0', "--sctp", "tcptool speaks TCP only; for SCTP use ncat --sctp"},
}};

std::string foreign_option(std::string_view word) {
  if (word.size() < 2 || word[0] != '-') return "";
  for (const Foreign& option : foreign_options) {
    const bool meant = word[1] == '-' ? !option.name.empty() && word.starts_with(option.name)
                                      : word[1] == option.letter;
    if (meant) return std::string(option.advice);
  }
  return "";
}

std::string option_word(const std::string& word) {
  return word.substr(0, word.find('='));
}

bool has_option(const Subcommand& subcommand, const std::string& name) {
  return std::any_of(subcommand.options.begin(), subcommand.options.end(),
                     [&name](const Option& option) {
                       return name == option.short_name || name == option.long_name;
                     });
}

// Whether it has the option, or all of those written as one: -vz, or -w5, whose value follows.
bool has_options(const Subcommand& subcommand, const std::string& word) {
  if (word.starts_with("--")) return has_option(subcommand, word);
  for (const char letter : word.substr(1)) {
    const auto option = std::find_if(subcommand.options.begin(), subcommand.options.end(),
                                     [letter](const Option& other) {
                                       return other.short_name == std::string{'-', letter};
                                     });
    if (option == subcommand.options.end()) return false;
    if (option->take) break;
  }
  return word.size() > 1;
}

// Those of the subcommands, and the two that stand in the place of one.
std::vector<std::string_view> long_names(std::span<const Subcommand> subcommands) {
  std::vector<std::string_view> names{"--help", "--version"};
  for (const Subcommand& subcommand : subcommands) {
    for (const Option& option : subcommand.options) names.push_back(option.long_name);
  }
  return names;
}

std::string did_you_mean(std::string_view near) {
  return fmt::format("did you mean {}{}?", near == "--version" ? "tcptool " : "", near);
}

// An option in the place of a command.
std::string misplaced_option_text(std::span<const Subcommand> subcommands,
                                  const std::string& word) {
  const std::string name = option_word(word);
  const std::string shown = escape(name.substr(0, page_width));
  if (const std::string advice = foreign_option(word); !advice.empty()) {
    return fmt::format("unknown option '{}': {}", shown, advice);
  }
  std::string places;
  for (const Subcommand& subcommand : subcommands) {
    if (!has_options(subcommand, name)) continue;
    places +=
        fmt::format("{}tcptool {} {} ...", places.empty() ? "" : " or ", subcommand.name, shown);
  }
  if (!places.empty()) {
    return fmt::format("option '{}' stands before the command; say: {}", shown, places);
  }
  const std::string_view near = nearest(name, long_names(subcommands));
  return fmt::format("unknown option '{}'; {}", shown,
                     near.empty() ? "see tcptool --help" : did_you_mean(near));
}

}  // namespace

std::string help_text(const Subcommand& subcommand) {
  std::string out = usage_of(subcommand.name);
  std::vector<std::string_view> headings;
  for (const Option& option : subcommand.options) {
    if (std::find(headings.begin(), headings.end(), option.heading) == headings.end()) {
      headings.push_back(option.heading);
    }
  }
  for (const std::string_view heading : headings) {
    out += fmt::format("\n{}:\n", heading);
    for (const Option& option : subcommand.options) {
      if (option.heading == heading) out += wrapped(name_column(option), option.help);
    }
  }
  return out +
         "\nD is a time such as 500ms, 1.5s, 2m or 1h; a bare number is seconds, 0 is none.\n"
         "SIZE is a number of bytes, or 64k, 1M, 2G: powers of 1024.\n"
         "See tcptool(1) for exit statuses and examples.\n";
}

std::string overview_text() {
  return fmt::format(
      "tcptool {} - TCP connections from the command line, and why one fails\n\n"
      "Usage: tcptool listen [OPTIONS] [ADDR] PORT     accept a connection\n"
      "       tcptool connect [OPTIONS] HOST PORT      make one\n"
      "       tcptool help [COMMAND]                   all options of a command\n"
      "       tcptool --version\n\n"
      "stdin goes to the peer, what the peer sends goes to stdout, everything else\n"
      "goes to stderr. With -v every system call is shown.\n\n"
      "  tcptool listen -p 9000                         one end\n"
      "  echo hello | tcptool connect localhost 9000    and the other\n"
      "  tcptool connect -z --retry --timeout 60s db 5432\n"
      "                                                 wait until a port is open\n",
      version());
}

std::string unknown_option_text(const Subcommand& subcommand, std::span<const Subcommand> others,
                                const std::string& word) {
  const std::string name = option_word(word);
  const std::string shown = escape(name.substr(0, page_width));
  if (const std::string advice = foreign_option(word); !advice.empty()) {
    return fmt::format("unknown option '{}': {}", shown, advice);
  }
  if (name == "-V" || name == "--version") {
    return fmt::format("'{}' stands in the place of a command; say: tcptool --version", shown);
  }
  for (const Subcommand& other : others) {
    if (&other == &subcommand || !has_option(other, name)) continue;
    return fmt::format("'{}' is an option of tcptool {}, not of tcptool {}", shown, other.name,
                       subcommand.name);
  }
  const std::string_view near = nearest(name, long_names({&subcommand, 1}));
  const std::string advice =
      near.empty() ? fmt::format("see tcptool {} --help", subcommand.name) : did_you_mean(near);
  return fmt::format("unknown option '{}'; {}", shown, advice);
}

std::string unknown_command_text(std::span<const Subcommand> subcommands, const std::string& word) {
  if (word.starts_with("-")) return misplaced_option_text(subcommands, word);
  const std::string shown = escape(word.substr(0, page_width));
  static constexpr std::array<std::string_view, 4> commands{"connect", "listen", "help", "version"};
  const std::string_view near = nearest(word, commands);
  if (near == "version") {
    return fmt::format("unknown command '{}'; did you mean tcptool --version?", shown);
  }
  return fmt::format("unknown command '{}'; {}", shown,
                     near.empty()
                         ? "say: tcptool connect HOST PORT, tcptool listen PORT, or tcptool help"
                         : did_you_mean(near));
}

}  // namespace tcptool::cli
