// SPDX-License-Identifier: MIT
#include "cmd/color.h"

#include <cstdlib>
#include <string_view>

#include "relay/local_stream.h"

namespace tcptool::cmd {
namespace {

std::string_view environment(const char* name) {
  // Read before there is a second thread; nobody here calls setenv.
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr ? value : "";
}

}  // namespace

bool terminal_obeys() {
  const std::string_view terminal = environment("TERM");
  return !terminal.empty() && terminal != "dumb";
}

bool stderr_is_terminal(sys::Kernel& kernel) {
  constexpr int stderr_fd = 2;
  const auto stream = relay::LocalStream::inspect(kernel, stderr_fd, false);
  return stream.kind() == relay::LocalStream::Kind::terminal;
}

bool use_color(ColorMode mode, bool terminal) {
  if (mode != ColorMode::automatic) return mode == ColorMode::always;
  if (!environment("NO_COLOR").empty()) return false;
  const std::string_view forced = environment("CLICOLOR_FORCE");
  if (!forced.empty() && forced != "0") return true;
  return terminal && terminal_obeys();
}

}  // namespace tcptool::cmd
