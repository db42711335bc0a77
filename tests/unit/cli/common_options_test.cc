// SPDX-License-Identifier: MIT
// Options of both subcommands whose value is optional, and what they do not go with.
#include <doctest/doctest.h>

#include <sstream>

#include "cli/parse.h"
#include "cmd/run.h"

using namespace tcptool;
using cmd::ProgressMode;

namespace {

auto parse(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string word; stream >> word;) words.push_back(word);
  std::vector<const char*> arguments;
  arguments.reserve(words.size());
  for (const std::string& word : words) arguments.push_back(word.c_str());
  return cli::parse(arguments);
}

}  // namespace

TEST_CASE("progress is shown on a terminal, always, or not at all") {
  for (const auto& row : std::initializer_list<std::pair<const char*, ProgressMode>>{
           {"listen 9000", ProgressMode::off},
           {"listen --progress 9000", ProgressMode::automatic},
           {"connect host 80 --progress=auto", ProgressMode::automatic},
           {"connect --progress=always -q host 80", ProgressMode::always}}) {
    CAPTURE(row.first);
    const auto command = parse(row.first);
    REQUIRE(command);
    CHECK(cmd::common_options(*command).output.progress == row.second);
  }
}

TEST_CASE("progress of many connections or of none, and other values, are usage errors") {
  struct Row {
    const char* line;
    const char* advice;
  };
  for (const Row& row : {Row{"listen -k --progress 9000", "--progress shows one connection"},
                         Row{"listen --serve echo --progress 9000", "one connection"},
                         Row{"listen --progress 9000 -- cat", "one connection"},
                         Row{"listen --recv-only 9000 -- cat", "--recv-only is about stdin"},
                         Row{"listen -C --serve echo 9000", "-C is about stdin and stdout"},
                         Row{"listen -k -N --serve echo 9000", "-N is about stdin and stdout"},
                         Row{"listen --idle-timeout 1s 9000 -- cat", "--idle-timeout cannot see"},
                         Row{"listen --grace 1s 9000", "--grace is for the clients of -k"},
                         Row{"listen -m 0 -k 9000", "is below the minimum, 1"},
                         Row{"listen -m x -k 9000", "a whole number from 1 to"},
                         Row{"listen 9000 cat", "say: tcptool listen 9000 -- cat"},
                         Row{"connect -z --progress host 80", "shows what moves"},
                         Row{"connect --parallel 2 --progress host 80", "shows what moves"},
                         Row{"connect --progress=never host 80", "is none of auto, always"},
                         Row{"connect --progress= host 80", "needs a value behind its ="},
                         Row{"connect --progress always host 80", "mean --progress=always?"},
                         Row{"connect --progress --progress host 80", "more than once"}}) {
    CAPTURE(row.line);
    const auto command = parse(row.line);
    REQUIRE_FALSE(command);
    CAPTURE(command.error().text);
    CHECK(command.error().status == cmd::ExitStatus::usage);
    CHECK(command.error().text.find(row.advice) != std::string::npos);
  }
}
