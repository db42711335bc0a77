// SPDX-License-Identifier: MIT
#include "diagnose/diagnosis.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

using sys::NeighbourState;

bool transport_answered(const Evidence& evidence, const Finding& finding) {
  if (evidence.step == Step::transfer) return true;
  const Layer failed = info_of(finding.cause).layer;
  return failed == Layer::transport && !evidence.timed_out && evidence.error.error != ETIMEDOUT;
}

LayerRow link_row(const Evidence& evidence) {
  const PathFacts& path = evidence.path;
  if (path.own_address) return {Layer::link, LayerState::ok, "this host itself"};
  if (!path.link) return {Layer::link, LayerState::unknown, ""};
  std::string text = escape(path.link->name);
  LayerState state = LayerState::unknown;
  if (path.neighbour && !path.neighbour->link_address.empty()) {
    const bool gateway = path.next_hop.host() != evidence.peer.host();
    text += fmt::format(", {} {} at {}", gateway ? "gateway" : "neighbour", path.next_hop.host(),
                        escape(path.neighbour->link_address));
    if (path.neighbour->state == NeighbourState::reachable ||
        path.neighbour->state == NeighbourState::permanent) {
      state = LayerState::ok;
    }
  } else if (path.neighbour && path.neighbour->state == NeighbourState::noarp) {
    state = LayerState::ok;
  }
  if (answered_from_afar(evidence)) state = LayerState::ok;
  return {Layer::link, state, text};
}

LayerRow internet_row(const Evidence& evidence, const Finding& finding) {
  const PathFacts& path = evidence.path;
  const bool answered = transport_answered(evidence, finding);
  LayerRow row{Layer::internet, answered ? LayerState::ok : LayerState::unknown, ""};
  if (path.own_address) {
    row.state = LayerState::ok;
    row.evidence = fmt::format("{} is an address of this host", evidence.peer.host());
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
            fmt::format("connected for {}, nothing unacknowledged",
                        format_duration(evidence.transfer.duration))};
  }
  return {Layer::transport, LayerState::unknown, ""};
}

std::optional<Finding> first_of(std::span<const Rule> rules, const Evidence& evidence) {
  for (const Rule rule : rules) {
    if (auto finding = rule(evidence)) return finding;
  }
  return std::nullopt;
}

std::optional<Finding> find(const Evidence& evidence) {
  switch (evidence.step) {
    case Step::look_up:
      return first_of(name_rules(), evidence);
    case Step::prepare:
      return first_of(host_rules(), evidence);
    case Step::connect:
      for (const auto rules : {route_rules(), icmp_rules(), handshake_rules()}) {
        if (auto finding = first_of(rules, evidence)) return finding;
      }
      return std::nullopt;
    case Step::transfer:
      return first_of(transfer_rules(), evidence);
  }
  return std::nullopt;
}

}  // namespace

std::string_view layer_state_name(LayerState state) {
  constexpr std::array<std::string_view, 4> names{"ok", "failed", "not reached", "unknown"};
  return names[static_cast<std::size_t>(state)];
}

bool answered_from_afar(const Evidence& evidence) {
  if (evidence.step == Step::transfer) return true;
  if (evidence.icmp) {
    for (const sys::Address& own : evidence.host.addresses) {
      if (own == evidence.icmp->offender) return false;
    }
    return true;
  }
  return !evidence.timed_out && evidence.error.error == ECONNREFUSED;
}

std::string syn_count(const Evidence& evidence) {
  if (!evidence.info || !evidence.info->total_retrans) return "SYN sent";
  const auto again = *evidence.info->total_retrans;
  return again == 0 ? "1 SYN sent" : fmt::format("{} SYNs sent", again + 1);
}

std::string neighbour_protocol(const sys::Address& address) {
  return address.family() == AF_INET6 ? "neighbour discovery" : "ARP";
}

std::vector<LayerRow> layer_rows(const Evidence& evidence, const Finding& finding) {
  const Layer failed = info_of(finding.cause).layer;
  if (failed == Layer::name || failed == Layer::this_host) {
    return {{failed, LayerState::failed, finding.evidence}};
  }
  std::vector<LayerRow> rows{link_row(evidence),
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

std::optional<Diagnosis> diagnose(const Evidence& evidence) {
  const auto finding = find(evidence);
  if (!finding) return std::nullopt;
  return Diagnosis{finding->cause,       finding->or_else,
                   finding->headline,    layer_rows(evidence, *finding),
                   finding->explanation, finding->advice};
}

}  // namespace tcptool::diagnose
