// SPDX-License-Identifier: MIT
#include "cmd/parallel.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cmd/confine.h"
#include "cmd/connector.h"
#include "cmd/explain.h"
#include "cmd/parallel_messages.h"
#include "cmd/session.h"
#include "cmd/stdin_end.h"
#include "diagnose/collect.h"
#include "sys/process.h"
#include "tcp/active_open.h"

namespace tcptool::cmd {
namespace {

using End = tcp::Attempt::End;

constexpr std::size_t chunk = 64 * 1024;         // bytes of a peer, at once
constexpr std::uint64_t spare_descriptors = 16;  // standard streams, trace, look-up, diagnosis

// One connection: on its way, then held, then over.
struct Member {
  tcp::ActiveOpen open;
  std::optional<tcp::Connection> held;
};

class Parallel {
 public:
  Parallel(Context& context, const ConnectOptions& options, const Target& target,
           const tcp::Endpoint& endpoint)
      : context_(context),
        options_(options),
        target_(target),
        peer_(target.addresses.front()),
        object_(endpoint.host.numeric ? peer_.text()
                                      : fmt::format("{} ({})", endpoint.text(), peer_.text())),
        stdin_(context, !options.common.relay.recv_only),
        buffer_(chunk) {
    end_.total = *options.parallel;
    notes_.set_several(end_.total > 1);
  }

  Exit run() {
    open_all();
    while (waiting_ > 0 || (held_ > 0 && !stdin_.ended())) {
      if (const auto ended = wait()) return finish(*ended);
      if (waiting_ == 0 && !decided_) decide();
    }
    return finish(exit_);
  }

 private:
  [[nodiscard]] Place place(std::size_t i) const { return {i + 1, end_.total}; }
  [[nodiscard]] bool tells() const { return target_.policy.observer != nullptr; }

  void open_all() {
    members_.reserve(end_.total);
    for (std::size_t i = 0; i < end_.total; ++i) {
      ++waiting_;
      members_.push_back({tcp::ActiveOpen(kernel_, peer_, target_.policy.setup), std::nullopt});
      if (!members_[i].open.under_way()) take_outcome(i);
    }
    if (waiting_ == 0) decide();
  }

  // What ends the run, if anything.
  std::optional<Exit> wait() {
    std::vector<pollfd> fds{stdin_.entry()};  // then one of each member
    fds.reserve(members_.size() + 1);
    auto until = waiting_ > 0 ? target_.policy.deadline : sys::Deadline();
    for (const Member& member : members_) {
      if (member.open.under_way()) {
        fds.push_back({member.open.fd(), POLLOUT, 0});
        until = sys::earlier(until, member.open.next_look());
      } else {
        fds.push_back({member.held ? member.held->fd.get() : -1, POLLIN, 0});
      }
    }
    const auto wake = context_.waiter.wait(fds, until);
    if (!wake) {
      context_.console.failure(status_of(wake.error()), error_message(wake.error()));
      return Exit{status_of(wake.error())};
    }
    if (wake->interrupted()) return interrupt(*wake);
    if (wake->reason == sys::Wake::Reason::deadline) {
      take_time();
      return std::nullopt;
    }
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (fds[i + 1].revents != 0) take_news(i);
    }
    if (fds[0].revents == 0) return std::nullopt;
    stdin_.read();
    if (stdin_.ended() && waiting_ > 0) context_.console.status(still_waiting_message(waiting_));
    return std::nullopt;
  }

  void take_time() {
    const sys::TimePoint now = kernel_.now();
    const bool late = target_.policy.deadline && now >= *target_.policy.deadline;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      tcp::ActiveOpen& open = members_[i].open;
      if (!open.under_way()) continue;
      if (late) {
        open.end(End::timed_out);
        take_outcome(i);
      } else if (now >= open.next_look()) {
        notes_.set_place(place(i));
        open.look_for_retransmission(now, tells() ? &notes_ : nullptr);
      }
    }
  }

  void take_news(std::size_t i) {
    Member& member = members_[i];
    if (!member.open.under_way()) return receive(i);
    notes_.set_place(place(i));
    member.open.take_news(tells() ? &notes_ : nullptr);
    if (!member.open.under_way()) take_outcome(i);
  }

  void take_outcome(std::size_t i) {
    --waiting_;
    Member& member = members_[i];
    member.held = member.open.take_connection();
    if (!member.held) {
      context_.console.status(attempt_message(member.open.attempt(), place(i)));
      return;
    }
    if (end_.connected++ == 0) {
      first_connected_ = member.held->established;
      for (const tcp::OptionReport& report : member.open.options()) {
        context_.console.status(option_message(report));
      }
    }
    ++held_;
    context_.console.status(connected_message(*member.held, {}, 1, place(i)));
    if (member.held->error != 0) lose(i, member.held->error);
  }

  // What the peer sends is of no use here; its end is.
  void receive(std::size_t i) {
    const sys::Outcome got = kernel_.recv(members_[i].held->fd.get(), buffer_, 0);
    if (got.value > 0) {
      if (end_.received == 0) {
        context_.console.status(note_message(
            "what the peer sends on these connections is read, counted and thrown away"));
      }
      end_.received += got.as_size();
    } else if (got.ok()) {
      ++end_.peer_closed;
      const tcp::Connection& connection = *members_[i].held;
      context_.console.status(
          peer_ended_message(connection, place(i), kernel_.now() - connection.established));
      release(i);
    } else if (!got.again()) {
      lose(i, got.error);
    }
  }

