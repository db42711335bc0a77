// SPDX-License-Identifier: MIT
// Children, and what epoll says: linux_kernel_process.cc, and epoll of linux_kernel.cc.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sstream>

#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace tcptool;

namespace {

// Runs a script of the shell, whose 0 and 1 are one end of a pair of sockets.
struct Shell {
  explicit Shell(const std::string& script, sys::SpawnRequest request = {}) {
    request.argv = {"sh", "-c", script, "name"};
    auto pair = test::make_unix_pair();
    ours = std::move(pair.first);
    ours.set_blocking(true);
    pair.second.set_blocking(true);
    request.socket = pair.second.fd();
    const auto spawned = kernel.posix_spawn(request);
    REQUIRE(spawned.ok());
    pid = spawned.as_int();
  }
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;
  ~Shell() {
    if (pid < 0) return;
    static_cast<void>(::kill(pid, SIGKILL));
    static_cast<void>(::waitpid(pid, nullptr, 0));
  }

  int end() {
    int wstatus = -1;
    const auto ended = kernel.wait4(pid, wstatus, 0);
    CHECK(ended.as_int() == pid);
    if (ended.ok()) pid = -1;
    return wstatus;
  }

  sys::LinuxKernel kernel;
  test::Plug ours;
  int pid = -1;
};

// What of this process's signals a test changes, until its end.
struct SignalsKept {
  SignalsKept() {
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], nullptr, &actions[i]);
  }
  SignalsKept(const SignalsKept&) = delete;
  SignalsKept& operator=(const SignalsKept&) = delete;
  ~SignalsKept() {
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &actions[i], nullptr);
  }
  static constexpr std::array<int, 3> signals{SIGHUP, SIGPIPE, SIGXFSZ};
  std::array<struct sigaction, 3> actions{};
  sigset_t mask{};
};

// A variable of our environment, until the end of a test; there is no other thread.
struct Variable {
  Variable(const char* name, const char* value) : name_(name) {
    ::setenv(name, value, 1);  // NOLINT(concurrency-mt-unsafe)
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { ::unsetenv(name_); }  // NOLINT(concurrency-mt-unsafe)

 private:
  const char* name_;
};

bool has(std::uint64_t bits, int signum) {
  return (bits >> (signum - 1) & 1) != 0;
}

}  // namespace

TEST_CASE("a program is found in PATH, and the socket is its input and output") {
  Shell shell("read line; echo \"got $line\"; exit 3");
  shell.ours.write("this\n");
  CHECK(shell.ours.read_all() == "got this\n");
  const int wstatus = shell.end();
  CHECK(WIFEXITED(wstatus));
  CHECK(WEXITSTATUS(wstatus) == 3);
}

TEST_CASE("a child has our environment, with what was set and without what was unset") {
  const Variable kept("SEAM_KEPT", "kept");
  const Variable changed("SEAM_CHANGED", "before");
  const Variable gone("SEAM_GONE", "still here");
  sys::SpawnRequest request;
  request.set = {"SEAM_CHANGED=after=all", "SEAM_NEW="};
  request.unset = {"SEAM_GONE", "SEAM_NEVER_THERE"};
  Shell shell("echo $SEAM_KEPT,$SEAM_CHANGED,${SEAM_GONE-unset},${SEAM_NEW-unset}", request);
  CHECK(shell.ours.read_all() == "kept,after=all,unset,\n");
}

TEST_CASE("a child has no descriptor of ours beside the socket and standard error") {
  const test::Plug inherited = test::open_file("/dev/null", O_RDONLY);
  REQUIRE(::fcntl(inherited.fd(), F_SETFD, 0) == 0);
  Shell shell("test -e /proc/$$/fd/" + std::to_string(inherited.fd()) +
              " && echo open; test -e /proc/$$/fd/2 && echo error");
  CHECK(shell.ours.read_all() == "error\n");
}

