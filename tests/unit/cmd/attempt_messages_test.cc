// SPDX-License-Identifier: MIT
#include "cmd/attempt_messages.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "support/evidence.h"

using namespace tcptool;
using cmd::Message;

namespace {

struct Failures {
  std::vector<tcp::Attempt> attempts;
  std::vector<std::optional<diagnose::Diagnosis>> diagnoses;

  void add(const diagnose::Evidence& evidence) {
    tcp::Attempt attempt;
    attempt.peer = evidence.peer;
    attempt.error = evidence.error;
    attempts.push_back(attempt);
    diagnoses.push_back(diagnose::diagnose(evidence));
  }

  [[nodiscard]] std::vector<Message> messages() const {
    return cmd::attempt_messages(attempts, diagnoses);
  }
};

constexpr std::size_t block = 6;  // lines: the layers, cause and advice

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("addresses that failed alike share the block of the first") {
  Failures failures;
  failures.add(test::connect_failed(ECONNREFUSED, "10.99.0.9"));
  failures.add(test::connect_timed_out(3, "10.99.0.1"));
  failures.add(test::connect_failed(ECONNREFUSED, "10.99.0.10"));
  failures.add(test::connect_failed(ECONNREFUSED, "10.99.0.11"));
  const auto messages = failures.messages();
  REQUIRE(messages.size() == 4);
  REQUIRE(messages[0].details.size() == block + 1);
  CHECK(messages[0].details.back() == "  same for 10.99.0.10, 10.99.0.11");
  CHECK(messages[1].details.size() == block);
  CHECK(messages[2].details.empty());
  CHECK(messages[3].details.empty());
  for (const Message& message : messages)
    CHECK(holds(message.detail_fields.text(), R"("layers":[{)"));
}

TEST_CASE("a third block is folded into its cause, and of four all but the first") {
  Failures three;
  three.add(test::connect_failed(ECONNREFUSED));
  three.add(test::connect_timed_out());
  three.add(test::with_icmp(3, 13, "10.77.0.254"));
  const auto told = three.messages();
  REQUIRE(told.size() == 3);
  CHECK(told[1].details.size() == block);
  CHECK(told[2].details.size() == 1);
  Failures failures;
  failures.add(test::connect_failed(ECONNREFUSED));
  failures.add(test::connect_timed_out());
  failures.add(test::with_icmp(3, 13, "10.77.0.254"));
  failures.add(test::with_icmp(3, 1, "10.77.0.254"));
  const auto messages = failures.messages();
  REQUIRE(messages.size() == 4);
  CHECK(messages[0].details.size() == block);
  for (const std::size_t later : {1U, 2U, 3U}) {
    REQUIRE(messages[later].details.size() == 1);
    CHECK(messages[later].details.front().starts_with("  cause   "));
    CHECK(holds(messages[later].detail_fields.text(), R"("layers":[{)"));
  }
}

TEST_CASE("seven addresses leave room on the screen for what was said before") {
  Failures failures;
  for (const char* peer : {"10.99.0.1", "10.99.0.2", "10.99.0.3"}) {
    failures.add(test::connect_timed_out(3, peer));
  }
  failures.add(test::with_icmp(3, 13, "10.77.0.254"));
  failures.add(test::with_icmp(3, 0, "10.77.0.254"));
  failures.add(test::with_icmp(3, 3, "10.77.0.253"));
  failures.add(test::connect_failed(ECONNREFUSED));
  const auto messages = failures.messages();
  REQUIRE(messages.size() == 7);
  std::size_t lines = 0;
  for (const Message& message : messages) lines += 1 + message.details.size();
  CHECK(lines <= 17);
  CHECK(messages[0].details.size() == block + 1);
  CHECK(messages[3].details.size() == 1);
  CHECK(messages[6].details.empty());
  CHECK(holds(messages[6].detail_fields.text(), R"("layers":[{)"));
}

TEST_CASE("another router as the cause is another block") {
  Failures failures;
  failures.add(test::with_icmp(3, 13, "10.77.0.254", "10.99.0.8"));
  failures.add(test::with_icmp(3, 13, "10.77.0.253", "10.99.0.9"));
  const auto messages = failures.messages();
  REQUIRE(messages.size() == 2);
  CHECK(messages[1].details.size() == block);
}

TEST_CASE("who connected is not told, and who was abandoned has no block") {
  Failures failures;
  failures.add(test::connect_failed(ECONNREFUSED, "10.99.0.8"));
  failures.add(test::connect_failed(ECONNREFUSED, "10.99.0.9"));
  failures.attempts[0].end = tcp::Attempt::End::connected;
  failures.attempts[1].end = tcp::Attempt::End::abandoned;
  failures.diagnoses.clear();
  const auto messages = failures.messages();
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].details.empty());
}
