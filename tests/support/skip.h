// SPDX-License-Identifier: MIT
// For a test case that cannot run on this machine: it says what is missing and ends. ctest then
// shows it as skipped, and tests/run.sh counts and names it.
#pragma once

#include <doctest/doctest.h>

// SKIP_CASE("no IPv6 on " << name);
#define SKIP_CASE(reason)           \
  do {                              \
    MESSAGE("skipped: " << reason); \
    return;                         \
  } while (false)
