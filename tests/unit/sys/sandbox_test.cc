// SPDX-License-Identifier: MIT
// Attacks from within, but on Landlock: those are in landlock_test.cc.
#include "sys/sandbox.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <pthread.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "support/attack.h"
#include "support/scripted_kernel.h"
#include "support/skip.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace tcptool;
using test::Confine;
using test::errno_of;
using test::not_confined;
using test::run_true;

namespace {

constexpr sys::Ahead all_ahead{.looks_up = true, .listens = true};

bool first_step(sys::Kernel& kernel) {
  return sys::give_up_calls(kernel, sys::Refusal::error, all_ahead).has_value();
}

// The first step, but with an errno of its own for what it refuses: the kernel refuses much with
// EPERM by itself, to an ordinary user or in a container.
constexpr int by_the_filter = EXFULL;
bool marked_first_step(sys::Kernel& kernel) {
  auto program = sys::deny_program(sys::Refusal::error, all_ahead);
  for (sock_filter& step : program) {
    if (step.code == (BPF_RET | BPF_K) && step.k == (SECCOMP_RET_ERRNO | EPERM)) {
      step.k = SECCOMP_RET_ERRNO | by_the_filter;
    }
  }
  return kernel.prctl(PR_SET_NO_NEW_PRIVS, 1).ok() && kernel.seccomp(0, program).ok();
}

long open_packet_socket() {
  return ::socket(AF_PACKET, SOCK_RAW, 0);
}

void* nothing(void* /*argument*/) {
  return nullptr;
}

}  // namespace

TEST_CASE("sandbox: what code inside tries is refused by the filter") {
  const test::TemporaryFolder folder;
  const std::string file = folder.file("file");
  test::open_file(file, O_WRONLY | O_CREAT).write("text");
  if (errno_of(first_step, [] { return 0; }) == not_confined) SKIP_CASE("no seccomp(2) here");
  const auto refused = [](const std::function<long()>& attack) {
    return errno_of(marked_first_step, attack) == by_the_filter;
  };
  CHECK(errno_of(first_step, [&] { return ::open(file.c_str(), O_WRONLY); }) == EPERM);
  CHECK(refused([&] { return ::open(file.c_str(), O_WRONLY); }));
  CHECK(refused([&] { return ::open(file.c_str(), O_RDWR); }));
  CHECK(refused([&] { return ::open(file.c_str(), O_RDONLY | O_TRUNC); }));
  CHECK(refused([&] { return ::open(folder.file("new").c_str(), O_RDONLY | O_CREAT, 0600); }));
  CHECK(refused([&] { return ::truncate(file.c_str(), 0); }));
  CHECK(refused([&] { return ::chmod(file.c_str(), 0777); }));
  CHECK(refused([&] { return ::chown(file.c_str(), ::getuid(), ::getgid()); }));
  CHECK(refused([&] { return ::unlink(file.c_str()); }));
  CHECK(refused([&] { return ::rename(file.c_str(), folder.file("other").c_str()); }));
  CHECK(refused([&] { return ::mkdir(folder.file("new").c_str(), 0700); }));
  CHECK(refused([&] { return ::symlink("/", folder.file("new").c_str()); }));
  CHECK(refused([&] { return ::link(file.c_str(), folder.file("new").c_str()); }));
  CHECK(refused([&] { return ::utimensat(AT_FDCWD, file.c_str(), nullptr, 0); }));
  CHECK(refused([] { return ::open("/proc/self/mem", O_RDWR); }));
  CHECK(refused([] { return ::unshare(CLONE_NEWUSER); }));
  CHECK(refused([] { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }));
  CHECK(refused([] { return ::syscall(SYS_io_uring_setup, 1, nullptr); }));
  CHECK(refused([] { return ::syscall(SYS_bpf, 0, nullptr, 0); }));
  CHECK(refused([] { return ::socket(AF_INET, SOCK_STREAM, 262); }));  // IPPROTO_MPTCP
  CHECK(refused(open_packet_socket));
  CHECK(refused([] { return ::shmget(IPC_PRIVATE, 1, 0600); }));
  CHECK(refused([] { return ::semget(IPC_PRIVATE, 1, 0600); }));
  CHECK(refused([] { return ::msgget(IPC_PRIVATE, 0600); }));
  CHECK(refused(
      [] { return ::syscall(SYS_prlimit64, ::getppid(), RLIMIT_NOFILE, nullptr, nullptr); }));
  CHECK(errno_of(first_step, [] { return ::syscall(SYS_clone3, nullptr, 0); }) == ENOSYS);
  if (!sys::has_sanitizer()) {
    CHECK(refused(run_true));
    CHECK(refused([] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }));
    // Not PTRACE_ATTACH, which would leave the test stopped where nobody refuses it.
    CHECK(refused([] { return ::ptrace(PTRACE_SEIZE, ::getppid(), nullptr, nullptr); }));
  }
  char byte = 0;
  struct stat status {};
  CHECK(::stat(file.c_str(), &status) == 0);
  CHECK(status.st_size == 4);
  // And what a run needs is not.
  CHECK(errno_of(first_step, [&] { return ::open(file.c_str(), O_RDONLY); }) == 0);
  CHECK(errno_of(first_step, [&] { return ::read(::open("/dev/null", O_RDONLY), &byte, 1); }) == 0);
  CHECK(errno_of(first_step, [] {
          pthread_t thread{};
          errno = ::pthread_create(&thread, nullptr, nothing, nullptr);
          return errno == 0 && ::pthread_join(thread, nullptr) == 0 ? 0 : -1;
        }) == 0);
  CHECK(errno_of(first_step, [] {
          rlimit limit{};
          return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? ::setrlimit(RLIMIT_NOFILE, &limit) : -1;
        }) == 0);
}

