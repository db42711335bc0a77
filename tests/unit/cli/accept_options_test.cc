// SPDX-License-Identifier: MIT
// The options of accept_options.cc, as a command line gives them, and a listener handed over.
#include <doctest/doctest.h>

#include <variant>

#include "support/command_line.h"

using namespace std::chrono_literals;
using namespace tcptool;
using test::listen;

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
  test::check_refused(
      {{"listen --allow 10.0.0.1/8 9000", "--allow: '10.0.0.1/8' has bits set"},
       {"listen --deny localhost 9000", "--deny: 'localhost' is no network"},
       {"listen --deny '' 9000", "such as 10.0.0.0/8"},
       {"listen --allow ::/129 9000", "0 to 128 bits"},
       {"listen --allow 10.0.0.0/8 --deny 10.0.0.0/8 9000", "is allowed and denied"},
       {"listen --hold -1s 9000", "or forever"},
       {"listen --hold x 9000", "or forever"},
       {"listen --hold 1s --hold 1s 9000", "more than once"},
       {"listen --hold 9000", "which port? --hold has taken 9000 as its time"},
       {"listen --watch=0 9000", "10ms or more"},
       {"listen --watch=1ms 9000", "10ms or more"},
       {"listen --watch= 9000", "needs a value behind its ="},
       {"listen --watch=1s --watch=1s 9000", "more than once"},
       {"listen --watch 1s 9000", "did you mean --watch=1s?"},
       {"listen 9000 --watch 1s", "did you mean --watch=1s?"},
       {"connect --watch host 80", "--watch"}});
}
