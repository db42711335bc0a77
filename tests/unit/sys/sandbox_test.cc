// SPDX-License-Identifier: MIT
// Attacks from within: a child confines itself as a run does, and tries.
#include "sys/sandbox.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

#include "support/scripted_kernel.h"
#include "support/skip.h"
#include "support/world.h"
#include "sys/landlock.h"
#include "sys/linux_kernel.h"

using namespace tcptool;

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

constexpr int not_confined = 77;

// The errno with which `attack`, a call that returns -1, fails after `confine`; 0: it succeeded.
using Confine = std::function<bool(sys::Kernel&)>;
int errno_of(const Confine& confine, const std::function<long()>& attack) {
  const int wstatus = in_child([&] {
    sys::LinuxKernel kernel;
    if (!confine(kernel)) return not_confined;
    return attack() == -1 ? errno : 0;
  });
  return WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : -WTERMSIG(wstatus);
}

bool first_step(sys::Kernel& kernel) {
  return sys::give_up_calls(kernel, sys::Refusal::error, false).has_value();
}

// The first step, but with an errno of its own for what it refuses: the kernel refuses much with
// EPERM by itself, to an ordinary user or in a container.
constexpr int by_the_filter = EXFULL;
bool marked_first_step(sys::Kernel& kernel) {
  auto program = sys::deny_program(sys::Refusal::error, false);
  for (sock_filter& step : program) {
    if (step.code == (BPF_RET | BPF_K) && step.k == (SECCOMP_RET_ERRNO | EPERM)) {
      step.k = SECCOMP_RET_ERRNO | by_the_filter;
    }
  }
  return kernel.prctl(PR_SET_NO_NEW_PRIVS, 1).ok() && kernel.seccomp(0, program).ok();
}

// Landlock alone, without what the filter would refuse before.
bool landlocked(sys::Kernel& kernel, const sys::Reach& reach) {
  return kernel.prctl(PR_SET_NO_NEW_PRIVS, 1).ok() && sys::give_up_files(kernel, reach).has_value();
}

bool files_given_up(sys::Kernel& kernel) {
  return landlocked(kernel, {});
}

int landlock_abi() {
  sys::LinuxKernel kernel;
  return kernel.landlock_create_ruleset(nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION).as_int();
}

long connect_to(const sys::Address& address) {
  const int fd = ::socket(address.family(), SOCK_STREAM, 0);
  if (fd < 0) return -1;
  return ::connect(fd, address.data(), address.size());
}

long run_true() {
  return ::execl("/bin/true", "true", nullptr);
}

long make_unix_socket(const std::string& path) {
  sockaddr_un name{AF_UNIX, {}};
  path.copy(std::begin(name.sun_path), sizeof name.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name);
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
    return sys::give_up_calls(kernel, sys::Refusal::kill, false).has_value();
  };
  if (errno_of(strict, [] { return 0; }) == not_confined) SKIP_CASE("no seccomp(2) here");
  CHECK(killed(strict, [] { return ::unshare(CLONE_NEWUSER); }));
  CHECK(killed(strict, [] { return ::open("/dev/null", O_RDWR); }));
  CHECK(errno_of(strict, [] { return ::fcntl(0, F_GETFD) == -1 ? -1 : 0; }) == 0);
  if (sys::has_sanitizer()) return;
  CHECK(killed(strict, run_true));
  const Confine own_calls = [&strict](sys::Kernel& kernel) {
    return strict(kernel) && sys::keep_own_calls(kernel).has_value();
  };
  CHECK(killed(own_calls, [] { return ::dup(0); }));
  CHECK(killed(own_calls, [] { return ::fork(); }));
  CHECK(killed(own_calls, [] { return ::prctl(PR_SET_DUMPABLE, 1); }));
  CHECK(errno_of(own_calls, [] { return ::open("/dev/null", O_RDONLY); }) == 0);
  CHECK(errno_of(own_calls, [] { return ::socket(AF_INET, SOCK_STREAM, 0); }) == 0);
  // In the forms that this libc has of them.
  const Confine renaming = [](sys::Kernel& kernel) {
    return sys::give_up_calls(kernel, sys::Refusal::kill, true) && sys::keep_own_calls(kernel);
  };
  CHECK(errno_of(renaming, [] { return ::rename("/no/such", "/no/other"); }) == ENOENT);
  CHECK(errno_of(renaming, [] { return ::unlink("/no/such"); }) == ENOENT);
}

