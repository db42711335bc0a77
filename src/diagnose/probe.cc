// SPDX-License-Identifier: MIT
#include "diagnose/probe.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "diagnose/collect.h"
#include "diagnose/icmp_names.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

using tcp::SynProbe;
using Answer = SynProbe::Answer;

constexpr unsigned first_hops = 12;
constexpr unsigned most_hops = 30;

bool router_passed_on(const SynProbe& probe) {
  return probe.answer == Answer::icmp && is_ttl_exceeded(*probe.icmp);
}

class Prober {
 public:
  Prober(sys::Waiter& waiter, Evidence& evidence, const tcp::SocketSetup& setup,
         ProbeObserver& observer, sys::Deadline until)
      : waiter_(waiter), evidence_(evidence), setup_(setup), observer_(observer), until_(until) {}

  void run() {
    evidence_.probes.made = true;
    const bool transfer = evidence_.step == Step::transfer;
    if (transfer) {
      evidence_.probes.again = one(syn(evidence_.peer.port()));
      // A peer that connected to us listens on no port of that connection.
      if (interrupted_ || taken() || !evidence_.transfer.active) return;
    }
    const bool routed = by_gateway(evidence_) || behind_tunnel(evidence_);
    if (routed) walk_all();
    if (transfer) take_answer_of_path();
    if (interrupted_ || taken() || !in_time()) return;
    if (refused() && routed) return measure_refusal();
    evidence_.probes.other = one(syn(other_port(evidence_.peer.port())));
    if (transfer && routed) ask_later();
  }

 private:
  // What became of a new connection to the same port.
  bool taken() const { return again_is(Answer::syn_ack); }
  bool refused() const {
    if (evidence_.step == Step::transfer) return again_is(Answer::rst);
    return evidence_.error.error == ECONNREFUSED && !evidence_.icmp;
  }
  bool again_is(Answer answer) const {
    const auto& again = evidence_.probes.again;
    return again && again->answer == answer;
  }

  // Another round may end in time.
  bool in_time() const { return !until_ || waiter_.kernel().now() + tcp::longest_probe <= *until_; }

  // One that got to the host answers for the port as well as the first did, which may be lost.
  void take_answer_of_path() {
    auto& probes = evidence_.probes;
    if (!again_is(Answer::none) || probes.path.empty()) return;
    if (probes.path.back().answered_by_tcp()) probes.again = probes.path.back();
  }

  // A router asks its link three times, a second apart, for the host that these SYNs are for, and
  // tells then of those that it still has: with this one there always is one under way until it
  // has. See arp(7), RFC 4861 section 7.2.2.
  void ask_later() {
    auto& probes = evidence_.probes;
    const bool silent = !interrupted_ && again_is(Answer::none) &&
                        !another_port_answered(evidence_) && drew_error(evidence_) == nullptr;
    if (!silent || !in_time()) return;
    probes.later = one(syn(evidence_.peer.port()));
    if (probes.later && probes.later->answered_by_tcp()) probes.again = probes.later;
  }

  void walk_all() {
    walk(1, first_hops);
    const auto& path = evidence_.probes.path;
    const bool further =
        !path.empty() && path.back().ttl == first_hops && router_passed_on(path.back());
    if (further && in_time()) {
      walk(first_hops + 1, most_hops);
    }
    observer_.walked(path);
  }

  SynProbe syn(std::uint16_t port) const {
    SynProbe probe;
    probe.peer = evidence_.peer.with_port(port);
    return probe;
  }

  void send(std::span<SynProbe> probes) {
    interrupted_ = tcp::send_probes(waiter_, probes, setup_).interrupted();
  }

  // Nothing where the run was to end before the answer, of which nothing is known then.
  std::optional<SynProbe> one(SynProbe probe) {
    send({&probe, 1});
    if (interrupted_) return std::nullopt;
    observer_.probed(probe);
    return probe;
  }

  // The hops of the way, up to the first answer that is not a router's "TTL exceeded".
  void walk(unsigned first, unsigned last) {
    std::vector<SynProbe> hops;
    for (unsigned ttl = first; ttl <= last; ++ttl) {
      hops.push_back(syn(evidence_.peer.port()));
      hops.back().ttl = ttl;
    }
    send(hops);
    if (interrupted_) return;
    const auto end = std::find_if(hops.begin(), hops.end(), [](const SynProbe& hop) {
      return hop.answer != Answer::none && !router_passed_on(hop);
    });
    if (end != hops.end()) hops.erase(end + 1, hops.end());
    while (!hops.empty() && hops.back().answer == Answer::none) hops.pop_back();
    auto& path = evidence_.probes.path;
    path.insert(path.end(), hops.begin(), hops.end());
  }

