// SPDX-License-Identifier: MIT
#include "support/evidence.h"

#include <cerrno>

namespace tcptool::test {

using namespace std::chrono_literals;
using diagnose::Evidence;
using diagnose::Step;
using sys::Address;
using sys::NeighbourState;
using sys::RouteType;
using sys::Syscall;

Address at(std::string_view host, std::uint16_t port) {
  return Address::parse(host, port).value();
}

sys::Route route(std::string_view network, unsigned length, RouteType type) {
  sys::Route out;
  out.destination = at(network);
  out.prefix_length = length;
  out.type = type;
  out.ifindex = 2;
  out.table = 254;
  return out;
}

Evidence connect_failed(int error, std::string_view peer) {
  Evidence evidence;
  evidence.step = Step::connect;
  evidence.peer = at(peer, 80);
  evidence.error = {Syscall::connect, error, evidence.peer.text()};
  evidence.after = 31us;
  evidence.info.emplace();
  evidence.info->retransmits = 0;
  evidence.info->total_retrans = 0;
  const bool v6 = evidence.peer.family() == AF_INET6;
  evidence.host.addresses = {at("127.0.0.1"), at("10.77.0.1"), at("::1"), at("fe80::77")};
  evidence.host.interfaces = {"lo", "c0"};
  evidence.host.holders_known = true;
  evidence.path.routes_known = true;
  evidence.path.route = route(v6 ? "::" : "0.0.0.0", 0, RouteType::unicast);
  evidence.path.route->gateway = at(v6 ? "2001:db8::1" : "10.77.0.254");
  evidence.path.link = sys::Link{2, "c0", true, true, false, 1500};
  evidence.path.next_hop = evidence.path.route->gateway;
  evidence.path.neighbour = sys::Neighbour{evidence.path.next_hop, 2, NeighbourState::reachable,
                                           "52:54:00:12:34:56", 0ms};
  return evidence;
}

Evidence connect_timed_out(unsigned total, std::string_view peer) {
  Evidence evidence = connect_failed(0, peer);
  evidence.timed_out = true;
  evidence.after = 10s;
  evidence.info->retransmits = total;
  evidence.info->total_retrans = total;
  return evidence;
}

Evidence with_icmp(unsigned type, unsigned code, std::string_view offender, std::string_view peer) {
  Evidence evidence = connect_failed(EHOSTUNREACH, peer);
  tcp::IcmpError icmp;
  const bool v6 = evidence.peer.family() == AF_INET6;
  icmp.protocol = v6 ? tcp::IcmpError::Protocol::icmpv6 : tcp::IcmpError::Protocol::icmp;
  icmp.type = static_cast<std::uint8_t>(type);
  icmp.code = static_cast<std::uint8_t>(code);
  icmp.error = EHOSTUNREACH;
  icmp.offender = at(offender);
  evidence.icmp = icmp;
  evidence.icmp_after = 2ms;
  return evidence;
}

void put_on_link(Evidence& evidence, std::optional<NeighbourState> neighbour) {
  evidence.path.route->gateway = {};
  evidence.path.next_hop = evidence.peer.unmapped().with_port(0);
  evidence.path.neighbour.reset();
  if (neighbour) {
    const bool known = *neighbour == NeighbourState::reachable;
    evidence.path.neighbour = sys::Neighbour{evidence.path.next_hop, 2, *neighbour,
                                             known ? "52:54:00:12:34:57" : "", 0ms};
  }
}

void make_own(Evidence& evidence) {
  evidence.path.own_address = true;
  evidence.path.route->type = RouteType::local;
  evidence.path.link = sys::Link{1, "lo", true, true, true, 65536};
  put_on_link(evidence, std::nullopt);
}

diagnose::PortHolder holder(std::string_view local, unsigned state, std::string_view remote) {
  diagnose::PortHolder out;
  out.socket.local = at(local, 80);
  if (!remote.empty()) out.socket.remote = at(remote, 80);
  out.socket.state = state;
  out.socket.uid = 1000;
  return out;
}

Evidence prepare_failed(Syscall call, int error, std::string_view object) {
  Evidence evidence;
  evidence.step = Step::prepare;
  evidence.peer = at("10.77.0.1", 80);
  evidence.error = {call, error, std::string(object)};
  evidence.host.addresses = {at("127.0.0.1"), at("10.77.0.1")};
  evidence.host.interfaces = {"lo", "c0"};
  evidence.host.holders_known = true;
  return evidence;
}

tcp::NameServerAnswer answered(unsigned rcode, bool has_address) {
  tcp::NameServerAnswer answer;
  answer.server = at("192.0.2.53", 53);
  answer.kind = tcp::NameServerAnswer::Kind::answered;
  answer.rcode = rcode;
  answer.has_address = has_address;
  answer.after = 3ms;
  return answer;
}

tcp::NameServerAnswer not_answered(int error) {
  tcp::NameServerAnswer answer;
  answer.server = at("192.0.2.54", 53);
  answer.kind =
      error == 0 ? tcp::NameServerAnswer::Kind::silent : tcp::NameServerAnswer::Kind::unreachable;
  answer.error = error;
  return answer;
}

Evidence look_up_failed(int status, std::vector<tcp::NameServerAnswer> answers) {
  Evidence evidence;
  evidence.step = Step::look_up;
  evidence.name.name = "www.example.org";
  evidence.name.status = status;
  evidence.name.asked_for = 2s;
  for (const auto& answer : answers) evidence.name.servers.push_back(answer.server);
  evidence.name.answers = std::move(answers);
  return evidence;
}

Evidence lost(int error) {
  Evidence evidence = connect_failed(error);
  evidence.step = Step::transfer;
  evidence.host = {};
  evidence.error.call = Syscall::recv;
  evidence.after = 20s;
  evidence.transfer.active = true;
  evidence.transfer.sent = 5000;
  evidence.transfer.received = 12;
  evidence.transfer.duration = 30s;
  evidence.info->bytes_acked = 5001;
  evidence.info->snd_mss = 1448;
  evidence.info->snd_wnd = 65536;
  evidence.info->last_ack_received = 19s;
  return evidence;
}

Evidence idle() {
  Evidence evidence = lost(0);
  evidence.timed_out = true;
  evidence.transfer.end = diagnose::TransferFacts::End::idle_timeout;
  return evidence;
}

Evidence stuck(Evidence evidence, std::uint64_t waiting, std::uint64_t acked) {
  evidence.info->retransmits = 8;
  evidence.info->total_retrans = 8;
  evidence.info->bytes_acked = acked + 1;
  evidence.transfer.undelivered = waiting;
  return evidence;
}

Evidence probed(Evidence evidence, tcp::SynProbe::Answer answer) {
  evidence.probes.made = true;
  evidence.probes.again = probe(answer, evidence.peer.port());
  return evidence;
}

diagnose::PortHolder v6only() {
  diagnose::PortHolder out = holder("::", listening);
  out.socket.v6only = true;
  return out;
}

tcp::SynProbe probe(tcp::SynProbe::Answer answer, std::uint16_t port) {
  tcp::SynProbe out;
  out.peer = at("10.99.0.9", port);
  out.answer = answer;
  return out;
}

Evidence here(Evidence evidence, std::vector<diagnose::PortHolder> holders) {
  make_own(evidence);
  evidence.host.holders = std::move(holders);
  return evidence;
}

std::string text_of(const Evidence& evidence) {
  return all_text(diagnose::diagnose(evidence).value());
}

std::string all_text(const diagnose::Diagnosis& diagnosis) {
  std::string out = diagnosis.headline + "|" + diagnosis.explanation + "|" + diagnosis.advice;
  for (const auto& row : diagnosis.layers) out += "|" + row.evidence;
  return out;
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string cause_of(const Evidence& evidence) {
  const auto diagnosis = diagnose::diagnose(evidence);
  if (!diagnosis) return "";
  std::string out(info_of(diagnosis->cause).id);
  if (diagnosis->or_else) out += "|" + std::string(info_of(*diagnosis->or_else).id);
  return out;
}

}  // namespace tcptool::test
