// SPDX-License-Identifier: MIT
#include "base/json.h"
#include "sys/names.h"
#include "trace/decode.h"
#include "trace/open_sink.h"

namespace tcptool::trace {
namespace {

std::string_view chars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

JsonObject arguments_of(const Event& event) {
  JsonObject args;
  for (const Arg& arg : event.arguments()) {
    if (arg.kind == ArgKind::integer || arg.kind == ArgKind::fd) {
      args.add(arg.name, arg.value);
    } else if (arg.kind == ArgKind::bytes || arg.kind == ArgKind::text) {
      args.add(arg.name, chars(event.blob(arg)));
    } else {
      args.add(arg.name, decode(event, arg));
    }
  }
  return args;
}

}  // namespace

std::string json_line(const Event& event, sys::TimePoint start) {
  const std::chrono::nanoseconds since = event.start - start;
  JsonObject line;
  line.add("type", "call")
      .add("time_ns", since.count())
      .add("call", name(event.call))
      .add("args", arguments_of(event))
      .add("result", event.outcome.value);
  if (!event.outcome.ok()) line.add("errno", sys::errno_name(event.outcome.error));
  if (event.call == sys::Syscall::getaddrinfo && event.outcome.ok() && event.outcome.value < 0) {
    line.add("eai", sys::lookup_status_name(event.outcome.as_int()));
  }
  line.add("duration_ns", event.duration.count());
  return line.text();
}

}  // namespace tcptool::trace
