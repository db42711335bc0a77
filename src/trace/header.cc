// SPDX-License-Identifier: MIT
#include "trace/header.h"

#include <fmt/format.h>

#include "base/json.h"

namespace tcptool::trace {
namespace {

// RFC 3339, in UTC, with microseconds. The calendar comes from <chrono>: no time zone, no locale.
std::string timestamp(std::chrono::system_clock::time_point time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::microseconds>(time - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

}  // namespace

std::string header_line(const Header& header, Format format) {
  const std::string started = timestamp(header.started);
  if (format != Format::json) {
    return fmt::format("# tcptool {} {}, pid {}, started {}", header.version, header.command,
                       header.pid, started);
  }
  JsonObject object;
  object.add("type", "start")
      .add("version", header.version)
      .add("command", header.command)
      .add("pid", header.pid)
      .add("started", started);
  return object.text();
}

}  // namespace tcptool::trace
