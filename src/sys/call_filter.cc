// SPDX-License-Identifier: MIT
#include "sys/call_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <optional>

namespace tcptool::sys {
namespace {

using When = CallRule::When;

#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
constexpr std::uint32_t first_foreign = 0x40000000;  // x32 has the same architecture
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
constexpr std::uint32_t first_foreign = 0;  // none
#else
constexpr std::uint32_t architecture = 0;  // not known
constexpr std::uint32_t first_foreign = 0;
#endif

using Code = std::vector<sock_filter>;

sock_filter load(std::size_t offset) {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)};
}

sock_filter give(std::uint32_t action) {
  return {BPF_RET | BPF_K, 0, 0, action};
}

// Jumps over so many of the instructions that follow.
sock_filter jump(unsigned comparison, std::uint32_t operand, unsigned if_true, unsigned if_false) {
  return {static_cast<std::uint16_t>(BPF_JMP | BPF_K | comparison),
          static_cast<std::uint8_t>(if_true), static_cast<std::uint8_t>(if_false), operand};
}

std::size_t lower_half(unsigned argument) {
  const std::size_t place = offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t);
  return place + (std::endian::native == std::endian::big ? sizeof(std::uint32_t) : 0);
}

// The calls from `first` on, up to where the next segment begins: one with rules, or a gap.
struct Segment {
  std::uint32_t first;
  std::span<const CallRule> rules;
};

// An action that does not depend on arguments, where that is all there is to the segment.
std::optional<std::uint32_t> plain_action(const Segment& segment, std::uint32_t otherwise) {
  if (segment.rules.empty()) return otherwise;
  if (segment.rules.front().when == When::always) return segment.rules.front().action;
  return std::nullopt;
}

// Neighbours with one plain action are one segment.
std::vector<Segment> segments_of(std::span<const CallRule> rules, std::uint32_t otherwise) {
  std::vector<Segment> segments{{0, {}}};
  segments.reserve(2 * rules.size());
  const auto begin = [&](std::uint32_t first, std::span<const CallRule> own) {
    const Segment next{first, own};
    if (segments.back().first == first) segments.pop_back();
    const auto action = plain_action(next, otherwise);
    const bool same =
        action && !segments.empty() && plain_action(segments.back(), otherwise) == action;
    if (!same) segments.push_back(next);
  };
  while (!rules.empty()) {
    const long number = rules.front().number;
    const auto end = std::find_if(rules.begin(), rules.end(),
                                  [&](const CallRule& rule) { return rule.number != number; });
    const auto count = static_cast<std::size_t>(end - rules.begin());
    begin(static_cast<std::uint32_t>(number), rules.first(count));
    begin(static_cast<std::uint32_t>(number + 1), {});
    rules = rules.subspan(count);
  }
  return segments;
}

void append_leaf(Code& code, const Segment& segment, std::uint32_t otherwise) {
  if (const auto action = plain_action(segment, otherwise)) {
    code.push_back(give(*action));
    return;
  }
  for (const CallRule& rule : segment.rules) {
    if (rule.when != When::always) {
      code.push_back(load(lower_half(rule.argument)));
      code.push_back(jump(rule.when == When::bits ? BPF_JSET : BPF_JEQ, rule.operand, 0, 1));
    }
    code.push_back(give(rule.action));
  }
  if (segment.rules.back().when != When::always) code.push_back(give(otherwise));
}

// By halves, and short: for every program the kernel compiles it, and goes through it once for
// every call there is.
void append_search(Code& code, std::span<const Segment> segments, std::uint32_t otherwise) {
  constexpr std::size_t longest_jump = 255;
  if (segments.size() == 1) return append_leaf(code, segments.front(), otherwise);
  const std::size_t half = segments.size() / 2;
  const std::size_t branch = code.size();
  code.push_back(jump(BPF_JGE, segments[half].first, 0, 0));
  append_search(code, segments.first(half), otherwise);
  const std::size_t lower = code.size() - branch - 1;
  if (lower <= longest_jump) {
    code[branch].jt = static_cast<std::uint8_t>(lower);
  } else {
    code[branch].jf = 1;
    const sock_filter over{BPF_JMP | BPF_JA, 0, 0, static_cast<std::uint32_t>(lower)};
    code.insert(code.begin() + static_cast<std::ptrdiff_t>(branch) + 1, over);
  }
  append_search(code, segments.subspan(half), otherwise);
}

}  // namespace

std::vector<sock_filter> filter_program(std::span<const CallRule> rules, std::uint32_t otherwise,
                                        std::uint32_t foreign) {
  if (architecture == 0 || rules.empty()) return {};
  Code code;
  code.reserve(4 * rules.size());  // about
  code.push_back(load(offsetof(seccomp_data, arch)));
  code.push_back(jump(BPF_JEQ, architecture, 1, 0));
  code.push_back(give(foreign));
  code.push_back(load(offsetof(seccomp_data, nr)));
  if (first_foreign != 0) {
    // A tracer makes -1 of a call that is not to be made: strace does, to inject an error.
    code.push_back(jump(BPF_JEQ, static_cast<std::uint32_t>(-1), 0, 1));
    code.push_back(give(SECCOMP_RET_ALLOW));
    code.push_back(jump(BPF_JGE, first_foreign, 0, 1));
    code.push_back(give(foreign));
  }
  append_search(code, segments_of(rules, otherwise), otherwise);
  return code;
}

}  // namespace tcptool::sys
