// SPDX-License-Identifier: MIT
// Programs for seccomp(2): which system calls a process may still make. Pure; sandbox_calls.h has
// the lists.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

namespace tcptool::sys {

// One call by its number in the kernel's table, and what is to happen to it.
struct CallRule {
  enum class When { always, bits, equal };

  long number;
  std::uint32_t action;       // one of SECCOMP_RET_
  When when = When::always;   // or if an argument has one of these bits, or is this
  unsigned argument = 0;      // counted from 0
  std::uint32_t operand = 0;  // compared with the argument's lower half, as the kernel takes ints
};

// The program that does as the rules say, which are in the order of their numbers; where several
// are of one call, the first that fits. Every other call of this architecture gets `otherwise`,
// and those of another one, x32 included, `foreign`.
std::vector<sock_filter> filter_program(std::span<const CallRule> rules, std::uint32_t otherwise,
                                        std::uint32_t foreign);

}  // namespace tcptool::sys
