// SPDX-License-Identifier: MIT
#include "support/attack.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "sys/linux_kernel.h"

namespace tcptool::test {
namespace {

// The wait status of a child that runs `body` and exits with what that returns.
int in_child(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) ::_exit(body());
  int wstatus = 0;
  REQUIRE(::waitpid(pid, &wstatus, 0) == pid);
  return wstatus;
}

}  // namespace

int errno_of(const Confine& confine, const std::function<long()>& attack) {
  const int wstatus = in_child([&] {
    sys::LinuxKernel kernel;
    if (!confine(kernel)) return not_confined;
    return attack() == -1 ? errno : 0;
  });
  return WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : -WTERMSIG(wstatus);
}

long run_true() {
  return ::execl("/bin/true", "true", nullptr);
}

}  // namespace tcptool::test