TEST_CASE("sandbox: strict kills at what it refuses") {
  const auto killed = [](const Confine& confine, const std::function<long()>& attack) {
    return errno_of(confine, attack) == -SIGSYS;
  };
  const Confine strict = [](sys::Kernel& kernel) {
    return sys::give_up_calls(kernel, sys::Refusal::kill, all_ahead).has_value();
  };
  if (errno_of(strict, [] { return 0; }) == not_confined) SKIP_CASE("no seccomp(2) here");
  CHECK(killed(strict, [] { return ::unshare(CLONE_NEWUSER); }));
  CHECK(killed(strict, [] { return ::open("/dev/null", O_RDWR); }));
  CHECK(errno_of(strict, [] { return ::fcntl(0, F_GETFD) == -1 ? -1 : 0; }) == 0);
  if (sys::has_sanitizer()) return;
  CHECK(killed(strict, run_true));
  const Confine own_calls = [&strict](sys::Kernel& kernel) {
    return strict(kernel) && sys::give_up_more_calls(kernel, sys::Refusal::kill, {}).has_value();
  };
  CHECK(killed(own_calls, [] { return ::dup(0); }));
  CHECK(killed(own_calls, [] { return ::fork(); }));
  CHECK(killed(own_calls, [] { return ::prctl(PR_SET_DUMPABLE, 1); }));
  CHECK(errno_of(own_calls, [] { return ::open("/dev/null", O_RDONLY); }) == 0);
  CHECK(errno_of(own_calls, [] { return ::socket(AF_INET, SOCK_STREAM, 0); }) == 0);
  // In the forms that this libc has of them.
  const Confine renaming = [](sys::Kernel& kernel) {
    return sys::give_up_calls(kernel, sys::Refusal::kill, {.renames = true}) &&
           sys::give_up_more_calls(kernel, sys::Refusal::kill, {});
  };
  CHECK(errno_of(renaming, [] { return ::rename("/no/such", "/no/other"); }) == ENOENT);
  CHECK(errno_of(renaming, [] { return ::unlink("/no/such"); }) == ENOENT);
}

