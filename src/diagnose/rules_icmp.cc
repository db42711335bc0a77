// SPDX-License-Identifier: MIT
// connect(2) failed, or gave up, and an ICMP error says why. Who sent it decides: this host itself,
// the destination, or a router between.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/icmp_names.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

using namespace std::chrono_literals;
using tcp::IcmpError;

// A router asks for a silent host's link-layer address for seconds (RFC 1122 section 2.3.2.1; on
// Linux three times, a second apart) before it says so; what a rule says comes at once.
constexpr auto at_once = 500ms;

bool v4(const IcmpError& icmp) {
  return icmp.protocol == IcmpError::Protocol::icmp;
}

bool prohibited(const IcmpError& icmp) {
  if (v4(icmp)) return icmp.type == 3 && (icmp.code == 9 || icmp.code == 10 || icmp.code == 13);
  return icmp.type == 1 && (icmp.code == 1 || icmp.code == 5 || icmp.code == 6);
}

bool port_unreachable(const IcmpError& icmp) {
  return v4(icmp) ? icmp.type == 3 && icmp.code == 3 : icmp.type == 1 && icmp.code == 4;
}

bool host_unreachable(const IcmpError& icmp) {
  return v4(icmp) ? icmp.type == 3 && (icmp.code == 1 || icmp.code == 7)
                  : icmp.type == 1 && icmp.code == 3;
}

bool network_unreachable(const IcmpError& icmp) {
  return v4(icmp) ? icmp.type == 3 && (icmp.code == 0 || icmp.code == 6)
                  : icmp.type == 1 && icmp.code == 0;
}

bool protocol_unreachable(const IcmpError& icmp) {
  return v4(icmp) && icmp.type == 3 && icmp.code == 2;
}

bool from_destination(const Evidence& evidence) {
  return evidence.icmp && evidence.icmp->offender.with_zone(0, "") ==
                              evidence.peer.unmapped().with_port(0).with_zone(0, "");
}

std::string offender(const Evidence& evidence) {
  return evidence.icmp->offender.known() ? evidence.icmp->offender.host() : "an unknown sender";
}

std::string evidence_text(const Evidence& evidence) {
  const IcmpError& icmp = *evidence.icmp;
  const std::string_view kind = v4(icmp) ? "ICMP" : "ICMPv6";
  const std::string who =
      icmp_from_here(evidence)
          ? fmt::format("{} (this host itself)", offender(evidence))
          : fmt::format("{}{}", offender(evidence),
                        from_destination(evidence) ? " (the destination itself)" : "");
  return fmt::format("{} type {} code {} ({}), from {} after {}", kind, icmp.type, icmp.code,
                     icmp_meaning(icmp), who, format_duration(evidence.icmp_after));
}

Finding finding_of(const Evidence& evidence, Cause cause, std::string explanation,
                   std::string advice) {
  Finding finding{cause, icmp_meaning(*evidence.icmp), evidence_text(evidence),
                  std::move(explanation), std::move(advice)};
  finding.transport = fmt::format("{}, no TCP answer", syn_count(evidence));
  if (evidence.timed_out) {
    finding.headline += fmt::format(", and no answer within {}", format_duration(evidence.after));
  }
  return finding;
}

