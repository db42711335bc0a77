// SPDX-License-Identifier: MIT
#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "base/text.h"

namespace tcptool::cli {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
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
  // Our own words, whose foreign bytes are escaped already.
  const bool escaped = dynamic_cast<const CLI::ValidationError*>(&error) != nullptr;
  return escaped ? text : escape(text);
}

// As CLI11 wants them: "-w,--connect-timeout".
std::string names_of(const Option& option) {
  const std::string_view comma = option.short_name.empty() ? "" : ",";
  return fmt::format("{}{}{}", option.short_name, comma, option.long_name);
}

// Every value is a string to CLI11, so that what it makes of numbers never counts.
void add_value(CLI::App& app, const Option& option) {
  CLI::Option* const added =
      app.add_option_function<std::string>(names_of(option), [&option](const std::string& text) {
        const std::string wrong = option.take(text);
        if (!wrong.empty()) throw CLI::ValidationError(std::string(option.long_name), wrong);
      });
  if (option.repeatable) added->trigger_on_parse();
}

// A flag takes no value, as in --json=1.
void add_flag(CLI::App& app, const Option& option) {
  app.add_flag_function(
         names_of(option),
         [&option](std::int64_t times) { option.act(static_cast<std::size_t>(times)); })
      ->disable_flag_override();
}

// Whether its name is in one of the words at all, be it as a value's.
bool may_be_given(const Option& option, std::span<const std::string> words) {
  return std::any_of(words.begin(), words.end(), [&option](std::string_view word) {
    if (word.starts_with("--")) return word.starts_with(option.long_name);
    return word.starts_with("-") && !option.short_name.empty() &&
           word.find(option.short_name.back()) != std::string_view::npos;
  });
}

// It takes unknown options and any number of words, so that what is wrong with them can be said in
// our own words. CLI11 takes longer to be told an option than for all else of a short run: those
// that are not there are not needed.
const CLI::App* add_subcommand(CLI::App& app, const Subcommand& subcommand,
                               std::span<const std::string> words,
                               std::vector<std::string>& positionals) {
  CLI::App* const added = app.add_subcommand(subcommand.name);
  added->allow_extras();
  added->set_help_flag();
  added->add_option("words", positionals);
  for (const Option& option : subcommand.options) {
    if (!may_be_given(option, words)) continue;
    if (option.take) {
      add_value(*added, option);
    } else {
      add_flag(*added, option);
    }
  }
  return added;
}

std::string repeated_flag(const CLI::App& app, const Subcommand& subcommand) {
  for (const Option& option : subcommand.options) {
    if (option.take || option.repeatable) continue;
    const CLI::Option* const added = app.get_option_no_throw(std::string(option.long_name));
    if (added != nullptr && added->count() > 1) return std::string(option.long_name);
  }
  return "";
}

}  // namespace

Result<SortedWords, std::string> sort_words(std::span<const Subcommand> subcommands,
                                            std::span<const std::string> words) {
  SortedWords sorted;
  CLI::App app{"tcptool"};
  app.set_help_flag();
  const std::array<Option, 2> own{
      {{.short_name = "-h", .long_name = "--help", .act = [&](auto) { sorted.help = true; }},
       {.short_name = "-V", .long_name = "--version", .act = [&](auto) {
          sorted.version = true;
        }}}};
  for (const Option& option : own) {
    if (may_be_given(option, words)) add_flag(app, option);
  }
  app.allow_extras();
  app.require_subcommand(0, 1);  // behind the first one its name is a word like any other
  std::vector<std::pair<const Subcommand*, const CLI::App*>> named;
  for (const Subcommand& subcommand : subcommands) {
    if (std::find(words.begin(), words.end(), subcommand.name) == words.end()) continue;
    named.emplace_back(&subcommand, add_subcommand(app, subcommand, words, sorted.positionals));
  }
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // as CLI11 takes them
  } catch (const CLI::ParseError& error) {
    return failure(parse_error_text(error));
  }
  sorted.unknown_before = app.remaining();
  for (const auto& [subcommand, parser] : named) {
    if (!parser->parsed()) continue;
    sorted.subcommand = subcommand;
    sorted.unknown = parser->remaining();
    sorted.repeated_flag = repeated_flag(*parser, *subcommand);
  }
  return sorted;
}

}  // namespace tcptool::cli