TEST_CASE("sandbox: in the end, or where none is ahead, there is no UNIX socket and none listens") {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const auto listen = [&] { return ::listen(socket, 1); };
  const auto unix_socket = [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); };
  for (const auto refusal : {sys::Refusal::error, sys::Refusal::kill}) {
    for (const sys::Ahead& ahead : {all_ahead, sys::Ahead{}}) {
      const Confine first = [&](sys::Kernel& kernel) {
        return sys::give_up_calls(kernel, refusal, ahead).has_value();
      };
      const Confine both = [&](sys::Kernel& kernel) {
        return first(kernel) && sys::give_up_more_calls(kernel, refusal, ahead);
      };
      if (errno_of(both, [] { return 0; }) == not_confined) SKIP_CASE("no seccomp(2) here");
      const bool kills = refusal == sys::Refusal::kill;
      CHECK(errno_of(first, unix_socket) == (ahead.looks_up ? 0 : EPERM));
      const int refused = kills ? -SIGSYS : EPERM;
      CHECK(errno_of(first, listen) == (ahead.listens ? 0 : refused));
      CHECK(errno_of(both, unix_socket) == EPERM);
      const auto pair = [] {
        std::array<int, 2> fds{};
        return ::socketpair(AF_UNIX, SOCK_DGRAM, 0, fds.data());
      };
      CHECK(errno_of(first, pair) == (ahead.looks_up ? 0 : EPERM));
      const bool own_alone = kills && !sys::has_sanitizer();
      CHECK(errno_of(both, pair) == (own_alone ? -SIGSYS : EPERM));
      CHECK(errno_of(both, listen) == (own_alone || !ahead.listens ? refused : EPERM));
      CHECK(errno_of(both, [] { return ::socket(AF_INET6, SOCK_STREAM, 0); }) == 0);
      // libc tries a UNIX socket first.
      CHECK(errno_of(both, [] { return ::if_nametoindex("lo") > 0 ? 0 : -1; }) == 0);
    }
  }
  ::close(socket);
}

TEST_CASE("sandbox: capabilities are given up, but for what is still needed") {
  const auto result = [](const sys::Reach& reach, const std::function<long()>& attack) {
    return errno_of(
        [&](sys::Kernel& kernel) { return sys::give_up_privileges(kernel, reach).has_value(); },
        attack);
  };
  CHECK(sys::capabilities_name(0) == "0");
  CHECK(sys::capabilities_name(2) == "1<<CAP_DAC_OVERRIDE");
  CHECK(sys::capabilities_name(5) == "0x5");
  if (errno_of([](sys::Kernel&) { return true; }, open_packet_socket) != 0) {
    SKIP_CASE("no capabilities here");
  }
  CHECK(result({}, open_packet_socket) == EPERM);
  CHECK(result({.removable_in = "/"}, open_packet_socket) == EPERM);
  CHECK(result({.may_need_capabilities = true}, open_packet_socket) == 0);
  const test::TemporaryFolder folder;
  test::open_file(folder.file("f"), O_CREAT);
  REQUIRE(::chown(folder.file("").c_str(), 1, 1) == 0);
  const auto remove = [&] { return ::unlink(folder.file("f").c_str()); };
  CHECK(result({}, remove) == EACCES);
  CHECK(result({.removable_in = folder.file("")}, remove) == 0);
}

TEST_CASE("sandbox: a kernel that has less of it is told by the call that failed") {
  sys::LinuxKernel real;
  test::ScriptedKernel kernel(real);
  kernel.script(sys::Syscall::prctl).answers(0);
  kernel.script(sys::Syscall::seccomp).fails(ENOSYS);
  const auto calls = sys::give_up_calls(kernel, sys::Refusal::error, all_ahead);
  REQUIRE_FALSE(calls);
  CHECK(calls.error().text() == "seccomp: function not implemented (ENOSYS)");
  kernel.script(sys::Syscall::landlock_create_ruleset).fails(EOPNOTSUPP);
  const auto files = sys::give_up_files(kernel, {});
  REQUIRE_FALSE(files);
  CHECK(files.error().call == sys::Syscall::landlock_create_ruleset);
  CHECK(kernel.count(sys::Syscall::landlock_restrict_self) == 0);
  CHECK(kernel.open_descriptors().empty());
}
