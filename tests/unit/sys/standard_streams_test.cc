// SPDX-License-Identifier: MIT
#include "sys/standard_streams.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/linux_kernel.h"

using namespace tcptool;

TEST_CASE("closed standard descriptors are filled, and said, each combination of them") {
  for (int closed = 0; closed < 8; ++closed) {
    CAPTURE(closed);
    const pid_t child = ::fork();
    if (child == 0) {
      for (int fd = 0; fd < 3; ++fd) {
        if ((closed >> fd & 1) != 0) ::close(fd);
      }
      sys::LinuxKernel kernel;
      const auto said = sys::fill_closed_standard_streams(kernel);
      bool right = true;
      for (int fd = 0; fd < 3; ++fd) {
        const bool was_closed = (closed >> fd & 1) != 0;
        right = right && said[static_cast<std::size_t>(fd)] == was_closed;
        right = right && ::fcntl(fd, F_GETFD) >= 0;
      }
      ::_exit(right ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 0);
  }
}
