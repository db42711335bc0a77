// SPDX-License-Identifier: MIT
#include "tcp/access_rules.h"

#include <doctest/doctest.h>

using namespace tcptool;
using sys::Address;

namespace {

// "+10.0.0.0/8" allows, "-10.0.0.0/8" denies.
tcp::AccessRules rules_of(std::initializer_list<std::string_view> texts) {
  tcp::AccessRules rules;
  for (const std::string_view text : texts) {
    const auto network = tcp::parse_network(text.substr(1));
    REQUIRE(network);
    REQUIRE(rules.add({*network, text.front() == '+'}));
  }
  return rules;
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a network is read with its prefix, an address alone is itself") {
  struct Row {
    const char* text;
    const char* network;
  };
  for (const Row& row :
       {Row{"10.0.0.0/8", "10.0.0.0/8"}, Row{"192.0.2.1", "192.0.2.1/32"},
        Row{"192.0.2.1/32", "192.0.2.1/32"}, Row{"0.0.0.0/0", "0.0.0.0/0"},
        Row{"10.1.2.128/25", "10.1.2.128/25"}, Row{"::/0", "::/0"}, Row{"::1", "::1/128"},
        Row{"2001:db8::/32", "2001:db8::/32"}, Row{"fe80::/10", "fe80::/10"},
        Row{"2001:db8:8000::/33", "2001:db8:8000::/33"}, Row{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
        Row{"::ffff:192.0.2.1", "192.0.2.1/32"}, Row{"::ffff:0:0/96", "0.0.0.0/0"}}) {
    CAPTURE(row.text);
    const auto network = tcp::parse_network(row.text);
    REQUIRE(network);
    CHECK(network->text() == row.network);
  }
}

TEST_CASE("what is no network is refused with what would be one") {
  struct Row {
    const char* text;
    const char* said;
  };
  for (const Row& row :
       {Row{"", "such as 10.0.0.0/8"}, Row{"localhost", "'localhost' is no network"},
        Row{"10/8", "is no network"}, Row{"10.0.0.0/", "0 to 32 bits"},
        Row{"10.0.0.0/33", "the prefix of an IPv4 network is 0 to 32 bits, not '33'"},
        Row{"::/129", "the prefix of an IPv6 network is 0 to 128 bits"},
        Row{"10.0.0.0/-1", "0 to 32 bits"}, Row{"10.0.0.0/8/8", "0 to 32 bits"},
        Row{"10.0.0.0/255.0.0.0", "0 to 32 bits"}, Row{"10.0.0.0 /8", "is no network"},
        Row{"[::1]/128", "is no network"}, Row{"fe80::1%lo", "is no network"},
        Row{"10.0.0.1/8", "say 10.0.0.0/8, or 10.0.0.1 for that address alone"},
        Row{"10.1.2.129/25", "say 10.1.2.128/25"},
        Row{"2001:db8::1/32", "say 2001:db8::/32, or 2001:db8::1"},
        Row{"0.0.0.1/0", "say 0.0.0.0/0"}}) {
    CAPTURE(row.text);
    const auto network = tcp::parse_network(row.text);
    REQUIRE_FALSE(network);
    CAPTURE(network.error());
    CHECK(holds(network.error(), row.said));
  }
}

TEST_CASE("the longest match decides, and without one whether others are allowed") {
  struct Row {
    std::initializer_list<std::string_view> rules;
    const char* peer;
    bool allowed;
    const char* by;  // "": the default
  };
  for (const Row& row : {
           Row{{}, "192.0.2.1", true, ""},
           Row{{"-10.0.0.0/8"}, "192.0.2.1", true, ""},
           Row{{"-10.0.0.0/8"}, "10.255.255.255", false, "10.0.0.0/8"},
           Row{{"+10.0.0.0/8"}, "10.1.2.3", true, "10.0.0.0/8"},
           Row{{"+10.0.0.0/8"}, "11.0.0.0", false, ""},
           Row{{"+10.0.0.0/8"}, "::1", false, ""},
           Row{{"+10.0.0.0/8", "-10.1.0.0/16"}, "10.1.2.3", false, "10.1.0.0/16"},
           Row{{"-10.1.0.0/16", "+10.0.0.0/8"}, "10.1.2.3", false, "10.1.0.0/16"},
           Row{{"-10.0.0.0/8", "+10.1.2.3"}, "10.1.2.3", true, "10.1.2.3/32"},
           Row{{"-10.0.0.0/8", "+10.1.2.3"}, "192.0.2.1", false, ""},
           Row{{"-0.0.0.0/0"}, "192.0.2.1", false, "0.0.0.0/0"},
           Row{{"-0.0.0.0/0"}, "2001:db8::1", true, ""},
           Row{{"-::/0"}, "192.0.2.1", true, ""},
           Row{{"+2001:db8::/32", "-2001:db8:1::/48"}, "2001:db8:1::1", false, "2001:db8:1::/48"},
           Row{{"+2001:db8::/32", "-2001:db8:1::/48"}, "2001:db8:2::1", true, "2001:db8::/32"},
           Row{{"-10.0.0.0/8"}, "::ffff:10.0.0.1", false, "10.0.0.0/8"},
           Row{{"-::ffff:10.0.0.0/104"}, "10.0.0.1", false, "10.0.0.0/8"},
       }) {
    CAPTURE(row.peer);
    CAPTURE(row.by);
    const auto verdict = rules_of(row.rules).judge(*Address::parse(row.peer, 4000));
    CHECK(verdict.allowed == row.allowed);
    CHECK((verdict.rule ? verdict.rule->network.text() : "") == row.by);
  }
}

TEST_CASE("a link-local peer is judged whatever its zone") {
  const auto peer = Address::parse("fe80::1", 1)->with_zone(7, "eth7");
  CHECK_FALSE(rules_of({"-fe80::/10"}).judge(peer).allowed);
}

TEST_CASE("one network cannot be both allowed and denied, and may stand twice") {
  tcp::AccessRules rules = rules_of({"+10.0.0.0/8"});
  CHECK_FALSE(rules.empty());
  CHECK(rules.add({*tcp::parse_network("10.0.0.0/8"), true}));
  const auto contrary = rules.add({*tcp::parse_network("::ffff:10.0.0.0/104"), false});
  REQUIRE_FALSE(contrary);
  CHECK(contrary.error() == "10.0.0.0/8 is allowed and denied");
}
