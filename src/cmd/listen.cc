// SPDX-License-Identifier: MIT
#include "cmd/listen.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/confine.h"
#include "cmd/explain.h"
#include "cmd/port_file.h"
#include "cmd/server.h"
#include "cmd/session.h"
#include "sys/activation.h"
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
  return policy;
}

Result<tcp::Listener, Exit> open_listener(Context& context, const ListenOptions& options,
                                          const tcp::SocketSetup& setup, sys::Deadline deadline) {
  auto policy = policy_of(context, options, deadline);
  if (!policy) return failure(policy.error());
  policy->setup = setup;
  auto listener = tcp::listen(context.kernel, *policy);
  if (listener) return std::move(*listener);
  return failure(refuse(context, status_of(listener.error()),
                        explained_prepare_failure(context, options.common, listener.error(),
                                                  policy->addresses.front())));
}

Result<tcp::Listener, Exit> adopt(Context& context, const ListenOptions& options,
                                  const tcp::SocketSetup& setup) {
  constexpr int fd = sys::first_inherited_fd;
  if (!tcp::is_tcp_listener(context.kernel, fd)) {
    return failure(refuse(context, ExitStatus::usage,
                          failure_message("LISTEN_FDS", fmt::format("descriptor {}", fd),
                                          "no TCP socket that listens")));
  }
  auto listener = tcp::adopt_listener(context.kernel, fd, setup, options.backlog);
  if (listener) return std::move(*listener);
  return failure(refuse(context, status_of(listener.error()), error_message(listener.error())));
}

// Waits for the first client that may come in.
Result<tcp::Accepted, Exit> wait_for_client(Context& context, const ListenOptions& options,
                                            Acceptor& acceptor, sys::Deadline deadline) {
  const std::string object = acceptor.listener().local.text();
  while (true) {
    std::array<pollfd, 1> fds{{{acceptor.fd(), POLLIN, 0}}};
    const auto wake = context.waiter.wait(fds, sys::earlier(deadline, acceptor.deadline()));
    if (!wake)
      return failure(refuse(context, status_of(wake.error()), error_message(wake.error())));
    if (wake->interrupted()) {
      return failure(interrupted(context, options.common, "listen", object, *wake));
    }
    if (wake->reason == sys::Wake::Reason::ready) {
      auto taken = acceptor.take();
      if (!taken) {
        return failure(refuse(context, status_of(taken.error()),
                              explained_prepare_failure(context, options.common, taken.error(),
                                                        acceptor.listener().local)));
      }
      if (*taken) return std::move(**taken);
    }
    acceptor.on_time();
    if (deadline && context.kernel.now() >= *deadline) {
      return failure(refuse(context, ExitStatus::timeout, no_client_message(options, object)));
    }
  }
}

// Closes the listener, and says what there is to say of it.
void summarize(Context& context, Acceptor& acceptor) {
  acceptor.close();
  const AcceptCounts counts = acceptor.counts();
  const bool quiet = counts.denied == 0 && counts.deepest_queue.value_or(0) <= counts.accepted &&
                     counts.dropped.value_or(0) == 0;
  if (!quiet) context.console.status(accept_summary_message(counts));
}

}  // namespace

Message no_client_message(const ListenOptions& options, const std::string& object) {
  std::string reason = fmt::format("no client within {} (--connect-timeout)",
                                   format_duration(*options.common.connect_timeout));
  if (options.accept.hold.value_or(std::chrono::nanoseconds(0)) >=
      *options.common.connect_timeout) {
    reason += "; with --hold nobody is accepted meanwhile";
  }
  return failure_message("listen", object, reason);
}

Exit listen(Context& context, const ListenOptions& options) {
  std::optional<Streams> streams;
  if (options.uses_standard_streams()) {
    auto opened = open_streams(context, options.common);
    if (!opened) return opened.error();
    streams = std::move(*opened);
  }
  if (const auto refused = refuse_bad_command(context, options.command)) return *refused;
  std::optional<PortFile> port_file;
  if (!options.port_file.empty()) {
    auto prepared = PortFile::prepare(context.kernel, options.port_file);
    if (!prepared) {
      return refuse(context, ExitStatus::usage, port_file_message(options, prepared.error()));
    }
    port_file.emplace(std::move(*prepared));
  }
  if (!options.command.empty() && options.common.output.trace.verbosity > 0) {
    context.console.status(note_message("no sandbox: the command would inherit it"));
  }
  const std::string published_in = port_file ? port_file->folder() : "";
  const sys::Ahead ahead{.renames = !published_in.empty(), .looks_up = true, .listens = true};
  if (const auto refused = confine_calls(context, options.common, ahead)) return *refused;
  const sys::Deadline deadline = client_deadline(context, options);
  const tcp::SocketSetup setup{options.common.socket_options, std::nullopt};
  auto listener = options.inherited ? adopt(context, options, setup)
                                    : open_listener(context, options, setup, deadline);
  if (!listener) return listener.error();
  for (const tcp::OptionReport& report : listener->options) {
    context.console.status(option_message(report));
  }
  context.console.status(listening_message(*listener, options.backlog));
  if (port_file) {
    if (const auto published = port_file->publish(listener->local.port()); !published) {
      return refuse(context, ExitStatus::local_io, port_file_message(options, published.error()));
    }
  }
  // A diagnosis may ask any client with a SYN, and accepted sockets do not inherit all options.
  const bool active = options.common.diagnose == DiagnoseMode::active;
  const sys::Reach reach{.removable_in = published_in,
                         .connects_anywhere = active,
                         .binds_any_port = active && options.common.source,
                         .may_need_capabilities = may_need_capabilities(options.common)};
  if (const auto refused = confine_files(context, options.common, ahead, reach)) return *refused;
  Acceptor acceptor(context, std::move(*listener), setup, options.accept);
  if (options.served()) return serve(context, options, acceptor, std::move(streams), deadline);
  auto accepted = wait_for_client(context, options, acceptor, deadline);
  if (!accepted) {
    summarize(context, acceptor);
    return accepted.error();
  }
  // One connection only: those still in the queue are reset now, rather than left waiting.
  summarize(context, acceptor);
  return run_session(context, options.common, "client", std::move(accepted->connection),
                     std::move(*streams), {});
}

}  // namespace tcptool::cmd
