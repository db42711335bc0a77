// SPDX-License-Identifier: MIT
#include "cli/parse.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"
#include "cli/declare.h"

namespace tcptool::cli {
namespace {

using cmd::ExitStatus;

constexpr std::size_t most_options = 48;  // of a subcommand, about

// The subcommands, whose options write into the draft.
struct Parser {
  Draft draft;
  std::vector<Subcommand> subcommands{{"listen", {}}, {"connect", {}}, {"help", {}}};

  Parser() {
    for (Subcommand& subcommand : subcommands) subcommand.options.reserve(most_options);
    declare_listen_options(subcommands[0], draft);
    declare_connect_options(subcommands[1], draft);
  }

  // Their options hold on to the draft where it is.
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
};

Stop usage_error(std::string text) {
  return {ExitStatus::usage, std::move(text)};
}
Stop page(std::string text) {
  return {ExitStatus::ok, std::move(text), true};
}

// An optional value is taken only with `=`; CLI11 would swallow the next word.
std::vector<std::string> with_explicit_values(std::span<const char* const> arguments) {
  std::vector<std::string> out;
  bool options = true;
  for (const char* const argument : arguments) {
    const std::string_view word = argument;
    if (word == "--") options = false;
    if (options && word == "--retry") {
      out.emplace_back("--retry=unlimited");
    } else if (options && word == "--watch") {
      out.emplace_back("--watch=200ms");
    } else if (options && word == "--progress") {
      out.emplace_back("--progress=auto");
    } else {
      out.emplace_back(word);
    }
  }
  return out;
}

Stop help_for(const Parser& parser, const std::vector<std::string>& words) {
  if (words.empty() || words.front() == "help") return page(overview_text());
  for (const Subcommand& subcommand : parser.subcommands) {
    if (subcommand.name == words.front()) return page(help_text(subcommand));
  }
  return usage_error(unknown_command_text(parser.subcommands, words.front()));
}

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// nc's `-q N` (quit N seconds after the end of stdin) reads here as -q and a number too many.
bool looks_like_nc_quit(const std::vector<std::string>& arguments, const Draft& draft) {
  const auto q = std::find_if(arguments.begin(), arguments.end(),
                              [](const std::string& word) { return word.starts_with("-q"); });
  if (q == arguments.end()) return false;
  if (is_number(q->substr(2))) return true;
  const bool word_too_many = draft.positionals.size() + (draft.port.empty() ? 0 : 1) > 1;
  if (*q != "-q" || !word_too_many || q + 1 == arguments.end() || !is_number(*(q + 1)))
    return false;
  // `listen -q 127.0.0.1 9000` and `listen 127.0.0.1 -q 9000` are ours: an address stands first.
  return is_number(draft.positionals.front()) ||
         (draft.positionals.size() > 2 && *(q + 1) == draft.positionals.back());
}

// The word behind an option that takes its value with `=` alone; empty where there is none.
std::string word_behind(const std::vector<std::string>& arguments, std::string_view option) {
  const auto found = std::find(arguments.begin(), arguments.end(), option);
  const bool last = found == arguments.end() || found + 1 == arguments.end();
  return last ? "" : *(found + 1);
}

// A word that was sorted as a host or port, and the user meant as an option or its value.
std::string misread_word_text(const Parser& parser, const Subcommand& subcommand,
                              const std::vector<std::string>& arguments) {
  const std::vector<std::string>& words = parser.draft.positionals;
  if (words.size() < 2) return "";
  if (words.front().starts_with("-")) {
    return unknown_option_text(subcommand, parser.subcommands, words.front());
  }
  if (const std::string value = word_behind(arguments, "--retry=unlimited");
      words.size() > 2 && is_number(value)) {
    return fmt::format("'{}' is one word too many; did you mean --retry={}?", value, value);
  }
  if (const std::string value = word_behind(arguments, "--watch=200ms");
      !is_number(value) && parse_duration(value)) {
    return fmt::format("'{}' is one word too many; did you mean --watch={}?", value, value);
  }
  if (const std::string value = word_behind(arguments, "--progress=auto");
      value == "auto" || value == "always") {
    return fmt::format("'{}' is one word too many; did you mean --progress={}?", value, value);
  }
  return "";
}

// An option without the value that its `=` announces, for which CLI11 would take the next word.
std::string missing_value_text(std::span<const std::string> arguments) {
  for (const std::string& word : arguments) {
    if (word.starts_with("--") && word.find('=') == word.size() - 1) {
      return fmt::format("{} needs a value behind its =", escape(word.substr(0, word.size() - 1)));
    }
  }
  return "";
}

// What is wrong with the words of a subcommand, taken together; nothing if they make sense.
std::string settle(Parser& parser, const SortedWords& sorted,
                   const std::vector<std::string>& arguments) {
  const Subcommand& subcommand = *sorted.subcommand;
  if (!sorted.unknown.empty()) {
    return unknown_option_text(subcommand, parser.subcommands, sorted.unknown.front());
  }
  if (looks_like_nc_quit(arguments, parser.draft)) {
    return "-q means quiet here and takes no number; tcptool ends by itself when both sides are "
           "through, and --idle-timeout bounds the wait";
  }
  if (std::string text = misread_word_text(parser, subcommand, arguments); !text.empty()) {
    return text;
  }
  if (!sorted.repeated_flag.empty()) {
    return fmt::format("{} is given more than once", sorted.repeated_flag);
  }
  return subcommand.name == "listen" ? settle_listen_options(parser.draft)
                                     : settle_connect_options(parser.draft);
}

Result<cmd::Command, Stop> parse_words(const std::vector<std::string>& arguments,
                                       unsigned inherited) {
  if (arguments.empty()) return failure(Stop{ExitStatus::usage, overview_text(), true});
  // What follows -- are words; CLI11 would hand them to nobody.
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  const std::span words(arguments.begin(), dashes);
  if (const std::string text = missing_value_text(words); !text.empty()) {
    return failure(usage_error(text));
  }
  Parser parser;
  Draft& draft = parser.draft;
  draft.inherited = inherited;
  const auto sorted = sort_words(parser.subcommands, words);
  if (!sorted) return failure(usage_error(sorted.error()));
  if (sorted->version) return failure(page(version_text()));
  if (!sorted->unknown_before.empty()) {
    return failure(
        usage_error(unknown_command_text(parser.subcommands, sorted->unknown_before.front())));
  }
  if (sorted->subcommand == nullptr) {
    if (sorted->help) return failure(page(overview_text()));
    return failure(usage_error(unknown_command_text(parser.subcommands, arguments.front())));
  }
  const std::string& name = sorted->subcommand->name;
  if (name == "help") return failure(help_for(parser, sorted->positionals));
  draft.positionals = sorted->positionals;
  if (name == "listen" && dashes != arguments.end()) {
    if (dashes + 1 == arguments.end()) {
      return failure(usage_error("which command? Say: tcptool listen PORT -- COMMAND [ARG...]"));
    }
    draft.listen.command.assign(dashes + 1, arguments.end());
  } else if (dashes != arguments.end()) {
    draft.positionals.insert(draft.positionals.end(), dashes + 1, arguments.end());
  }
  if (sorted->help || draft.help) return failure(page(help_text(*sorted->subcommand)));
  const std::string wrong = settle(parser, *sorted, arguments);
  if (!wrong.empty()) return failure(usage_error(wrong));
  if (name == "listen") return cmd::Command(std::move(draft.listen));
  return cmd::Command(std::move(draft.connect));
}

}  // namespace

Result<cmd::Command, Stop> parse(std::span<const char* const> arguments, unsigned inherited) {
  const std::vector<std::string> words = with_explicit_values(arguments);
  auto command = parse_words(words, inherited);
  if (!command) {
    command.error().json = std::find(words.begin(), words.end(), "--json") != words.end();
  }
  return command;
}

std::vector<DeclaredOption> declared_options() {
  const Parser parser;
  std::vector<DeclaredOption> out;
  for (const Subcommand& subcommand : parser.subcommands) {
    for (const Option& option : subcommand.options) {
      out.push_back(
          {subcommand.name, std::string(option.short_name), std::string(option.long_name)});
    }
  }
  return out;
}

}  // namespace tcptool::cli
