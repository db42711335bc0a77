// SPDX-License-Identifier: MIT
#include "sys/landlock.h"

#include <fmt/format.h>
#include <linux/landlock.h>

#include <array>

namespace tcptool::sys {
namespace {

constexpr std::array<LandlockRight, 16> fs_rights{{
    {"LANDLOCK_ACCESS_FS_EXECUTE", 1U << 0U, 1},
    {"LANDLOCK_ACCESS_FS_WRITE_FILE", 1U << 1U, 1},
    {"LANDLOCK_ACCESS_FS_READ_FILE", 1U << 2U, 1},
    {"LANDLOCK_ACCESS_FS_READ_DIR", 1U << 3U, 1},
    {"LANDLOCK_ACCESS_FS_REMOVE_DIR", 1U << 4U, 1},
    {"LANDLOCK_ACCESS_FS_REMOVE_FILE", 1U << 5U, 1},
    {"LANDLOCK_ACCESS_FS_MAKE_CHAR", 1U << 6U, 1},
    {"LANDLOCK_ACCESS_FS_MAKE_DIR", 1U << 7U, 1},
    {"LANDLOCK_ACCESS_FS_MAKE_REG", 1U << 8U, 1},
    {"LANDLOCK_ACCESS_FS_MAKE_SOCK", 1U << 9U, 1},
    {"LANDLOCK_ACCESS_FS_MAKE_FIFO", 1U << 10U, 1},
    {"LANDLOCK_ACCESS_FS_MAKE_BLOCK", 1U << 11U, 1},
    {"LANDLOCK_ACCESS_FS_MAKE_SYM", 1U << 12U, 1},
    {"LANDLOCK_ACCESS_FS_REFER", 1U << 13U, 2},
    {"LANDLOCK_ACCESS_FS_TRUNCATE", 1U << 14U, 3},
    {"LANDLOCK_ACCESS_FS_IOCTL_DEV", 1U << 15U, 5},
}};

constexpr std::array<LandlockRight, 2> net_rights{{
    {"LANDLOCK_ACCESS_NET_BIND_TCP", landlock_bind_tcp, 4},
    {"LANDLOCK_ACCESS_NET_CONNECT_TCP", landlock_connect_tcp, 4},
}};

constexpr std::array<LandlockRight, 2> scopes{{
    {"LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET", landlock_scope_abstract_unix, 6},
    {"LANDLOCK_SCOPE_SIGNAL", landlock_scope_signal, 6},
}};

constexpr std::array<LandlockRight, 1> ruleset_flags{
    {{"LANDLOCK_CREATE_RULESET_VERSION", LANDLOCK_CREATE_RULESET_VERSION, 1}}};

}  // namespace

std::span<const LandlockRight> landlock_fs_rights() {
  return fs_rights;
}

std::span<const LandlockRight> landlock_net_rights() {
  return net_rights;
}

std::span<const LandlockRight> landlock_scopes() {
  return scopes;
}

std::uint64_t known_rights(std::span<const LandlockRight> rights, int abi, std::uint64_t wanted) {
  std::uint64_t known = 0;
  for (const LandlockRight& right : rights) {
    if (right.since <= abi) known |= right.bit & wanted;
  }
  return known;
}

std::string rights_name(std::span<const LandlockRight> rights, std::uint64_t bits) {
  std::string out;
  for (const LandlockRight& right : rights) {
    if ((bits & right.bit) == 0) continue;
    bits &= ~right.bit;
    if (!out.empty()) out += '|';
    out += right.name;
  }
  if (bits == 0 && !out.empty()) return out;
  if (!out.empty()) out += '|';
  return out + (bits == 0 ? "0" : fmt::format("{:#x}", bits));
}

std::string ruleset_flags_name(unsigned flags) {
  return rights_name(ruleset_flags, flags);
}

}  // namespace tcptool::sys
