// SPDX-License-Identifier: MIT
// Landlock's rights by name, with the ABI that brought each: see landlock(7). Debian 12's header
// knows those of the second ABI, and the kernel says which it knows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tcptool::sys {

struct LandlockRight {
  std::string_view name;
  std::uint64_t bit;
  int since;  // the first ABI that has it
};

std::span<const LandlockRight> landlock_fs_rights();
std::span<const LandlockRight> landlock_net_rights();
std::span<const LandlockRight> landlock_scopes();

inline constexpr std::uint64_t landlock_bind_tcp = 1U << 0U;
inline constexpr std::uint64_t landlock_connect_tcp = 1U << 1U;
inline constexpr std::uint64_t landlock_scope_abstract_unix = 1U << 0U;
inline constexpr std::uint64_t landlock_scope_signal = 1U << 1U;

// Those among `wanted` that a kernel of this ABI knows: any other is EINVAL.
std::uint64_t known_rights(std::span<const LandlockRight> rights, int abi, std::uint64_t wanted);

// "LANDLOCK_ACCESS_FS_EXECUTE|LANDLOCK_ACCESS_FS_WRITE_FILE", "0".
std::string rights_name(std::span<const LandlockRight> rights, std::uint64_t bits);

std::string ruleset_flags_name(unsigned flags);  // "LANDLOCK_CREATE_RULESET_VERSION", "0"

}  // namespace tcptool::sys
