// SPDX-License-Identifier: MIT
#include "base/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <vector>

using namespace std::chrono_literals;
using namespace tcptool;

TEST_CASE("escape leaves no byte that could steer a terminal or end a line") {
  for (int value = 0; value < 256; ++value) {
    const std::string out = escape(std::string(1, static_cast<char>(value)));
    CAPTURE(value);
    CHECK(std::all_of(out.begin(), out.end(), [](char c) { return c >= 0x20 && c <= 0x7e; }));
    const bool plain = value >= 0x20 && value <= 0x7e && value != '\\';
    CHECK(out.size() == (plain ? 1U : out[1] == 'x' ? 4U : 2U));
  }
}

TEST_CASE("escape writes each byte as the manual says") {
  CHECK(escape("plain text") == "plain text");
  CHECK(escape("a\\b") == "a\\\\b");
  CHECK(escape("\r\n\t") == "\\r\\n\\t");
  CHECK(escape("\x1b[2J") == "\\x1b[2J");
  CHECK(escape(std::string_view("\0\x7f\xff", 3)) == "\\x00\\x7f\\xff");
  CHECK(escape("\xc2\x9b") == "\\xc2\\x9b");
  CHECK(escape("").empty());
}

TEST_CASE("bytes are exact below 1 MiB and have one decimal from there on") {
  struct Row {
    std::uint64_t bytes;
    const char* text;
  };
  constexpr std::uint64_t mebi = 1024 * 1024;
  for (const Row& row :
       {Row{0, "0 bytes"}, Row{1, "1 byte"}, Row{65536, "65536 bytes"},
        Row{mebi - 1, "1048575 bytes"}, Row{mebi, "1.0 MiB"}, Row{48 * mebi, "48.0 MiB"},
        Row{1536 * mebi, "1.5 GiB"}, Row{1024 * mebi - 1, "1.0 GiB"}, Row{mebi * mebi, "1.0 TiB"},
        Row{UINT64_MAX, "16384.0 PiB"}}) {
    CHECK(format_bytes(row.bytes) == row.text);
  }
}

TEST_CASE("durations keep three digits and never print a thousand of a unit") {
  struct Row {
    std::chrono::nanoseconds time;
    const char* text;
  };
  for (const Row& row : {Row{-5s, "0.000 ms"}, Row{0ns, "0.000 ms"}, Row{38us, "0.038 ms"},
                         Row{999'400ns, "0.999 ms"}, Row{999'600ns, "1.00 ms"},
                         Row{3140us, "3.14 ms"}, Row{9994us, "9.99 ms"}, Row{9996us, "10 ms"},
                         Row{250ms, "250 ms"}, Row{999'400us, "999 ms"}, Row{999'600us, "1.0 s"},
                         Row{3200ms, "3.2 s"}, Row{61s, "61.0 s"}, Row{1h, "3600.0 s"}}) {
    CHECK(format_duration(row.time) == row.text);
  }
}

TEST_CASE("a quantity has a decimal point in every locale") {
  for (const char* const name : {"de_DE.UTF-8", "fr_FR.UTF-8", "C"}) {
    std::setlocale(LC_ALL, name);
    CHECK(format_bytes(1536 * 1024 * 1024ULL) == "1.5 GiB");
    CHECK(format_duration(3200ms) == "3.2 s");
  }
}

TEST_CASE("counts and places are written as people write them") {
  CHECK(count_of(0, "byte") == "0 bytes");
  CHECK(count_of(1, "SYN") == "1 SYN");
  CHECK(count_of(2, "SYN") == "2 SYNs");
  const std::vector<std::pair<std::uint64_t, std::string>> places{
      {1, "1st"},   {2, "2nd"},   {3, "3rd"},     {4, "4th"},     {11, "11th"},  {12, "12th"},
      {13, "13th"}, {21, "21st"}, {101, "101st"}, {111, "111th"}, {112, "112th"}};
  for (const auto& [number, text] : places) CHECK(ordinal(number) == text);
}

TEST_CASE("the nearest word is suggested only where it is near") {
  constexpr std::array<std::string_view, 4> words{"connect", "listen", "help", "--half-close"};
  CHECK(nearest("conect", words) == "connect");
  CHECK(nearest("lisen", words) == "listen");
  CHECK(nearest("hlep", words).empty());
  CHECK(nearest("hel", words) == "help");
  CHECK(nearest("--halfclose", words) == "--half-close");
  CHECK(nearest("probe", words).empty());
  CHECK(nearest("", words).empty());
  CHECK(nearest(std::string(1'000'000, 'c'), words).empty());
  CHECK(nearest("connect", {}).empty());
}
