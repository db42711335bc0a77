// SPDX-License-Identifier: MIT
#include "cmd/explain.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "support/evidence.h"

using namespace tcptool;
using cmd::Message;

namespace {

Message explained(const diagnose::Evidence& evidence) {
  Message message{"error", "", {}};
  cmd::add_diagnosis(message, diagnose::diagnose(evidence).value());
  return message;
}

}  // namespace

TEST_CASE("the layers stand from the bottom up, then cause and advice") {
  const Message message = explained(test::connect_failed(ECONNREFUSED));
  CHECK(message.details ==
        std::vector<std::string>{
            "  link         ok           c0, gateway 10.77.0.254 at 52:54:00:12:34:56",
            "  internet     ok           route default via 10.77.0.254 on c0",
            "  transport    failed       RST from 10.99.0.9 in answer to the SYN after 0.031 ms",
            "  application  not reached",
            "  cause   nothing listens on port 80 of 10.99.0.9, or a packet filter refuses in its "
            "name with RST (there, on the way or on this host)",
            "  try     on 10.99.0.9: ss -ltn 'sport = 80' tells the two apart; so may --diagnose "
            "active, by how far away the RST was sent"});
  CHECK(message.fields.text() == R"({"cause_id":"nothing-listens","or_else":"rejected-by-host"})");
  CHECK(message.detail_fields.text() ==
        R"({"layers":[)"
        R"({"layer":"link","state":"ok",)"
        R"("evidence":"c0, gateway 10.77.0.254 at 52:54:00:12:34:56"},)"
        R"({"layer":"internet","state":"ok",)"
        R"("evidence":"route default via 10.77.0.254 on c0"},)"
        R"({"layer":"transport","state":"failed",)"
        R"("evidence":"RST from 10.99.0.9 in answer to the SYN after 0.031 ms"},)"
        R"({"layer":"application","state":"not reached","evidence":""}],)"
        R"("cause":"nothing listens on port 80 of 10.99.0.9, or a packet filter refuses in its )"
        R"x(name with RST (there, on the way or on this host)","try":"on 10.99.0.9: )x"
        R"(ss -ltn 'sport = 80' tells the two apart; )"
        R"(so may --diagnose active, by how far away the RST was sent"})");
}

TEST_CASE("what is this host's own has one row, and no second cause") {
  const Message message = explained(test::connect_failed(EPERM));
  REQUIRE(message.details.size() == 3);
  CHECK(message.details[0].starts_with("  this host    failed       connect: "));
  CHECK(message.details[1].starts_with("  cause   a packet filter on this host itself"));
  CHECK(message.details[2].starts_with("  try     "));
  CHECK(message.fields.text() == R"({"cause_id":"output-filter"})");
  CHECK(message.detail_fields.text().starts_with(
      R"({"layers":[{"layer":"this host","state":"failed",)"));
}

TEST_CASE("no line of any diagnosis ends in a blank or holds a line end") {
  for (const auto& sample : test::samples()) {
    CAPTURE(info_of(sample.cause).id);
    const Message message = explained(sample.evidence);
    for (const std::string& line : message.details) {
      CAPTURE(line);
      CHECK(line.starts_with("  "));
      CHECK(line.back() != ' ');
      CHECK(line.find('\n') == std::string::npos);
    }
  }
}