TEST_CASE("sandbox: Landlock refuses files, programs, signals and TCP connections") {
  const int abi = landlock_abi();
  if (abi < 1) SKIP_CASE("no Landlock here");
  const test::TemporaryFolder folder;
  const std::string file = folder.file("file");
  test::open_file(file, O_WRONLY | O_CREAT).write("text");
  const auto result = [](const std::function<long()>& attack) {
    return errno_of(files_given_up, attack);
  };
  CHECK(result([&] { return ::open(file.c_str(), O_WRONLY); }) == EACCES);
  CHECK(result([&] { return ::open(folder.file("new").c_str(), O_WRONLY | O_CREAT, 0600); }) ==
        EACCES);
  CHECK(result([&] { return ::unlink(file.c_str()); }) == EACCES);
  CHECK(result([&] { return ::mkdir(folder.file("new").c_str(), 0700); }) == EACCES);
  CHECK(result([&] { return make_unix_socket(folder.file("new")); }) == EACCES);
  CHECK(result([&] { return ::open(file.c_str(), O_RDONLY); }) == 0);
  if (!sys::has_sanitizer()) CHECK(result(run_true) == EACCES);
  if (abi >= 6) CHECK(result([] { return ::kill(::getppid(), 0); }) == EPERM);
  if (abi < 4) SKIP_CASE("Landlock knows nothing of TCP here");
  const test::TestListener listener = test::make_listener();
  const sys::Address there = listener.address;
  CHECK(result([&] { return connect_to(there); }) == EACCES);
  const auto with = [&](sys::Reach reach) {
    return errno_of([&](sys::Kernel& kernel) { return landlocked(kernel, reach); },
                    [&] { return connect_to(there); });
  };
  const auto beside = static_cast<std::uint16_t>(there.port() + 1);
  CHECK(with({"", false, {there.port()}}) == 0);
  CHECK(with({"", false, {beside, there.port()}}) == 0);
  CHECK(with({"", false, {beside}}) == EACCES);
  CHECK(with({"", true, {}}) == 0);
}

TEST_CASE("sandbox: one directory's files may still be removed, and only removed") {
  if (landlock_abi() < 1) SKIP_CASE("no Landlock here");
  const test::TemporaryFolder folder;
  const test::TemporaryFolder other;
  for (const auto* const place : {&folder, &other}) test::open_file(place->file("f"), O_CREAT);
  const auto result = [&](const std::function<long()>& attack) {
    return errno_of(
        [&](sys::Kernel& kernel) {
          return landlocked(kernel, {folder.file(""), false, {}});
        },
        attack);
  };
  CHECK(result([&] { return ::unlink(other.file("f").c_str()); }) == EACCES);
  CHECK(result([&] { return ::open(folder.file("f").c_str(), O_WRONLY); }) == EACCES);
  CHECK(result([&] { return ::rename(folder.file("f").c_str(), folder.file("g").c_str()); }) ==
        EACCES);
  CHECK(result([&] { return ::unlink(folder.file("f").c_str()); }) == 0);
}

TEST_CASE("sandbox: a kernel that has less of it is told by the call that failed") {
  sys::LinuxKernel real;
  test::ScriptedKernel kernel(real);
  kernel.script(sys::Syscall::prctl).answers(0);
  kernel.script(sys::Syscall::seccomp).fails(ENOSYS);
  const auto calls = sys::give_up_calls(kernel, sys::Refusal::error, false);
  REQUIRE_FALSE(calls);
  CHECK(calls.error().text() == "seccomp: function not implemented (ENOSYS)");
  kernel.script(sys::Syscall::landlock_create_ruleset).fails(EOPNOTSUPP);
  const auto files = sys::give_up_files(kernel, {});
  REQUIRE_FALSE(files);
  CHECK(files.error().call == sys::Syscall::landlock_create_ruleset);
  CHECK(kernel.count(sys::Syscall::landlock_restrict_self) == 0);
  CHECK(kernel.open_descriptors().empty());
}

TEST_CASE("Landlock's rights: those that an ABI has, and their names") {
  const auto fs = sys::landlock_fs_rights();
  CHECK(sys::known_rights(fs, 1, ~0ULL) == 0x1fff);
  CHECK(sys::known_rights(fs, 2, ~0ULL) == 0x3fff);
  CHECK(sys::known_rights(fs, 3, ~0ULL) == 0x7fff);
  CHECK(sys::known_rights(fs, 99, 0x8003) == 0x8003);
  CHECK(sys::known_rights(sys::landlock_net_rights(), 3, ~0ULL) == 0);
  CHECK(sys::known_rights(sys::landlock_scopes(), 6, sys::landlock_scope_signal) == 2);
  CHECK(sys::rights_name(fs, 3) == "LANDLOCK_ACCESS_FS_EXECUTE|LANDLOCK_ACCESS_FS_WRITE_FILE");
  CHECK(sys::rights_name(fs, 0x10000) == "0x10000");
  CHECK(sys::rights_name(fs, 0x10001) == "LANDLOCK_ACCESS_FS_EXECUTE|0x10000");
  CHECK(sys::rights_name(fs, 0) == "0");
}