// This host's own kernel reports that nobody answered for the next hop's link-layer address.
std::optional<Finding> neighbour_silent(const Evidence& evidence) {
  const bool by_icmp = icmp_from_here(evidence) && host_unreachable(*evidence.icmp);
  // A router's error or a RST is the answer to a SYN that left, and this host itself has no link.
  const bool answered = (evidence.icmp && !by_icmp) || evidence.error.error == ECONNREFUSED;
  if (answered || evidence.path.own_address) return std::nullopt;
  const bool by_errno = !evidence.icmp && evidence.error.error == EHOSTUNREACH &&
                        evidence.path.neighbour &&
                        evidence.path.neighbour->state == sys::NeighbourState::failed;
  const bool by_state = evidence.timed_out && evidence.syn_unsent;
  const bool by_count = evidence.info && evidence.info->retransmits.value_or(0) > 0 &&
                        evidence.info->total_retrans == 0U;
  if (!by_icmp && !by_errno && !by_state && !by_count) return std::nullopt;
  // A filter of this host's may say "host unreachable" too: at once, or with the neighbour known.
  const bool known = evidence.path.neighbour && !evidence.path.neighbour->link_address.empty();
  if (by_icmp && !by_count && (known || evidence.icmp_after < at_once)) return std::nullopt;
  const std::string hop =
      evidence.path.next_hop.known() ? evidence.path.next_hop.host() : evidence.peer.host();
  const bool gateway = evidence.path.next_hop.known() && !next_hop_is_peer(evidence);
  const std::string protocol = neighbour_protocol(evidence.peer);
  const std::string interface =
      evidence.path.link ? fmt::format(" on {}", escape(evidence.path.link->name)) : "";
  const std::string who = gateway ? fmt::format("gateway {}", hop) : hop;
  Finding finding{
      Cause::neighbour_silent,
      fmt::format("host unreachable: no answer to {} from {}{}", protocol, who, interface),
      fmt::format("no answer to {} for {}{}; the SYN never left this host", protocol, who,
                  interface),
      gateway ? fmt::format("the gateway to {} is not there: nobody{} has the address "
                            "{}",
                            evidence.peer.host(), interface, hop)
              : fmt::format("nobody{} has the address {}: the host is down, unplugged, "
                            "or elsewhere",
                            interface, hop),
      gateway ? "the gateway's address in ip route, its power and its cable"
              : "the address, and the host's power and cable"};
  if (evidence.path.link && !evidence.path.link->carrier && !evidence.path.link->loopback) {
    finding.explanation =
        fmt::format("interface {} has no carrier: its cable, radio or other end is not there",
                    escape(evidence.path.link->name));
    finding.advice = "this host's cable or radio (ip link)";
  }
  return finding;
}

std::optional<Finding> rejected_here(const Evidence& evidence) {
  if (!icmp_from_here(evidence)) return std::nullopt;
  if (evidence.path.own_address) {
    return finding_of(
        evidence, Cause::rejected_here,
        "a packet filter on this host itself rejects the connection, on the SYN's way "
        "out or in",
        fmt::format("this host's own rules for output and for input to tcp port {}: "
                    "nft list ruleset, as root",
                    evidence.peer.port()));
  }
  Finding finding =
      finding_of(evidence, Cause::rejected_here,
                 "a packet filter on this host itself rejects the connection: the SYN never left",
                 fmt::format("this host's own rules for output to tcp port {}: nft list ruleset, "
                             "as root",
                             evidence.peer.port()));
  finding.transport = "no SYN has left this host";
  return finding;
}

std::optional<Finding> ttl_exceeded(const Evidence& evidence) {
  if (!evidence.icmp || !is_ttl_exceeded(*evidence.icmp)) return std::nullopt;
  const std::string_view limit = v4(*evidence.icmp) ? "TTL" : "hop limit";
  if (evidence.asked.ttl) {
    return finding_of(evidence, Cause::ttl_exceeded,
                      fmt::format("router {} found the {} used up that -o asked for, before the "
                                  "SYN was at {}",
                                  offender(evidence), limit, evidence.peer.host()),
                      "a larger one, or without that -o");
  }
  return finding_of(
      evidence, Cause::ttl_exceeded,
      fmt::format("a routing loop: the SYN went round until router {} found its {} "
                  "used up",
                  offender(evidence), limit),
      fmt::format("the routes to {} on the routers of the way ({})", evidence.peer.host(),
                  evidence.probes.made ? "listed above" : "--diagnose active lists them"));
}

std::optional<Finding> too_big(const Evidence& evidence) {
  const bool told =
      evidence.icmp && (v4(*evidence.icmp) ? evidence.icmp->type == 3 && evidence.icmp->code == 4
                                           : evidence.icmp->type == 2);
  if (!told) return std::nullopt;
  return finding_of(
      evidence, Cause::fragmentation_needed,
      fmt::format("the link behind {} takes only smaller packets", offender(evidence)),
      "the MTU of that link, and what filters ICMP on the way");
}

