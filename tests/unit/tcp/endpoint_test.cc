// SPDX-License-Identifier: MIT
#include "tcp/endpoint.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace tcptool;
using tcp::PortZero;

namespace {

bool printable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

}  // namespace

TEST_CASE("a port is a number or a service name") {
  CHECK(tcp::parse_port("1", PortZero::refused)->number == 1);
  CHECK(tcp::parse_port("65535", PortZero::refused)->number == 65535);
  CHECK(tcp::parse_port("0", PortZero::accepted)->number == 0);
  for (const char* const name : {"http", "x11-1", "ms_sql", "whois++", "a.b"}) {
    const auto port = tcp::parse_port(name, PortZero::refused);
    REQUIRE(port);
    CHECK(port->service == name);
    CHECK(port->text() == name);
  }
}

TEST_CASE("what is no port is refused") {
  for (const std::string text :
       {"",     "0",     "-1",     "+1",     "65536",    "99999999999999999999",
        "080",  "00",    "8o",     "80 ",    " 80",      "80x",
        "0x50", "ht tp", "http/1", "http\n", "\x1b[31m", "80,443",
        "\xff", "_/"}) {
    CAPTURE(text);
    const auto port = tcp::parse_port(text, PortZero::refused);
    REQUIRE_FALSE(port);
    CHECK(printable(port.error()));
    CHECK(port.error().find("port") != std::string::npos);
  }
  CHECK_FALSE(tcp::parse_port(std::string(64, 'a'), PortZero::refused));
}

TEST_CASE("a host is an address, bracketed or not, with a zone or not, or a name") {
  struct Row {
    const char* text;
    const char* host;
    const char* zone;
    bool numeric;
  };
  for (const Row& row :
       {Row{"127.0.0.1", "127.0.0.1", "", true}, Row{"::1", "::1", "", true},
        Row{"[::1]", "::1", "", true}, Row{"fe80::1%eth0", "fe80::1", "eth0", true},
        Row{"[fe80::1%2]", "fe80::1", "2", true}, Row{"::ffff:1.2.3.4", "::ffff:1.2.3.4", "", true},
        Row{"example.org", "example.org", "", false}, Row{"a_b", "a_b", "", false},
        Row{"b\xc3\xbc"
            "cher.example",
            "b\xc3\xbc"
            "cher.example",
            "", false},
        Row{"1.2.3", "1.2.3", "", false}, Row{"localhost.", "localhost.", "", false},
        Row{"0377.0.0.1", "0377.0.0.1", "", false}, Row{"1.2.3.4.500", "1.2.3.4.500", "", false},
        Row{"256.1.1.a", "256.1.1.a", "", false}, Row{"256.1.1.", "256.1.1.", "", false}}) {
    CAPTURE(row.text);
    const auto host = tcp::parse_host(row.text);
    REQUIRE(host);
    CHECK(host->text == row.host);
    CHECK(host->zone == row.zone);
    CHECK(host->numeric.has_value() == row.numeric);
    if (row.numeric) CHECK(host->numeric->port() == 0);
  }
}

TEST_CASE("what is no host is refused") {
  for (const std::string text : {"",
                                 "[]",
                                 "[127.0.0.1]",
                                 "[name]",
                                 "::1::",
                                 ":::",
                                 "1:2:3:4:5:6:7:8:9",
                                 "fe80::1%",
                                 "127.0.0.1%eth0",
                                 "name%eth0",
                                 "fe80::1%an-interface-too-long",
                                 "fe80::1%a b",
                                 "9000",
                                 "256.1.1.1",
                                 "10.0.0.999",
                                 "1.2.3.99999999999999999999",
                                 "a b",
                                 "a\nb",
                                 "-x",
                                 "user@host",
                                 "http://host",
                                 "\x1b]0;owned\x07",
                                 "%",
                                 "[::1"}) {
    CAPTURE(text);
    const auto host = tcp::parse_host(text);
    REQUIRE_FALSE(host);
    CHECK(printable(host.error()));
  }
}

