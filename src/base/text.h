// SPDX-License-Identifier: MIT
// Text for people: escaping of foreign bytes, quantities with their units, spelling help. Every
// function is pure and independent of the locale.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tcptool {

// Bytes as printable ASCII: a backslash is doubled, \n \r \t by name, every other byte outside
// 0x20..0x7e as \xNN. Nothing that comes out can steer a terminal or end a line.
std::string escape(std::string_view bytes);

// What a user typed, escaped and in quotes, for a message: at most its first 64 bytes, then "...".
std::string in_quotes(std::string_view text);

// "1 byte", "65536 bytes"; from 1 MiB on with one decimal: "48.0 MiB", "1.5 GiB".
std::string format_bytes(std::uint64_t bytes);

// "0.038 ms", "3.14 ms", "250 ms", "3.2 s". Negative durations count as 0.
std::string format_duration(std::chrono::nanoseconds duration);

// "1 byte", "3 bytes": the count and the noun, with an s unless the count is 1.
std::string count_of(std::uint64_t count, std::string_view noun);

// "1st", "2nd", "3rd", "4th", "11th".
std::string ordinal(std::uint64_t number);

// The candidate that begins with `word` (from four characters on), else the one fewest edits away
// from `word` (at most a third of its length, at least one), or an empty view when none is near
// enough to be worth suggesting.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace tcptool
