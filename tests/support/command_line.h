// SPDX-License-Identifier: MIT
// Command lines as tests write them: words between blanks, '' is an empty one.
#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "cli/parse.h"

namespace tcptool::test {

inline auto parse(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string word; stream >> word;) words.push_back(word == "''" ? "" : word);
  std::vector<const char*> arguments;
  arguments.reserve(words.size());
  for (const std::string& word : words) arguments.push_back(word.c_str());
  return cli::parse(arguments);
}

template <typename Options>
Options options_of(const std::string& line) {
  const auto command = parse(line);
  if (!command) FAIL(command.error().text);
  return std::get<Options>(*command);
}

inline auto connect(const std::string& line) {
  return options_of<cmd::ConnectOptions>("connect " + line);
}

inline auto listen(const std::string& line) {
  return options_of<cmd::ListenOptions>("listen " + line);
}

// A command line that is a usage error, and words of the message about it.
struct Refusal {
  const char* line;
  const char* words;
};

inline void check_refused(std::initializer_list<Refusal> refusals) {
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.line);
    const auto command = parse(refusal.line);
    REQUIRE_FALSE(command);
    CAPTURE(command.error().text);
    CHECK(command.error().status == cmd::ExitStatus::usage);
    CHECK(command.error().text.find(refusal.words) != std::string::npos);
  }
}

}  // namespace tcptool::test
