// SPDX-License-Identifier: MIT
#include "cmd/acceptor.h"

#include <cerrno>

#include "cmd/explain.h"
#include "cmd/messages.h"
#include "diagnose/collect.h"

namespace tcptool::cmd {
namespace {

using namespace std::chrono_literals;

constexpr auto exhaustion_pause = 1s;
constexpr auto unwatched_interval = 1s;

}  // namespace

Acceptor::Acceptor(Context& context, tcp::Listener listener, const tcp::SocketSetup& setup,
                   const AcceptOptions& options)
    : context_(context),
      listener_(std::move(listener)),
      setup_(setup),
      options_(options),
      held_(options.hold.value_or(0ns) != 0ns),
      watch_(context, listener_, options.watch.has_value(), held_by()),
      looked_(context.kernel.now()) {
  if (!held_) return;
  const bool for_ever = *options.hold == AcceptOptions::forever;
  if (!for_ever) hold_until_ = looked_ + *options.hold;
  context_.console.status(hold_message(for_ever ? std::nullopt : options.hold));
}

std::string_view Acceptor::held_by() const {
  if (held_) return "--hold";
  return room_ ? "" : "--max-clients";
}

int Acceptor::fd() const {
  const bool accepts = !held_ && room_ && !retry_at_;
  return accepts ? listener_.fd.get() : -1;
}

// With --watch always. Without, while nobody is taken from the queue, for the sake of the one note
// that it overflows: otherwise take() sees that.
sys::Deadline Acceptor::next_look() const {
  if (options_.watch) return looked_ + *options_.watch;
  if (fd() >= 0 || watch_.overflow_told()) return std::nullopt;
  return looked_ + unwatched_interval;
}

sys::Deadline Acceptor::deadline() const {
  if (!open()) return std::nullopt;
  return sys::earlier(held_ ? hold_until_ : std::nullopt, sys::earlier(retry_at_, next_look()));
}

void Acceptor::on_time() {
  if (!open()) return;
  const sys::TimePoint now = context_.kernel.now();
  if (const auto look = next_look(); look && now >= *look) {
    looked_ = now;
    watch_.look(listener_, held_by());
  }
  if (held_ && hold_until_ && now >= *hold_until_) end_hold();
  if (retry_at_ && now >= *retry_at_) retry_at_.reset();
}

void Acceptor::end_hold() {
  held_ = false;
  context_.console.status(
      hold_over_message(tcp::read_accept_queue(context_.kernel, listener_.fd.get())));
}

Result<std::optional<tcp::Accepted>, sys::SysError> Acceptor::take() {
  if (fd() < 0) return std::optional<tcp::Accepted>();
  auto client = tcp::accept_client(context_.kernel, listener_);
  if (!client) return not_taken(client.error());
  const auto left = client->queue;
  const bool told = context_.console.wants_status();
  if (const auto verdict = options_.rules.judge(client->peer); !verdict.allowed) {
    ++denied_;
    if (told) context_.console.status(denied_message(client->peer, verdict.rule));
    tcp::reset(context_.kernel, std::move(client->fd));
    if (left) watch_.taken(listener_, *left);
    return std::optional<tcp::Accepted>();
  }
  auto accepted = tcp::admit(context_.kernel, listener_, setup_, std::move(*client),
                             told ? tcp::ClientFacts::all : tcp::ClientFacts::ends);
  if (!accepted) return failure(accepted.error());
  ++accepted_;
  if (told) context_.console.status(accepted_message(*accepted));
  if (left) watch_.taken(listener_, *left);
  return std::optional<tcp::Accepted>(std::move(*accepted));
}

Result<std::optional<tcp::Accepted>, sys::SysError> Acceptor::not_taken(
    const sys::SysError& error) {
  if (tcp::out_of_resources(error.error)) {
    retry_at_ = context_.kernel.now() + exhaustion_pause;
    tell_exhaustion(error);
    return std::optional<tcp::Accepted>();
  }
  if (!tcp::accept_may_be_repeated(error.error)) return failure(error);
  if (error.error != EAGAIN && error.error != EINTR) {
    context_.console.status(note_message(error.text()));
  }
  return std::optional<tcp::Accepted>();
}

void Acceptor::tell_exhaustion(const sys::SysError& error) {
  if (exhaustion_told_) return;
  exhaustion_told_ = true;
  Message note = note_message(error.text() +
                              ": accepting pauses until there is room again; "
                              "clients wait in the accept queue");
  const auto diagnosis =
      diagnose::diagnose(diagnose::collect_prepare(context_.kernel, error, listener_.local));
  if (diagnosis) add_diagnosis(note, *diagnosis);
  context_.console.status(note);
}

void Acceptor::close() {
  if (!open()) return;
  const auto queue = watch_.look(listener_, held_by());
  static_cast<void>(listener_.fd.close());
  if (!queue || queue->length == 0) return;
  reset_in_queue_ = queue->length;
  context_.console.status(queue_reset_message(queue->length));
}

AcceptCounts Acceptor::counts() {
  if (open()) watch_.look(listener_, held_by());
  AcceptCounts counts{accepted_, denied_, std::nullopt, watch_.dropped(), reset_in_queue_};
  if (watch_.deepest()) counts.deepest_queue = watch_.deepest()->length;
  return counts;
}

}  // namespace tcptool::cmd
