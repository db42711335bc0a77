// SPDX-License-Identifier: MIT
// What became of each address of a name. A diagnosis is a screen's third, so that several of them
// are folded for people; the objects for programs keep each in full.
#pragma once

#include <span>
#include <vector>

#include "cmd/messages.h"
#include "diagnose/diagnosis.h"

namespace tcptool::cmd {

// A message for each attempt that did not connect, in their order. `diagnoses` are theirs, by
// place, and may be fewer. A diagnosis that is an earlier one's but for the address has no block of
// its own: the earlier block says for which addresses it stands. From the third that differs on,
// only the cause is told.
std::vector<Message> attempt_messages(
    std::span<const tcp::Attempt> attempts,
    std::span<const std::optional<diagnose::Diagnosis>> diagnoses);

}  // namespace tcptool::cmd
