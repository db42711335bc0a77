// SPDX-License-Identifier: MIT
#include "diagnose/recognize.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace tcptool;

namespace {

const std::string client_hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
const std::string server_hello("\x16\x03\x03\x00\x5a\x02\x00\x00\x56\x03\x03", 11);
const std::string tls_alert("\x15\x03\x01\x00\x02\x02\x46", 7);
const std::string http_400 = "HTTP/1.1 400 Bad";

std::string note(const std::string& received, const std::string& sent) {
  return diagnose::recognize(std::as_bytes(std::span(received)), std::as_bytes(std::span(sent)))
      .value_or("");
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a TLS ClientHello is told from its record") {
  CHECK(holds(note(client_hello, ""), "ClientHello, record 16 03 01"));
  CHECK(holds(note(client_hello, "hello\n"), "the peer speaks TLS"));
  CHECK(note(server_hello, "hello\n") == "");
  CHECK(note(client_hello, client_hello) == "");
  std::string other = client_hello;
  other[2] = 5;  // no version of TLS
  CHECK(note(other, "") == "");
  other = client_hello;
  other[1] = 2;
  CHECK(note(other, "") == "");
}

TEST_CASE("a TLS alert to what was no TLS is named") {
  CHECK(holds(note(tls_alert, "GET / HTTP/1.1\r\n"), "answered plain text with a TLS alert"));
  CHECK(holds(note(tls_alert, "x"), "protocol_version, record 15 03 01"));
  CHECK(holds(note(tls_alert, ""), "the peer expects TLS: it sent a TLS alert"));
  CHECK(note(tls_alert, client_hello) == "");
  std::string other = tls_alert;
  other[6] = '\x63';
  CHECK(holds(note(other, "x"), "alert (99, record"));
}

TEST_CASE("HTTP in answer to TLS, or to what is no request, is worth a note") {
  CHECK(holds(note(http_400, client_hello), "answers TLS with plain HTTP"));
  CHECK(holds(note(http_400, "hello\n"), "no HTTP request"));
  CHECK(holds(note(http_400, "EHLO host"), "no HTTP request"));
  CHECK(holds(note(http_400, "get / HTTP/1.0"), "no HTTP request"));
  CHECK(note(http_400, "") == "");
  for (const char* const request :
       {"GET / HTTP/1.1\r\n", "PATCH /a", "TRACE /", "OPTIONS *", "PROPFIND /", "M-SEARCH *",
        "CONNECT a.b:443", "GET http://a/", "PRI * HTTP/2.0", "GET", "VERSION-CONTROL "}) {
    CAPTURE(request);
    CHECK(note(http_400, request) == "");
  }
  CHECK(note("SSH-2.0-OpenSSH", "GET / HTTP/1.1") == "");
}

TEST_CASE("input of every length, cut anywhere, is read no further than it goes") {
  for (const std::string& whole : {client_hello, server_hello, tls_alert, http_400}) {
    for (std::size_t length = 0; length <= whole.size(); ++length) {
      for (const std::string& sent : {std::string(), std::string("x"), client_hello, http_400}) {
        const std::vector<char> exact(whole.begin(),
                                      whole.begin() + static_cast<std::ptrdiff_t>(length));
        const std::string text = note({exact.begin(), exact.end()}, sent);
        if (length < 5) CHECK(text == "");
      }
      CHECK(note(http_400, whole.substr(0, length)).size() < 100);
    }
  }
}

TEST_CASE("no first byte but those of TLS and HTTP is recognized, and none is repeated") {
  for (unsigned first = 0; first < 256; ++first) {
    CAPTURE(first);
    for (std::string bytes : {client_hello, tls_alert, http_400}) {
      const auto right = static_cast<unsigned char>(bytes[0]);
      bytes[0] = static_cast<char>(first);
      const std::string text = note(bytes, "hello\n");
      if (first != right && first != 0x15 && first != 0x16) CHECK(text == "");
      CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; }));
    }
    for (unsigned last = 0; last < 256; last += 5) {
      std::string bytes = tls_alert;
      bytes[6] = static_cast<char>(last);
      bytes[2] = static_cast<char>(first);
      const std::string text = note(bytes, "x");
      CHECK(text.empty() == (first > 4));
    }
  }
}
