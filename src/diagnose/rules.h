// SPDX-License-Identifier: MIT
// The rules of diagnosis.h, by step. Each is one small pure function: it knows the evidence, or it
// answers nothing and the next is asked. Their order is the order of the arrays.
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

#include "diagnose/diagnosis.h"

namespace tcptool::diagnose {

struct Finding {
  Cause cause{};
  std::string headline;
  std::string evidence;  // of the layer that failed
  std::string explanation;
  std::string advice;
  std::string transport{};  // what is to be said of the transport layer although it was not reached
  std::optional<Cause> or_else{};
};

using Rule = std::optional<Finding> (*)(const Evidence&);

// What the first of them says that knows the evidence.
std::optional<Finding> first_of(std::span<const Rule> rules, const Evidence& evidence);

std::span<const Rule> name_server_rules();  // step look_up: no name server, or none answered
std::span<const Rule> host_rules();         // step prepare
std::span<const Rule> lost_way_rules();     // step connect: the way by which SYNs left is gone
std::span<const Rule> route_rules();        // step connect: nothing left this host
std::span<const Rule> here_rules();         // step connect: the SYN got no further than this host
std::span<const Rule> icmp_rules();         // step connect: the network answered
std::span<const Rule> refusal_rules();      // step connect: TCP answered with RST
std::span<const Rule> unanswered_rules();   // step connect: nobody answered
std::span<const Rule> errno_rules();        // step connect: where all of these know nothing
std::span<const Rule> way_rules();          // step transfer: the way begins on this host no more
std::span<const Rule> peer_here_rules();    // step transfer: this host itself has not accepted it
std::span<const Rule> transfer_rules();     // step transfer: reset, or the peer takes nothing
std::span<const Rule> silence_rules();      // step transfer: nothing is acknowledged any more
std::span<const Rule> idle_rules();         // step transfer: all is acknowledged, nothing comes

constexpr unsigned state_listen = 10;  // as tcpi_state
constexpr unsigned state_time_wait = 6;

// What an ICMP error comes to; evidence.icmp is there.
Finding icmp_finding(const Evidence& evidence, Cause cause, std::string explanation,
                     std::string advice);

// What the rules of step look_up come to, and what of /etc/hosts is not known; in rules_name.cc.
std::optional<Finding> look_up_finding(const Evidence& evidence);

// Of the evidence, in rules_facts.cc.
// connect(2) failed with one of these errors, and nothing from the network says why.
bool failed_here(const Evidence& evidence, std::initializer_list<int> errors);
bool unanswered(const Evidence& evidence);  // nothing came back to the SYN
// An established connection was lost with one of these errors.
bool lost_with(const Evidence& evidence, std::initializer_list<int> errors);
// The user's time ran out while nothing moved. --timeout may strike in the midst of a transfer.
bool waited_in_vain(const Evidence& evidence);
bool answered_from_afar(const Evidence& evidence);     // something came back from the network
bool another_port_answered(const Evidence& evidence);  // the probe of one, by TCP itself
// The extra SYN, if any, that drew an ICMP error by which nothing of this kind gets to the host.
const tcp::SynProbe* drew_error(const Evidence& evidence);
bool is_of_this_host(const Evidence& evidence, const sys::Address& address);
bool icmp_from_here(const Evidence& evidence);  // an address of this host's sent the error
bool says_host_unreachable(const tcp::IcmpError& icmp);
// How long after the SYN that it answers the error came. Nothing where several SYNs had been sent
// and it does not quote enough of its one: it may be the answer to the last, the first having been
// lost to the rate limit of whoever sent it.
std::optional<std::chrono::nanoseconds> icmp_delay(const Evidence& evidence);
// A router asks for a silent host's link-layer address for seconds (RFC 1122 section 2.3.2.1; on
// Linux three times, a second apart) before it says so; what a rule says comes at once.
constexpr std::chrono::milliseconds at_once(500);
// With what the routing decision answers where this refuses. See ip-rule(8), ip-route(8).
int errno_of(const Refusal& refusal);
Cause route_cause(int error);  // of that error
// Where connect(2) failed with EINVAL, whether it was a blackhole of this host's for certain, a
// route or a rule: rules that refuse with another errno were not taken.
bool discards(const PathFacts& path, const PolicyFacts& policy);
bool name_server_answered(const NameFacts& name);
// EAI_NONAME comes from somebody who answered: then the silence of a server is not the cause.
bool look_up_denied(const NameFacts& name);
// Tunnels say "host unreachable" themselves: WireGuard where no peer has the address, or the peer
// no endpoint; others where their own other end cannot be reached. See ip-link(8).
bool is_tunnel(const sys::Link& link);
bool by_gateway(const Evidence& evidence);     // the next hop is known, and is not the peer
bool behind_tunnel(const Evidence& evidence);  // by a link that asks nobody for an address of its
bool next_hop_is_peer(const Evidence& evidence);  // on a link with neighbours, without a gateway
// The next hop was known to be there since the SYN left, or a moment before, or since the peer was
// last heard of. That its entry is "reachable" still may tell of half a minute ago.
bool next_hop_heard(const Evidence& evidence);
// The neighbours' table says that the next hop was asked for its link-layer address, in vain.
bool next_hop_silent(const PathFacts& path);
bool loopback_down(const PathFacts& path);    // by which the address is to be reached
bool leads_back_here(const PathFacts& path);  // by lo, though it is no address of this host's
// The listener of this host, if any, that takes connections to evidence.peer.
const PortHolder* listener_for(const Evidence& evidence);

// In words, in rules_words.cc.
// "connect: no route to host (EHOSTUNREACH) at once"
std::string connect_error_words(const Evidence& evidence);
std::string syn_count(const std::optional<tcp::TcpInfo>& info);  // "3 SYNs sent"
// "the SYN, sent again once, was dropped ..."
std::string dropped_here_words(const std::optional<tcp::TcpInfo>& info);
// "timed out after 10 s (3 SYNs sent, nothing came back)"
std::string timeout_text(std::chrono::nanoseconds after, const std::optional<tcp::TcpInfo>& info,
                         std::optional<bool> dropped_here);
std::string timeout_headline(const Evidence& evidence);
// "connection lost after 5.5 s: what", or that it timed out.
std::string silence_headline(const Evidence& evidence, const std::string& what);
// What the sender of the ICMP error that one more SYN drew comes to, on a connection gone silent.
Finding told_by_probe(const Evidence& evidence, const tcp::SynProbe& probe);
// "12 bytes for the peer were not acknowledged, 34 bytes not yet sent"
std::string lost_bytes(const Evidence& evidence);
// "; TCP_USER_TIMEOUT=2s ended it", where the kernel gave up by that limit of the user's.
std::string ended_by(const Evidence& evidence);
// "rule 100 (from all to 10.99.0.0/16 prohibit)"
std::string refusal_text(const Refusal& refusal);
std::string down_words(const PathFacts& path);  // "c1, c2 are down"
// "; c1 has no carrier, and this host ignores ...", or what is down; "" where neither is known.
std::string routes_gone_words(const PathFacts& path);
// Who the peer is, where that is a process of this host, and what it has not read.
void tell_peer_here(const Evidence& evidence, Finding& finding);
std::string holder_text(const PortHolder& holder);           // "process 12 (sshd) of uid 0"
std::string_view answer_word(tcp::SynProbe::Answer answer);  // "RST", "no answer"
std::string probe_answer(const tcp::SynProbe& again);        // "a new connection is answered"
// That another port answers, and nothing on this one, whatever was found before.
void blame_filter_of_port(const Evidence& evidence, Finding& finding);
std::string last_hop(const Evidence& evidence);  // "hop 2 (10.0.1.1)", that a probe came to; or ""
std::string neighbour_protocol(const sys::Address& address);  // "ARP" or "neighbour discovery"

}  // namespace tcptool::diagnose
