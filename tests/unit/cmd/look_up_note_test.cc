// SPDX-License-Identifier: MIT
#include "cmd/look_up_note.h"

#include <doctest/doctest.h>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using tcp::NameServerAnswer;

namespace {

NameServerAnswer from(const char* server, NameServerAnswer answer) {
  answer.server = test::at(server, 53);
  return answer;
}

std::string note(const std::vector<NameServerAnswer>& answers) {
  const auto message = cmd::slow_look_up_message({"www.test", 0, 5s}, answers, 1s);
  return message ? message->text : "";
}

}  // namespace

TEST_CASE("a silent name server is told where another one answers") {
  const auto silent = from("192.0.2.1", test::not_answered());
  const auto second = from("192.0.2.2", test::not_answered());
  const auto heard = from("192.0.2.3", test::answered(0, true));
  const auto closed = from("192.0.2.4", test::not_answered(ECONNREFUSED));
  CHECK(note({silent, heard}) ==
        "note the look-up of www.test took 5.0 s: name server 192.0.2.1 of /etc/resolv.conf did "
        "not answer within 1.0 s, 192.0.2.3 did");
  CHECK(note({silent, second, heard}).find("name servers 192.0.2.1 and 192.0.2.2 of") !=
        std::string::npos);
  CHECK(note({heard, silent}) == note({silent, heard}));
  for (const auto& answers : std::vector<std::vector<NameServerAnswer>>{
           {}, {heard}, {silent}, {silent, second}, {silent, closed}, {closed, heard}}) {
    CHECK(note(answers).empty());
  }
}
