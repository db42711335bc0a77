// SPDX-License-Identifier: MIT
// connect(2) failed, or gave up, and an ICMP error of the network says why. Who sent it decides:
// the destination, or a router between. This host's own ones are in rules_here.cc.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "diagnose/icmp_names.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

using namespace std::chrono_literals;
using tcp::IcmpError;

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

bool network_unreachable(const IcmpError& icmp) {
  return v4(icmp) ? icmp.type == 3 && (icmp.code == 0 || icmp.code == 6)
                  : icmp.type == 1 && icmp.code == 0;
}

// ICMPv6: it is our own address that may not pass there. See RFC 4443 section 3.1.
bool source_refused(const IcmpError& icmp) {
  return !v4(icmp) && icmp.type == 1 && icmp.code == 5;
}

bool reject_route(const IcmpError& icmp) {
  return !v4(icmp) && icmp.type == 1 && icmp.code == 6;
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
  std::string text =
      fmt::format("{} type {} code {} ({}), from {} after {}", kind, icmp.type, icmp.code,
                  icmp_meaning(icmp), who, format_duration(evidence.icmp_after));
  if (evidence.icmp_delay && evidence.icmp_after - *evidence.icmp_delay >= at_once) {
    text += fmt::format(
        ", {} after the SYN that it answers",
        *evidence.icmp_delay < 1ms ? "less than 1 ms" : format_duration(*evidence.icmp_delay));
  }
  return text;
}

