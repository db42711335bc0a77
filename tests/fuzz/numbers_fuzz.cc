// SPDX-License-Identifier: MIT
// Numbers, durations and sizes as a user types them.
#include <climits>

#include "base/parse.h"
#include "base/text.h"
#include "fuzz/fuzz.h"

using namespace tcptool;
using namespace tcptool::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of(data, size);
  for (const std::uint64_t maximum : {std::uint64_t{0}, std::uint64_t{65535}, UINT64_MAX}) {
    const auto number = parse_unsigned(text, maximum);
    if (!number) continue;
    demand(*number <= maximum, "a number is at most its maximum");
    demand(std::to_string(*number) == text, "a number is written as it was typed");
  }
  if (const auto duration = parse_duration(text)) {
    demand(duration->count() >= 0, "a duration is not negative");
    demand(*duration <= longest_duration, "a duration is at most a year");
    demand_printable(format_duration(*duration));
    const auto again = parse_duration(std::to_string(duration->count()) + "ns");
    demand(again && *again == *duration, "a duration is what it is in nanoseconds");
    const bool zero = text.find_first_of("123456789") == std::string_view::npos;
    demand((duration->count() == 0) == zero, "only zero is none");
  } else if (text.size() < 100) {
    demand_message(duration.error());
  }
  for (const std::uint64_t maximum : {std::uint64_t{INT_MAX}, UINT64_MAX}) {
    const auto bytes = parse_size(text, maximum);
    if (bytes) {
      demand(*bytes <= maximum, "a size is at most its maximum");
      demand(parse_size(std::to_string(*bytes), maximum) == *bytes,
             "a size is what it is in bytes");
      demand_printable(format_bytes(*bytes));
    } else if (text.size() < 100) {
      demand_message(bytes.error());
    }
  }
  return 0;
}
