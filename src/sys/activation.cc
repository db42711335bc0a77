// SPDX-License-Identifier: MIT
#include "sys/activation.h"

#include <climits>
#include <cstdlib>

#include "base/parse.h"

namespace tcptool::sys {
namespace {

std::string_view environment(const char* name) {
  // Read before there is a second thread; nobody here calls setenv.
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr ? value : "";
}

}  // namespace

unsigned inherited_descriptors(std::string_view listen_pid, std::string_view listen_fds, int pid) {
  const auto meant = parse_unsigned(listen_pid, INT_MAX);
  const auto count = parse_unsigned(listen_fds, INT_MAX);
  const bool ours = meant && count && *meant == static_cast<std::uint64_t>(pid);
  return ours ? static_cast<unsigned>(*count) : 0;
}

unsigned inherited_descriptors(Kernel& kernel) {
  const std::string_view pid = environment("LISTEN_PID");
  if (pid.empty()) return 0;
  return inherited_descriptors(pid, environment("LISTEN_FDS"), kernel.getpid().as_int());
}

}  // namespace tcptool::sys
