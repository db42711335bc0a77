// SPDX-License-Identifier: MIT
// Strict readings of numbers, durations and sizes that a user typed. The error is a sentence that
// ends in a good example; the caller puts the option's name in front of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tcptool {

// Decimal digits only: no sign, no leading zero, no blanks.
// Errors: not a number, above `maximum` or below `minimum`.
Result<std::uint64_t, std::string> parse_unsigned(std::string_view text, std::uint64_t maximum,
                                                  std::uint64_t minimum = 0);

// "1.5s", "500ms", "2m", "1h", "20us"; a bare number is seconds; 0 means none. Up to nine decimals.
// Errors: sign, exponent, unknown unit, above `longest_duration`.
Result<std::chrono::nanoseconds, std::string> parse_duration(std::string_view text);
inline constexpr std::chrono::hours longest_duration{24 * 366};

// "4096", "64k", "64KiB", "1.5M", "2G": powers of 1024, in bytes.
// Errors: sign, exponent, unknown unit, not a whole number of bytes, above `maximum`.
Result<std::uint64_t, std::string> parse_size(std::string_view text, std::uint64_t maximum);

}  // namespace tcptool
