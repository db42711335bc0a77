// SPDX-License-Identifier: MIT
#include "cmd/connect.h"

#include <algorithm>
#include <array>

#include "cmd/confine.h"
#include "cmd/connector.h"
#include "cmd/parallel.h"
#include "cmd/session.h"
#include "diagnose/probe.h"

namespace tcptool::cmd {
namespace {

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

sys::Ahead ahead_of(const ConnectOptions& options) {
  const auto& source = options.common.source;
  return {.looks_up = !options.host.numeric || (source && !source->numeric)};
}

// A diagnosis may ask the peer once more, by SYNs.
sys::Reach reach_of(const CommonOptions& options, const tcp::Connection& connection) {
  sys::Reach reach;
  if (options.diagnose == DiagnoseMode::active) {
    const std::uint16_t port = connection.peer.port();
    reach.connects_to = {port, diagnose::other_port(port)};
    reach.binds_any_port = options.source.has_value();
    reach.may_need_capabilities = may_need_capabilities(options);
  }
  return reach;
}

}  // namespace

Exit connect(Context& context, const ConnectOptions& options) {
  const sys::Ahead ahead = ahead_of(options);
  if (options.check) {
    if (const auto refused = confine_calls(context, options.common, ahead)) return *refused;
    return check_ports(context, options);
  }
  if (options.parallel) return connect_parallel(context, options, ahead);
  auto streams = open_streams(context, options.common);
  if (!streams) return streams.error();
  if (const auto refused = confine_calls(context, options.common, ahead)) return *refused;

  Connector connector(context, options);
  Try result = connector.connect({options.host, options.ports.front()});
  if (!result.connection) return result.exit;
  const sys::Reach reach = reach_of(options.common, *result.connection);
  if (const auto refused = confine_files(context, options.common, ahead, reach)) return *refused;
  connector.report_attempts(result);
  report_options(context, result);
  if (context.console.wants_status()) {
    context.console.status(
        connected_message(*result.connection, result.attempts, result.addresses));
  }
  return run_session(context, options.common, "connect", std::move(*result.connection),
                     std::move(*streams), result.times);
}

}  // namespace tcptool::cmd
