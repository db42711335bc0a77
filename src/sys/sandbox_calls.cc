// SPDX-License-Identifier: MIT
#include "sys/sandbox_calls.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sys/call_filter.h"
#include "sys/syscall.h"

namespace tcptool::sys {
namespace {

using When = CallRule::When;

// Those that a newer header would name; the kernel gives new calls one number everywhere.
enum NewCall : long {
  nr_fchmodat2 = 452,
  nr_setxattrat = 463,
  nr_removexattrat = 466,
  nr_open_tree_attr = 467,
  nr_file_setattr = 469,
};

// What a sanitizer's runtime needs: it starts a symbolizer, and traces the process to find leaks.
constexpr std::array programs{__NR_execve, __NR_execveat, __NR_ptrace};

constexpr std::array always_denied{
    // other processes
    __NR_process_vm_readv, __NR_process_vm_writev, __NR_process_madvise, __NR_pidfd_getfd,
    __NR_kcmp,
    // System V IPC, where others' data may lie
    __NR_shmget, __NR_shmat, __NR_shmdt, __NR_shmctl, __NR_semget, __NR_semop, __NR_semtimedop,
    __NR_semctl, __NR_msgget, __NR_msgsnd, __NR_msgrcv, __NR_msgctl,
    // files: what exists is changed
    __NR_truncate, __NR_fchmod, __NR_fchmodat, __NR_fchown, __NR_fchownat, __NR_setxattr,
    __NR_lsetxattr, __NR_fsetxattr, __NR_removexattr, __NR_lremovexattr, __NR_fremovexattr,
    __NR_utimensat, __NR_open_by_handle_at,
    // files: what is new
    __NR_mknodat, __NR_mkdirat, __NR_symlinkat, __NR_linkat, __NR_mq_open, __NR_mq_unlink,
    // namespaces, mounts, other roots
    __NR_unshare, __NR_setns, __NR_mount, __NR_umount2, __NR_pivot_root, __NR_chroot,
    __NR_move_mount, __NR_open_tree, __NR_fsopen, __NR_fsconfig, __NR_fsmount, __NR_fspick,
    __NR_mount_setattr, __NR_swapon, __NR_swapoff, __NR_quotactl, __NR_quotactl_fd,
    // the kernel
    __NR_bpf, __NR_perf_event_open, __NR_userfaultfd, __NR_io_uring_setup, __NR_io_uring_enter,
    __NR_io_uring_register, __NR_init_module, __NR_finit_module, __NR_delete_module,
    __NR_kexec_load, __NR_reboot, __NR_syslog, __NR_acct, __NR_fanotify_init, __NR_settimeofday,
    __NR_clock_settime, __NR_adjtimex, __NR_clock_adjtime, __NR_sethostname, __NR_setdomainname,
    __NR_personality, __NR_vhangup,
    // keys
    __NR_add_key, __NR_request_key, __NR_keyctl};

constexpr std::array new_denied{nr_fchmodat2, nr_setxattrat, nr_removexattrat, nr_open_tree_attr,
                                nr_file_setattr};

#if defined(__x86_64__)
// Of an older time, which newer architectures have in their wider forms alone.
constexpr std::array old_denied{
    __NR_creat, __NR_mkdir,  __NR_mknod,      __NR_symlink, __NR_link,           __NR_rmdir,
    __NR_chmod, __NR_chown,  __NR_lchown,     __NR_utime,   __NR_utimes,         __NR_futimesat,
    __NR_iopl,  __NR_ioperm, __NR_modify_ldt, __NR_uselib,  __NR_kexec_file_load};
#else
constexpr std::array old_denied{__NR_kexec_file_load};
#endif

constexpr std::array renaming{
#ifdef __NR_rename
    __NR_rename, __NR_unlink,
#endif
#ifdef __NR_renameat  // architectures newer than arm64 lack it
    __NR_renameat,
#endif
    __NR_renameat2, __NR_unlinkat};

constexpr std::uint32_t refuse_with(int error) {
  return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
}

// To daemons of this host, which look-ups ask and which could start programs; one end of a pair can
// send there as well. No killing: libc tries one first where it asks for an interface's name.
constexpr std::array no_unix_sockets{
    CallRule{__NR_socket, refuse_with(EPERM), When::equal, 0, AF_UNIX},
    CallRule{__NR_socketpair, refuse_with(EPERM)}};

// Terminals, queues and interfaces, of which they only tell; others change a file that is open for
// reading, or type at the user's terminal.
constexpr std::array<unsigned, 16> telling_ioctls{
    TCGETS,        TIOCGWINSZ,  TIOCGPGRP,      FIONREAD,      TIOCOUTQ,    SIOCATMARK,
    SIOCGIFINDEX,  SIOCGIFNAME, SIOCGIFCONF,    SIOCGIFFLAGS,  SIOCGIFADDR, SIOCGIFNETMASK,
    SIOCGIFHWADDR, SIOCGIFMTU,  SIOCGIFBRDADDR, SIOCGIFDSTADDR};

// Those whose arguments decide.
void append_by_argument(std::vector<CallRule>& rules, std::uint32_t action) {
  constexpr std::uint32_t writing = O_ACCMODE | O_CREAT | O_TRUNC;
  constexpr std::uint32_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                       CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
  // Which Landlock takes for no TCP.
  constexpr std::uint32_t multipath_tcp = 262;  // IPPROTO_MPTCP
  constexpr std::uint32_t smc = 256;            // IPPROTO_SMC
  constexpr std::uint32_t any_pid = ~0U;        // but 0, which is this process
  rules.insert(rules.end(), {{__NR_openat, action, When::bits, 2, writing},
                             {__NR_clone, action, When::bits, 0, namespaces},
                             {__NR_socket, action, When::equal, 2, multipath_tcp},
                             {__NR_socket, action, When::equal, 2, smc},
                             // A connect that Landlock does not see.
                             {__NR_sendto, action, When::bits, 3, MSG_FASTOPEN},
                             {__NR_sendmsg, action, When::bits, 2, MSG_FASTOPEN},
                             {__NR_sendmmsg, action, When::bits, 3, MSG_FASTOPEN},
                             {__NR_prlimit64, action, When::bits, 0, any_pid},
                             {__NR_clone3, refuse_with(ENOSYS)},
                             {__NR_openat2, refuse_with(ENOSYS)}});
#if defined(__x86_64__)
  rules.push_back({__NR_open, action, When::bits, 1, writing});
#endif
  for (const unsigned request : telling_ioctls) {
    rules.push_back({__NR_ioctl, SECCOMP_RET_ALLOW, When::equal, 1, request});
  }
  rules.push_back({__NR_ioctl, action});
  // Among the others are AF_PACKET and AF_SMC, which falls back to TCP.
  for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}) {
    const auto number = static_cast<std::uint32_t>(family);
    rules.push_back({__NR_socket, SECCOMP_RET_ALLOW, When::equal, 0, number});
  }
  rules.push_back({__NR_socket, action});
}

