// SPDX-License-Identifier: MIT
#include "cmd/connector.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "cmd/attempt_messages.h"
#include "cmd/explain.h"
#include "cmd/look_up_note.h"
#include "cmd/session.h"
#include "diagnose/collect.h"

namespace tcptool::cmd {
namespace {

constexpr auto default_connect_timeout = std::chrono::seconds(10);

// --diagnose active: no longer than the connecting itself may take, and a few lines of a screen.
ProbeBudget probe_budget(const CommonOptions& options, sys::TimePoint now) {
  constexpr std::size_t most_addresses = 2;
  constexpr std::chrono::nanoseconds least = std::chrono::seconds(5);
  const std::chrono::nanoseconds asked = options.connect_timeout.value_or(default_connect_timeout);
  return {most_addresses, now + std::max(least, asked)};
}

// The last line tells of the attempt that got furthest: of which, where others failed otherwise.
void say_furthest(Try& result, const std::string& object) {
  std::set<std::pair<diagnose::Cause, std::optional<diagnose::Cause>>> causes;
  for (const auto& diagnosis : result.diagnoses) {
    if (diagnosis) causes.emplace(diagnosis->cause, diagnosis->or_else);
  }
  const tcp::Attempt& furthest = result.attempts[result.furthest];
  const bool known = result.furthest < result.diagnoses.size() && result.diagnoses[result.furthest];
  std::string text = fmt::format(
      "none of {} addresses: {}", result.addresses,
      known ? result.diagnoses[result.furthest]->headline : diagnose::judge(furthest).reason);
  if (causes.size() > 1) {
    text += fmt::format(", of {}, which got furthest ({} different causes)", furthest.peer.host(),
                        causes.size());
  }
  result.failure = failure_message("connect", object, text);
}

}  // namespace

Try Connector::connect(const tcp::Endpoint& endpoint) {
  for (std::uint64_t round = 1;; ++round) {
    Try result = try_once(endpoint);
    if (result.connection || result.wake.interrupted()) return result;
    if (!may_retry(result.exit.status, round)) {
      explain(result, endpoint);
      report_attempts(result);
      context_.console.failure(result.exit.status, result.failure);
      return result;
    }
    say_retry(result, round);
    last_attempts_ = result.attempts;
    known_.clear();
    const auto slept = context_.waiter.sleep_until(context_.kernel.now() + options_.retry_interval);
    if (slept && slept->interrupted()) {
      result.wake = *slept;
      result.exit = cmd::interrupted(context_, options_.common, "connect", endpoint.text(), *slept,
                                     last_reason_, explain_cut_short(result, *slept));
      return result;
    }
  }
}

void Connector::report_attempts(const Try& result) {
  if (result.addresses < 2) return;
  for (const Message& message : attempt_messages(result.attempts, result.diagnoses)) {
    context_.console.status(message);
  }
}

bool Connector::may_retry(ExitStatus status, std::uint64_t round) const {
  const bool temporary = status == ExitStatus::resolve || status == ExitStatus::unreachable ||
                         status == ExitStatus::refused || status == ExitStatus::no_answer;
  return options_.retry && temporary && (!options_.retries || round <= *options_.retries);
}

void Connector::explain(Try& result, const tcp::Endpoint& endpoint) {
  constexpr std::size_t most = 8;         // addresses of one name
  if (options_.ports.size() > 1) return;  // -z has a line for each port
  if (result.unresolved) {
    result.failure = explained_look_up_failure(context_, options_.common, *result.unresolved,
                                               wanted_family(), result.deadline);
    return;
  }
  result.diagnoses.resize(result.attempts.size());
  ProbeBudget budget = probe_budget(options_.common, context_.kernel.now());
  const auto explain_one = [&](std::size_t i) {
    const tcp::Attempt::End end = result.attempts[i].end;
    if (end != tcp::Attempt::End::failed && end != tcp::Attempt::End::timed_out) return;
    result.diagnoses[i] = explain_attempt(context_, options_.common, result.attempts[i], 0,
                                          result.addresses > 1 ? &budget : nullptr);
  };
  // The one that decides first, while there is time for probes.
  if (result.furthest < result.attempts.size()) explain_one(result.furthest);
  for (std::size_t i = 0; i < std::min(most, result.attempts.size()); ++i) {
    if (i != result.furthest) explain_one(i);
  }
  if (result.addresses > 1) say_furthest(result, object_of(result, endpoint));
  if (result.addresses != 1 || result.diagnoses.empty() || !result.diagnoses.front()) return;
  const diagnose::Diagnosis& diagnosis = *result.diagnoses.front();
  Message message = failure_message("connect", object_of(result, endpoint), diagnosis.headline);
  message.fields.append(attempt_fields(result.attempts.front()));
  add_diagnosis(message, diagnosis);
  result.failure = std::move(message);
}

std::optional<diagnose::Diagnosis> Connector::explain_cut_short(const Try& result,
                                                                const sys::Wake& wake) {
  if (wake.reason == sys::Wake::Reason::signal || options_.ports.size() > 1) return std::nullopt;
  std::vector<tcp::Attempt> attempts = last_attempts_.empty() ? result.attempts : last_attempts_;
  for (tcp::Attempt& attempt : attempts) {
    if (attempt.end == tcp::Attempt::End::interrupted) attempt.end = tcp::Attempt::End::timed_out;
  }
  if (attempts.empty()) return std::nullopt;
  const std::size_t which = diagnose::furthest(attempts, classes_of(attempts));
  return explain_attempt(context_, options_.common, attempts[which]);
}

std::vector<diagnose::FailureClass> Connector::classes_of(std::span<const tcp::Attempt> attempts) {
  const std::string interface = bound_interface(options_.common);
  std::vector<diagnose::FailureClass> kinds;
  for (const tcp::Attempt& attempt : attempts) {
    kinds.push_back(diagnose::class_of(context_.kernel, attempt, interface));
  }
  return kinds;
}

std::string Connector::object_of(const Try& result, const tcp::Endpoint& endpoint) {
  if (result.addresses != 1) return endpoint.text();
  const std::string peer = result.attempts.empty() ? "" : result.attempts.front().peer.text();
  return endpoint.host.numeric ? peer : fmt::format("{} ({})", endpoint.text(), peer);
}

void Connector::say_retry(const Try& result, std::uint64_t round) {
  Message message{"retry", {}, {}};
  message.text = fmt::format("try {}: {}; again in {}", round, result.failure.text,
                             format_duration(options_.retry_interval));
  message.fields.add("round", round)
      .add("reason", result.failure.text)
      .add("status", static_cast<int>(result.exit.status));
  context_.console.status(message);
}

std::optional<Target> Connector::look_up(Try& result, const tcp::Endpoint& endpoint) {
  const sys::TimePoint start = context_.kernel.now();
  const auto budget = options_.common.connect_timeout.value_or(default_connect_timeout);
  if (budget.count() > 0) result.deadline = start + budget;
  const auto addresses = addresses_of(endpoint, wanted_family(), result.deadline);
  result.times.lookup = context_.kernel.now() - start;
  if (!addresses) {
    fail_to_resolve(result, endpoint, addresses.error());
    return std::nullopt;
  }
  if (endpoint.host.numeric) {
    result.times.lookup.reset();  // nothing was looked up
  } else if (const auto note = slow_look_up_note(
                 context_, options_.common,
                 {endpoint.host.text, wanted_family(), *result.times.lookup}, result.deadline)) {
    context_.console.status(*note);
  }
  note_wildcard(*addresses);
  const auto settled = policy(result.deadline);
  if (!settled) {
    fail_to_resolve(result, endpoint, settled.error());
    return std::nullopt;
  }
  return Target{*addresses, *settled};
}

void Connector::note_wildcard(std::span<const sys::Address> addresses) {
  if (options_.common.diagnose == DiagnoseMode::off || wildcard_noted_) return;
  for (const sys::Address& address : addresses) {
    if (!address.is_any() || wildcard_noted_) continue;
    wildcard_noted_ = true;
    context_.console.status(note_message(
        fmt::format("{} names no host; Linux connects to this host itself ({}) instead",
                    address.host(), sys::Address::loopback(address.family(), 0).host())));
  }
}

Result<Target, Exit> Connector::find(const tcp::Endpoint& endpoint) {
  Try result;
  auto target = look_up(result, endpoint);
  if (target) return std::move(*target);
  if (!result.wake.interrupted()) {
    explain(result, endpoint);
    context_.console.failure(result.exit.status, result.failure);
  }
  return failure(result.exit);
}

Try Connector::try_once(const tcp::Endpoint& endpoint) {
  Try result;
  const auto target = look_up(result, endpoint);
  if (!target) return result;
  result.addresses = target->addresses.size();
  notes_.set_several(result.addresses > 1);
  const sys::TimePoint resolved = context_.kernel.now();
  tcp::ConnectResult raced = tcp::connect(context_.waiter, target->addresses, target->policy);
  result.times.connect = context_.kernel.now() - resolved;
  result.connection = std::move(raced.connection);
  result.attempts = std::move(raced.attempts);
  result.options = std::move(raced.options);
  if (!result.connection) fail_to_connect(result, endpoint, raced.wake);
  return result;
}

Result<std::vector<sys::Address>, tcp::ResolveFailure> Connector::addresses_of(
    const tcp::Endpoint& endpoint, int family, sys::Deadline deadline) {
  if (known_.empty() || !endpoint.port.service.empty()) {
    auto found = tcp::resolve(context_.waiter, endpoint, family, deadline);
    if (found) known_ = *found;
    return found;
  }
  std::vector<sys::Address> addresses = known_;
  for (sys::Address& address : addresses) address = address.with_port(endpoint.port.number);
  return addresses;
}

int Connector::wanted_family() const {
  const CommonOptions& common = options_.common;
  if (common.family == 0 && common.source && common.source->numeric) {
    return common.source->numeric->family();
  }
  return common.family;
}

Result<tcp::ConnectPolicy, tcp::ResolveFailure> Connector::policy(sys::Deadline deadline) {
  const CommonOptions& common = options_.common;
  tcp::ConnectPolicy policy;
  policy.setup.options = common.socket_options;
  policy.sequential = options_.sequential;
  policy.deadline = deadline;
  const bool a_line_each = options_.check && options_.ports.size() > 1;
  if (common.diagnose != DiagnoseMode::off && !a_line_each) policy.observer = &notes_;
  const std::uint16_t port = common.source_port ? common.source_port->number : std::uint16_t{0};
  if (common.source) {
    const tcp::Endpoint source{*common.source, tcp::Port{port, ""}};
    const auto found = tcp::resolve(context_.waiter, source, AF_UNSPEC, deadline);
    if (!found) return failure(found.error());
    policy.setup.source = found->front();
  } else if (port != 0) {
    policy.setup.source = sys::Address().with_port(port);
  }
  return policy;
}

void Connector::fail_to_resolve(Try& result, const tcp::Endpoint& endpoint,
                                const tcp::ResolveFailure& failed) {
  if (failed.wake.interrupted()) {
    result.wake = failed.wake;
    result.exit = cmd::interrupted(context_, options_.common, "look up", escape(endpoint.host.text),
                                   failed.wake, last_reason_);
    return;
  }
  result.unresolved = failed;
  result.exit.status = status_of(failed);
  result.failure = resolve_failure_message(failed);
  if (failed.kind == tcp::ResolveFailure::Kind::timed_out) {
    result.failure.text += fmt::format(" ({})", format_duration(*result.times.lookup));
  }
  last_reason_ = result.failure.text;
}

void Connector::fail_to_connect(Try& result, const tcp::Endpoint& endpoint, const sys::Wake& wake) {
  const bool one = result.addresses == 1;
  const std::string object = object_of(result, endpoint);
  if (wake.interrupted()) {
    report_attempts(result);
    result.wake = wake;
    result.exit = cmd::interrupted(context_, options_.common, "connect", object, wake, last_reason_,
                                   explain_cut_short(result, wake));
    return;
  }
  const auto kinds = classes_of(result.attempts);
  result.furthest = diagnose::furthest(result.attempts, kinds);
  const bool mistake =
      std::any_of(result.attempts.begin(), result.attempts.end(),
                  [](const auto& attempt) { return sys::own_mistake(attempt.error); });
  result.exit.status = mistake ? ExitStatus::failure : status_of(kinds[result.furthest]);
  last_reason_ = diagnose::judge(result.attempts[result.furthest]).reason;
  const std::string reason =
      one ? last_reason_ : fmt::format("none of {} addresses: {}", result.addresses, last_reason_);
  result.failure = failure_message("connect", object, reason);
  if (one) result.failure.fields.append(attempt_fields(result.attempts.front()));
}

}  // namespace tcptool::cmd