  // Whether the RST came from less far away than the host is. A RST sets out with a TTL of 64 on
  // most systems; from `distance` hops away it arrives with 65 - distance. One that is seen with a
  // minimum above 64 set out with more, and tells nothing; neither does one whose neighbour port's
  // answer is seen as well.
  void measure_refusal() {
    constexpr unsigned usual_ttl = 64;
    const auto& path = evidence_.probes.path;
    const auto reset = std::find_if(path.begin(), path.end(),
                                    [](const SynProbe& hop) { return hop.answer == Answer::rst; });
    if (reset == path.end() || reset->ttl < 2 || reset->ttl >= usual_ttl) return;
    const unsigned nearer_than_host = usual_ttl + 2 - reset->ttl;
    std::array probes{syn(evidence_.peer.port()), syn(evidence_.peer.port()),
                      syn(other_port(evidence_.peer.port()))};
    probes[0].min_ttl = nearer_than_host;
    probes[1].min_ttl = usual_ttl + 1;
    probes[2].min_ttl = nearer_than_host;
    send(probes);
    if (interrupted_) return;
    observer_.probed(probes[0]);
    if (probes[1].answer != Answer::none) return;
    if (probes[2].answer == Answer::none) evidence_.probes.nearer = probes[0];
    evidence_.probes.all_nearer =
        probes[0].answer == Answer::rst && probes[2].answer == Answer::rst;
  }

  sys::Waiter& waiter_;
  Evidence& evidence_;
  const tcp::SocketSetup& setup_;
  ProbeObserver& observer_;
  sys::Deadline until_;
  bool interrupted_ = false;
};

}  // namespace

std::uint16_t other_port(std::uint16_t port) {
  constexpr std::uint16_t https = 443;
  constexpr std::uint16_t http = 80;
  return port == https ? http : https;
}

bool worth_probing(Cause cause, const Evidence& evidence) {
  switch (cause) {
    case Cause::peer_silent:
    case Cause::peer_silent_after_data:
      return evidence.transfer.active && !evidence.path.own_address;
    case Cause::reset_at_once:
    case Cause::reset_after_data:
      return evidence.transfer.active;  // else nothing need listen where the peer came from
    case Cause::zero_window:
      return evidence.info && evidence.info->probes.value_or(0) > 1;  // that nobody answers
    case Cause::nothing_listens:
      return !evidence.path.own_address;  // whose sockets have been listed
    case Cause::filtered_or_down:
    case Cause::filtered_by_host:
    case Cause::rejected_on_the_way:
    case Cause::unreachable_on_the_way:
    case Cause::ttl_exceeded:
    case Cause::path_mtu_black_hole:
    case Cause::peer_vanished:
    case Cause::keepalive_unanswered:
    case Cause::unreachable_soft:
      return true;
    default:
      return false;
  }
}

namespace {

bool loop(const std::vector<SynProbe>& path) {
  if (path.size() < 3 || path.back().ttl != most_hops || !router_passed_on(path.back())) {
    return false;
  }
  const auto& before = path[path.size() - 3].icmp;
  return before && before->offender == path.back().icmp->offender;
}

// Who answered one of these SYNs for the peer says what the attempt did not live to hear.
void adopt_icmp(Evidence& evidence) {
  const bool nothing_came = evidence.step == Step::connect && evidence.timed_out && !evidence.icmp;
  const auto& path = evidence.probes.path;
  const SynProbe* const told = loop(path) ? &path.back() : drew_error(evidence);
  if (!nothing_came || told == nullptr) return;
  evidence.icmp = told->icmp;
  evidence.icmp_after = told->after;
  evidence.icmp_delay = told->after;
}

}  // namespace

Evidence probe(sys::Waiter& waiter, Evidence evidence, const tcp::SocketSetup& setup,
               ProbeObserver& observer, sys::Deadline until) {
  const sys::TimePoint start = waiter.kernel().now();
  Prober(waiter, evidence, setup, observer, until).run();
  adopt_icmp(evidence);
  // Who answered a probe has a link-layer address by now.
  if (evidence.step == Step::connect) {
    evidence.probes.took = waiter.kernel().now() - start;
    read_way(waiter.kernel(), evidence);
  }
  return evidence;
}

}  // namespace tcptool::diagnose
