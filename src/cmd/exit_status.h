// SPDX-License-Identifier: MIT
// The exit statuses, stable from the first release: one may be added, none changes. The manual
// page's EXIT STATUS section says the same in more words.
#pragma once

namespace tcptool::cmd {

enum class ExitStatus {
  ok = 0,
  failure = 1,
  usage = 2,
  resolve = 3,
  local = 4,
  unreachable = 5,
  refused = 6,
  no_answer = 7,
  lost = 8,
  timeout = 9,
  local_io = 10,
};

// How a command ended: a status, or a signal that the process is to die of.
struct Exit {
  ExitStatus status = ExitStatus::ok;
  int signal = 0;
  bool explained =
      false;  // of status 1: what failed is known, and the last calls say nothing of it
};

}  // namespace tcptool::cmd
