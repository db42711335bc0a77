// SPDX-License-Identifier: MIT
#include "cmd/server.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/explain.h"
#include "cmd/served_clients.h"
#include "cmd/session.h"
#include "relay/echo.h"
#include "relay/hub.h"
#include "sys/names.h"
#include "sys/process.h"

namespace tcptool::cmd {
namespace {

constexpr std::uint64_t listener_token = 1;

class Server {
 public:
  Server(Context& context, const ListenOptions& options, Acceptor& acceptor, sys::EventPoll poll,
         std::optional<Streams> streams);

  Exit run(sys::Deadline first_client);

 private:
  std::unique_ptr<relay::Service> make_service();
  // One round of the loop; what ended the run, if anything did.
  std::optional<Exit> step(sys::Deadline first_client);
  std::optional<Exit> take_signal(int signum);
  std::optional<Exit> take_time(const sys::Wake& wake, sys::Deadline first_client);
  std::optional<Exit> accept();
  std::optional<Exit> refuse(const sys::SysError& error);
  [[nodiscard]] bool through() const;
  sys::Outcome watch_listener();
  void wind_down();
  [[nodiscard]] Exit end_of_one();
  bool close_output();
  void tell_summary(int signum);

  Context& context_;
  const ListenOptions& options_;
  Acceptor& acceptor_;
  sys::EventPoll poll_;
  std::optional<Streams> streams_;
  ServedClients served_;
  const Commands* commands_ = nullptr;  // the service, where it is one
  const relay::Hub* hub_ = nullptr;
  std::unique_ptr<relay::Service> service_;
  sys::TimePoint started_;
  int watched_fd_ = -1;
  bool full_told_ = false;
  std::uint64_t accepted_ = 0;
  sys::Deadline grace_end_;  // set: nobody is accepted any more
  int signum_ = 0;           // what wound it down
};

Server::Server(Context& context, const ListenOptions& options, Acceptor& acceptor,
               sys::EventPoll poll, std::optional<Streams> streams)
    : context_(context),
      options_(options),
      acceptor_(acceptor),
      poll_(std::move(poll)),
      streams_(std::move(streams)),
      served_(context, acceptor, {options.client_buffer, options.command.empty()}),
      service_(make_service()),
      started_(context.kernel.now()) {}

std::unique_ptr<relay::Service> Server::make_service() {
  const relay::RelayPolicy& relay = options_.common.relay;
  if (!options_.command.empty()) {
    auto commands = std::make_unique<Commands>(context_, poll_, options_.command, served_);
    commands_ = commands.get();
    return commands;
  }
  if (options_.service) {
    return std::make_unique<relay::Echo>(context_.kernel, poll_, served_, relay.idle_timeout,
                                         *options_.service == BuiltInService::discard);
  }
  relay::HubPolicy policy;
  policy.client_buffer = options_.client_buffer;
  policy.half_close = options_.half_close;
  policy.discard = relay.send_only;
  policy.ignore_stdin = relay.recv_only;
  policy.crlf = relay.crlf;
  policy.idle_timeout = relay.idle_timeout;
  auto hub = std::make_unique<relay::Hub>(context_.kernel, poll_, streams_->input, streams_->output,
                                          policy, served_);
  hub_ = hub.get();
  return hub;
}

// ------------------------------------------------------------------------------------ the loop

// Errors: epoll's, where it does not take the listener.
sys::Outcome Server::watch_listener() {
  const bool room = !options_.max_clients ||
                    service_->clients() < static_cast<std::size_t>(*options_.max_clients);
  acceptor_.admit(room);
  if (!room && !full_told_) {
    full_told_ = true;
    context_.console.status(full_message(*options_.max_clients));
  }
  const int fd = acceptor_.fd();
  if (fd == watched_fd_) return {};
  const bool watched = watched_fd_ >= 0 && acceptor_.listener().fd.open();
  if (watched) static_cast<void>(poll_.remove(watched_fd_));
  watched_fd_ = -1;
  if (fd < 0) return {};
  const sys::Outcome added = poll_.add(fd, EPOLLIN, listener_token);
  if (added.ok()) watched_fd_ = fd;
  return added;
}

std::optional<Exit> Server::refuse(const sys::SysError& error) {
  const auto status = status_of(error);
  context_.console.failure(status, explained_prepare_failure(context_, options_.common, error,
                                                             acceptor_.listener().local));
  return Exit{status};
}

// As many as are waiting, as far as there is room.
std::optional<Exit> Server::accept() {
  constexpr int most_at_once = 64;  // then the clients have their turn
  for (int i = 0; i < most_at_once && acceptor_.fd() >= 0; ++i) {
    auto taken = acceptor_.take();
    if (!taken && options_.keep_open && taken.error().call != sys::Syscall::accept4) {
      // The one client's socket refused an option: the listener is sound.
      context_.console.status(error_message(taken.error()));
      continue;
    }
    if (!taken) return refuse(taken.error());
    if (!*taken) return std::nullopt;
    ++accepted_;
    const bool more = (*taken)->queue && (*taken)->queue->length > 0;
    // One connection only: those still in the queue are reset now, rather than left waiting.
    if (!options_.keep_open) acceptor_.close();
    service_->add(std::move((*taken)->connection));
    if (const sys::Outcome watched = watch_listener(); !watched.ok()) break;  // step() tells
    if (!more) break;
  }
  return std::nullopt;
}

bool Server::through() const {
  if (service_->failure() != nullptr) return true;
  const bool no_more = grace_end_ || (!options_.keep_open && accepted_ > 0);
  return no_more && service_->idle();
}

void Server::wind_down() {
  served_.wind_down(service_->clients());
  grace_end_ = context_.kernel.now() + options_.grace;
  service_->wind_down();
}

// SIGTERM lets the clients finish; anything else, or a second signal, ends at once. Cutting short
// takes a descriptor, which the listener leaves where there is none.
std::optional<Exit> Server::take_signal(int signum) {
  const bool gently = signum == SIGTERM && !grace_end_ && options_.grace.count() > 0;
  signum_ = signum;
  acceptor_.close();
  if (!gently) {
    service_->cut_short();
    return Exit{ExitStatus::ok, signum};
  }
  if (service_->idle()) return Exit{ExitStatus::ok, signum};
  context_.console.status(winding_down_message(signum, service_->clients(), options_.grace));
  wind_down();
  return std::nullopt;
}

std::optional<Exit> Server::take_time(const sys::Wake& wake, sys::Deadline first_client) {
  if (wake.reason == sys::Wake::Reason::run_deadline) {
    acceptor_.close();
    service_->cut_short();
    context_.console.failure(
        ExitStatus::timeout,
        failure_message("listen", acceptor_.listener().local.text(),
                        fmt::format("not done within {} (--timeout)",
                                    format_duration(options_.common.run_timeout))));
    return Exit{ExitStatus::timeout};
  }
  const sys::TimePoint now = context_.kernel.now();
  if (first_client && accepted_ == 0 && now >= *first_client) {
    context_.console.failure(ExitStatus::timeout,
                             no_client_message(options_, acceptor_.listener().local.text()));
    return Exit{ExitStatus::timeout};
  }
  if (grace_end_ && now >= *grace_end_) return Exit{ExitStatus::ok, signum_};
  if (const auto due = acceptor_.deadline(); due && now >= *due) acceptor_.on_time();
  if (const auto due = service_->deadline(); due && now >= *due) service_->on_time();
  return std::nullopt;
}

std::optional<Exit> Server::step(sys::Deadline first_client) {
  if (const sys::Outcome watched = watch_listener(); !watched.ok()) {
    return refuse({sys::Syscall::epoll_ctl, watched.error, acceptor_.listener().local.text()});
  }
  sys::Deadline deadline = sys::earlier(acceptor_.deadline(), service_->deadline());
  if (accepted_ == 0) deadline = sys::earlier(deadline, first_client);
  const auto wake = poll_.wait(sys::earlier(deadline, grace_end_));
  if (!wake) return refuse(wake.error());
  if (wake->reason == sys::Wake::Reason::signal) return take_signal(wake->signal);
  for (const epoll_event& event : poll_.ready()) {
    if (event.data.u64 == listener_token) {
      if (auto ended = accept()) return ended;
    } else {
      service_->take(event.data.u64, event.events);
    }
  }
  if (served_.reader_gone() && !grace_end_) {
    acceptor_.close();
    wind_down();
  }
  return take_time(*wake, first_client);
}

// ------------------------------------------------------------------------------------- the end

// Whether what was written is safe: some file systems tell of a failed write at close(2) alone.
bool Server::close_output() {
  if (hub_ == nullptr || options_.common.relay.send_only || service_->failure() != nullptr) {
    return true;
  }
  const sys::Outcome closed = streams_->output.close();
  if (closed.ok()) return true;
  context_.console.failure(ExitStatus::local_io,
                           error_message({sys::Syscall::close, closed.error, "stdout"}));
  return false;
}

void Server::tell_summary(int signum) {
  ServeCounts counts = served_.counts();
  if (hub_ != nullptr) counts.unwritten = hub_->unwritten();
  counts.bytes_known = commands_ == nullptr;
  context_.console.status(served_message(counts, acceptor_.counts(), served_.winding_down(),
                                         context_.kernel.now() - started_, signum));
}

// Without -k the one client's end is the run's.
Exit Server::end_of_one() {
  if (commands_ == nullptr) return Exit{served_.last_status()};
  const std::optional<int> status = commands_->last_status();
  if (!status) return Exit{ExitStatus::failure};
  if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return Exit{served_.last_status()};
  const std::string how = WIFEXITED(*status)
                              ? fmt::format("it exited with status {}", WEXITSTATUS(*status))
                              : "it was ended by " + sys::signal_name(WTERMSIG(*status));
  context_.console.failure(ExitStatus::failure,
                           failure_message("run", escape(options_.command.front()), how));
  return Exit{ExitStatus::failure, 0, true};
}

Exit Server::run(sys::Deadline first_client) {
  std::optional<Exit> ended;
  while (!ended && !through()) ended = step(first_client);
  acceptor_.close();
  Exit exit;
  if (const sys::SysError* const failed = service_->failure()) {
    context_.console.failure(ExitStatus::local_io, error_message(*failed));
    service_->cut_short();
    exit = Exit{ExitStatus::local_io};
  } else if (ended) {
    exit = *ended;
    service_->cut_short();
  } else if (signum_ != 0) {
    exit = Exit{ExitStatus::ok, signum_};
  } else if (!options_.keep_open) {
    exit = end_of_one();
  }
  const bool local_failure = !close_output() || served_.stdin_has_failed();
  if (exit.status == ExitStatus::ok && local_failure) exit.status = ExitStatus::local_io;
  const bool nobody_came = exit.status == ExitStatus::timeout && accepted_ == 0;
  if (!nobody_came) tell_summary(exit.signal);
  return exit;
}

}  // namespace

Exit serve(Context& context, const ListenOptions& options, Acceptor& acceptor,
           std::optional<Streams> streams, sys::Deadline first_client) {
  if (options.keep_open && options.command.empty())
    static_cast<void>(sys::raise_descriptor_limit(context.kernel));
  auto poll = sys::EventPoll::open(context.waiter);
  if (!poll) {
    context.console.failure(status_of(poll.error()), error_message(poll.error()));
    return Exit{status_of(poll.error())};
  }
  Server server(context, options, acceptor, std::move(*poll), std::move(streams));
  return server.run(first_client);
}

}  // namespace tcptool::cmd
