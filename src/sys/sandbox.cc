// SPDX-License-Identifier: MIT
#include "sys/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstddef>

#include "sys/fd.h"
#include "sys/landlock.h"

namespace tcptool::sys {
namespace {

Result<void, SysError> filter_calls(Kernel& kernel, const std::vector<sock_filter>& program) {
  if (program.empty()) return failure(SysError{Syscall::seccomp, ENOSYS, ""});
  // Without it older kernels make the whole process slower, for what a JIT compiler may do.
  constexpr unsigned flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  const Outcome filtered = kernel.seccomp(flags, program);
  if (!filtered.ok()) return failure(SysError{Syscall::seccomp, filtered.error, ""});
  return {};
}

// All but reading.
LandlockRuleset ruleset_for(int abi, const Reach& reach) {
  std::uint64_t fs = ~std::uint64_t{LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR};
  if (has_sanitizer()) fs &= ~std::uint64_t{LANDLOCK_ACCESS_FS_EXECUTE};
  LandlockRuleset ruleset;
  ruleset.handled_access_fs = known_rights(landlock_fs_rights(), abi, fs);
  const std::uint64_t net =
      landlock_bind_tcp | (reach.connects_anywhere ? 0 : landlock_connect_tcp);
  ruleset.handled_access_net = known_rights(landlock_net_rights(), abi, net);
  ruleset.scoped =
      known_rights(landlock_scopes(), abi, landlock_scope_abstract_unix | landlock_scope_signal);
  return ruleset;
}

// The members that the kernel's structure has.
std::size_t size_for(const LandlockRuleset& ruleset) {
  if (ruleset.scoped != 0) return sizeof ruleset;
  return ruleset.handled_access_net != 0 ? offsetof(LandlockRuleset, scoped)
                                         : offsetof(LandlockRuleset, handled_access_net);
}

Result<void, SysError> add_rule(Kernel& kernel, int ruleset_fd, const LandlockRule& rule) {
  const Outcome added = kernel.landlock_add_rule(ruleset_fd, rule);
  if (!added.ok()) return failure(SysError{Syscall::landlock_add_rule, added.error, ""});
  return {};
}

Result<void, SysError> allow_removal(Kernel& kernel, int ruleset_fd, const std::string& path) {
  const Outcome opened = kernel.open(path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (!opened.ok()) return failure(SysError{Syscall::open, opened.error, path});
  const Fd directory(kernel, opened.as_int());
  return add_rule(
      kernel, ruleset_fd,
      {LandlockRule::Type::path_beneath, LANDLOCK_ACCESS_FS_REMOVE_FILE, directory.get()});
}

// To remove files wherever they are.
constexpr std::uint64_t to_remove = std::uint64_t{1} << unsigned{CAP_DAC_OVERRIDE};

}  // namespace

Result<void, SysError> give_up_calls(Kernel& kernel, Refusal refusal, const Ahead& ahead) {
  const Outcome unprivileged = kernel.prctl(PR_SET_NO_NEW_PRIVS, 1);
  if (!unprivileged.ok()) return failure(SysError{Syscall::prctl, unprivileged.error, ""});
  return filter_calls(kernel, deny_program(refusal, ahead));
}

Result<void, SysError> give_up_files(Kernel& kernel, const Reach& reach) {
  const auto failed = [](Syscall call, const Outcome& outcome) {
    return failure(SysError{call, outcome.error, ""});
  };
  const Outcome abi = kernel.landlock_create_ruleset(nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (!abi.ok()) return failed(Syscall::landlock_create_ruleset, abi);
  const LandlockRuleset ruleset = ruleset_for(abi.as_int(), reach);
  const Outcome made = kernel.landlock_create_ruleset(&ruleset, size_for(ruleset), 0);
  if (!made.ok()) return failed(Syscall::landlock_create_ruleset, made);
  const Fd rules(kernel, made.as_int());
  if (!reach.removable_in.empty()) {
    if (auto added = allow_removal(kernel, rules.get(), reach.removable_in); !added) return added;
  }
  std::vector<LandlockRule> ports;
  for (const std::uint16_t number : reach.connects_to) {
    ports.push_back({LandlockRule::Type::net_port, landlock_connect_tcp, number});
  }
  if (reach.binds_any_port) ports.push_back({LandlockRule::Type::net_port, landlock_bind_tcp, 0});
  if (ruleset.handled_access_net == 0) ports.clear();
  for (const LandlockRule& port : ports) {
    if (auto added = add_rule(kernel, rules.get(), port); !added) return added;
  }
  const Outcome restricted = kernel.landlock_restrict_self(rules.get());
  if (!restricted.ok()) return failed(Syscall::landlock_restrict_self, restricted);
  return {};
}

Result<void, SysError> give_up_privileges(Kernel& kernel, const Reach& reach) {
  if (reach.may_need_capabilities) return {};
  // For a directory that is another user's. Who lacks it has no need of the rest either.
  if (!reach.removable_in.empty() && kernel.capset(to_remove).ok()) return {};
  const Outcome dropped = kernel.capset(0);
  if (!dropped.ok()) return failure(SysError{Syscall::capset, dropped.error, ""});
  return {};
}

Result<void, SysError> give_up_more_calls(Kernel& kernel, Refusal refusal, const Ahead& ahead) {
  if (refusal == Refusal::kill && !has_sanitizer()) return filter_calls(kernel, allow_program());
  if (!ahead.looks_up && !ahead.listens) return {};
  return filter_calls(kernel, deny_sockets_program());
}

std::string capabilities_name(std::uint64_t set) {
  if (set == to_remove) return "1<<CAP_DAC_OVERRIDE";
  return set == 0 ? "0" : fmt::format("{:#x}", set);
}

}  // namespace tcptool::sys
