// SPDX-License-Identifier: MIT
#include "cmd/connect.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cmd/explain.h"
#include "cmd/session.h"

namespace tcptool::cmd {
namespace {

constexpr auto default_connect_timeout = std::chrono::seconds(10);

// One round of look-up and race, with its own -w budget.
struct Try {
  std::optional<tcp::Connection> connection;
  Exit exit;  // why there is no connection
  Message failure;
  sys::Wake wake;  // interrupted() where the run is to end
  std::optional<tcp::ResolveFailure> unresolved;
  sys::Deadline deadline;
  std::vector<tcp::Attempt> attempts;
  std::vector<std::optional<diagnose::Diagnosis>> diagnoses;  // of the attempts, in their order
  std::vector<tcp::OptionReport> options;
  std::size_t addresses = 0;
  SetupTimes times;
};

class Connector {
 public:
  Connector(Context& context, const ConnectOptions& options)
      : context_(context), options_(options) {}

  // Tries `endpoint`, and again as --retry says. Says what happened; a connection only if it
  // succeeded.
  Try connect(const tcp::Endpoint& endpoint) {
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
      known_.clear();
      const auto slept =
          context_.waiter.sleep_until(context_.kernel.now() + options_.retry_interval);
      if (slept && slept->interrupted()) {
        result.wake = *slept;
        result.exit = cmd::interrupted(context_, options_.common, "connect", endpoint.text(),
                                       *slept, last_reason_);
        return result;
      }
    }
  }

  void report_attempts(const Try& result) {
    if (result.addresses < 2) return;
    for (std::size_t i = 0; i < result.attempts.size(); ++i) {
      const tcp::Attempt& attempt = result.attempts[i];
      if (attempt.end == tcp::Attempt::End::connected) continue;
      Message message = attempt_message(attempt);
      if (i < result.diagnoses.size() && result.diagnoses[i]) {
        add_diagnosis(message, *result.diagnoses[i]);
      }
      context_.console.status(message);
    }
  }

 private:
  bool may_retry(ExitStatus status, std::uint64_t round) const {
    const bool temporary = status == ExitStatus::resolve || status == ExitStatus::unreachable ||
                           status == ExitStatus::refused || status == ExitStatus::no_answer;
    return options_.retry && temporary && (!options_.retries || round <= *options_.retries);
  }

  // The final failure in full: a diagnosis of each attempt, or of the look-up.
  void explain(Try& result, const tcp::Endpoint& endpoint) {
    constexpr std::size_t most = 8;         // addresses of one name
    if (options_.ports.size() > 1) return;  // -z has a line for each port
    if (result.unresolved) {
      result.failure = explained_look_up_failure(context_, options_.common, *result.unresolved,
                                                 wanted_family(), result.deadline);
      return;
    }
    for (const tcp::Attempt& attempt : result.attempts) {
      const bool failed =
          attempt.end == tcp::Attempt::End::failed || attempt.end == tcp::Attempt::End::timed_out;
      const bool wanted = failed && result.diagnoses.size() < most;
      result.diagnoses.push_back(wanted ? explain_attempt(context_, options_.common, attempt)
                                        : std::nullopt);
    }
    if (result.addresses != 1 || result.diagnoses.empty() || !result.diagnoses.front()) return;
    const diagnose::Diagnosis& diagnosis = *result.diagnoses.front();
    Message message = failure_message("connect", object_of(result, endpoint), diagnosis.headline);
    message.fields.append(attempt_fields(result.attempts.front()));
    add_diagnosis(message, diagnosis);
    result.failure = std::move(message);
  }

  static std::string object_of(const Try& result, const tcp::Endpoint& endpoint) {
    if (result.addresses != 1) return endpoint.text();
    const std::string peer = result.attempts.empty() ? "" : result.attempts.front().peer.text();
    return endpoint.host.numeric ? peer : fmt::format("{} ({})", endpoint.text(), peer);
  }

  void say_retry(const Try& result, std::uint64_t round) {
    Message message{"retry", {}, {}};
    message.text = fmt::format("try {}: {}; again in {}", round, result.failure.text,
                               format_duration(options_.retry_interval));
    message.fields.add("round", round)
        .add("reason", result.failure.text)
        .add("status", static_cast<int>(result.exit.status));
    context_.console.status(message);
  }

  Try try_once(const tcp::Endpoint& endpoint) {
    Try result;
    const sys::TimePoint start = context_.kernel.now();
    const auto budget = options_.common.connect_timeout.value_or(default_connect_timeout);
    sys::Deadline deadline;
    if (budget.count() > 0) deadline = start + budget;

    result.deadline = deadline;
    const int family = wanted_family();
    const auto addresses = addresses_of(endpoint, family, deadline);
    result.times.lookup = context_.kernel.now() - start;
    if (!addresses) {
      fail_to_resolve(result, endpoint, addresses.error());
      return result;
    }
    if (endpoint.host.numeric) result.times.lookup.reset();  // nothing was looked up
    const auto settled = policy(deadline);
    if (!settled) {
      fail_to_resolve(result, endpoint, settled.error());
      return result;
    }
    result.addresses = addresses->size();
    const sys::TimePoint resolved = context_.kernel.now();
    tcp::ConnectResult raced = tcp::connect(context_.waiter, *addresses, *settled);
    result.times.connect = context_.kernel.now() - resolved;
    result.connection = std::move(raced.connection);
    result.attempts = std::move(raced.attempts);
    result.options = std::move(raced.options);
    if (!result.connection) fail_to_connect(result, endpoint, raced.wake);
    return result;
  }