TEST_CASE("a child has no signal blocked, ours by default, and ignores what we found ignored") {
  const SignalsKept kept;
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  for (const int signum : SignalsKept::signals) ::signal(signum, SIG_IGN);
  Shell shell(
      "while read name bits; do case $name in SigBlk:|SigIgn:) echo $bits;; esac; "
      "done < /proc/self/status");
  std::istringstream answer(shell.ours.read_all());
  std::uint64_t masked = 1;
  std::uint64_t ignored = 0;
  answer >> std::hex >> masked >> ignored;
  CHECK(masked == 0);
  CHECK(has(ignored, SIGHUP));
  CHECK(!has(ignored, SIGPIPE));
  CHECK(!has(ignored, SIGXFSZ));
}

TEST_CASE("a program that cannot be started is an error of execve, and leaves no child") {
  sys::LinuxKernel kernel;
  const auto pair = test::make_unix_pair();
  const test::TemporaryFolder folder;
  const test::Plug file = test::open_file(folder.file("plain"), O_WRONLY | O_CREAT);
  CHECK(kernel.posix_spawn({{"no-such-program"}, {}, {}, pair.first.fd()}).error == ENOENT);
  CHECK(kernel.posix_spawn({{folder.file("plain")}, {}, {}, pair.first.fd()}).error == EACCES);
  int wstatus = 0;
  CHECK(kernel.wait4(-1, wstatus, WNOHANG).error == ECHILD);
}

TEST_CASE("a child's end is readable at its pidfd, and then taken") {
  Shell shell("read line");
  const auto pidfd = shell.kernel.pidfd_open(shell.pid, 0);
  REQUIRE(pidfd.ok());
  const test::Plug watched(pidfd.as_int());
  pollfd ready{watched.fd(), POLLIN, 0};
  CHECK(shell.kernel.poll(std::span(&ready, 1), 0).value == 0);
  const auto taken = shell.kernel.pidfd_getfd(watched.fd(), 0, 0);
  REQUIRE(taken.ok());
  test::Plug(taken.as_int()).write("no end of a line");
  CHECK(shell.ours.read() == "no end of a line");
  CHECK(shell.kernel.pidfd_getfd(watched.fd(), 99, 0).error == EBADF);
  int wstatus = 77;
  CHECK(shell.kernel.wait4(shell.pid, wstatus, WNOHANG).value == 0);
  CHECK(wstatus == 77);
  CHECK(shell.kernel.kill(shell.pid, SIGTERM).ok());
  CHECK(shell.kernel.poll(std::span(&ready, 1), 10'000).value == 1);
  wstatus = shell.end();
  CHECK(WIFSIGNALED(wstatus));
  CHECK(WTERMSIG(wstatus) == SIGTERM);
  CHECK(shell.kernel.pidfd_open(0, 0).error == EINVAL);
}

TEST_CASE("epoll watches, changes and forgets a descriptor, and gives its data back") {
  sys::LinuxKernel kernel;
  const test::TcpPair pair = test::make_tcp_pair();
  const test::Plug epoll(kernel.epoll_create1(EPOLL_CLOEXEC).as_int());
  REQUIRE(epoll.fd() >= 0);
  CHECK(kernel.fcntl(epoll.fd(), F_GETFD, 0).value == FD_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = 0x1234'5678'9abc'def0;
  CHECK(kernel.epoll_ctl(epoll.fd(), EPOLL_CTL_ADD, pair.ours.fd(), event).ok());
  CHECK(kernel.epoll_ctl(epoll.fd(), EPOLL_CTL_ADD, pair.ours.fd(), event).error == EEXIST);
  std::array<epoll_event, 4> ready{};
  CHECK(kernel.epoll_wait(epoll.fd(), ready, 0).value == 0);
  event.events = EPOLLOUT;
  CHECK(kernel.epoll_ctl(epoll.fd(), EPOLL_CTL_MOD, pair.ours.fd(), event).ok());
  REQUIRE(kernel.epoll_wait(epoll.fd(), ready, 10'000).value == 1);
  CHECK(std::uint32_t{ready[0].events} == EPOLLOUT);
  CHECK(std::uint64_t{ready[0].data.u64} == 0x1234'5678'9abc'def0);
  CHECK(kernel.epoll_ctl(epoll.fd(), EPOLL_CTL_DEL, pair.ours.fd(), event).ok());
  CHECK(kernel.epoll_wait(epoll.fd(), ready, 0).value == 0);
  CHECK(kernel.epoll_ctl(epoll.fd(), EPOLL_CTL_DEL, pair.ours.fd(), event).error == ENOENT);
}
