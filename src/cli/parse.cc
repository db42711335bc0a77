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

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

// A subcommand that takes unknown options and any number of words, so that what is wrong with them
// can be said in our own words.
CLI::App* add_command(CLI::App& app, const std::string& name, Draft& draft) {
  CLI::App* const command = app.add_subcommand(name);
  command->allow_extras();
  command->set_help_flag();
  command->add_option("words", draft.positionals)->group("");
  return command;
}

// As the last of them all.
void add_help(CLI::App& command) {
  command
      .add_flag_callback(
          "-h,--help", [] {}, "this text")
      ->group("Output");
}

// A flag takes no value, as in --json=1.
void refuse_flag_values(CLI::App& command) {
  for (CLI::Option* const option : command.get_options({})) {
    if (option->get_items_expected_max() == 0) option->disable_flag_override();
  }
}

struct Parser {
  Draft draft;
  CLI::App app{"tcptool"};
  CLI::App* listen;
  CLI::App* connect;
  CLI::App* help;
  std::vector<std::string> help_words;

  Parser() {
    app.set_help_flag();
    app.add_flag_callback("-h,--help", [] {});
    app.add_flag_callback("-V,--version", [] {});
    app.allow_extras();
    app.require_subcommand(0, 1);  // behind the first one its name is a word like any other
    listen = add_command(app, "listen", draft);
    declare_listen_options(*listen, draft);
    connect = add_command(app, "connect", draft);
    declare_connect_options(*connect, draft);
    help = app.add_subcommand("help");
    help->add_option("words", help_words);
    help->allow_extras();
    for (CLI::App* const command : {listen, connect}) {
      add_help(*command);
      refuse_flag_values(*command);
    }
  }
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

Stop help_for(Parser& parser) {
  if (parser.help_words.empty()) return page(overview_text());
  const std::string& word = parser.help_words.front();
  if (word == "listen") return page(help_text(*parser.listen));
  if (word == "connect") return page(help_text(*parser.connect));
  if (word == "help") return page(overview_text());
  return usage_error(unknown_command_text(word));
}

// The first thing that CLI11 could not place, if there is one.
std::string leftover_text(const CLI::App& command) {
  const std::vector<std::string> words = command.remaining();
  if (words.empty()) return "";
  return unknown_option_text(command, words.front());
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

// A word that CLI11 took for a host or port, and the user meant as an option or its value.
std::string misread_word_text(const CLI::App& command, const std::vector<std::string>& arguments,
                              const Draft& draft) {
  const std::vector<std::string>& words = draft.positionals;
  if (words.size() < 2) return "";
  if (words.front().starts_with("-")) return unknown_option_text(command, words.front());
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

// A flag that is given twice, other than -v.
std::string repeated_flag_text(const CLI::App& command) {
  for (const CLI::Option* const option : command.get_options()) {
    const bool flag = option->get_items_expected_max() == 0;
    if (flag && option->count() > 1 && !option->check_lname("verbose")) {
      return fmt::format("{} is given more than once", option->get_name());
    }
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

Result<cmd::Command, Stop> settle(Parser& parser, const std::vector<std::string>& arguments) {
  const bool listening = parser.listen->parsed();
  CLI::App& command = listening ? *parser.listen : *parser.connect;
  if (command.count("--help") > 0) return failure(page(help_text(command)));
  if (const std::string text = leftover_text(command); !text.empty()) {
    return failure(usage_error(text));
  }
  if (looks_like_nc_quit(arguments, parser.draft)) {
    return failure(usage_error(
        "-q means quiet here and takes no number; tcptool ends by itself when both sides are "
        "through, and --idle-timeout bounds the wait"));
  }
  if (const std::string text = misread_word_text(command, arguments, parser.draft); !text.empty()) {
    return failure(usage_error(text));
  }
  if (const std::string text = repeated_flag_text(command); !text.empty()) {
    return failure(usage_error(text));
  }
  const std::string wrong =
      listening ? settle_listen_options(parser.draft) : settle_connect_options(parser.draft);
  if (!wrong.empty()) return failure(usage_error(wrong));
  if (listening) return cmd::Command(std::move(parser.draft.listen));
  return cmd::Command(std::move(parser.draft.connect));
}

// CLI11's message in our words, where its own are not clear.
std::string parse_error_text(const CLI::ParseError& error) {
  const std::string text(trimmed(error.what()));
  if (const auto at = text.find(": At Most 1 required but received"); at != std::string::npos) {
    return fmt::format("{} is given more than once", escape(text.substr(0, at)));
  }
  if (const auto at = text.find(": 1 required"); at != std::string::npos) {
    return fmt::format("{} needs a value", escape(text.substr(0, at)));
  }
  if (const auto at = text.find(" was given a disallowed flag"); at != std::string::npos) {
    return fmt::format("--{} takes no value", escape(text.substr(0, at)));
  }
  return escape(text);
}

Result<cmd::Command, Stop> parse_words(const std::vector<std::string>& arguments,
                                       unsigned inherited) {
  if (arguments.empty()) return failure(Stop{ExitStatus::usage, overview_text(), true});
  // What follows -- are words; CLI11 would hand them to nobody.
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  const std::span options(arguments.begin(), dashes);
  if (const std::string text = missing_value_text(options); !text.empty()) {
    return failure(usage_error(text));
  }
  Parser parser;
  parser.draft.inherited = inherited;
  try {
    std::vector<std::string> reversed(options.rbegin(), options.rend());  // as CLI11 takes them
    parser.app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return failure(usage_error(parse_error_text(error)));
  }
  if (parser.app.count("--version") > 0) {
    return failure(page(version_text()));
  }
  const std::vector<std::string> before_command = parser.app.remaining();
  if (!before_command.empty()) {
    return failure(usage_error(unknown_command_text(before_command.front())));
  }
  if (parser.help->parsed()) return failure(help_for(parser));
  if (parser.listen->parsed() && dashes != arguments.end()) {
    if (dashes + 1 == arguments.end()) {
      return failure(usage_error("which command? Say: tcptool listen PORT -- COMMAND [ARG...]"));
    }
    parser.draft.listen.command.assign(dashes + 1, arguments.end());
  } else if (dashes != arguments.end()) {
    parser.draft.positionals.insert(parser.draft.positionals.end(), dashes + 1, arguments.end());
  }
  if (parser.app.count("--help") > 0) {
    if (parser.listen->parsed()) return failure(page(help_text(*parser.listen)));
    if (parser.connect->parsed()) return failure(page(help_text(*parser.connect)));
    return failure(page(overview_text()));
  }
  if (parser.listen->parsed() || parser.connect->parsed()) return settle(parser, arguments);
  return failure(usage_error(unknown_command_text(arguments.front())));
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
  for (const CLI::App* const command : {parser.listen, parser.connect}) {
    for (const CLI::Option* const option : command->get_options()) {
      if (option->get_lnames().empty()) continue;
      const auto& shorts = option->get_snames();
      out.push_back({command->get_name(), shorts.empty() ? "" : "-" + shorts.front(),
                     "--" + option->get_lnames().front()});
    }
  }
  return out;
}

}  // namespace tcptool::cli
