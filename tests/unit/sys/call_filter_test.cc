// SPDX-License-Identifier: MIT
#include "sys/call_filter.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <syscall.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include "support/skip.h"
#include "sys/sandbox_calls.h"

using namespace tcptool;
using When = sys::CallRule::When;

namespace {

#if defined(__aarch64__)
constexpr std::uint32_t ours = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t ours = AUDIT_ARCH_X86_64;
#endif

seccomp_data call(long number, std::array<std::uint64_t, 6> args = {}) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = ours;
  std::copy(args.begin(), args.end(), std::begin(data.args));
  return data;
}

// What the kernel would do: the instructions that filters use, and no other.
std::optional<std::uint32_t> run(std::span<const sock_filter> program, const seccomp_data& data) {
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (step.k % 4 != 0 || step.k + 4 > sizeof data) return std::nullopt;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + step.k, 4);
        break;
      case BPF_JMP | BPF_JA:
        at += step.k;
        break;
      case BPF_JMP | BPF_K | BPF_JEQ:
        at += accumulator == step.k ? step.jt : step.jf;
        break;
      case BPF_JMP | BPF_K | BPF_JGE:
        at += accumulator >= step.k ? step.jt : step.jf;
        break;
      case BPF_JMP | BPF_K | BPF_JSET:
        at += (accumulator & step.k) != 0 ? step.jt : step.jf;
        break;
      case BPF_RET | BPF_K:
        return step.k;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

constexpr std::uint32_t denied = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t unknown = SECCOMP_RET_ERRNO | ENOSYS;

}  // namespace

TEST_CASE("each rule holds for its call alone") {
  const std::array<sys::CallRule, 6> rules{
      {{0, 7}, {5, 1}, {6, 1}, {9, 2, When::bits, 3, 0x30}, {9, 3, When::equal, 0, 4}, {300, 4}}};
  const auto program = sys::filter_program(rules, 10, 11);
  if (program.empty()) SKIP_CASE("no filter for this architecture");
  for (long number = -2; number < 500; ++number) {
    std::uint32_t expected = 10;
    if (number == 0) expected = 7;
    if (number == 5 || number == 6) expected = 1;
    if (number == 300) expected = 4;
#if defined(__x86_64__)
    if (number == -2) expected = 11;                 // beyond where x32 begins
    if (number == -1) expected = SECCOMP_RET_ALLOW;  // no call at all
#endif
    CHECK_MESSAGE(run(program, call(number)) == expected, number);
  }
  CHECK(run(program, call(9, {0, 0, 0, 0x10})) == 2);
  CHECK(run(program, call(9, {4, 0, 0, 0x40})) == 3);
  CHECK(run(program, call(9, {4, 0, 0, 0x60})) == 2);
  CHECK(run(program, call(9, {5, 0x30, 4, 0x4f})) == 10);
  // The kernel takes these arguments for ints: their upper halves do not count.
  CHECK(run(program, call(9, {0xffff'ffff'0000'0004, 0, 0, 0xffff'ffff'0000'0000})) == 3);
}

