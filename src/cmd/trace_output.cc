// SPDX-License-Identifier: MIT
#include "cmd/trace_output.h"

#include <fmt/format.h>

#include <cerrno>

#include "base/text.h"
#include "cmd/messages.h"
#include "sys/names.h"
#include "trace/open_sink.h"

namespace tcptool::cmd {
namespace {

trace::Format file_format(const TraceOptions& options) {
  return options.format.value_or(trace::Format::json);
}

}  // namespace

Message trace_not_opened_message(const sys::SysError& error) {
  Message message = error_message(error);
  if (error.error == ENXIO) message.text += ": nobody reads this FIFO yet, or it is a socket";
  return message;
}

Result<std::unique_ptr<TraceOutput>, sys::SysError> TraceOutput::open(
    sys::Kernel& bare, Console& console, const OutputOptions& options) {
  std::unique_ptr<TraceOutput> output(new TraceOutput(console, options));
  if (!options.trace.to_file()) return output;
  auto fd = trace::TraceFile::open(bare, options.trace.file);
  if (!fd) return failure(fd.error());
  const trace::Format format = file_format(options.trace);
  const bool json = format == trace::Format::json;
  output->file_ = std::make_unique<trace::TraceFile>(
      bare, std::move(*fd),
      trace::TraceFileOptions{.path = options.trace.file,
                              .limit = options.trace.limit,
                              .lost_line = json ? trace::lost_object : trace::lost_comment,
                              .limit_line = trace::limit_line(format, options.trace.limit)},
      *output);
  return output;
}

trace::Format TraceOutput::stderr_format() const {
  const TraceOptions& options = options_.trace;
  if (options.to_stderr()) return file_format(options);
  if (!options.file.empty() || !options.format) {
    return options_.json ? trace::Format::json : trace::Format::text;
  }
  return *options.format;
}

void TraceOutput::begin(trace::Journal& journal, const trace::Header& header,
                        sys::TimePoint start) {
  if (options_.trace.verbosity > 0 || options_.trace.to_stderr()) {
    add(journal, stderr_format(), header, start, console_);
  }
  if (file_) add(journal, file_format(options_.trace), header, start, *file_);
  journal.stop_waiting_for_sinks();
}

void TraceOutput::add(trace::Journal& journal, trace::Format format, const trace::Header& header,
                      sys::TimePoint start, LineWriter& writer) {
  writer.write_line(trace::header_line(header, format));
  const bool to_stderr = &writer == &console_;
  const bool bytes_too = options_.trace.verbosity > 1;
  const bool recorded_json = format == trace::Format::json && !options_.trace.file.empty() &&
                             (!to_stderr || options_.trace.to_stderr());
  journal.add(trace::open_sink({.format = format,
                                .filter = options_.trace.filter,
                                .color = console_.color() && to_stderr,
                                .explain = options_.trace.explain,
                                .payload = bytes_too && to_stderr,
                                .telemetry = (bytes_too && to_stderr) || recorded_json,
                                .start = start},
                               writer));
}

void TraceOutput::write_failed(const sys::SysError& error) {
  failed_ = true;
  console_.failure(ExitStatus::local_io,
                   failure_message("trace", escape(options_.trace.file),
                                   fmt::format("{}: {} ({}); tracing ends here, the run goes on",
                                               name(error.call), sys::errno_text(error.error),
                                               sys::errno_name(error.error))));
}

void TraceOutput::limit_reached() {
  console_.status(note_message(
      fmt::format("trace {}: tracing ends here, at {} (--trace-limit); the run goes on",
                  escape(options_.trace.file), format_bytes(options_.trace.limit))));
}

void TraceOutput::lines_lost(std::uint64_t count) {
  console_.status(note_message(fmt::format("trace {}: {} lost, since its reader was too slow",
                                           escape(options_.trace.file), count_of(count, "line"))));
}

}  // namespace tcptool::cmd
