// SPDX-License-Identifier: MIT
// The calls by which the process confines itself.
#include <fmt/format.h>

#include "sys/landlock.h"
#include "sys/names.h"
#include "sys/sandbox.h"
#include "trace/traced_kernel.h"

namespace tcptool::trace {
namespace {

using sys::Outcome;
using sys::Syscall;

std::string rule_text(const sys::LandlockRule& rule) {
  const bool port = rule.type == sys::LandlockRule::Type::net_port;
  const auto rights = port ? sys::landlock_net_rights() : sys::landlock_fs_rights();
  return fmt::format("{{allowed_access={}, {}={}}}", sys::rights_name(rights, rule.allowed_access),
                     port ? "port" : "parent_fd", rule.object);
}

}  // namespace

Outcome TracedKernel::capset(std::uint64_t kept) {
  Event& event = journal_.begin(Syscall::capset);
  event.add_constant("hdrp", "{version=_LINUX_CAPABILITY_VERSION_3, pid=0}");
  event.add_constant("datap", fmt::format("{{effective={0}, permitted={0}, inheritable=0}}",
                                          sys::capabilities_name(kept)));
  make(event, [&] { return inner_.capset(kept); });
  return told(event);
}

Outcome TracedKernel::landlock_add_rule(int ruleset_fd, const sys::LandlockRule& rule) {
  const bool port = rule.type == sys::LandlockRule::Type::net_port;
  Event& event = journal_.begin(Syscall::landlock_add_rule);
  event.add("ruleset_fd", ArgKind::fd, ruleset_fd);
  event.add_constant("rule_type", port ? "LANDLOCK_RULE_NET_PORT" : "LANDLOCK_RULE_PATH_BENEATH");
  event.add_constant("rule_attr", rule_text(rule));
  event.add("flags", ArgKind::integer, 0);
  make(event, [&] { return inner_.landlock_add_rule(ruleset_fd, rule); });
  return told(event);
}

Outcome TracedKernel::landlock_create_ruleset(const sys::LandlockRuleset* attr, std::size_t size,
                                              unsigned flags) {
  Event& event = journal_.begin(Syscall::landlock_create_ruleset);
  if (attr != nullptr) {
    event.add_packed("attr", ArgKind::ruleset, *attr);
  } else {
    event.add_pointer("attr", nullptr);
  }
  event.add("size", ArgKind::integer, static_cast<std::int64_t>(size));
  event.add_constant("flags", sys::ruleset_flags_name(flags));
  make(event, [&] { return inner_.landlock_create_ruleset(attr, size, flags); });
  if (attr != nullptr) mark(event.outcome.as_int(), {.closes_at_once = true});
  return told(event);
}

Outcome TracedKernel::landlock_restrict_self(int ruleset_fd) {
  Event& event = journal_.begin(Syscall::landlock_restrict_self);
  event.add("ruleset_fd", ArgKind::fd, ruleset_fd);
  event.add("flags", ArgKind::integer, 0);
  make(event, [&] { return inner_.landlock_restrict_self(ruleset_fd); });
  return told(event);
}

Outcome TracedKernel::prctl(int op, unsigned long arg) {
  Event& event = journal_.begin(Syscall::prctl);
  event.add_constant("op", sys::prctl_op_name(op));
  event.add("arg", ArgKind::integer, static_cast<std::int64_t>(arg));
  make(event, [&] { return inner_.prctl(op, arg); });
  return told(event);
}

Outcome TracedKernel::seccomp(unsigned flags, std::span<const sock_filter> filter) {
  Event& event = journal_.begin(Syscall::seccomp);
  event.add_constant("operation", "SECCOMP_SET_MODE_FILTER");
  event.add_constant("flags", sys::seccomp_flags_name(flags));
  event.add_constant("args", fmt::format("{{len={}, filter={}}}", filter.size(),
                                         static_cast<const void*>(filter.data())));
  make(event, [&] { return inner_.seccomp(flags, filter); });
  return told(event);
}

}  // namespace tcptool::trace
