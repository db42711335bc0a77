// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "sys/process.h"
#include "tcp/active_open.h"
#include "tcp/connection.h"
#include "tcp/resolve.h"

namespace tcptool::tcp {
namespace {

using namespace std::chrono_literals;

// RFC 8305 section 8, "Connection Attempt Delay".
constexpr auto attempt_delay = 250ms;

// Before the first SYN is sent again, a second after it (RFC 6298 section 2.1), by enough that a
// busy host wakes us in time; and only where it comes to that.
constexpr auto count_drops_after = 500ms;

// What all programs of this network namespace have sent again, and what of it this host's own
// packet filter or traffic control did not let pass.
struct Drops {
  std::int64_t sent_again = 0;
  std::int64_t dropped = 0;
};

std::optional<Drops> count_drops(sys::Kernel& kernel) {
  const auto counters = sys::read_netstat(kernel);
  const auto sent_again = counters.find("Tcp.RetransSegs");
  const auto dropped = counters.find("TcpExt.TCPRetransFail");
  if (sent_again == counters.end() || dropped == counters.end()) return std::nullopt;
  return Drops{sent_again->second, dropped->second};
}

class Race {
 public:
  Race(sys::Waiter& waiter, const std::vector<sys::Address>& addresses, const ConnectPolicy& policy)
      : waiter_(waiter),
        kernel_(waiter.kernel()),
        policy_(policy),
        addresses_(interleave_families(addresses)),
        next_start_(kernel_.now()),
        count_at_(next_start_ + count_drops_after) {}

  ConnectResult run() {
    while (!result_.connection) {
      start_those_due();
      if (result_.connection) break;
      if (pending_.empty()) {
        if (next_ == addresses_.size()) break;
        continue;
      }
      if (!wait_for_news()) break;
    }
    end_all(Attempt::End::abandoned);
    judge_drops();
    for (const ActiveOpen& open : opens_) result_.attempts.push_back(open.attempt());
    return std::move(result_);
  }

 private:
  void start_those_due() {
    while (next_ < addresses_.size() && !result_.connection) {
      const bool due =
          policy_.sequential ? pending_.empty() : pending_.empty() || kernel_.now() >= next_start_;
      if (!due) return;
      start(addresses_[next_++]);
    }
  }

  void start(const sys::Address& peer) {
    const sys::TimePoint now = kernel_.now();
    next_start_ = now + attempt_delay;
    share_ends_ = share_of_time(now);
    opens_.emplace_back(kernel_, peer, policy_.setup);
    if (opens_.back().under_way()) {
      pending_.push_back(opens_.size() - 1);
    } else {
      take_end(opens_.back());
    }
  }

  // Of an attempt that is no longer under way: it has won, or the next one starts at once.
  void take_end(ActiveOpen& open) {
    result_.connection = open.take_connection();
    if (result_.connection) {
      result_.options = open.options();
    } else {
      next_start_ = kernel_.now();
    }
  }

  // In sequence each address has an equal share of what is left, so that a silent one leaves time
  // for the next.
  sys::Deadline share_of_time(sys::TimePoint now) const {
    if (!policy_.deadline || !policy_.sequential) return policy_.deadline;
    const auto left = std::max(*policy_.deadline - now, sys::Clock::duration::zero());
    const auto remaining = static_cast<std::int64_t>(addresses_.size() - next_ + 1);
    return now + left / remaining;
  }

  // False when time or the run is up.
  bool wait_for_news() {
    std::vector<pollfd> fds;
    fds.reserve(pending_.size());
    for (const std::size_t i : pending_) fds.push_back({opens_[i].fd(), POLLOUT, 0});
    const bool more = next_ < addresses_.size() && !policy_.sequential;
    const sys::Deadline until = more ? sys::earlier(next_start_, policy_.deadline) : share_ends_;
    const auto wake = waiter_.wait(fds, sys::earlier(until, next_look()));
    if (!wake) {
      for (const std::size_t i : pending_) opens_[i].fail(wake.error());
      pending_.clear();
      return false;
    }
    if (wake->interrupted()) {
      result_.wake = *wake;
      end_all(Attempt::End::interrupted);
      return false;
    }
    if (wake->reason == sys::Wake::Reason::ready) {
      take_news(fds);
      return true;
    }
    const sys::TimePoint now = kernel_.now();
    start_counting(now);
    look_for_retransmissions(now);
    if (!until || now < *until) return true;
    const bool time_is_up = policy_.deadline && kernel_.now() >= *policy_.deadline;
    if (time_is_up || policy_.sequential) end_all(Attempt::End::timed_out);
    return !time_is_up;
  }

  // None of the SYNs has been sent again yet: what is counted from here on has all that will be.
  void start_counting(sys::TimePoint now) {
    if (policy_.observer == nullptr || !count_at_ || now < *count_at_) return;
    count_at_.reset();
    const bool early = std::all_of(pending_.begin(), pending_.end(), [&](const std::size_t i) {
      return opens_[i].sent_again() == 0;
    });
    if (early) drops_before_ = count_drops(kernel_);
  }

  // Whatever else goes on in this network namespace: where nothing that was sent again was dropped,
  // ours was not, and where all was, ours was too.
  void judge_drops() {
    if (!drops_before_ || result_.connection || result_.wake.interrupted()) return;
    std::optional<bool> dropped;
    if (const auto now = count_drops(kernel_)) {
      const auto again = now->sent_again - drops_before_->sent_again;
      const auto lost = now->dropped - drops_before_->dropped;
      if (again > 0 && (lost == 0 || lost == again)) dropped = lost != 0;
    }
    for (ActiveOpen& open : opens_) open.know_drops(dropped);
  }

  sys::Deadline next_look() const {
    sys::Deadline next = policy_.observer != nullptr ? count_at_ : std::nullopt;
    for (const std::size_t i : pending_) next = sys::earlier(next, opens_[i].next_look());
    return next;
  }

  void look_for_retransmissions(sys::TimePoint now) {
    bool judged = false;
    for (const std::size_t i : pending_) {
      if (now < opens_[i].next_look()) continue;
      if (!std::exchange(judged, true)) judge_drops();
      opens_[i].look_for_retransmission(now, policy_.observer);
    }
  }

  void take_news(const std::vector<pollfd>& fds) {
    std::vector<std::size_t> still;
    for (std::size_t place = 0; place < fds.size(); ++place) {
      ActiveOpen& open = opens_[pending_[place]];
      if (fds[place].revents != 0 && !result_.connection) open.take_news(policy_.observer);
      if (open.under_way()) {
        still.push_back(pending_[place]);
      } else {
        take_end(open);
      }
    }
    pending_ = std::move(still);
  }

  void end_all(Attempt::End end) {
    for (const std::size_t i : pending_) opens_[i].end(end);
    pending_.clear();
  }

  sys::Waiter& waiter_;
  sys::Kernel& kernel_;
  const ConnectPolicy& policy_;
  std::vector<sys::Address> addresses_;
  std::size_t next_ = 0;
  sys::TimePoint next_start_;
  sys::Deadline share_ends_;
  sys::Deadline count_at_;  // until it has been done
  std::optional<Drops> drops_before_;
  std::vector<ActiveOpen> opens_;     // in the order in which they were started
  std::vector<std::size_t> pending_;  // places in opens_ of those under way
  ConnectResult result_;
};

}  // namespace

ConnectResult connect(sys::Waiter& waiter, const std::vector<sys::Address>& addresses,
                      const ConnectPolicy& policy) {
  return Race(waiter, addresses, policy).run();
}

}  // namespace tcptool::tcp
