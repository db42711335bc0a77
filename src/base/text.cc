// SPDX-License-Identifier: MIT
#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace tcptool {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string escape(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte > 0x7e) {
      constexpr std::string_view digits = "0123456789abcdef";
      out += "\\x";
      out += digits[byte >> 4];
      out += digits[byte & 0xf];
    } else {
      out += c;
    }
  }
  return out;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t most_shown = 64;
  if (text.size() <= most_shown) return fmt::format("'{}'", escape(text));
  return fmt::format("'{}...'", escape(text.substr(0, most_shown)));
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr double kibi = 1024.0;
  constexpr std::uint64_t mebi = 1024 * 1024;
  if (bytes < mebi) return count_of(bytes, "byte");
  static constexpr std::array<std::string_view, 4> units{"MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes) / static_cast<double>(mebi);
  std::size_t unit = 0;
  // 1023.95 and above would be printed as 1024.0.
  while (value >= kibi - 0.05 && unit + 1 < units.size()) {
    value /= kibi;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string format_duration(std::chrono::nanoseconds duration) {
  const double ms = std::max(0.0, std::chrono::duration<double, std::milli>(duration).count());
  if (ms < 0.9995) return fmt::format("{:.3f} ms", ms);
  if (ms < 9.995) return fmt::format("{:.2f} ms", ms);
  if (ms < 999.5) return fmt::format("{:.0f} ms", ms);
  return fmt::format("{:.1f} s", ms / 1000.0);
}

std::string count_of(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string ordinal(std::uint64_t number) {
  std::string_view suffix = "th";
  const std::uint64_t tens = number / 10 % 10;
  if (tens != 1) {
    if (number % 10 == 1) suffix = "st";
    if (number % 10 == 2) suffix = "nd";
    if (number % 10 == 3) suffix = "rd";
  }
  return fmt::format("{}{}", number, suffix);
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t longest_word = 64;  // bounds the work that a hostile word can ask for
  if (word.empty() || word.size() > longest_word) return {};
  constexpr std::size_t least_prefix = 4;  // a word broken off is worth completing
  for (const std::string_view candidate : candidates) {
    if (word.size() >= least_prefix && candidate.starts_with(word)) return candidate;
  }
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace tcptool
