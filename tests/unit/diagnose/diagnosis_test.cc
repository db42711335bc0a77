// SPDX-License-Identifier: MIT
// What holds of every diagnosis: its layers, its texts, and that every cause can be named.
#include "diagnose/diagnosis.h"

#include <doctest/doctest.h>
#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "support/evidence.h"

using namespace tcptool;
using diagnose::Cause;
using diagnose::Evidence;
using diagnose::Layer;
using diagnose::LayerState;
using diagnose::Step;

namespace {

constexpr std::string_view hostile = "a\x1b[31m\nb\x7f\xff";

bool printable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

// Every name in it that others chose.
Evidence with_hostile_names(Evidence evidence) {
  const std::string word(hostile);
  evidence.name.name = word;
  evidence.host.interfaces = {word};
  evidence.host.port_range = word;
  if (evidence.path.link) evidence.path.link->name = word;
  if (evidence.path.down_link) evidence.path.down_link->name = word;
  evidence.path.down_interfaces = {word};
  if (evidence.path.neighbour) evidence.path.neighbour->link_address = word;
  for (auto& holder : evidence.host.holders) holder.owner = sys::Owner{12, word};
  evidence.error.object += word;
  evidence.peer = evidence.peer.with_zone(3, word);
  evidence.source = evidence.source.with_zone(3, word);
  return evidence;
}

}  // namespace

TEST_CASE("every cause can be named, from evidence that shows it") {
  std::set<Cause> reached;
  for (const auto& sample : test::samples()) {
    const auto diagnosis = diagnose::diagnose(sample.evidence);
    CAPTURE(info_of(sample.cause).id);
    REQUIRE(diagnosis);
    CHECK(info_of(diagnosis->cause).id == info_of(sample.cause).id);
    reached.insert(diagnosis->cause);
  }
  for (std::size_t i = 0; i < diagnose::cause_count(); ++i) {
    const auto& info = info_of(static_cast<Cause>(i));
    CAPTURE(info.id);
    CHECK(reached.count(info.cause) == 1);
  }
}

TEST_CASE("each cause has an id of its own, in small letters") {
  std::set<std::string_view> ids;
  for (std::size_t i = 0; i < diagnose::cause_count(); ++i) {
    const std::string_view id = info_of(static_cast<Cause>(i)).id;
    CAPTURE(id);
    CHECK(ids.insert(id).second);
    CHECK(std::all_of(id.begin(), id.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    }));
  }
}

TEST_CASE("headline, explanation, advice and the failed layer's evidence say something") {
  for (const auto& sample : test::samples()) {
    CAPTURE(info_of(sample.cause).id);
    const auto diagnosis = diagnose::diagnose(sample.evidence).value();
    for (const std::string& text : {diagnosis.headline, diagnosis.explanation, diagnosis.advice}) {
      CAPTURE(text);
      CHECK_FALSE(text.empty());
      CHECK(text.front() != ' ');
      CHECK(text.back() != ' ');
      CHECK(text.back() != '.');
      CHECK_FALSE(test::holds(text, "  "));
      CHECK_FALSE(test::holds(text, " ,"));
      CHECK_FALSE(test::holds(text, "unknown)"));
      CHECK(printable(text));
    }
    for (const auto& row : diagnosis.layers) {
      if (row.state == LayerState::failed) CHECK_FALSE(row.evidence.empty());
      if (row.state == LayerState::not_reached && row.layer == Layer::application) {
        CHECK(row.evidence.empty());
      }
      CHECK(printable(row.evidence));
    }
    CHECK(diagnosis.or_else != sample.cause);
  }
}

TEST_CASE("the four layers stand in order, with the failed one between those below and above") {
  for (const auto& sample : test::samples()) {
    CAPTURE(info_of(sample.cause).id);
    const auto rows = diagnose::diagnose(sample.evidence).value().layers;
    const Layer failed = info_of(sample.cause).layer;
    if (failed == Layer::name || failed == Layer::this_host) {
      REQUIRE(rows.size() == 1);
      CHECK(rows[0].layer == failed);
      CHECK(rows[0].state == LayerState::failed);
      continue;
    }
    REQUIRE(rows.size() == 4);
    const bool established = sample.evidence.step == Step::transfer;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CAPTURE(layer_name(rows[i].layer));
      CAPTURE(layer_state_name(rows[i].state));
      CHECK(rows[i].layer == static_cast<Layer>(static_cast<std::size_t>(Layer::link) + i));
      if (rows[i].layer < failed) {
        const bool below = rows[i].state == LayerState::ok || rows[i].state == LayerState::unknown;
        CHECK(below);
      } else if (rows[i].layer == failed) {
        CHECK(rows[i].state == LayerState::failed);
      } else {
        CHECK(rows[i].state == (established ? LayerState::unknown : LayerState::not_reached));
      }
    }
  }
}