std::optional<Finding> rejected_by_host(const Evidence& evidence) {
  if (!from_destination(evidence)) return std::nullopt;
  const std::string host = evidence.peer.host();
  if (protocol_unreachable(*evidence.icmp)) {
    return finding_of(evidence, Cause::rejected_by_host,
                      fmt::format("{} itself says that it does not speak TCP, or a packet filter "
                                  "there says so",
                                  host),
                      fmt::format("the packet filter's rules on {}", host));
  }
  if (host_unreachable(*evidence.icmp) || network_unreachable(*evidence.icmp)) {
    Finding finding = finding_of(
        evidence, Cause::rejected_by_host,
        fmt::format("{} itself says that it cannot deliver: a packet filter's rule there, or it "
                    "passes the port on to a host behind it that is not there",
                    host),
        fmt::format("the filter's rules on {} for tcp port {}, and where it passes that on", host,
                    evidence.peer.port()));
    finding.or_else = Cause::unreachable_on_the_way;
    return finding;
  }
  if (evidence.icmp->type != (v4(*evidence.icmp) ? 3 : 1)) return std::nullopt;
  return finding_of(
      evidence, Cause::rejected_by_host,
      port_unreachable(*evidence.icmp)
          ? fmt::format("a packet filter on {} itself rejects the connection (a closed port would "
                        "answer with RST, not ICMP)",
                        host)
          : fmt::format("a packet filter on {} itself rejects the connection", host),
      fmt::format("the filter's rules on {} for tcp port {}", host, evidence.peer.port()));
}

std::optional<Finding> rejected_on_the_way(const Evidence& evidence) {
  if (!evidence.icmp) return std::nullopt;
  const bool filter = prohibited(*evidence.icmp) || port_unreachable(*evidence.icmp) ||
                      protocol_unreachable(*evidence.icmp);
  if (!filter) return std::nullopt;
  return finding_of(evidence, Cause::rejected_on_the_way,
                    fmt::format("a packet filter on router {} rejects the connection{}: {} never "
                                "saw the SYN",
                                offender(evidence),
                                prohibited(*evidence.icmp) ? " (or a prohibit route there)" : "",
                                evidence.peer.host()),
                    fmt::format("the filter's rules on {} for {} tcp port {}", offender(evidence),
                                evidence.peer.host(), evidence.peer.port()));
}

std::optional<Finding> unreachable_on_the_way(const Evidence& evidence) {
  if (!evidence.icmp) return std::nullopt;
  const std::string router = offender(evidence);
  const std::string host = evidence.peer.host();
  if (host_unreachable(*evidence.icmp)) {
    if (another_port_answered(evidence)) {
      return finding_of(
          evidence, Cause::rejected_on_the_way,
          fmt::format("{} is up (port {} answered), so router {} refuses to deliver "
                      "to port {} by a rule of its packet filter",
                      host, evidence.probes.other->peer.port(), router, evidence.peer.port()),
          fmt::format("the filter's rules on {} for {} tcp port {}", router, host,
                      evidence.peer.port()));
    }
    if (evidence.icmp_after >= at_once) {
      return finding_of(evidence, Cause::unreachable_on_the_way,
                        fmt::format("router {} got no answer from {} on its link: the host is "
                                    "down, or not there",
                                    router, host),
                        fmt::format("the address, and the host {}", host));
    }
    Finding finding = finding_of(
        evidence, Cause::rejected_on_the_way,
        fmt::format("router {} refuses to deliver to {} by a rule, a packet filter's or an "
                    "unreachable route's (it said so at once; or it has just asked for the host "
                    "in vain)",
                    router, host),
        fmt::format("the rules and routes on {}; whether {} is up", router, host));
    finding.or_else = Cause::unreachable_on_the_way;
    return finding;
  }
  if (network_unreachable(*evidence.icmp)) {
    return finding_of(
        evidence, Cause::unreachable_on_the_way,
        fmt::format("router {} says that it has no way to the network of {}", router, host),
        fmt::format("the routes on {}", router));
  }
  return finding_of(evidence, Cause::unreachable_on_the_way,
                    fmt::format("{} will not or cannot deliver to {}: {}", router, host,
                                icmp_meaning(*evidence.icmp)),
                    fmt::format("the configuration of {}", router));
}

// Without the list of this host's addresses the sender may be this host itself.
template <Rule rule>
std::optional<Finding> from_afar(const Evidence& evidence) {
  auto finding = rule(evidence);
  if (finding && evidence.host.addresses.empty()) finding->or_else = Cause::rejected_here;
  return finding;
}

constexpr std::array<Rule, 7> rules{neighbour_silent,
                                    rejected_here,
                                    ttl_exceeded,
                                    too_big,
                                    rejected_by_host,
                                    from_afar<rejected_on_the_way>,
                                    from_afar<unreachable_on_the_way>};

}  // namespace

std::span<const Rule> icmp_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
