// SPDX-License-Identifier: MIT
#include "trace/structures.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "sys/landlock.h"
#include "sys/names.h"

namespace tcptool::trace {
namespace {

std::string limit_text(std::uint64_t limit) {
  return limit == RLIM_INFINITY ? "RLIM_INFINITY" : fmt::format("{}", limit);
}

std::string limit_strace(std::uint64_t limit) {
  constexpr std::uint64_t unit = 1024;
  if (limit == RLIM_INFINITY) return "RLIM64_INFINITY";
  if (limit > unit && limit % unit == 0) return fmt::format("{}*1024", limit / unit);
  return fmt::format("{}", limit);
}

template <class Text>
std::string list(std::span<const std::byte> blob, std::int64_t whole, Text&& text) {
  const std::vector<epoll_event> kept = unpack_epoll_events(blob);
  std::string out = "[";
  for (const epoll_event& event : kept) {
    if (out.size() > 1) out += ", ";
    out += text(event);
  }
  if (static_cast<std::int64_t>(kept.size()) < whole) out += ", ...";
  return out + "]";
}

}  // namespace

std::vector<epoll_event> unpack_epoll_events(std::span<const std::byte> blob) {
  std::vector<epoll_event> events(blob.size() / sizeof(epoll_event));
  for (std::size_t i = 0; i < events.size(); ++i) {
    events[i] = unpack<epoll_event>(blob, i * sizeof(epoll_event));
  }
  return events;
}

std::vector<std::string_view> unpack_texts(std::span<const std::byte> blob) {
  std::string_view rest(reinterpret_cast<const char*>(blob.data()), blob.size());
  std::vector<std::string_view> texts;
  while (!rest.empty()) {
    texts.push_back(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(std::min(rest.size(), texts.back().size() + 1));
  }
  return texts;
}

std::string epoll_event_text(const epoll_event& event) {
  // A copy, since the structure is packed.
  const std::uint64_t data = event.data.u64;
  return fmt::format("{{events={}, data={}}}", sys::epoll_events_name(event.events), data);
}

std::string epoll_events_text(std::span<const std::byte> blob, std::int64_t whole) {
  return list(blob, whole, epoll_event_text);
}

std::string file_type_name(std::uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "S_IFREG";
    case S_IFIFO:
      return "S_IFIFO";
    case S_IFCHR:
      return "S_IFCHR";
    case S_IFSOCK:
      return "S_IFSOCK";
    case S_IFDIR:
      return "S_IFDIR";
    case S_IFBLK:
      return "S_IFBLK";
    default:
      return fmt::format("{:#o}", mode & S_IFMT);
  }
}

std::string limits_text(const sys::RLimit& limits) {
  return fmt::format("{{rlim_cur={}, rlim_max={}}}", limit_text(limits.soft),
                     limit_text(limits.hard));
}

std::string ruleset_text(const sys::LandlockRuleset& ruleset) {
  return fmt::format("{{handled_access_fs={:#x}, handled_access_net={:#x}, scoped={:#x}}}",
                     ruleset.handled_access_fs, ruleset.handled_access_net, ruleset.scoped);
}

std::string wait_status_text(int wstatus) {
  if (WIFEXITED(wstatus)) return fmt::format("{{WEXITSTATUS={}}}", WEXITSTATUS(wstatus));
  if (WIFSIGNALED(wstatus)) {
    return fmt::format("{{WTERMSIG={}{}}}", sys::signal_name(WTERMSIG(wstatus)),
                       WCOREDUMP(wstatus) ? ", WCOREDUMP" : "");
  }
  return fmt::format("{:#x}", static_cast<unsigned>(wstatus));
}

std::string epoll_event_strace(const epoll_event& event) {
  const std::uint64_t data = event.data.u64;
  return fmt::format("{{events={}, data={{u32={}, u64={}}}}}", sys::epoll_events_name(event.events),
                     static_cast<std::uint32_t>(data), data);
}

std::string epoll_events_strace(std::span<const std::byte> blob, std::int64_t whole) {
  return list(blob, whole, epoll_event_strace);
}

std::string limits_strace(const sys::RLimit& limits) {
  return fmt::format("{{rlim_cur={}, rlim_max={}}}", limit_strace(limits.soft),
                     limit_strace(limits.hard));
}

std::string ruleset_strace(const sys::LandlockRuleset& ruleset) {
  return fmt::format("{{handled_access_fs={}, handled_access_net={}, scoped={}}}",
                     sys::rights_name(sys::landlock_fs_rights(), ruleset.handled_access_fs),
                     sys::rights_name(sys::landlock_net_rights(), ruleset.handled_access_net),
                     sys::rights_name(sys::landlock_scopes(), ruleset.scoped));
}

std::string wait_status_strace(int wstatus) {
  if (WIFEXITED(wstatus)) {
    return fmt::format("[{{WIFEXITED(s) && WEXITSTATUS(s) == {}}}]", WEXITSTATUS(wstatus));
  }
  if (WIFSIGNALED(wstatus)) {
    return fmt::format("[{{WIFSIGNALED(s) && WTERMSIG(s) == {}{}}}]",
                       sys::signal_name(WTERMSIG(wstatus)),
                       WCOREDUMP(wstatus) ? " && WCOREDUMP(s)" : "");
  }
  return fmt::format("[{:#x}]", static_cast<unsigned>(wstatus));
}

}  // namespace tcptool::trace
