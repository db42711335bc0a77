// SPDX-License-Identifier: MIT
#include "cmd/queue_watch.h"

#include <algorithm>

#include "sys/process.h"

namespace tcptool::cmd {

QueueWatch::QueueWatch(Context& context, const tcp::Listener& listener, bool tell,
                       std::string_view held_by)
    : context_(context), tell_(tell) {
  // What an inherited listener had dropped before is not of this run.
  if (listener.inherited) {
    drops_seen_ = tcp::read_listen_drops(context_.kernel, listener.fd.get()).value_or(0);
  }
  if (!tell_) return;
  // With 2 they are sent always, and say nothing of a queue.
  const auto setting = sys::read_sysctl(context_.kernel, "/proc/sys/net/ipv4/tcp_syncookies");
  if (setting != std::optional<std::int64_t>(2)) cookies_before_ = cookies_sent();
  look(listener, held_by);
}

std::optional<tcp::AcceptQueue> QueueWatch::look(const tcp::Listener& listener,
                                                 std::string_view held_by) {
  const auto queue = tcp::read_accept_queue(context_.kernel, listener.fd.get());
  if (!queue) return queue;
  deepen(*queue);
  count_drops(listener);
  const QueueState state{*queue, dropped_};
  if (tell_ && told_ != state) {
    told_ = state;
    context_.console.status(queue_message(state));
  }
  tell_overflow(listener, held_by);
  look_for_cookies();
  return queue;
}

void QueueWatch::taken(const tcp::Listener& listener, const tcp::AcceptQueue& left) {
  // One more, unless somebody came between accept and look; the kernel admits no more than that.
  const tcp::AcceptQueue before{std::min(left.length, left.limit) + 1, left.limit};
  deepen(before);
  // Where it was not full before this accept it was not full since the last one, and dropped none.
  if (overflow_told_ || !before.full()) return;
  count_drops(listener);
  tell_overflow(listener, {});
}

void QueueWatch::deepen(const tcp::AcceptQueue& queue) {
  if (!deepest_ || queue.length > deepest_->length) deepest_ = queue;
}

void QueueWatch::count_drops(const tcp::Listener& listener) {
  const auto drops = tcp::read_listen_drops(context_.kernel, listener.fd.get());
  if (!drops) return;
  dropped_ = dropped_.value_or(0) + static_cast<std::uint32_t>(*drops - drops_seen_);
  drops_seen_ = *drops;
}

void QueueWatch::tell_overflow(const tcp::Listener& listener, std::string_view held_by) {
  if (overflow_told_ || dropped_.value_or(0) == 0 || !deepest_) return;
  // Then the kernel drops by design, and what else it may have dropped cannot be told from that.
  if (!defers_) defers_ = tcp::defers_accept(context_.kernel, listener.fd.get());
  if (*defers_ && !deepest_->full()) return;
  overflow_told_ = true;
  context_.console.status(overflow_message(
      {listener.local, *deepest_, *dropped_, listener.backlog,
       sys::read_sysctl(context_.kernel, "/proc/sys/net/core/somaxconn"), held_by, *defers_}));
}

void QueueWatch::look_for_cookies() {
  constexpr std::chrono::seconds interval(1);  // the file is long
  if (!cookies_before_ || context_.kernel.now() - cookies_read_ < interval) return;
  const auto sent = cookies_sent();
  if (!sent || *sent <= *cookies_before_) return;
  context_.console.status(
      syn_cookies_message(static_cast<std::uint64_t>(*sent - *cookies_before_)));
  cookies_before_.reset();
}

std::optional<std::int64_t> QueueWatch::cookies_sent() {
  cookies_read_ = context_.kernel.now();
  const auto text = sys::read_small_file(context_.kernel, "/proc/net/netstat");
  if (!text) return std::nullopt;
  const auto counters = sys::parse_netstat(*text);
  const auto found = counters.find("TcpExt.SyncookiesSent");
  if (found == counters.end()) return std::nullopt;
  return found->second;
}

}  // namespace tcptool::cmd
