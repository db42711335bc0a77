// SPDX-License-Identifier: MIT
#include "trace/open_sink.h"

namespace tcptool::trace {
namespace {

class TextSink final : public Sink {
 public:
  TextSink(LineWriter& writer, sys::TimePoint start, bool color)
      : writer_(writer), start_(start), color_(color) {}
  void take(const Event& event) override { writer_.write_line(text_line(event, start_, color_)); }

 private:
  LineWriter& writer_;
  sys::TimePoint start_;
  bool color_;
};

class JsonSink final : public Sink {
 public:
  JsonSink(LineWriter& writer, sys::TimePoint start) : writer_(writer), start_(start) {}
  void take(const Event& event) override { writer_.write_line(json_line(event, start_)); }

 private:
  LineWriter& writer_;
  sys::TimePoint start_;
};

}  // namespace

std::unique_ptr<Sink> open_sink(const SinkOptions& options, LineWriter& writer) {
  switch (options.format) {
    case Format::none:
      return nullptr;
    case Format::text:
      return std::make_unique<TextSink>(writer, options.start, options.color);
    case Format::json:
      return std::make_unique<JsonSink>(writer, options.start);
  }
  return nullptr;
}

}  // namespace tcptool::trace
