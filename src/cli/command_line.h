// SPDX-License-Identifier: MIT
// The words of a command line, sorted into a subcommand, its options and the rest. CLI11 does the
// sorting behind it, in one file: its header takes longer to compile than all else in cli/.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tcptool::cli {

// Reads the text of an option's value, keeps what it read, and returns what is wrong with it, or
// nothing.
using Take = std::function<std::string(const std::string&)>;

// An option of a subcommand: one with a value has `take`, a flag has `act`. Its texts are literals.
struct Option {
  std::string_view heading{};     // of its group in the help
  std::string_view short_name{};  // "-w", or empty
  std::string_view long_name{};   // "--connect-timeout"
  std::string_view metavar{};  // "D", or "[=D]" where the value may be left out; empty for a flag
  std::string_view help{};     // what it does, its default and its unit
  bool repeatable = false;     // may be given more than once; each value is taken as it comes
  Take take{};
  std::function<void(std::size_t times)> act{};
};

// A subcommand, with its options in the order of its help.
struct Subcommand {
  std::string name;
  std::vector<Option> options;
};

// What the words came to. `subcommand` is nullptr where none of them is one.
struct SortedWords {
  const Subcommand* subcommand = nullptr;
  bool help = false;                        // -h or --help before it; behind it, it has its own
  bool version = false;                     // -V or --version in the place of a subcommand
  std::vector<std::string> unknown_before;  // what stands in that place and is none
  std::vector<std::string> unknown;         // what the subcommand has no option for
  std::vector<std::string> positionals;
  std::string repeated_flag;  // the first flag that was given twice and is not repeatable
};

// Sorts `words`, in which there is no "--", and hands the options that are given to their `take`
// and `act`. Errors: a line that says which option lacks a value, or what is wrong with the value.
Result<SortedWords, std::string> sort_words(std::span<const Subcommand> subcommands,
                                            std::span<const std::string> words);

}  // namespace tcptool::cli
