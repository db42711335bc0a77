// SPDX-License-Identifier: MIT
#include "sys/activation.h"

#include <doctest/doctest.h>

using namespace tcptool;

TEST_CASE("descriptors are inherited only by the process that LISTEN_PID names") {
  struct Row {
    const char* pid;
    const char* fds;
    unsigned count;
  };
  for (const Row& row : {Row{"42", "1", 1}, Row{"42", "3", 3}, Row{"43", "1", 0}, Row{"", "1", 0},
                         Row{"42", "", 0}, Row{"42", "0", 0}, Row{"42", "-1", 0}, Row{"42", "x", 0},
                         Row{"4x", "1", 0}, Row{"42", "99999999999", 0}, Row{" 42", "1", 0}}) {
    CAPTURE(row.pid);
    CAPTURE(row.fds);
    CHECK(sys::inherited_descriptors(row.pid, row.fds, 42) == row.count);
  }
}
