// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/declare.h"
#include "cli/parse.h"

namespace tcptool::cli {
namespace {

constexpr std::size_t page_width = 80;
constexpr std::size_t name_width = 28;

// "  -w, --connect-timeout=D".
std::string name_column(const CLI::Option& option) {
  const auto& shorts = option.get_snames();
  const auto& longs = option.get_lnames();
  std::string out = shorts.empty() ? "      " : fmt::format("  -{}, ", shorts.front());
  if (!longs.empty()) out += "--" + longs.front();
  const std::string metavar = option.get_type_name();
  if (option.get_items_expected_max() > 0 && !metavar.empty()) {
    out += (metavar.front() == '[' ? "" : "=") + metavar;
  }
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

// nc's, ncat's and socat's letters that mean something else here.
std::string foreign_option(const std::string& word) {
  if (word.size() < 2 || word[0] != '-' || word[1] == '-') return "";
  switch (word[1]) {
    case 'l':
      return "to listen, say: tcptool listen -p PORT";
    case 'u':
      return "tcptool speaks TCP only; for UDP use nc -u";
    case 'U':
      return "tcptool speaks TCP only; for Unix sockets use nc -U or socat UNIX-CONNECT:";
    case 'e':
    case 'c':
      return "to run a program for a connection, say: tcptool listen PORT -- COMMAND; on the "
             "connecting side use socat EXEC:COMMAND";
    case 'x':
      return "tcptool uses no proxy; for one use ncat --proxy";
    case 'd':
      return "to leave stdin alone, say --recv-only, or read from < /dev/null";
    case 'k':
      return "-k serves many clients: tcptool listen -k PORT";
    default:
      return "";
  }
}

std::string option_word(const std::string& word) {
  return word.substr(0, word.find('='));
}

std::vector<std::string> long_options(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* const option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// Another command that has the option `name`; nullptr where there is none.
const CLI::App* owner(const CLI::App& command, const std::string& name) {
  for (const CLI::App* const other : command.get_parent()->get_subcommands({})) {
    if (other != &command && other->get_option_no_throw(name) != nullptr) return other;
  }
  return nullptr;
}

}  // namespace

std::string help_text(const CLI::App& command) {
  std::string out = usage_of(command.get_name());
  std::vector<std::string> groups;
  for (const CLI::Option* const option : command.get_options()) {
    const std::string& group = option->get_group();
    if (option->get_positional() || group.empty()) continue;
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  for (const std::string& group : groups) {
    out += fmt::format("\n{}:\n", group);
    for (const CLI::Option* const option : command.get_options()) {
      if (option->get_group() != group || option->get_positional()) continue;
      out += wrapped(name_column(*option), option->get_description());
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

std::string unknown_option_text(const CLI::App& command, const std::string& word) {
  const std::string name = option_word(word);
  const std::string shown = escape(name.substr(0, page_width));
  if (const std::string advice = foreign_option(word); !advice.empty()) {
    return fmt::format("unknown option '{}': {}", shown, advice);
  }
  if (name == "-V" || name == "--version") {
    return fmt::format("'{}' stands in the place of a command; say: tcptool --version", shown);
  }
  if (const CLI::App* const other = owner(command, name); other != nullptr) {
    return fmt::format("'{}' is an option of tcptool {}, not of tcptool {}", shown,
                       other->get_name(), command.get_name());
  }
  const std::vector<std::string> names = long_options(command);
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string_view near = nearest(name, views);
  const std::string advice = near.empty() ? fmt::format("see tcptool {} --help", command.get_name())
                                          : fmt::format("did you mean {}?", near);
  return fmt::format("unknown option '{}'; {}", shown, advice);
}

std::string unknown_command_text(const std::string& word) {
  const std::string shown = escape(word.substr(0, page_width));
  if (word.starts_with("-")) {
    const std::string advice = foreign_option(word);
    if (!advice.empty()) return fmt::format("unknown option '{}': {}", shown, advice);
    static constexpr std::array<std::string_view, 2> pages{"--help", "--version"};
    if (const std::string_view near = nearest(word, pages); !near.empty()) {
      return fmt::format("unknown option '{}'; did you mean {}?", shown, near);
    }
    return fmt::format(
        "option '{}' stands before the command; say: tcptool connect {} ... or "
        "tcptool listen {} ...",
        shown, shown, shown);
  }
  static constexpr std::array<std::string_view, 3> commands{"connect", "listen", "help"};
  const std::string_view near = nearest(word, commands);
  return fmt::format("unknown command '{}'; {}", shown,
                     near.empty()
                         ? "say: tcptool connect HOST PORT, tcptool listen PORT, or tcptool help"
                         : fmt::format("did you mean {}?", near));
}

}  // namespace tcptool::cli
