// SPDX-License-Identifier: MIT
#include "base/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace tcptool {
namespace {

// A decimal number as digits before and after the point, and the unit that follows it.
struct Decimal {
  std::uint64_t whole = 0;
  std::uint64_t billionths = 0;
  std::string_view unit;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<Decimal> read_decimal(std::string_view text) {
  Decimal decimal;
  const char* const end = text.data() + text.size();
  const char* cursor = text.data();
  if (!text.starts_with('.')) {  // .5 is 0.5
    if (text.empty() || !is_digit(text.front())) return std::nullopt;
    const auto [after, error] = std::from_chars(cursor, end, decimal.whole);
    if (error != std::errc{}) return std::nullopt;
    cursor = after;
  }
  if (cursor != end && *cursor == '.') {
    ++cursor;
    std::uint64_t scale = 100'000'000;
    const char* const first = cursor;
    for (; cursor != end && is_digit(*cursor); ++cursor, scale /= 10) {
      if (scale == 0) return std::nullopt;
      decimal.billionths += scale * static_cast<std::uint64_t>(*cursor - '0');
    }
    if (cursor == first) return std::nullopt;
  }
  decimal.unit = {cursor, static_cast<std::size_t>(end - cursor)};
  return decimal;
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

template <std::size_t size>
std::optional<std::uint64_t> factor_of(const std::array<Unit, size>& units, std::string_view name) {
  const auto* const found =
      std::find_if(units.begin(), units.end(), [&](const Unit& unit) { return unit.name == name; });
  if (found == units.end()) return std::nullopt;
  return found->factor;
}

// whole.billionths x factor, or nothing when it overflows; `exact` says whether it was whole.
std::optional<std::uint64_t> scaled(const Decimal& decimal, std::uint64_t factor, bool& exact) {
  __extension__ using Wide = unsigned __int128;
  constexpr std::uint64_t billion = 1'000'000'000;
  if (decimal.whole > UINT64_MAX / factor) return std::nullopt;
  const Wide value = (static_cast<Wide>(decimal.whole) * billion + decimal.billionths) * factor;
  exact = value % billion == 0;
  const Wide result = value / billion;
  if (result > UINT64_MAX) return std::nullopt;
  return static_cast<std::uint64_t>(result);
}

}  // namespace

Result<std::uint64_t, std::string> parse_unsigned(std::string_view text, std::uint64_t maximum,
                                                  std::uint64_t minimum) {
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
  if (!digits || (text.size() > 1 && text.front() == '0')) {
    return failure(fmt::format("{} is not a whole number from {} to {}, such as 16",
                               in_quotes(text), minimum, maximum));
  }
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || value > maximum) {
    return failure(fmt::format("{} is above the maximum, {}", in_quotes(text), maximum));
  }
  if (value < minimum) {
    return failure(fmt::format("{} is below the minimum, {}", in_quotes(text), minimum));
  }
  return value;
}

Result<std::chrono::nanoseconds, std::string> parse_duration(std::string_view text) {
  static constexpr std::array<Unit, 9> units{{{"", 1'000'000'000},
                                              {"s", 1'000'000'000},
                                              {"sec", 1'000'000'000},
                                              {"ns", 1},
                                              {"us", 1'000},
                                              {"ms", 1'000'000},
                                              {"m", 60'000'000'000},
                                              {"min", 60'000'000'000},
                                              {"h", 3'600'000'000'000}}};
  const auto bad = [&] {
    return failure(fmt::format("{} is not a duration, such as 500ms, 1.5s, 2m or 10 (seconds)",
                               in_quotes(text)));
  };
  const auto decimal = read_decimal(text);
  if (!decimal) return bad();
  const auto factor = factor_of(units, decimal->unit);
  if (!factor) return bad();
  bool exact = false;
  const auto value = scaled(*decimal, *factor, exact);
  constexpr auto longest = std::chrono::nanoseconds(longest_duration).count();
  if (!value || *value > static_cast<std::uint64_t>(longest)) {
    return failure(fmt::format("{} is longer than a year; 0 means no limit", in_quotes(text)));
  }
  // What is more than nothing must not become "none".
  const bool rounded_to_none = *value == 0 && !exact;
  return std::chrono::nanoseconds(rounded_to_none ? 1 : static_cast<std::int64_t>(*value));
}

Result<std::uint64_t, std::string> parse_size(std::string_view text, std::uint64_t maximum) {
  constexpr std::uint64_t kibi = 1024;
  static constexpr std::array<Unit, 14> units{{{"", 1},
                                               {"B", 1},
                                               {"k", kibi},
                                               {"K", kibi},
                                               {"kB", kibi},
                                               {"KB", kibi},
                                               {"KiB", kibi},
                                               {"M", kibi * kibi},
                                               {"MB", kibi * kibi},
                                               {"MiB", kibi * kibi},
                                               {"G", kibi * kibi * kibi},
                                               {"GB", kibi * kibi * kibi},
                                               {"GiB", kibi * kibi * kibi},
                                               {"T", kibi * kibi * kibi * kibi}}};
  const auto decimal = read_decimal(text);
  const auto factor = decimal ? factor_of(units, decimal->unit) : std::nullopt;
  bool exact = false;
  const auto value = factor ? scaled(*decimal, *factor, exact) : std::nullopt;
  if (factor && (!value || *value > maximum)) {
    return failure(
        fmt::format("{} is above the maximum, {}", in_quotes(text), format_bytes(maximum)));
  }
  if (!value || !exact) {
    return failure(
        fmt::format("{} is not a size, such as 4096, 64k, 64KiB or 1M", in_quotes(text)));
  }
  return *value;
}

}  // namespace tcptool
