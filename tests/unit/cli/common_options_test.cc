// SPDX-License-Identifier: MIT
// Options of both subcommands whose value is optional, and what they do not go with.
#include <doctest/doctest.h>

#include "cmd/run.h"
#include "support/command_line.h"

using namespace tcptool;
using cmd::ProgressMode;
using test::parse;

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

TEST_CASE("the sandbox is on unless a command would inherit it, or it is said otherwise") {
  using cmd::SandboxMode;
  for (const auto& row : std::initializer_list<std::pair<const char*, SandboxMode>>{
           {"listen 9000", SandboxMode::on},
           {"connect --sandbox on host 80", SandboxMode::on},
           {"connect --sandbox=off host 80", SandboxMode::off},
           {"listen -k --sandbox strict 9000", SandboxMode::strict},
           {"listen --sandbox off 9000 -- cat", SandboxMode::off},
           {"listen 9000 -- cat", SandboxMode::off}}) {
    CAPTURE(row.first);
    const auto command = parse(row.first);
    REQUIRE(command);
    CHECK(cmd::common_options(*command).sandbox == row.second);
  }
}

TEST_CASE("progress of many connections or of none, and other values, are usage errors") {
  test::check_refused({{"listen -k --progress 9000", "--progress shows one connection"},
                       {"listen --serve echo --progress 9000", "one connection"},
                       {"listen --progress 9000 -- cat", "one connection"},
                       {"listen --recv-only 9000 -- cat", "--recv-only is about stdin"},
                       {"listen -C --serve echo 9000", "-C is about stdin and stdout"},
                       {"listen -k -N --serve echo 9000", "-N is about stdin and stdout"},
                       {"listen --idle-timeout 1s 9000 -- cat", "--idle-timeout cannot see"},
                       {"listen --sandbox strict 9000 -- cat", "would inherit the sandbox"},
                       {"listen --sandbox=full 9000", "is none of on, off, strict"},
                       {"listen --grace 1s 9000", "--grace is for the clients of -k"},
                       {"listen -m 0 -k 9000", "is below the minimum, 1"},
                       {"listen -m x -k 9000", "a whole number from 1 to"},
                       {"listen 9000 cat", "say: tcptool listen 9000 -- cat"},
                       {"connect -z --progress host 80", "shows what moves"},
                       {"connect --parallel 2 --progress host 80", "shows what moves"},
                       {"connect --progress=never host 80", "is none of auto, always"},
                       {"connect --progress= host 80", "needs a value behind its ="},
                       {"connect --progress always host 80", "mean --progress=always?"},
                       {"connect --progress --progress host 80", "more than once"}});
}
