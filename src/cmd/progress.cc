// SPDX-License-Identifier: MIT
#include "cmd/progress.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cmd/color.h"
#include "cmd/messages.h"
#include "relay/local_stream.h"

namespace tcptool::cmd {
namespace {

using namespace std::chrono_literals;

constexpr auto stretch = 1s;  // over which rates are taken

// The terminal behind a descriptor, if it is one.
std::optional<dev_t> terminal(sys::Kernel& kernel, int fd) {
  using relay::LocalStream;
  if (LocalStream::inspect(kernel, fd, false).kind() != LocalStream::Kind::terminal) {
    return std::nullopt;
  }
  struct stat status {};
  if (!kernel.fstat(fd, status).ok()) return std::nullopt;
  return status.st_rdev;
}

// /dev/tty is the terminal of whoever opens it, so it may be any.
bool same_terminal(dev_t a, dev_t b) {
  const dev_t own = makedev(5, 0);
  return a == b || a == own || b == own;
}

// Of stdin and stdout the one that is the terminal `shown_on` too; what is typed or received there
// would run into the line.
std::string_view in_the_way(sys::Kernel& kernel, dev_t shown_on, const relay::RelayPolicy& relay) {
  if (!relay.recv_only) {
    const auto input = terminal(kernel, 0);
    if (input && same_terminal(*input, shown_on)) return "stdin";
  }
  if (!relay.send_only) {
    const auto output = terminal(kernel, 1);
    if (output && same_terminal(*output, shown_on)) return "stdout";
  }
  return "";
}

std::uint64_t per_second(std::uint64_t bytes, std::chrono::nanoseconds time) {
  if (time <= 0ns) return 0;
  return static_cast<std::uint64_t>(static_cast<double>(bytes) /
                                    std::chrono::duration<double>(time).count());
}

// Without a rate where there is none.
std::string moved_text(std::string_view verb, std::uint64_t bytes, std::uint64_t rate) {
  const std::string moved = fmt::format("{} {}", verb, format_bytes(bytes));
  return rate > 0 ? fmt::format("{} ({}/s)", moved, format_bytes(rate)) : moved;
}

// The parts in their order, with commas, as far as they fit; `importance` has their numbers.
template <std::size_t N>
std::string fitted(const std::array<std::string, N>& parts,
                   const std::array<std::size_t, N>& importance, std::size_t columns) {
  std::array<bool, N> shown{};
  std::size_t width = 0;
  for (const std::size_t number : importance) {
    const std::size_t size = parts[number].size() + (width > 0 ? 2 : 0);
    if (parts[number].empty() || (width > 0 && width + size > columns)) continue;
    shown[number] = true;
    width += size;
  }
  std::string out;
  for (std::size_t i = 0; i < N; ++i) {
    if (!shown[i]) continue;
    out += out.empty() ? "" : ", ";
    out += parts[i];
  }
  return out.substr(0, columns);
}

}  // namespace

ProgressPlan plan_progress(sys::Kernel& bare, sys::Kernel& kernel, const CommonOptions& options) {
  const OutputOptions& output = options.output;
  if (output.progress == ProgressMode::off || output.quiet) return {};
  if (output.json) return {ProgressForm::lines, std::nullopt};
  const bool always = output.progress == ProgressMode::always;
  ProgressPlan elsewhere{always ? ProgressForm::lines : ProgressForm::none, std::nullopt};
  constexpr int stderr_fd = 2;
  const auto shown_on = terminal(bare, stderr_fd);
  if (!shown_on) return elsewhere;
  const std::string_view other = in_the_way(kernel, *shown_on, options.relay);
  if (!other.empty()) {
    return {ProgressForm::none,
            note_message(fmt::format("no progress is shown: {} is the same terminal; redirect it, "
                                     "or say {}",
                                     other, other == "stdin" ? "--recv-only" : "--send-only"))};
  }
  return terminal_obeys() ? ProgressPlan{ProgressForm::in_place, std::nullopt} : elsewhere;
}

std::chrono::nanoseconds progress_interval(ProgressForm form) {
  if (form == ProgressForm::in_place) return 100ms;
  return form == ProgressForm::lines ? 1s : 0s;
}

void Progress::take(const relay::RelayEnd& so_far) {
  Sample sample{so_far.duration, so_far.sent,        so_far.sent,
                so_far.received, so_far.stdin_reads, so_far.info.value_or(samples_.back().info)};
  if (const auto acked = sample.info.bytes_acked) {
    const std::uint64_t syn = active_ ? 1 : 0;
    sample.acknowledged = std::min(*acked - std::min(syn, *acked), so_far.sent);  // and our FIN
  }
  const Sample& last = samples_.back();
  if (sample.sent != last.sent || sample.acknowledged != last.acknowledged ||
      sample.received != last.received) {
    moved_at_ = sample.at;
  }
  samples_.push_back(sample);
  while (samples_.size() > 2 && samples_.back().at - samples_[1].at >= stretch) {
    samples_.erase(samples_.begin());
  }
  const Sample& first = samples_.front();
  const Sample& now = samples_.back();
  Stretch slowed;
  slowed.duration = now.at - first.at;
  slowed.stdin_reads = now.stdin_reads - first.stdin_reads;
  slowed.stdin_is_terminal = so_far.stdin_is_terminal;
  slowed.fill(first.info, now.info);
  limit_ = now.sent == 0 ? Limit::none : what_limits(slowed).by;
}

std::uint64_t Progress::send_rate() const {
  const Sample& first = samples_.front();
  const Sample& now = samples_.back();
  return per_second(now.acknowledged - std::min(first.acknowledged, now.acknowledged),
                    now.at - first.at);
}

std::uint64_t Progress::receive_rate() const {
  return per_second(samples_.back().received - samples_.front().received,
                    samples_.back().at - samples_.front().at);
}

std::string Progress::text(std::size_t columns) const {
  const Sample& now = samples_.back();
  const tcp::TcpInfo& info = now.info;
  enum Part : std::size_t { sent, received, stalled, rtt, again, limit, parts };
  std::array<std::string, parts> text;
  if (now.sent > 0 || now.received == 0) text[sent] = moved_text("sent", now.sent, send_rate());
  if (now.received > 0) text[received] = moved_text("received", now.received, receive_rate());
  if (still() >= stretch) {
    text[stalled] = fmt::format("nothing moved for {}", format_duration(still()));
  }
  if (info.rtt && info.rtt->count() > 0) {
    text[rtt] = fmt::format("rtt {}", format_duration(*info.rtt));
  }
  if (const auto segments = info.total_retrans.value_or(0); segments > 0) {
    text[again] = fmt::format("{} retransmitted", count_of(segments, "segment"));
  }
  if (limit_ != Limit::none) text[limit] = fmt::format("limited by {}", limit_text(limit_));
  return fitted<parts>(text, {sent, received, stalled, limit, again, rtt}, columns);
}

JsonObject Progress::fields() const {
  const Sample& now = samples_.back();
  JsonObject fields;
  fields.add("duration_ns", now.at.count())
      .add("sent_bytes", now.sent)
      .add("received_bytes", now.received)
      .add("sent_bytes_per_second", send_rate())
      .add("received_bytes_per_second", receive_rate())
      .add("still_ns", still().count());
  if (now.info.rtt) fields.add("rtt_ns", std::chrono::nanoseconds(*now.info.rtt).count());
  if (now.info.total_retrans) fields.add("retransmitted_segments", *now.info.total_retrans);
  if (limit_ != Limit::none) fields.add("limited_by", limit_text(limit_));
  return fields;
}

}  // namespace tcptool::cmd