TEST_CASE("what answered is sound, and silence proves no layer") {
  const auto states = [](const Evidence& evidence) {
    std::string out;
    const auto rows = diagnose::diagnose(evidence).value().layers;
    for (const auto& row : rows) {
      out += out.empty() ? "" : " ";
      out += row.state == LayerState::not_reached ? "-" : layer_state_name(row.state);
    }
    return out;
  };
  CHECK(states(test::connect_failed(ECONNREFUSED)) == "ok ok failed -");
  CHECK(states(test::connect_timed_out()) == "ok unknown failed -");
  CHECK(states(test::with_icmp(3, 13, "10.77.0.254")) == "ok failed - -");
  Evidence blind = test::connect_timed_out();
  blind.path = {};
  blind.host = {};
  CHECK(states(blind) == "unknown unknown failed -");
  Evidence refused = test::connect_failed(ECONNREFUSED);
  refused.path = {};
  CHECK(states(refused) == "ok ok failed -");
  Evidence here = test::with_icmp(3, 13, "10.77.0.1");
  here.path.neighbour.reset();
  CHECK(states(here) == "unknown failed - -");
  CHECK(states(test::lost(ECONNRESET)) == "ok ok failed unknown");
  CHECK(states(test::idle()) == "ok ok ok failed");
  // A connection that died of silence may have died of the link's.
  Evidence vanished = test::lost(ETIMEDOUT);
  vanished.transfer.undelivered = 12;
  vanished.path.neighbour->state = sys::NeighbourState::stale;
  vanished.path.neighbour->link_address.clear();
  CHECK(states(vanished) == "unknown unknown failed unknown");
}

TEST_CASE("bytes that others chose never come out raw") {
  for (const auto& sample : test::samples()) {
    CAPTURE(info_of(sample.cause).id);
    const auto diagnosis = diagnose::diagnose(with_hostile_names(sample.evidence));
    if (!diagnosis) continue;
    CHECK(printable(test::all_text(*diagnosis)));
  }
  const auto diagnosis =
      diagnose::diagnose(with_hostile_names(test::look_up_failed(EAI_NONAME, {test::answered(3)})));
  CHECK(test::holds(test::all_text(diagnosis.value()), R"(a\x1b[31m\nb\x7f\xff)"));
}

TEST_CASE("no evidence at all, no diagnosis") {
  for (const Step step : {Step::look_up, Step::prepare, Step::connect}) {
    Evidence evidence;
    evidence.step = step;
    CHECK_FALSE(diagnose::diagnose(evidence));
  }
  // An errno that no rule knows: of connect all are told.
  for (const int error : {EIO, EINVAL, EBADF, EHOSTUNREACH, ENETUNREACH, EACCES, ENOKEY}) {
    CAPTURE(error);
    Evidence evidence = test::connect_failed(error);
    evidence.path = {};
    evidence.info.reset();
    CHECK(diagnose::diagnose(evidence));
    evidence.step = Step::prepare;
    CHECK_FALSE(diagnose::diagnose(evidence));
  }
}

TEST_CASE(
    "a RST without a neighbour on the link may be this host's own, and shows no layer sound") {
  const auto states = [](const diagnose::Evidence& evidence) {
    std::string out;
    const auto diagnosis = diagnose::diagnose(evidence).value();
    for (const auto& row : diagnosis.layers) {
      out += std::string(diagnose::layer_state_name(row.state)) + " ";
    }
    return out;
  };
  diagnose::Evidence refused = test::connect_failed(ECONNREFUSED);
  CHECK(states(refused) == "ok ok failed not reached ");
  refused.path.neighbour.reset();
  CHECK(states(refused) == "unknown unknown failed not reached ");
  refused.path.link->arp = false;  // a tunnel
  CHECK(states(refused) == "ok ok failed not reached ");
}