TEST_CASE("another architecture is foreign, whatever the call") {
  const std::array<sys::CallRule, 1> rules{{{1, 1}}};
  const auto program = sys::filter_program(rules, 10, 11);
  if (program.empty()) SKIP_CASE("no filter for this architecture");
  for (const long number : {0L, 1L, 11L, 400L}) {
    seccomp_data other = call(number);
    other.arch = AUDIT_ARCH_I386;
    CHECK(run(program, other) == 11);
#if defined(__x86_64__)
    CHECK(run(program, call(number + 0x4000'0000)) == 11);  // x32
#endif
  }
}

TEST_CASE("so many rules that a jump goes far") {
  std::vector<sys::CallRule> rules;
  for (unsigned i = 0; i < 400; ++i) rules.push_back({2L * i, 100 + i});
  const auto program = sys::filter_program(rules, 10, 11);
  if (program.empty()) SKIP_CASE("no filter for this architecture");
  for (unsigned i = 0; i < 800; ++i) {
    CHECK(run(program, call(i)) == (i % 2 == 0 ? 100 + i / 2 : 10));
  }
}

TEST_CASE("what is denied, and what is not") {
  const auto program = sys::deny_program(sys::Refusal::error, {.looks_up = true});
  if (program.empty()) SKIP_CASE("no filter for this architecture");
  CHECK(program.size() < BPF_MAXINSNS);
  for (const long number : {__NR_process_vm_readv,
                            __NR_process_vm_writev,
                            __NR_mount,
                            __NR_umount2,
                            __NR_bpf,
                            __NR_init_module,
                            __NR_keyctl,
                            __NR_unshare,
                            __NR_setns,
                            __NR_io_uring_setup,
                            __NR_userfaultfd,
                            __NR_perf_event_open,
                            __NR_truncate,
                            __NR_fchmodat,
                            __NR_fchownat,
                            __NR_mkdirat,
                            __NR_unlinkat,
                            __NR_renameat2,
                            __NR_linkat,
                            __NR_symlinkat,
                            __NR_kexec_load,
                            __NR_pivot_root,
                            __NR_pidfd_getfd,
                            __NR_shmat,
                            __NR_semop,
                            __NR_msgsnd}) {
    CHECK_MESSAGE(run(program, call(number)) == denied, number);
  }
#ifdef __NR_rename
  for (const long number : {__NR_rename, __NR_unlink}) CHECK(run(program, call(number)) == denied);
#endif
#ifdef __NR_renameat
  CHECK(run(program, call(__NR_renameat)) == denied);
#endif
  if (!sys::has_sanitizer()) {
    for (const long number : {__NR_execve, __NR_execveat, __NR_ptrace}) {
      CHECK_MESSAGE(run(program, call(number)) == denied, number);
    }
  }
  for (const long number : {__NR_read, __NR_write, __NR_close, __NR_connect, __NR_accept4,
                            __NR_recvfrom, __NR_mmap, __NR_futex, __NR_exit_group, __NR_kill}) {
    CHECK_MESSAGE(run(program, call(number)) == SECCOMP_RET_ALLOW, number);
  }
  // For these libc makes older calls.
  CHECK(run(program, call(__NR_clone3)) == unknown);
  CHECK(run(program, call(__NR_openat2)) == unknown);
}

TEST_CASE("arguments decide") {
  const auto program = sys::deny_program(sys::Refusal::error, {.looks_up = true});
  if (program.empty()) SKIP_CASE("no filter for this architecture");
  const auto opened = [&](int flags) {
    return run(program, call(__NR_openat, {0, 0, static_cast<std::uint64_t>(flags)}));
  };
  for (const int flags : {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE | O_RDWR}) {
    CHECK_MESSAGE(opened(flags) == denied, flags);
  }
  for (const int flags : {O_RDONLY, O_DIRECTORY, O_CLOEXEC | O_NONBLOCK, O_PATH}) {
    CHECK_MESSAGE(opened(flags) == SECCOMP_RET_ALLOW, flags);
  }
  // A thread, and a process in a user namespace of its own.
  CHECK(run(program, call(__NR_clone, {CLONE_VM | CLONE_THREAD | CLONE_SIGHAND})) ==
        SECCOMP_RET_ALLOW);
  CHECK(run(program, call(__NR_clone, {CLONE_NEWUSER | SIGCHLD})) == denied);
  CHECK(run(program, call(__NR_socket, {AF_INET, SOCK_STREAM, IPPROTO_TCP})) == SECCOMP_RET_ALLOW);
  CHECK(run(program, call(__NR_socket, {AF_INET, SOCK_STREAM, 262})) == denied);  // IPPROTO_MPTCP
  CHECK(run(program, call(__NR_socket, {AF_INET, SOCK_STREAM, 256})) == denied);  // IPPROTO_SMC
  const auto socket_of = [&](int family) {
    return run(program, call(__NR_socket, {static_cast<std::uint64_t>(family)}));
  };
  for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}) {
    CHECK_MESSAGE(socket_of(family) == SECCOMP_RET_ALLOW, family);
  }
  for (const int family : {AF_PACKET, AF_VSOCK, AF_ALG, 43 /* AF_SMC */}) {
    CHECK_MESSAGE(socket_of(family) == denied, family);
  }
  CHECK(run(program, call(__NR_sendto, {3, 0, 1, MSG_DONTWAIT | MSG_NOSIGNAL})) ==
        SECCOMP_RET_ALLOW);
  CHECK(run(program, call(__NR_sendto, {3, 0, 1, MSG_FASTOPEN})) == denied);
  CHECK(run(program, call(__NR_ioctl, {0, FIONREAD})) == SECCOMP_RET_ALLOW);
  // TIOCSTI, TIOCLINUX, and what changes a file that is open for reading alone.
  for (const std::uint64_t request :
       {std::uint64_t{TIOCSTI}, std::uint64_t{0x541C}, std::uint64_t{FS_IOC_SETFLAGS},
        std::uint64_t{FS_IOC_FSSETXATTR}, std::uint64_t{FS_IOC_SETVERSION},
        std::uint64_t{FS_IOC_ENABLE_VERITY}}) {
    CHECK_MESSAGE(run(program, call(__NR_ioctl, {0, request})) == denied, request);
  }
  CHECK(run(program, call(__NR_prlimit64, {0, RLIMIT_NOFILE, 1})) == SECCOMP_RET_ALLOW);
  for (const std::uint64_t pid : {1ULL, 4711ULL, ~0ULL}) {
    CHECK_MESSAGE(run(program, call(__NR_prlimit64, {pid, RLIMIT_NOFILE, 1})) == denied, pid);
  }
}

TEST_CASE("a file may still be renamed and removed where that is wanted") {
  const auto program = sys::deny_program(sys::Refusal::kill, {.renames = true});
  if (program.empty()) SKIP_CASE("no filter for this architecture");
  CHECK(run(program, call(__NR_unlinkat)) == SECCOMP_RET_ALLOW);
  CHECK(run(program, call(__NR_renameat2)) == SECCOMP_RET_ALLOW);
#ifdef __NR_renameat
  CHECK(run(program, call(__NR_renameat)) == SECCOMP_RET_ALLOW);
#endif
  CHECK(run(program, call(__NR_mkdirat)) == SECCOMP_RET_KILL_PROCESS);
  CHECK(run(program, call(__NR_clone3)) == unknown);
}

TEST_CASE("the strict list has the seam's calls, and not those of look-ups and commands") {
  const auto program = sys::allow_program();
  if (program.empty()) SKIP_CASE("no filter for this architecture");
  for (const long number :
       {__NR_accept4, __NR_recvfrom, __NR_sendto, __NR_splice, __NR_sendfile, __NR_ioctl,
        __NR_openat, __NR_getdents64, __NR_epoll_ctl, __NR_exit_group, __NR_rt_sigreturn}) {
    CHECK_MESSAGE(run(program, call(number)) == SECCOMP_RET_ALLOW, number);
  }
  for (const long number :
       {__NR_execve, __NR_ptrace, __NR_clone, __NR_clone3, __NR_sendmsg, __NR_seccomp, __NR_prctl,
        __NR_dup, __NR_wait4, __NR_memfd_create, __NR_shmget, __NR_listen, __NR_capset}) {
    CHECK_MESSAGE(run(program, call(number)) == SECCOMP_RET_KILL_PROCESS, number);
  }
  CHECK(run(program, call(__NR_socket, {AF_UNIX})) == denied);
  CHECK(run(program, call(__NR_socket, {AF_INET})) == SECCOMP_RET_ALLOW);
}
