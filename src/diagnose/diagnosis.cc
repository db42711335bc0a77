// SPDX-License-Identifier: MIT
#include "diagnose/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

using sys::NeighbourState;

// The connection died of silence: what was sound while it lived need not be any more.
bool went_silent(const Evidence& evidence, const Finding& finding) {
  if (evidence.step != Step::transfer) return false;
  switch (finding.cause) {
    case Cause::reset_at_once:
    case Cause::reset_after_data:
      return false;
    case Cause::zero_window:
    case Cause::peer_silent:
    case Cause::peer_silent_after_data:
      return finding.or_else == Cause::peer_vanished;
    default:
      return true;
  }
}

bool transport_answered(const Evidence& evidence, const Finding& finding) {
  if (evidence.step == Step::transfer) return !went_silent(evidence, finding);
  const Layer failed = info_of(finding.cause).layer;
  return failed == Layer::transport && !evidence.timed_out && evidence.error.error != ETIMEDOUT;
}

// A RST may be this host's own, of its packet filter, where nobody's link-layer address is known by
// which the SYN could have left.
bool left_by_link(const Evidence& evidence) {
  const PathFacts& path = evidence.path;
  if (evidence.step != Step::connect || evidence.icmp || !path.link || !path.link->arp) return true;
  return path.neighbour &&
         (!path.neighbour->link_address.empty() || path.neighbour->state == NeighbourState::noarp);
}

LayerRow link_row(const Evidence& evidence, const Finding& finding) {
  const PathFacts& path = evidence.path;
  if (path.own_address) return {Layer::link, LayerState::ok, "this host itself"};
  const bool answered =
      answered_from_afar(evidence) && !went_silent(evidence, finding) && left_by_link(evidence);
  // A route that refuses leads nowhere, whatever interface its entry names.
  const bool leads =
      path.not_by_interface || !path.route || path.route->type == sys::RouteType::unicast;
  if (!path.link || !leads) {
    return {Layer::link, answered ? LayerState::ok : LayerState::unknown, ""};
  }
  std::string text = escape(path.link->name);
  LayerState state = LayerState::unknown;
  if (path.neighbour && !path.neighbour->link_address.empty()) {
    text += fmt::format(", {} {} at {}", next_hop_is_peer(evidence) ? "neighbour" : "gateway",
                        path.next_hop.host(), escape(path.neighbour->link_address));
    if (next_hop_heard(evidence) || path.neighbour->state == NeighbourState::permanent) {
      state = LayerState::ok;
    }
  } else if (path.neighbour && path.neighbour->state == NeighbourState::noarp) {
    state = LayerState::ok;
  }
  if (answered) state = LayerState::ok;
  return {Layer::link, state, text};
}

LayerRow internet_row(const Evidence& evidence, const Finding& finding) {
  const PathFacts& path = evidence.path;
  const bool answered =
      (transport_answered(evidence, finding) || another_port_answered(evidence)) &&
      left_by_link(evidence);
  LayerRow row{Layer::internet, answered ? LayerState::ok : LayerState::unknown, ""};
  if (path.own_address) {
    row.state = LayerState::ok;
    row.evidence = fmt::format("{} is {} this host", evidence.peer.host(),
                               evidence.peer.unmapped().is_any() ? "taken for" : "an address of");
    return row;
  }
  if (!path.route) return row;
  row.evidence = fmt::format("route {}", path.route->text());
  if (path.route->gateway.known()) {
    row.evidence += fmt::format(" via {}", path.route->gateway.host());
  }
  if (path.link) row.evidence += fmt::format(" on {}", escape(path.link->name));
  return row;
}

LayerRow transport_row(const Evidence& evidence) {
  if (evidence.step == Step::transfer) {
    return {Layer::transport, LayerState::ok,
            fmt::format("connected for {}, {}", format_duration(evidence.transfer.duration),
                        evidence.transfer.undelivered == 0 ? "nothing unacknowledged"
                                                           : lost_bytes(evidence))};
  }
  return {Layer::transport, LayerState::unknown, ""};
}

// `finding`'s layer as failed, and those below as the evidence has them.
std::vector<LayerRow> layer_rows(const Evidence& evidence, const Finding& finding) {
  const Layer failed = info_of(finding.cause).layer;
  if (failed == Layer::name || failed == Layer::this_host) {
    return {{failed, LayerState::failed, finding.evidence}};
  }
  std::vector<LayerRow> rows{link_row(evidence, finding),
                             internet_row(evidence, finding),
                             transport_row(evidence),
                             {Layer::application, LayerState::unknown, ""}};
  for (LayerRow& row : rows) {
    if (row.layer == failed) {
      row.state = LayerState::failed;
      row.evidence = finding.evidence;
    } else if (row.layer > failed && evidence.step == Step::transfer) {
      row = {row.layer, LayerState::unknown, ""};
    } else if (row.layer > failed) {
      row.state = LayerState::not_reached;
      row.evidence = row.layer == Layer::transport ? finding.transport : "";
    }
  }
  return rows;
}

std::optional<Finding> find(const Evidence& evidence) {
  switch (evidence.step) {
    case Step::look_up:
      return look_up_finding(evidence);
    case Step::prepare:
      return first_of(host_rules(), evidence);
    case Step::connect:
      for (const auto rules : {lost_way_rules(), route_rules(), here_rules(), icmp_rules(),
                               refusal_rules(), unanswered_rules(), errno_rules()}) {
        if (auto finding = first_of(rules, evidence)) return finding;
      }
      return std::nullopt;
    case Step::transfer:
      for (const auto rules :
           {way_rules(), peer_here_rules(), transfer_rules(), silence_rules(), idle_rules()}) {
        if (auto finding = first_of(rules, evidence)) return finding;
      }
      return std::nullopt;
  }
  return std::nullopt;
}

// Foreign bytes are escaped where they are put in; a zone's name comes with its address.
void make_printable(std::string& text) {
  const auto printable = [](char c) { return c >= 0x20 && c <= 0x7e; };
  if (std::all_of(text.begin(), text.end(), printable)) return;
  std::string out;
  for (const char c : text) out += printable(c) ? std::string(1, c) : escape({&c, 1});
  text = out;
}

}  // namespace

std::string_view layer_state_name(LayerState state) {
  constexpr std::array<std::string_view, 4> names{"ok", "failed", "not reached", "unknown"};
  return names[static_cast<std::size_t>(state)];
}

std::optional<Diagnosis> diagnose(const Evidence& evidence) {
  const auto finding = find(evidence);
  if (!finding) return std::nullopt;
  Diagnosis diagnosis{finding->cause,       finding->or_else,
                      finding->headline,    layer_rows(evidence, *finding),
                      finding->explanation, finding->advice};
  make_printable(diagnosis.headline);
  make_printable(diagnosis.explanation);
  make_printable(diagnosis.advice);
  for (LayerRow& row : diagnosis.layers) make_printable(row.evidence);
  return diagnosis;
}

}  // namespace tcptool::diagnose
