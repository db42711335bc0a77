// SPDX-License-Identifier: MIT
// Escaping, JSON, and the renderings of events with arbitrary arguments, and of telemetry.
#include "base/json.h"
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "trace/decode.h"
#include "trace/explain.h"
#include "trace/open_sink.h"
#include "trace/summary.h"

using namespace tcptool;
using namespace tcptool::fuzz;
using trace::ArgKind;

namespace {

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char kind = text[++i];
    if (kind == 'x') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += kind == 'n' ? '\n' : kind == 'r' ? '\r' : kind == 't' ? '\t' : kind;
    }
  }
  return out;
}

trace::Event any_event(Input& input) {
  trace::Event event;
  event.call = static_cast<sys::Syscall>(input.byte() % sys::syscall_names.size());
  event.outcome.error = input.byte() % 2 == 0 ? 0 : input.byte();
  event.outcome.value = static_cast<std::int64_t>(input.number());
  event.start = sys::TimePoint(std::chrono::nanoseconds(input.number() >> 8));
  event.duration = std::chrono::nanoseconds(static_cast<std::int64_t>(input.number()) >> 8);
  event.returned = input.byte() % 8 != 0;
  event.socket = static_cast<trace::Event::Socket>(input.byte() % 4);
  constexpr int kinds = static_cast<int>(ArgKind::pointer) + 1;
  while (!input.empty()) {
    const auto kind = static_cast<ArgKind>(input.byte() % kinds);
    const auto value = static_cast<std::int64_t>(input.number());
    const std::string blob = input.bytes(input.byte());
    event.add("arg", kind, value, std::as_bytes(std::span(blob)), 128);
  }
  return event;
}

// TCP_INFO before and after, the queues, and what a recvmsg brought of timestamps.
void tell_telemetry(std::span<const std::byte> all) {
  const auto half = all.subspan(all.size() / 2);
  auto change = trace::compare_tcp_info(all.first(all.size() / 2), half);
  const std::uint64_t queued = trace::unpack<std::uint64_t>(all);
  const std::uint64_t in_flight = trace::bytes_in_flight(queued, half);
  demand(in_flight <= queued, "no more is in flight than was queued");
  trace::compare_queues(change, {}, {in_flight, queued});
  demand_printable(trace::tcp_change_text(change, {}));
  demand_printable(trace::tcp_change_json(change, {}));
  trace::Timeline timeline;
  timeline.size = queued;
  timeline.acknowledged = std::chrono::nanoseconds(trace::unpack<std::int64_t>(half) >> 1);
  for (std::size_t i = 0; i < 16 && i < all.size(); ++i) {
    if (const auto stamp = trace::stamp_of(all.subspan(i))) {
      demand(stamp->time.time_since_epoch().count() > 0, "a stamp is a time");
      timeline.scheduled = stamp->time.time_since_epoch();
    }
  }
  demand_printable(trace::timeline_text(timeline, {}));
  demand_printable(trace::timeline_json(timeline, {}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of(data, size);
  const std::string escaped = escape(text);
  demand_printable(escaped);
  demand(unescaped(escaped) == text, "escaping loses nothing");
  JsonObject object;
  object.add(text, text);
  demand_printable(object.text());

  Input input(data, size);
  const trace::Event event = any_event(input);
  for (const trace::Arg& arg : event.arguments()) demand_printable(trace::decode(event, arg));
  demand_printable(trace::decode_outcome(event));
  demand_printable(trace::text_line(event, {}, false));
  const std::string json = trace::json_line(event, {});
  demand_printable(json);
  demand(json.front() == '{' && json.back() == '}', "an event is one object");
  const std::string strace = trace::strace_line(event);
  demand_printable(strace);
  if (event.call < sys::Syscall::getaddrinfo) demand(!strace.empty(), "every call has a line");
  demand_message(trace::explain(event));
  for (const auto direction :
       {trace::Payload::Direction::sent, trace::Payload::Direction::received}) {
    const trace::Payload payload{direction, 4, size, std::as_bytes(std::span(data, size)), {}};
    for (const std::string& line : trace::payload_text(payload, {}, false)) demand_printable(line);
    for (const std::string& line : trace::payload_strace(payload)) demand_printable(line);
    for (const std::string& line : trace::payload_json(payload, {})) demand_printable(line);
  }
  tell_telemetry(std::as_bytes(std::span(data, size)));
  trace::Summary summary;
  summary.add(event);
  for (const std::string& line : summary.lines()) demand_printable(line);
  trace::Histogram histogram;
  histogram.add(event.duration);
  demand(histogram.percentile(0.5) <= histogram.longest(), "no percentile above the longest");
  return 0;
}
