// SPDX-License-Identifier: MIT
// The options of accept_options.cc, as a command line gives them, and a listener handed over.
#include <doctest/doctest.h>

#include <sstream>
#include <variant>

#include "cli/parse.h"

using namespace std::chrono_literals;
using namespace tcptool;

namespace {

// Words between blanks; '' is an empty one.
auto parse(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string word; stream >> word;) words.push_back(word == "''" ? "" : word);
  std::vector<const char*> arguments;
  arguments.reserve(words.size());
  for (const std::string& word : words) arguments.push_back(word.c_str());
  return cli::parse(arguments);
}

cmd::ListenOptions listen(const std::string& line) {
  const auto command = parse("listen " + line);
  if (!command) FAIL(command.error().text);
  return std::get<cmd::ListenOptions>(*command);
}

}  // namespace

TEST_CASE("a listener's rules, hold and watch are kept as they were given") {
  const auto options = listen("--allow 10.0.0.0/8 --deny 10.1.0.0/16 --allow ::1 --hold 2s 9000");
  const auto allowed = [&](const char* peer) {
    return options.accept.rules.judge(*sys::Address::parse(peer, 1)).allowed;
  };
  CHECK(allowed("10.2.0.1"));
  CHECK_FALSE(allowed("10.1.0.1"));
  CHECK(allowed("::1"));
  CHECK_FALSE(allowed("192.0.2.1"));
  CHECK(options.accept.hold == 2s);
  CHECK_FALSE(options.accept.watch);
  CHECK(listen("--hold forever 9000").accept.hold == cmd::AcceptOptions::forever);
  CHECK(listen("--watch 9000").accept.watch == 200ms);
  CHECK(listen("--watch=1s 9000").accept.watch == 1s);
  CHECK(listen("9000").accept.rules.empty());
  CHECK_FALSE(listen("9000").accept.hold);
}

TEST_CASE("a listening socket that was handed over has its port, and there is one at most") {
  const auto with = [](std::vector<const char*> words, unsigned inherited) {
    words.insert(words.begin(), "listen");
    return cli::parse(words, inherited);
  };
  const auto command = with({"-b", "7"}, 1);
  REQUIRE(command);
  CHECK(std::get<cmd::ListenOptions>(*command).inherited);
  CHECK_FALSE(listen("9000").inherited);
  CHECK(with({"9000"}, 1).error().text.find("leave address, port and family out") !=
        std::string::npos);
  for (const char* const words : {"-p9000", "-s::1", "-4", "-6"}) CHECK_FALSE(with({words}, 1));
  CHECK(with({}, 2).error().text.find("hands over 2 sockets") != std::string::npos);
  CHECK(cli::parse(std::vector{"connect", "host", "80"}, 2));
}

TEST_CASE("bad rules, holds and watches are usage errors that say what would be right") {
  struct Row {
    const char* line;
    const char* advice;
  };
  for (const Row& row :
       {Row{"listen --allow 10.0.0.1/8 9000", "--allow: '10.0.0.1/8' has bits set"},
        Row{"listen --deny localhost 9000", "--deny: 'localhost' is no network"},
        Row{"listen --deny '' 9000", "such as 10.0.0.0/8"},
        Row{"listen --allow ::/129 9000", "0 to 128 bits"},
        Row{"listen --allow 10.0.0.0/8 --deny 10.0.0.0/8 9000", "is allowed and denied"},
        Row{"listen --hold -1s 9000", "or forever"}, Row{"listen --hold x 9000", "or forever"},
        Row{"listen --hold 1s --hold 1s 9000", "more than once"},
        Row{"listen --hold 9000", "which port? --hold has taken 9000 as its time"},
        Row{"listen --watch=0 9000", "10ms or more"},
        Row{"listen --watch=1ms 9000", "10ms or more"},
        Row{"listen --watch= 9000", "needs a value behind its ="},
        Row{"listen --watch=1s --watch=1s 9000", "more than once"},
        Row{"listen --watch 1s 9000", "did you mean --watch=1s?"},
        Row{"listen 9000 --watch 1s", "did you mean --watch=1s?"},
        Row{"connect --watch host 80", "--watch"}}) {
    CAPTURE(row.line);
    const auto command = parse(row.line);
    REQUIRE_FALSE(command);
    CAPTURE(command.error().text);
    CHECK(command.error().status == cmd::ExitStatus::usage);
    CHECK(command.error().text.find(row.advice) != std::string::npos);
  }
}
