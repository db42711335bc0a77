// SPDX-License-Identifier: MIT
#include "trace/timeline.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "trace/control.h"

namespace tcptool::trace {
namespace {

using Duration = std::optional<std::chrono::nanoseconds>;

std::string after(std::string_view what, const Duration& time) {
  return time ? fmt::format("{} after {}", what, format_duration(*time)) : "";
}

void add_part(std::string& out, std::string_view part) {
  if (part.empty()) return;
  out += out.back() == ':' ? " " : ", ";
  out += part;
}

void add(JsonObject& object, std::string_view name, const Duration& time) {
  if (time) object.add(name, time->count());
}

}  // namespace

std::string timeline_text(const Timeline& timeline, sys::TimePoint start) {
  const std::chrono::duration<double> since = timeline.time - start;
  const bool write = timeline.direction == Payload::Direction::sent;
  std::string out =
      fmt::format("{:10.6f} ## fd {}: {} of {} at {}:", since.count(), timeline.fd,
                  write ? "write" : "read", count_of(timeline.size, "byte"), timeline.offset);
  if (timeline.waited) {
    add_part(out, fmt::format("had waited {} to be read", format_duration(*timeline.waited)));
  }
  add_part(out, after("scheduled", timeline.scheduled));
  add_part(out, after("sent", timeline.sent));
  add_part(out, after("acknowledged", timeline.acknowledged));
  if (write && !timeline.acknowledged) add_part(out, "not acknowledged");
  return out;
}

std::string timeline_json(const Timeline& timeline, sys::TimePoint start) {
  const std::chrono::nanoseconds since = timeline.time - start;
  const bool write = timeline.direction == Payload::Direction::sent;
  JsonObject object;
  object.add("type", write ? "write" : "read")
      .add("time_ns", since.count())
      .add("sockfd", timeline.fd)
      .add("offset", timeline.offset)
      .add("size", timeline.size);
  add(object, "scheduled_ns", timeline.scheduled);
  add(object, "sent_ns", timeline.sent);
  add(object, "acknowledged_ns", timeline.acknowledged);
  add(object, "waited_ns", timeline.waited);
  return object.text();
}

std::optional<Stamp> stamp_of(std::span<const std::byte> control_data) {
  std::optional<Stamp> stamp;
  for (const ControlMessage& control : control_messages(control_data)) {
    if (const auto time = software_timestamp(control)) {
      stamp = Stamp{Stamp::Kind::received, 0, *time};
    }
    const auto extended = extended_error(control);
    if (!extended || !stamp || extended->error.ee_origin != timestamping_origin) continue;
    // SCM_TSTAMP_SND, SCM_TSTAMP_SCHED and SCM_TSTAMP_ACK of linux/errqueue.h.
    constexpr std::uint32_t last_kind = 2;
    if (extended->error.ee_info > last_kind) return std::nullopt;
    stamp->kind = static_cast<Stamp::Kind>(extended->error.ee_info);
    stamp->byte = extended->error.ee_data;
  }
  return stamp;
}

}  // namespace tcptool::trace