void sort_by_number(std::vector<CallRule>& rules) {
  std::stable_sort(rules.begin(), rules.end(),
                   [](const CallRule& a, const CallRule& b) { return a.number < b.number; });
}

// Of those that older architectures have as well, the form that libc uses.
#if defined(__x86_64__)
enum SeamCall : long {
  nr_epoll_wait = __NR_epoll_wait,
  nr_poll = __NR_poll,
  nr_readlink = __NR_readlink,
  nr_rename = __NR_rename,
  nr_unlink = __NR_unlink,
};
#else
enum SeamCall : long {
  nr_epoll_wait = __NR_epoll_pwait,
  nr_poll = __NR_ppoll,
  nr_readlink = __NR_readlinkat,
#ifdef __NR_renameat
  nr_rename = __NR_renameat,
#else
  nr_rename = __NR_renameat2,
#endif
  nr_unlink = __NR_unlinkat,
};
#endif

// What libc makes of each call of the seam; none for those that are over when the list comes into
// force.
struct SeamNumber {
  Syscall call;
  long number;
};
constexpr long none = -1;
constexpr std::array seam_numbers{
    SeamNumber{Syscall::accept4, __NR_accept4},
    SeamNumber{Syscall::bind, __NR_bind},
    SeamNumber{Syscall::capset, none},
    SeamNumber{Syscall::close, __NR_close},
    SeamNumber{Syscall::connect, __NR_connect},
    SeamNumber{Syscall::epoll_create1, __NR_epoll_create1},
    SeamNumber{Syscall::epoll_ctl, __NR_epoll_ctl},
    SeamNumber{Syscall::epoll_wait, nr_epoll_wait},
    SeamNumber{Syscall::fcntl, __NR_fcntl},
    SeamNumber{Syscall::fstat, __NR_newfstatat},
    SeamNumber{Syscall::getdents64, __NR_getdents64},
    SeamNumber{Syscall::getpeername, __NR_getpeername},
    SeamNumber{Syscall::getpid, __NR_getpid},
    SeamNumber{Syscall::getsockname, __NR_getsockname},
    SeamNumber{Syscall::getsockopt, __NR_getsockopt},
    SeamNumber{Syscall::getuid, __NR_getuid},
    SeamNumber{Syscall::ioctl, __NR_ioctl},
    SeamNumber{Syscall::kill, __NR_kill},
    SeamNumber{Syscall::landlock_add_rule, none},
    SeamNumber{Syscall::landlock_create_ruleset, none},
    SeamNumber{Syscall::landlock_restrict_self, none},
    SeamNumber{Syscall::listen, none},
    SeamNumber{Syscall::lseek, __NR_lseek},
    SeamNumber{Syscall::open, __NR_openat},
    SeamNumber{Syscall::pidfd_getfd, none},  // of a command, which is not confined
    SeamNumber{Syscall::pidfd_open, none},   // the same
    SeamNumber{Syscall::pipe2, __NR_pipe2},
    SeamNumber{Syscall::poll, nr_poll},
    SeamNumber{Syscall::prctl, none},
    SeamNumber{Syscall::pread, __NR_pread64},
    SeamNumber{Syscall::prlimit64, __NR_prlimit64},
    SeamNumber{Syscall::read, __NR_read},
    SeamNumber{Syscall::readlink, nr_readlink},
    SeamNumber{Syscall::recv, __NR_recvfrom},
    SeamNumber{Syscall::recvmsg, __NR_recvmsg},
    SeamNumber{Syscall::rename, nr_rename},
    SeamNumber{Syscall::seccomp, none},
    SeamNumber{Syscall::send, __NR_sendto},
    SeamNumber{Syscall::sendfile, __NR_sendfile},
    SeamNumber{Syscall::setsockopt, __NR_setsockopt},
    SeamNumber{Syscall::shutdown, __NR_shutdown},
    SeamNumber{Syscall::sigaction, __NR_rt_sigaction},
    SeamNumber{Syscall::signalfd, __NR_signalfd4},
    SeamNumber{Syscall::sigprocmask, __NR_rt_sigprocmask},
    SeamNumber{Syscall::socket, __NR_socket},
    SeamNumber{Syscall::splice, __NR_splice},
    SeamNumber{Syscall::unlink, nr_unlink},
    SeamNumber{Syscall::wait4, none},
    SeamNumber{Syscall::write, __NR_write},
    SeamNumber{Syscall::getaddrinfo, none},
    SeamNumber{Syscall::if_indextoname, __NR_ioctl},
    SeamNumber{Syscall::if_nametoindex, __NR_ioctl},
    SeamNumber{Syscall::posix_spawn, none}};

