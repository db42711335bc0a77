// SPDX-License-Identifier: MIT
#include "base/parse.h"

#include <doctest/doctest.h>

#include <climits>
#include <cstdint>

using namespace std::chrono_literals;
using namespace tcptool;

TEST_CASE("a whole number is decimal digits alone") {
  CHECK(parse_unsigned("0", 10) == 0U);
  CHECK(parse_unsigned("10", 10) == 10U);
  CHECK(parse_unsigned("18446744073709551615", UINT64_MAX) == UINT64_MAX);
  for (const char* const text : {"", "-1", "+1", " 1", "1 ", "01", "00", "080", "0x10", "1e3",
                                 "1.0", "1,0", "abc", "\n", "1\n", "٣"}) {
    CAPTURE(text);
    const auto number = parse_unsigned(text, 1'000'000);
    REQUIRE_FALSE(number);
    CHECK(number.error().find("not a whole number") != std::string::npos);
  }
}

TEST_CASE("a whole number above the maximum is told with the maximum") {
  for (const char* const text : {"11", "99999999999999999999", "18446744073709551616"}) {
    const auto number = parse_unsigned(text, 10);
    REQUIRE_FALSE(number);
    CHECK(number.error() == "'" + std::string(text) + "' is above the maximum, 10");
  }
}

TEST_CASE("durations have a unit, or are seconds") {
  struct Row {
    const char* text;
    std::chrono::nanoseconds value;
  };
  for (const Row& row : {Row{"0", 0s}, Row{"10", 10s}, Row{"1.5", 1500ms}, Row{"1.5s", 1500ms},
                         Row{".5", 500ms}, Row{".25s", 250ms}, Row{"2sec", 2s}, Row{"500ms", 500ms},
                         Row{"0.5ms", 500us}, Row{"20us", 20us}, Row{"7ns", 7ns}, Row{"2m", 2min},
                         Row{"2min", 2min}, Row{"1h", 1h}, Row{"8784h", 8784h},
                         Row{"0.000000001", 1ns}, Row{"0s", 0s}, Row{"0.0", 0s}, Row{"007", 7s}}) {
    CAPTURE(row.text);
    const auto duration = parse_duration(row.text);
    REQUIRE(duration);
    CHECK(*duration == row.value);
  }
}

TEST_CASE("more than nothing never becomes none") {
  CHECK(parse_duration("0.1ns") == 1ns);
  CHECK(parse_duration("0.000000001ms") == 1ns);
}

TEST_CASE("what is no duration is refused with a good example") {
  for (const char* const text : {"",         "-3s",  "+3s", "1e400",        "1e3",
                                 ".",        ".s",   "-.5", "1.",           "1..5",
                                 "1.5.2",    "s",    "ms",  "3 s",          " 3",
                                 "3s ",      "3x",   "3S",  "3d",           "inf",
                                 "nan",      "0x10", "1,5", "0.0000000001", "99999999999999999999",
                                 "\x1b[31m", "5s\n"}) {
    CAPTURE(text);
    const auto duration = parse_duration(text);
    REQUIRE_FALSE(duration);
    CHECK(duration.error().find("such as 500ms") != std::string::npos);
    CHECK(duration.error().find('\x1b') == std::string::npos);
  }
}

TEST_CASE("a duration beyond a year is refused, however large") {
  for (const char* const text : {"8785h", "527041m", "31622401", "18446744073709551615ns",
                                 "18446744073709551615", "18446744073709551615h",
                                 // Chosen so that 128 bits overflow to less than an hour.
                                 "94522879700260685h"}) {
    CAPTURE(text);
    const auto duration = parse_duration(text);
    REQUIRE_FALSE(duration);
    CHECK(duration.error().find("longer than a year") != std::string::npos);
  }
}

TEST_CASE("sizes count in powers of 1024") {
  struct Row {
    const char* text;
    std::uint64_t value;
  };
  constexpr std::uint64_t kibi = 1024;
  for (const Row& row :
       {Row{"0", 0}, Row{"1", 1}, Row{"4096", 4096}, Row{"4096B", 4096}, Row{"64k", 64 * kibi},
        Row{"64K", 64 * kibi}, Row{"64kB", 64 * kibi}, Row{"64KB", 64 * kibi},
        Row{"64KiB", 64 * kibi}, Row{"1M", kibi * kibi}, Row{"1.5M", 3 * kibi * kibi / 2},
        Row{"1MiB", kibi * kibi}, Row{"2G", 2 * kibi * kibi * kibi}, Row{"0.5k", 512},
        Row{".5k", 512}, Row{"1T", kibi * kibi * kibi * kibi}}) {
    CAPTURE(row.text);
    CHECK(parse_size(row.text, UINT64_MAX) == row.value);
  }
}

TEST_CASE("what is no size is refused with a good example") {
  for (const char* const text :
       {"", "-1", "+1", "k", ".", ".k", "1kk", "1 k", "0.5", ".5", "1.0001k", "1e3", "1m", "0x10",
        "64kib", "1b", "1P", "99999999999999999999"}) {
    CAPTURE(text);
    const auto size = parse_size(text, UINT64_MAX);
    REQUIRE_FALSE(size);
    CHECK(size.error().find("such as 4096") != std::string::npos);
  }
}

TEST_CASE("a size above the maximum is refused, however large") {
  for (const char* const text :
       {"2G", "2147483648", "18446744073709551615", "18446744073709551615T"}) {
    CAPTURE(text);
    const auto size = parse_size(text, INT_MAX);
    REQUIRE_FALSE(size);
    CHECK(size.error().find("above the maximum, 2.0 GiB") != std::string::npos);
  }
}
