// SPDX-License-Identifier: MIT
// From a host and port to a connection: look-up, race, --retry, and the failure explained.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cmd/connect.h"
#include "cmd/console.h"
#include "cmd/messages.h"
#include "diagnose/diagnosis.h"
#include "tcp/connection.h"
#include "tcp/resolve.h"

namespace tcptool::cmd {

// One round of look-up and race, with its own -w budget.
struct Try {
  std::optional<tcp::Connection> connection;
  Exit exit;  // why there is no connection
  Message failure;
  sys::Wake wake;  // interrupted() where the run is to end
  std::optional<tcp::ResolveFailure> unresolved;
  sys::Deadline deadline;
  std::vector<tcp::Attempt> attempts;
  std::size_t furthest = 0;  // the place of the attempt that decides
  std::vector<std::optional<diagnose::Diagnosis>> diagnoses;  // of the attempts, in their order
  std::vector<tcp::OptionReport> options;
  std::size_t addresses = 0;
  SetupTimes times;
};

// The addresses of a host, none of them tried, and how to connect to them.
struct Target {
  std::vector<sys::Address> addresses;
  tcp::ConnectPolicy policy;
};

// What is worth a line while attempts are under way.
class RaceNotes final : public tcp::ConnectObserver {
 public:
  explicit RaceNotes(Console& console) : console_(console) {}

  // What the next note is about.
  void set_place(const Place& place) { place_ = place; }
  // Of several attempts only the first few repetitions and errors are told, of each the first: a
  // screen is not endless.
  void set_several(bool several) {
    several_ = several;
    told_ = 0;
  }

  void syn_sent_again(const tcp::Attempt& attempt, unsigned times,
                      std::chrono::nanoseconds after) override {
    if (several_ && (times > 2 || !may_tell())) return;
    console_.status(syn_again_message(attempt, times, after, place_));
  }
  void soft_error(const tcp::Attempt& attempt) override {
    if (several_ && !may_tell()) return;
    console_.status(soft_icmp_message(attempt, place_));
  }

 private:
  bool may_tell() {
    constexpr unsigned most = 2;
    return ++told_ <= most;
  }

  Console& console_;
  std::optional<Place> place_;
  bool several_ = false;
  unsigned told_ = 0;
};

class Connector {
 public:
  Connector(Context& context, const ConnectOptions& options)
      : context_(context), options_(options), notes_(context.console) {}

  // Tries `endpoint`, and again as --retry says. Says what happened; a connection only if it
  // succeeded.
  Try connect(const tcp::Endpoint& endpoint);

  // Looks `endpoint` up, for those who connect by themselves. The policy tells through this object,
  // and its deadline counts from now. Says why where it fails.
  Result<Target, Exit> find(const tcp::Endpoint& endpoint);

  void report_attempts(const Try& result);

 private:
  bool may_retry(ExitStatus status, std::uint64_t round) const;

  // The final failure in full: a diagnosis of each attempt, or of the look-up.
  void explain(Try& result, const tcp::Endpoint& endpoint);

  // What is known of the last try that failed before --timeout ended the run, or else of the one
  // under way. Looks alone: there is no time for probes.
  std::optional<diagnose::Diagnosis> explain_cut_short(const Try& result, const sys::Wake& wake);

  std::vector<diagnose::FailureClass> classes_of(std::span<const tcp::Attempt> attempts);

  static std::string object_of(const Try& result, const tcp::Endpoint& endpoint);

  void say_retry(const Try& result, std::uint64_t round);

  Try try_once(const tcp::Endpoint& endpoint);

  // The look-up's share of a round; nothing where it failed, which `result` then tells.
  std::optional<Target> look_up(Try& result, const tcp::Endpoint& endpoint);

  // 0.0.0.0 or :: as the destination, said once.
  void note_wildcard(std::span<const sys::Address> addresses);

  // A name is looked up once for all ports of -z, and again for each round of --retry.
  Result<std::vector<sys::Address>, tcp::ResolveFailure> addresses_of(const tcp::Endpoint& endpoint,
                                                                      int family,
                                                                      sys::Deadline deadline);

  // A source address decides the family where none was asked for.
  int wanted_family() const;

  // Errors: the zone of the source address, which no interface has.
  Result<tcp::ConnectPolicy, tcp::ResolveFailure> policy(sys::Deadline deadline);

  void fail_to_resolve(Try& result, const tcp::Endpoint& endpoint,
                       const tcp::ResolveFailure& failed);

  void fail_to_connect(Try& result, const tcp::Endpoint& endpoint, const sys::Wake& wake);

  Context& context_;
  const ConnectOptions& options_;
  RaceNotes notes_;
  std::string last_reason_;
  std::vector<tcp::Attempt> last_attempts_;  // of the last try that failed
  std::vector<sys::Address> known_;          // of the host, from an earlier port or nothing
  bool wildcard_noted_ = false;
};

}  // namespace tcptool::cmd
