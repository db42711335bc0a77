// SPDX-License-Identifier: MIT
#include "cmd/accept_messages.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Address;

namespace {

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string detail(const cmd::Message& message, std::string_view label) {
  const auto found = std::find_if(message.details.begin(), message.details.end(),
                                  [&](const std::string& line) { return line.find(label) == 2; });
  return found == message.details.end() ? "" : *found;
}

}  // namespace

TEST_CASE("the queue's line has length and limit, and the drops once there are any") {
  CHECK(cmd::queue_message({{2, 4096}, std::nullopt}).text == "queue 2/4096");
  CHECK(cmd::queue_message({{2, 1}, 0}).text == "queue 2/1");
  CHECK(cmd::queue_message({{2, 1}, 1}).text == "queue 2/1, 1 segment dropped");
  const auto message = cmd::queue_message({{2, 1}, 3});
  CHECK(message.text == "queue 2/1, 3 segments dropped");
  CHECK(message.type == "queue");
  CHECK(message.fields.text() == R"({"length":2,"limit":1,"dropped":3})");
  CHECK(cmd::queue_message({{0, 1}, std::nullopt}).fields.text() == R"({"length":0,"limit":1})");
}

TEST_CASE("an overflow is told with its figures, what clients see, and what to raise") {
  cmd::OverflowFacts facts{*Address::parse("192.0.2.1", 80), {2, 1}, 3, 1, 4096, {}};
  const auto message = cmd::overflow_message(facts);
  CHECK(message.type == "note");
  CHECK(message.text ==
        "note accept queue overflow on 192.0.2.1:80: queue 2/1, 3 segments dropped");
  CHECK(holds(detail(message, "cause"), "the accept queue is full (limit 1,"));
  CHECK(holds(detail(message, "cause"), "after 1, 3 and 7 s"));
  CHECK(holds(detail(message, "try"), "a larger --backlog (now 1)"));
  CHECK(holds(message.fields.text(), R"("length":2,"limit":1,"dropped":3)"));
  facts.asked = 100'000;
  facts.deepest = {4097, 4096};
  CHECK(holds(detail(cmd::overflow_message(facts), "try"),
              "a larger net.core.somaxconn, which clamps the backlog of 100000 to 4096"));
  facts.asked = 4096;
  CHECK(holds(detail(cmd::overflow_message(facts), "try"),
              "a larger net.core.somaxconn (now 4096) and --backlog (now 4096)"));
  facts.held_by = "--hold";
  CHECK(holds(detail(cmd::overflow_message(facts), "cause"), "nobody is accepted now (--hold)"));
  facts.somaxconn.reset();
  CHECK(holds(detail(cmd::overflow_message(facts), "try"),
              "a larger --backlog (now 4096), or a shorter --hold"));
}

TEST_CASE("an overflow of a listener that defers says what is dropped by design") {
  cmd::OverflowFacts facts{*Address::parse("192.0.2.1", 80), {2, 1}, 3, 1, 4096, {}};
  CHECK_FALSE(holds(detail(cmd::overflow_message(facts), "cause"), "TCP_DEFER_ACCEPT"));
  facts.deferred = true;
  CHECK(holds(detail(cmd::overflow_message(facts), "cause"),
              "some are no loss: TCP_DEFER_ACCEPT drops the last ACK of a handshake"));
}

TEST_CASE("drops of a queue that was never seen full are not blamed on it alone") {
  const auto message =
      cmd::overflow_message({*Address::parse("192.0.2.1", 80), {1, 4}, 1, 4, 4096, {}});
  CHECK(message.text ==
        "note segments dropped on 192.0.2.1:80: accept queue longest seen 1/4, 1 segment dropped");
  CHECK(holds(detail(message, "cause"), "was full between two looks, or the SYN queue"));
}

TEST_CASE("who is denied is told with the rule, or that none matches") {
  const auto peer = *Address::parse("10.0.0.1", 5);
  const tcp::AccessRule rule{*tcp::parse_network("10.0.0.0/8"), false};
  CHECK(cmd::denied_message(peer, rule).text == "denied 10.0.0.1:5 by --deny 10.0.0.0/8; reset");
  CHECK(cmd::denied_message(peer, rule).fields.text() ==
        R"({"peer":"10.0.0.1:5","rule":"10.0.0.0/8"})");
  CHECK(cmd::denied_message(peer, {}).text == "denied 10.0.0.1:5: no --allow matches; reset");
}

TEST_CASE("a hold is told with its time, and its end with the queue") {
  CHECK(holds(cmd::hold_message(2s).text, "nobody is accepted for 2.0 s (--hold)"));
  CHECK(cmd::hold_message(2s).fields.text() == R"({"duration_ns":2000000000})");
  CHECK(holds(cmd::hold_message({}).text, "nobody is accepted (--hold)"));
  CHECK(cmd::hold_over_message({}).text == "hold over: accepting");
  CHECK(cmd::hold_over_message(tcp::AcceptQueue{2, 1}).text == "hold over: accepting, queue 2/1");
}

TEST_CASE("SYN cookies are told with their number") {
  const auto message = cmd::syn_cookies_message(12);
  CHECK(holds(message.text, "note SYN cookies are being sent (12 so far"));
  CHECK(holds(message.fields.text(), R"("syn_cookies":12)"));
  CHECK(holds(detail(message, "cause"), "options are lost in part"));
}

TEST_CASE("the summary leaves out what is not known") {
  CHECK(cmd::accept_summary_message({0, 3, std::nullopt, std::nullopt, 0}).text ==
        "listener closed: accepted 0, denied 3");
  CHECK(cmd::accept_summary_message({1, 0, 2, 9, 0}).text ==
        "listener closed: accepted 1, denied 0, deepest queue 2, 9 segments dropped");
}
