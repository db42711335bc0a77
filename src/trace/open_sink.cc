// SPDX-License-Identifier: MIT
#include "trace/open_sink.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "trace/explain.h"
#include "trace/summary.h"

namespace tcptool::trace {
namespace {

class LineSink final : public Sink {
 public:
  LineSink(const SinkOptions& options, LineWriter& writer) : options_(options), writer_(writer) {}

  void take(const Event& event) override {
    if (!passes(event, options_.filter)) return;
    const std::string explanation = options_.explain ? explain(event) : "";
    if (is_json()) {
      json_.clear();
      append_json_line(json_, event, options_.start, explanation);
      return writer_.write_line(json_.text());
    }
    const std::string line = options_.format == Format::strace
                                 ? strace_line(event)
                                 : text_line(event, options_.start, options_.color);
    if (line.empty()) return;
    writer_.write_line(line);
    if (explanation.empty()) return;
    // Under the call's name.
    writer_.write_line((options_.format == Format::text ? "              # " : "# ") + explanation);
  }

  [[nodiscard]] bool wants_payload() const override {
    return options_.payload && options_.filter != Filter::errors;
  }
  void take_payload(const Payload& payload) override {
    for (const std::string& line : lines_of(payload)) writer_.write_line(line);
  }
  [[nodiscard]] bool wants_telemetry() const override {
    return options_.telemetry && options_.filter != Filter::errors &&
           options_.format != Format::strace;
  }
  void take_tcp_change(const TcpChange& change) override {
    writer_.write_line(is_json() ? tcp_change_json(change, options_.start)
                                 : tcp_change_text(change, options_.start));
  }
  void take_timeline(const Timeline& timeline) override {
    writer_.write_line(is_json() ? timeline_json(timeline, options_.start)
                                 : timeline_text(timeline, options_.start));
  }

  void flush() override { writer_.flush(); }
  void close() override { writer_.close(); }

 private:
  [[nodiscard]] bool is_json() const { return options_.format == Format::json; }
  [[nodiscard]] std::vector<std::string> lines_of(const Payload& payload) const {
    if (is_json()) return payload_json(payload, options_.start);
    if (options_.format == Format::strace) return payload_strace(payload);
    return payload_text(payload, options_.start, options_.color);
  }

  SinkOptions options_;
  LineWriter& writer_;
  LineBuffer json_;  // kept for its room
};

class SummarySink final : public Sink {
 public:
  SummarySink(Filter filter, LineWriter& writer) : filter_(filter), writer_(writer) {}

  void take(const Event& event) override {
    if (passes(event, filter_)) summary_.add(event);
  }
  bool wants_flush() const override { return false; }
  void close() override {
    for (const std::string& line : summary_.lines()) writer_.write_line(line);
    writer_.close();
  }

 private:
  Filter filter_;
  LineWriter& writer_;
  Summary summary_;
};

}  // namespace

std::unique_ptr<Sink> open_sink(const SinkOptions& options, LineWriter& writer) {
  if (options.format == Format::summary) {
    return std::make_unique<SummarySink>(options.filter, writer);
  }
  return std::make_unique<LineSink>(options, writer);
}

std::string lost_comment(std::uint64_t count) {
  return fmt::format("# {} lost here: the reader was too slow", count_of(count, "line"));
}

std::string lost_object(std::uint64_t count) {
  JsonObject object;
  object.add("type", "lost").add("lines", count);
  return object.text();
}

std::string limit_line(Format format, std::uint64_t limit) {
  if (format != Format::json) return fmt::format("# the trace ends here: --trace-limit={}", limit);
  JsonObject object;
  object.add("type", "limit").add("bytes", limit);
  return object.text();
}

}  // namespace tcptool::trace