constexpr bool is_whole_seam() {
  if (seam_numbers.size() != syscall_names.size()) return false;
  for (std::size_t i = 0; i < seam_numbers.size(); ++i) {
    if (static_cast<std::size_t>(seam_numbers[i].call) != i) return false;
  }
  return true;
}
static_assert(is_whole_seam(), "a call of the seam has no number here");

// What libc calls by itself.
constexpr std::array of_libc{
    // memory
    __NR_brk, __NR_mmap, __NR_munmap, __NR_mremap, __NR_mprotect, __NR_madvise,
    // threads that still end
    __NR_futex, __NR_sched_yield, __NR_set_robust_list, __NR_rseq,
    // clocks, signals, the end
    __NR_clock_gettime, __NR_gettimeofday, __NR_setitimer, __NR_getrandom, __NR_gettid, __NR_tgkill,
    __NR_rt_sigreturn, __NR_restart_syscall, __NR_exit, __NR_exit_group,
    // messages, and what a newer libc makes of fstat
    __NR_writev, __NR_fstat};
#if defined(__x86_64__)
constexpr std::array of_old_libc{__NR_alarm, __NR_time};
#else
constexpr std::array<int, 0> of_old_libc{};
#endif

}  // namespace

std::vector<sock_filter> deny_program(Refusal refusal, const Ahead& ahead) {
  const std::uint32_t action =
      refusal == Refusal::kill ? SECCOMP_RET_KILL_PROCESS : refuse_with(EPERM);
  std::vector<CallRule> rules;
  rules.reserve(always_denied.size() + 64);
  const auto deny = [&](const auto& numbers) {
    for (const long number : numbers) rules.push_back({number, action});
  };
  deny(always_denied);
  deny(new_denied);
  deny(old_denied);
  if (!ahead.renames) deny(renaming);
  if (!ahead.listens) deny(std::array{__NR_listen});
  if (!ahead.looks_up) {
    rules.insert(rules.end(), no_unix_sockets.begin(), no_unix_sockets.end());
  }
  if (!has_sanitizer()) deny(programs);
  append_by_argument(rules, action);
  sort_by_number(rules);
  return filter_program(rules, SECCOMP_RET_ALLOW, action);
}

std::vector<sock_filter> deny_sockets_program() {
  std::vector<CallRule> rules(no_unix_sockets.begin(), no_unix_sockets.end());
  rules.push_back({__NR_listen, refuse_with(EPERM)});
  sort_by_number(rules);
  return filter_program(rules, SECCOMP_RET_ALLOW, refuse_with(EPERM));
}

std::vector<sock_filter> allow_program() {
  std::vector<CallRule> rules{no_unix_sockets.front()};
  rules.reserve(seam_numbers.size() + of_libc.size() + of_old_libc.size());
  for (const SeamNumber& seam : seam_numbers) {
    if (seam.number != none) rules.push_back({seam.number, SECCOMP_RET_ALLOW});
  }
  for (const long number : of_libc) rules.push_back({number, SECCOMP_RET_ALLOW});
  for (const long number : of_old_libc) rules.push_back({number, SECCOMP_RET_ALLOW});
  sort_by_number(rules);
  return filter_program(rules, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_PROCESS);
}

}  // namespace tcptool::sys
