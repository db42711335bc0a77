// SPDX-License-Identifier: MIT
// -- COMMAND: one process a connection, with the socket as its stdin and stdout.
#pragma once

#include <unordered_map>
#include <vector>

#include "cmd/context.h"
#include "cmd/serve_messages.h"
#include "relay/service.h"

namespace tcptool::cmd {

// A COMMAND that is not there, or not to be executed, is told before anything is opened. Nothing
// where there is none.
std::optional<Exit> refuse_bad_command(Context& context, const std::vector<std::string>& command);

class Commands final : public relay::Service {
 public:
  Commands(Context& context, sys::EventPoll& poll, const std::vector<std::string>& command,
           relay::ServiceObserver& observer);

  void add(tcp::Connection connection) override;
  void take(std::uint64_t token, std::uint32_t events) override;
  [[nodiscard]] sys::Deadline deadline() override { return next_look_; }
  void on_time() override;
  void wind_down() override {}
  // Ends the commands that are left, and with them the connections, which are theirs: SIGTERM to
  // their process groups, and SIGKILL to what is still there half a second later. The connections
  // of those that the kernel lets us look into (pidfd_getfd(2)) end with RST, others with FIN.
  void cut_short() override;
  [[nodiscard]] std::size_t clients() const override { return children_.size(); }

  // How the command ended that ended last, as wait(2) tells it; nothing where the last one could
  // not be run at all, or nobody knows how it ended, which has been told.
  [[nodiscard]] std::optional<int> last_status() const { return last_status_; }

 private:
  struct Child {
    pid_t pid = 0;
    sys::Fd pidfd;  // becomes readable at its end; not open where there was no descriptor for it
    sys::Address peer;
    sys::TimePoint started;
  };

  [[nodiscard]] Result<pid_t, sys::SysError> spawn(const tcp::Connection& connection);
  // Whether the child has ended; then it is reaped and told of.
  bool reap(const Child& child);
  void reset_at_end(const Child& child);
  void signal_groups(int signum);
  // Waits until all have ended, at most for a moment; they are not reaped. The pidfds of the rest.
  std::vector<int> await_ends();

  Context& context_;
  sys::EventPoll& poll_;
  const std::vector<std::string>& command_;
  relay::ServiceObserver& observer_;
  std::unordered_map<std::uint64_t, Child> children_;
  std::size_t unwatched_ = 0;  // children without a pidfd
  sys::Deadline next_look_;    // for their ends
  std::uint64_t next_token_ = first_token;
  std::optional<int> last_status_;
};

}  // namespace tcptool::cmd