std::optional<Finding> ttl_exceeded(const Evidence& evidence) {
  if (!evidence.icmp || !is_ttl_exceeded(*evidence.icmp)) return std::nullopt;
  const std::string_view limit = v4(*evidence.icmp) ? "TTL" : "hop limit";
  if (evidence.asked.ttl) {
    return icmp_finding(evidence, Cause::ttl_exceeded,
                        fmt::format("router {} found the {} used up that -o asked for, before the "
                                    "SYN was at {}",
                                    offender(evidence), limit, evidence.peer.host()),
                        "a larger one, or without that -o");
  }
  const auto& path = evidence.probes.path;
  if (!path.empty() && path.back().answered_by_tcp()) {
    return icmp_finding(
        evidence, Cause::ttl_exceeded,
        fmt::format("this host sends with a {} too small for the way: router {} found it used up, "
                    "and a SYN with {} got to {}",
                    limit, offender(evidence), path.back().ttl, evidence.peer.host()),
        v4(*evidence.icmp) ? "sysctl net.ipv4.ip_default_ttl, which is 64 mostly"
                           : "sysctl net.ipv6.conf.all.hop_limit and that of the interface: 64 "
                             "mostly, or as a router advertises");
  }
  return icmp_finding(
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
  return icmp_finding(
      evidence, Cause::fragmentation_needed,
      fmt::format("the link behind {} takes only smaller packets", offender(evidence)),
      "the MTU of that link, and what filters ICMP on the way");
}

std::optional<Finding> rejected_by_host(const Evidence& evidence) {
  if (!from_destination(evidence)) return std::nullopt;
  const std::string host = evidence.peer.host();
  if (protocol_unreachable(*evidence.icmp)) {
    return icmp_finding(evidence, Cause::rejected_by_host,
                        fmt::format("{} itself says that it does not speak TCP, or a packet filter "
                                    "there says so",
                                    host),
                        fmt::format("the packet filter's rules on {}", host));
  }
  if (says_host_unreachable(*evidence.icmp) || network_unreachable(*evidence.icmp)) {
    Finding finding = icmp_finding(
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
  return icmp_finding(
      evidence, Cause::rejected_by_host,
      port_unreachable(*evidence.icmp)
          ? fmt::format("a packet filter on {} itself rejects the connection (a closed port would "
                        "answer with RST, not ICMP), or one behind it, if it passes the port on",
                        host)
          : fmt::format("a packet filter on {} itself rejects the connection, or one behind it, if "
                        "it passes the port on",
                        host),
      fmt::format("the filter's rules on {} for tcp port {}", host, evidence.peer.port()));
}

// Another port was answered over the same way, so that no route or policy for all is why.
Finding rejected_port(const Evidence& evidence) {
  const std::string host = evidence.peer.host();
  return icmp_finding(
      evidence, Cause::rejected_on_the_way,
      fmt::format("router {} has a way to {} (port {} answered), so it rejects port {} by a rule "
                  "of its packet filter",
                  offender(evidence), host, evidence.probes.other->peer.port(),
                  evidence.peer.port()),
      fmt::format("the filter's rules on {} for {} tcp port {}", offender(evidence), host,
                  evidence.peer.port()));
}

std::optional<Finding> rejected_on_the_way(const Evidence& evidence) {
  if (!evidence.icmp) return std::nullopt;
  const bool filter = prohibited(*evidence.icmp) || port_unreachable(*evidence.icmp) ||
                      protocol_unreachable(*evidence.icmp);
  if (!filter) return std::nullopt;
  const bool other_passed = another_port_answered(evidence);
  if (other_passed && (source_refused(*evidence.icmp) || reject_route(*evidence.icmp))) {
    return rejected_port(evidence);
  }
  if (source_refused(*evidence.icmp)) {
    return icmp_finding(
        evidence, Cause::rejected_on_the_way,
        fmt::format("router {} lets nothing from this host's source address pass to {}: its policy "
                    "for source addresses refuses it, or a packet filter there says so",
                    offender(evidence), evidence.peer.host()),
        fmt::format("another source address (-s; ip -6 addr), and the rules on {}",
                    offender(evidence)));
  }
  if (reject_route(*evidence.icmp)) {
    return icmp_finding(
        evidence, Cause::rejected_on_the_way,
        fmt::format("router {} has a route that rejects what goes to {}, or a packet filter there "
                    "says so",
                    offender(evidence), evidence.peer.host()),
        fmt::format("the routes and the filter's rules on {}", offender(evidence)));
  }
  return icmp_finding(
      evidence, Cause::rejected_on_the_way,
      fmt::format("a packet filter on router {} rejects the connection{}: {} never "
                  "saw the SYN",
                  offender(evidence),
                  prohibited(*evidence.icmp) && !other_passed ? " (or a prohibit route there)" : "",
                  evidence.peer.host()),
      fmt::format("the filter's rules on {} for {} tcp port {}", offender(evidence),
                  evidence.peer.host(), evidence.peer.port()));
}

// What a router without a route says, and what a packet filter may be told to say.
Finding network_unreachable_there(const Evidence& evidence) {
  const std::string router = offender(evidence);
  const std::string host = evidence.peer.host();
  if (another_port_answered(evidence)) return rejected_port(evidence);
  Finding finding = icmp_finding(
      evidence, Cause::unreachable_on_the_way,
      fmt::format("router {} says that it has no way to the network of {}; a packet filter there "
                  "may say so as well",
                  router, host),
      evidence.probes.made
          ? fmt::format("the routes on {}, then its filter's rules", router)
          : fmt::format("the routes on {}; --diagnose active: an answer from another port would "
                        "mean the filter",
                        router));
  finding.or_else = Cause::rejected_on_the_way;
  return finding;
}

std::optional<Finding> unreachable_on_the_way(const Evidence& evidence) {
  if (!evidence.icmp) return std::nullopt;
  const std::string router = offender(evidence);
  const std::string host = evidence.peer.host();
  if (says_host_unreachable(*evidence.icmp)) {
    if (another_port_answered(evidence)) {
      return icmp_finding(
          evidence, Cause::rejected_on_the_way,
          fmt::format("{} is up (port {} answered), so router {} refuses to deliver "
                      "to port {} by a rule of its packet filter",
                      host, evidence.probes.other->peer.port(), router, evidence.peer.port()),
          fmt::format("the filter's rules on {} for {} tcp port {}", router, host,
                      evidence.peer.port()));
    }
    const auto delay = icmp_delay(evidence);
    if (delay && *delay >= at_once) {
      return icmp_finding(evidence, Cause::unreachable_on_the_way,
                          fmt::format("router {} got no answer from {} on its link: the host is "
                                      "down, or not there",
                                      router, host),
                          fmt::format("the address, and the host {}", host));
    }
    if (!delay) {
      Finding finding = icmp_finding(
          evidence, Cause::unreachable_on_the_way,
          fmt::format("router {} got no answer from {} on its link, so that the host is down; or "
                      "it refuses to deliver by a rule, and did not answer each SYN",
                      router, host),
          fmt::format("whether {} is up; the rules and routes on {}", host, router));
      finding.or_else = Cause::rejected_on_the_way;
      return finding;
    }
    Finding finding = icmp_finding(
        evidence, Cause::rejected_on_the_way,
        fmt::format("router {} refuses to deliver to {} by a rule, a packet filter's or an "
                    "unreachable route's (it said so at once; or it has just asked for the host "
                    "in vain)",
                    router, host),
        fmt::format("the rules and routes on {}; whether {} is up", router, host));
    finding.or_else = Cause::unreachable_on_the_way;
    return finding;
  }
  if (network_unreachable(*evidence.icmp)) return network_unreachable_there(evidence);
  return icmp_finding(evidence, Cause::unreachable_on_the_way,
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

constexpr std::array<Rule, 5> rules{ttl_exceeded, too_big, rejected_by_host,
                                    from_afar<rejected_on_the_way>,
                                    from_afar<unreachable_on_the_way>};

}  // namespace

Finding icmp_finding(const Evidence& evidence, Cause cause, std::string explanation,
                     std::string advice) {
  Finding finding{cause, icmp_meaning(*evidence.icmp), evidence_text(evidence),
                  std::move(explanation), std::move(advice)};
  finding.transport = fmt::format("{}, no TCP answer", syn_count(evidence.info));
  if (evidence.timed_out) {
    finding.headline += fmt::format(", and no answer within {}", format_duration(evidence.after));
  }
  return finding;
}

std::span<const Rule> icmp_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
