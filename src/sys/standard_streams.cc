// SPDX-License-Identifier: MIT
#include "sys/standard_streams.h"

#include <fcntl.h>

#include <cerrno>

namespace tcptool::sys {

std::array<bool, 3> fill_closed_standard_streams(Kernel& kernel) {
  std::array<bool, 3> closed{};
  for (int fd = 0; fd < 3; ++fd) {
    if (kernel.fcntl(fd, F_GETFD, 0).error != EBADF) continue;
    closed[static_cast<std::size_t>(fd)] = true;
    // Gets the lowest free number, which is fd: those below it are open by now.
    static_cast<void>(kernel.open("/dev/null", O_RDWR, 0));
  }
  return closed;
}

}  // namespace tcptool::sys