TEST_CASE("a host name has at most 253 characters") {
  CHECK(tcp::parse_host(std::string(253, 'a')));
  const auto host = tcp::parse_host(std::string(300, 'a'));
  REQUIRE_FALSE(host);
  CHECK(host.error().find("300 characters") != std::string::npos);
  CHECK(host.error().size() < 160);
}

TEST_CASE("host and port are split at the last colon, an IPv6 address only in brackets") {
  struct Row {
    const char* text;
    const char* host;
    const char* port;
  };
  for (const Row& row :
       {Row{"host:80", "host", "80"}, Row{"127.0.0.1:http", "127.0.0.1", "http"},
        Row{"[::1]:9000", "[::1]", "9000"}, Row{"[fe80::1%eth0]:9000", "[fe80::1%eth0]", "9000"},
        Row{":80", "", "80"}, Row{"host:", "host", ""}}) {
    const auto split = tcp::split_host_port(row.text);
    REQUIRE(split);
    CHECK(split->first == row.host);
    CHECK(split->second == row.port);
  }
}

TEST_CASE("a missing port or missing brackets are told with what to write") {
  struct Row {
    const char* text;
    const char* hint;
  };
  for (const Row& row :
       {Row{"host", "host:9000"}, Row{"[::1]", "[::1]:9000"}, Row{"::1:9000", "[::1]:9000"},
        Row{"::1", "[::1]:9000"}, Row{"2001:db8::1:80", "[2001:db8::1]:80"},
        Row{"a:b:c", "brackets"}, Row{"", "no port"}}) {
    CAPTURE(row.text);
    const auto split = tcp::split_host_port(row.text);
    REQUIRE_FALSE(split);
    CHECK(split.error().find(row.hint) != std::string::npos);
  }
}

TEST_CASE("a long word without a port is not repeated at its length") {
  const auto split = tcp::split_host_port(std::string(10'000, '\x1b'));
  REQUIRE_FALSE(split);
  CHECK(split.error().size() < 400);
  CHECK(split.error().find("has no port") != std::string::npos);
}

TEST_CASE("a port list keeps its order and names each port once") {
  struct Row {
    const char* text;
    std::vector<std::string> ports;
  };
  for (const Row& row :
       {Row{"80", {"80"}}, Row{"20-25,80", {"20", "21", "22", "23", "24", "25", "80"}},
        Row{"80,22,80", {"80", "22"}}, Row{"20-22,21-23", {"20", "21", "22", "23"}},
        Row{"http,443", {"http", "443"}}, Row{"5-5", {"5"}}, Row{"x11-1", {"x11-1"}}}) {
    CAPTURE(row.text);
    const auto list = tcp::parse_port_list(row.text);
    REQUIRE(list);
    std::vector<std::string> texts;
    for (const tcp::Port& port : *list) texts.push_back(port.text());
    CHECK((texts == row.ports));
  }
  CHECK(tcp::parse_port_list("1-65535")->size() == 65535);
}

TEST_CASE("what is no port list is refused") {
  for (const char* const text : {"", ",", "80,", ",80", "80,,81", "25-20", "0-5", "1-65536", "1-",
                                 "-5", "1-2-3", "1-http", "80 ,81", "a b"}) {
    CAPTURE(text);
    CHECK_FALSE(tcp::parse_port_list(text));
  }
}

TEST_CASE("an endpoint is written as a user would type it") {
  const auto text_of = [](const char* host, const char* port) {
    return tcp::Endpoint{*tcp::parse_host(host), *tcp::parse_port(port, PortZero::accepted)}.text();
  };
  CHECK(text_of("example.org", "http") == "example.org:http");
  CHECK(text_of("127.0.0.1", "80") == "127.0.0.1:80");
  CHECK(text_of("::1", "80") == "[::1]:80");
  CHECK(text_of("fe80::1%eth0", "80") == "[fe80::1%eth0]:80");
  CHECK(text_of("b\xc3\xbc", "80") == "b\\xc3\\xbc:80");
  CHECK(tcp::Endpoint{{}, {9000, ""}}.text() == "port 9000");
}
