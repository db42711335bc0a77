// SPDX-License-Identifier: MIT
// Evidence for the rules of diagnose/, made by hand: failures as a kernel would show them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/diagnosis.h"

namespace tcptool::test {

sys::Address at(std::string_view host, std::uint16_t port = 0);

// connect(2) to `peer`, port 80, from 10.77.0.1 on c0, over a default route.
diagnose::Evidence connect_failed(int error, std::string_view peer = "10.99.0.9");
// The same without an answer: `total` SYNs were sent again.
diagnose::Evidence connect_timed_out(unsigned total = 3, std::string_view peer = "10.99.0.9");
diagnose::Evidence with_icmp(unsigned type, unsigned code, std::string_view offender,
                             std::string_view peer = "10.99.0.9");
// The peer is on the own link.
void put_on_link(diagnose::Evidence& evidence, std::optional<sys::NeighbourState> neighbour);
void make_own(diagnose::Evidence& evidence);  // the peer is this host itself
diagnose::Evidence here(diagnose::Evidence evidence, std::vector<diagnose::PortHolder> holders);

sys::Route route(std::string_view network, unsigned length, sys::RouteType type);
constexpr unsigned listening = 10;  // as tcpi_state
tcp::SynProbe probe(tcp::SynProbe::Answer answer, std::uint16_t port = 443);
diagnose::PortHolder holder(std::string_view local, unsigned state, std::string_view remote = "");
// With `waiting` bytes unacknowledged, sent again and again, after `acked` of payload.
diagnose::Evidence stuck(diagnose::Evidence evidence, std::uint64_t waiting, std::uint64_t acked);
// And the answer to one more SYN.
diagnose::Evidence probed(diagnose::Evidence evidence, tcp::SynProbe::Answer answer);
diagnose::PortHolder v6only();  // listens on [::] for IPv6 alone

diagnose::Evidence prepare_failed(sys::Syscall call, int error, std::string_view object = "");
diagnose::Evidence look_up_failed(int status, std::vector<tcp::NameServerAnswer> answers);
tcp::NameServerAnswer answered(unsigned rcode, bool has_address = false);
tcp::NameServerAnswer not_answered(int error = 0);  // 0: silent

diagnose::Evidence lost(int error);
diagnose::Evidence idle();

// One for each cause.
struct Sample {
  diagnose::Cause cause;
  diagnose::Evidence evidence;
};
std::vector<Sample> samples();

// Everything that a diagnosis says; of evidence that a rule knows.
std::string all_text(const diagnose::Diagnosis& diagnosis);
std::string text_of(const diagnose::Evidence& evidence);
bool holds(const std::string& text, std::string_view part);

// The cause's id, with "|" and the other one's; "" where no rule knows the evidence.
std::string cause_of(const diagnose::Evidence& evidence);

}  // namespace tcptool::test