  void lose(std::size_t i, int error) {
    ++end_.lost;
    const tcp::Connection& connection = *members_[i].held;
    context_.console.status(connection_lost_message(connection, place(i), error,
                                                    kernel_.now() - connection.established));
    release(i);
  }

  void release(std::size_t i) {
    members_[i].held.reset();
    --held_;
  }

  // Those without a connection, by what became of them; the first of each class.
  std::map<diagnose::FailureClass, const tcp::Attempt*> count_failed() {
    // All have one source and one peer, so that those that failed alike are of one class.
    std::map<std::pair<diagnose::FailureClass, int>, std::vector<const tcp::Attempt*>> alike;
    for (const Member& member : members_) {
      const tcp::Attempt& attempt = member.open.attempt();
      if (attempt.end == End::interrupted) ++end_.interrupted;
      if (attempt.end == End::interrupted || attempt.end == End::connected) continue;
      alike[{diagnose::judge(attempt).kind, attempt.error.error}].push_back(&attempt);
    }
    std::map<diagnose::FailureClass, const tcp::Attempt*> first;
    for (const auto& [key, attempts] : alike) {
      const tcp::Attempt& one = *attempts.front();
      const auto kind = diagnose::class_of(kernel_, one, bound_interface(options_.common));
      end_.failed[kind] += attempts.size();
      first.emplace(kind, &one);
    }
    return first;
  }

  // Every connection has its answer: those that failed are explained, a block for each class, of
  // which the one that got furthest, the last, decides the status.
  void decide() {
    decided_ = true;
    for (const auto& [kind, attempt] : count_failed()) explain(kind, *attempt);
    if (held_ > 0 && !stdin_.ended()) {
      context_.console.status(holding_message(held_, stdin_.watched()));
    }
  }

  void explain(diagnose::FailureClass kind, const tcp::Attempt& attempt) {
    const auto diagnosis = explain_attempt(context_, options_.common, attempt, end_.connected);
    const std::size_t count = end_.failed.at(kind);
    Message message = failure_message(
        "connect", object_,
        fmt::format("{} of {}: {}", count, count_of(end_.total, "connection"),
                    diagnosis ? diagnosis->headline : diagnose::judge(attempt).reason));
    message.fields.add("connections", count);
    message.fields.append(attempt_fields(attempt));
    if (diagnosis) add_diagnosis(message, *diagnosis);
    exit_.status = sys::own_mistake(attempt.error) ? ExitStatus::failure : status_of(kind);
    context_.console.failure(exit_.status, message);
  }

  Exit interrupt(const sys::Wake& wake) {
    for (Member& member : members_) {
      if (member.open.under_way()) member.open.end(End::interrupted);
    }
    if (!decided_) count_failed();
    end_.signal = wake.signal;
    if (decided_ && wake.reason == sys::Wake::Reason::signal) return {exit_.status, wake.signal};
    return interrupted(context_, options_.common, "connect", object_, wake);
  }

  // Closes what is still open, with FIN: the kernel would send RST where bytes are left unread.
  Exit finish(Exit exit) {
    if (end_.connected > 0) end_.held = kernel_.now() - first_connected_;
    for (Member& member : members_) {
      if (member.held) drain(*member.held);
      member.held.reset();
    }
    end_.stdin_bytes = stdin_.bytes();
    context_.console.status(parallel_end_message(end_));
    if (exit.status == ExitStatus::ok && end_.lost > 0) {
      exit.status = ExitStatus::lost;
      context_.console.failure(exit.status, parallel_lost_message(object_, end_));
    }
    if (exit.status == ExitStatus::ok && stdin_.failed()) exit.status = ExitStatus::local_io;
    return exit;
  }

  void drain(const tcp::Connection& connection) {
    constexpr int most = 16;  // chunks: more than a receive buffer mostly has
    for (int i = 0; i < most; ++i) {
      const sys::Outcome got = kernel_.recv(connection.fd.get(), buffer_, 0);
      if (got.value <= 0) return;
      end_.received += got.as_size();
    }
  }

  Context& context_;
  sys::Kernel& kernel_ = context_.kernel;
  const ConnectOptions& options_;
  const Target& target_;
  sys::Address peer_;
  std::string object_;
  StdinEnd stdin_;
  bool decided_ = false;
  std::vector<std::byte> buffer_;
  std::vector<Member> members_;
  std::size_t waiting_ = 0;  // without an answer yet
  std::size_t held_ = 0;
  sys::TimePoint first_connected_;
  RaceNotes notes_{context_.console};
  ParallelEnd end_;
  Exit exit_;
};

}  // namespace

Exit connect_parallel(Context& context, const ConnectOptions& options, const sys::Ahead& ahead) {
  if (const auto refused = refuse_bad_stdin(context, options.common)) return *refused;
  const tcp::Endpoint endpoint{options.host, options.ports.front()};
  const auto limit = sys::raise_descriptor_limit(context.kernel);
  if (limit && *options.parallel + spare_descriptors > *limit) {
    context.console.failure(
        ExitStatus::local,
        descriptor_limit_message(endpoint.text(), *options.parallel, *limit, spare_descriptors));
    return Exit{ExitStatus::local};
  }
  if (const auto refused = confine_calls(context, options.common, ahead)) return *refused;
  Connector connector(context, options);
  const auto target = connector.find(endpoint);
  if (!target) return target.error();
  if (target->addresses.size() > 1) {
    context.console.status(note_message(
        fmt::format("{} has {} addresses: all connections go to the first, {}", endpoint.text(),
                    target->addresses.size(), target->addresses.front().text())));
  }
  return Parallel(context, options, *target, endpoint).run();
}

}  // namespace tcptool::cmd
