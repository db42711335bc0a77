// SPDX-License-Identifier: MIT
#include "cmd/listen.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "cmd/explain.h"
#include "cmd/port_file.h"
#include "cmd/session.h"
#include "sys/names.h"

namespace tcptool::cmd {
namespace {

Exit refuse(Context& context, ExitStatus status, const Message& message) {
  context.console.failure(status, message);
  return Exit{status};
}

Message port_file_message(const ListenOptions& options, const sys::SysError& error) {
  return failure_message("--port-file", escape(options.port_file),
                         fmt::format("{}: {} ({})", name(error.call), sys::errno_text(error.error),
                                     sys::errno_name(error.error)));
}

// The end of -w: look-up and first client together.
sys::Deadline client_deadline(Context& context, const ListenOptions& options) {
  const auto budget = options.common.connect_timeout.value_or(std::chrono::nanoseconds(0));
  if (budget.count() == 0) return std::nullopt;
  return context.kernel.now() + budget;
}

Result<tcp::ListenPolicy, Exit> policy_of(Context& context, const ListenOptions& options,
                                          sys::Deadline deadline) {
  const tcp::Endpoint endpoint{options.address.value_or(tcp::Host{}), options.port};
  const auto addresses = tcp::resolve(context.waiter, endpoint, options.common.family, deadline);
  if (!addresses) {
    const tcp::ResolveFailure& failed = addresses.error();
    if (failed.wake.interrupted()) {
      return failure(interrupted(context, options.common, "look up", failed.subject, failed.wake));
    }
    return failure(refuse(context, status_of(failed),
                          explained_look_up_failure(context, options.common, failed,
                                                    options.common.family, deadline)));
  }
  tcp::ListenPolicy policy;
  policy.addresses = *addresses;
  // The IPv6 wildcard takes both families unless one was asked for.
  policy.dual_stack = options.common.family == 0 && addresses->front().is_any() &&
                      addresses->front().family() == AF_INET6;
  policy.backlog = options.backlog;
  policy.setup.options = options.common.socket_options;
  return policy;
}

// Waits for the first connection. Errors of accept(2) that concern one client are told and
// survived.
Result<tcp::Accepted, Exit> wait_for_client(Context& context, const ListenOptions& options,
                                            const tcp::Listener& listener,
                                            const tcp::SocketSetup& setup, sys::Deadline deadline) {
  const std::string object = listener.local.text();
  while (true) {
    std::array<pollfd, 1> fds{{{listener.fd.get(), POLLIN, 0}}};
    const auto wake = context.waiter.wait(fds, deadline);
    if (!wake)
      return failure(refuse(context, status_of(wake.error()), error_message(wake.error())));
    if (wake->interrupted()) {
      return failure(interrupted(context, options.common, "listen", object, *wake));
    }
    if (wake->reason == sys::Wake::Reason::deadline) {
      return failure(
          refuse(context, ExitStatus::timeout,
                 failure_message("listen", object,
                                 fmt::format("no client within {} "
                                             "(--connect-timeout)",
                                             format_duration(*options.common.connect_timeout)))));
    }
    auto accepted = tcp::accept(context.kernel, listener, setup);
    if (accepted) return std::move(*accepted);
    const bool one_client = accepted.error().call == sys::Syscall::accept4 &&
                            tcp::accept_may_be_repeated(accepted.error().error);
    if (!one_client) {
      return failure(refuse(
          context, status_of(accepted.error()),
          explained_prepare_failure(context, options.common, accepted.error(), listener.local)));
    }
    if (accepted.error().error != EAGAIN && accepted.error().error != EINTR) {
      context.console.status(note_message(accepted.error().text()));
    }
  }
}

}  // namespace

Exit listen(Context& context, const ListenOptions& options) {
  if (const auto refused = refuse_bad_stdin(context, options.common)) return *refused;
  std::optional<PortFile> port_file;
  if (!options.port_file.empty()) {
    auto prepared = PortFile::prepare(context.kernel, options.port_file);
    if (!prepared) {
      return refuse(context, ExitStatus::usage, port_file_message(options, prepared.error()));
    }
    port_file.emplace(std::move(*prepared));
  }
  const sys::Deadline deadline = client_deadline(context, options);
  const auto policy = policy_of(context, options, deadline);
  if (!policy) return policy.error();

  auto listener = tcp::listen(context.kernel, *policy);
  if (!listener) {
    return refuse(context, status_of(listener.error()),
                  explained_prepare_failure(context, options.common, listener.error(),
                                            policy->addresses.front()));
  }
  for (const tcp::OptionReport& report : listener->options) {
    context.console.status(option_message(report));
  }
  context.console.status(listening_message(*listener, options.backlog));
  if (port_file) {
    if (const auto published = port_file->publish(listener->local.port()); !published) {
      return refuse(context, ExitStatus::local_io, port_file_message(options, published.error()));
    }
  }
  auto accepted = wait_for_client(context, options, *listener, policy->setup, deadline);
  if (!accepted) return accepted.error();
  context.console.status(accepted_message(*accepted));
  // One connection only: those still in the queue are reset now, rather than left waiting.
  static_cast<void>(listener->fd.close());
  return run_session(context, options.common, "client", std::move(accepted->connection), {});
}

}  // namespace tcptool::cmd
