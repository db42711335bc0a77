// SPDX-License-Identifier: MIT
// Evidence -> the cause, on the layers of the TCP/IP stack (RFC 1122). A pure function: no kernel
// and no clock in here, so that a recorded failure is judged like a live one. Where the evidence
// allows two causes both are named, with the test that would tell them apart.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "diagnose/cause.h"
#include "diagnose/evidence.h"

namespace tcptool::diagnose {

enum class LayerState { ok, failed, not_reached, unknown };

std::string_view layer_state_name(LayerState state);  // "not reached"

struct LayerRow {
  Layer layer = Layer::link;
  LayerState state = LayerState::unknown;
  std::string evidence;  // may be empty
};

struct Diagnosis {
  Cause cause{};
  std::optional<Cause> or_else;  // what the evidence allows as well
  std::string headline;          // of the first line: what failed, in words
  std::vector<LayerRow> layers;  // from the bottom up
  std::string explanation;       // one sentence: the cause
  std::string advice;            // what to try
};

// Nothing where no rule knows the evidence.
std::optional<Diagnosis> diagnose(const Evidence& evidence);

}  // namespace tcptool::diagnose