  // A name is looked up once for all ports of -z, and again for each round of --retry.
  Result<std::vector<sys::Address>, tcp::ResolveFailure> addresses_of(const tcp::Endpoint& endpoint,
                                                                      int family,
                                                                      sys::Deadline deadline) {
    if (known_.empty() || !endpoint.port.service.empty()) {
      auto found = tcp::resolve(context_.waiter, endpoint, family, deadline);
      if (found) known_ = *found;
      return found;
    }
    std::vector<sys::Address> addresses = known_;
    for (sys::Address& address : addresses) address = address.with_port(endpoint.port.number);
    return addresses;
  }

  // A source address decides the family where none was asked for.
  int wanted_family() const {
    const CommonOptions& common = options_.common;
    if (common.family == 0 && common.source && common.source->numeric) {
      return common.source->numeric->family();
    }
    return common.family;
  }

  // Errors: the zone of the source address, which no interface has.
  Result<tcp::ConnectPolicy, tcp::ResolveFailure> policy(sys::Deadline deadline) const {
    const CommonOptions& common = options_.common;
    tcp::ConnectPolicy policy;
    policy.setup.options = common.socket_options;
    policy.sequential = options_.sequential;
    policy.deadline = deadline;
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

  void fail_to_resolve(Try& result, const tcp::Endpoint& endpoint,
                       const tcp::ResolveFailure& failed) {
    if (failed.wake.interrupted()) {
      result.wake = failed.wake;
      result.exit = cmd::interrupted(context_, options_.common, "look up",
                                     escape(endpoint.host.text), failed.wake, last_reason_);
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

  void fail_to_connect(Try& result, const tcp::Endpoint& endpoint, const sys::Wake& wake) {
    const bool one = result.addresses == 1;
    const std::string object = object_of(result, endpoint);
    if (wake.interrupted()) {
      report_attempts(result);
      result.wake = wake;
      result.exit =
          cmd::interrupted(context_, options_.common, "connect", object, wake, last_reason_);
      return;
    }
    const diagnose::Verdict verdict = diagnose::judge_all(result.attempts);
    const bool mistake =
        std::any_of(result.attempts.begin(), result.attempts.end(),
                    [](const auto& attempt) { return sys::own_mistake(attempt.error.error); });
    result.exit.status = mistake ? ExitStatus::failure : status_of(verdict.kind);
    const std::string reason =
        one ? verdict.reason
            : fmt::format("none of {} addresses: {}", result.addresses, verdict.reason);
    result.failure = failure_message("connect", object, reason);
    if (one) result.failure.fields.append(attempt_fields(result.attempts.front()));
    last_reason_ = verdict.reason;
  }

  Context& context_;
  const ConnectOptions& options_;
  std::string last_reason_;
  std::vector<sys::Address> known_;  // of the host, from an earlier port or nothing
};

void report_options(Context& context, const Try& result) {
  for (const tcp::OptionReport& report : result.options) {
    context.console.status(option_message(report));
  }
}

// The ports as numbers: a service that does not exist is told before anything is opened.
Result<std::vector<tcp::Port>, Exit> numbered(Context& context, const ConnectOptions& options) {
  std::vector<tcp::Port> ports = options.ports;
  for (tcp::Port& port : ports) {
    if (port.service.empty()) continue;
    const auto found = tcp::resolve(context.waiter, {tcp::Host{}, port}, AF_INET, std::nullopt);
    if (!found) {
      const tcp::ResolveFailure& failed = found.error();
      if (failed.wake.interrupted()) {
        return failure(interrupted(context, options.common, "look up", port.service, failed.wake));
      }
      context.console.failure(status_of(failed), resolve_failure_message(failed));
      return failure(Exit{status_of(failed)});
    }
    port = {found->front().port(), ""};
  }
  return ports;
}

// -z: a line for each port, and nothing but the handshake. Open ports in several addresses count
// once; the status is 0 only if all are open.
Exit check_ports(Context& context, const ConnectOptions& options) {
  Connector connector(context, options);
  Exit exit;
  // As with several addresses, the failure that got furthest decides.
  constexpr std::array furthest_first{ExitStatus::refused, ExitStatus::no_answer,
                                      ExitStatus::unreachable, ExitStatus::local};
  const auto rank = [&](ExitStatus status) {
    return std::find(furthest_first.begin(), furthest_first.end(), status) - furthest_first.begin();
  };
  const auto ports = numbered(context, options);
  if (!ports) return ports.error();
  for (const tcp::Port& port : *ports) {
    Try result = connector.connect({options.host, port});
    // A name that fails once fails for every port.
    const bool nameless = result.exit.status == ExitStatus::resolve;
    if (result.wake.interrupted() || nameless) return result.exit;
    if (result.connection) {
      connector.report_attempts(result);
      report_options(context, result);
      context.console.status(open_message(*result.connection));
    } else if (exit.status == ExitStatus::ok || rank(result.exit.status) < rank(exit.status)) {
      exit = result.exit;
    }
  }
  return exit;
}

}  // namespace

Exit connect(Context& context, const ConnectOptions& options) {
  if (options.check) return check_ports(context, options);
  if (const auto refused = refuse_bad_stdin(context, options.common)) return *refused;

  Connector connector(context, options);
  Try result = connector.connect({options.host, options.ports.front()});
  if (!result.connection) return result.exit;
  connector.report_attempts(result);
  report_options(context, result);
  context.console.status(connected_message(*result.connection, result.attempts, result.addresses));
  return run_session(context, options.common, "connect", std::move(*result.connection),
                     result.times);
}

}  // namespace tcptool::cmd
