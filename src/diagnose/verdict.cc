// SPDX-License-Identifier: MIT
#include "diagnose/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/text.h"
#include "diagnose/icmp_names.h"
#include "diagnose/rules.h"
#include "sys/names.h"

namespace tcptool::diagnose {
namespace {

using tcp::Attempt;

// The SYN still waits here, or did not leave when it was due again: for want of the neighbour's
// link-layer address, of a route, or of the address that it comes from.
bool nothing_leaves(const Attempt& attempt) {
  return attempt.syn_unsent || attempt.syn_stayed;
}

Verdict no_answer(const Attempt& attempt) {
  const std::string time = format_duration(attempt.duration);
  if (nothing_leaves(attempt)) {
    const bool once = attempt.info && attempt.info->total_retrans.value_or(0) > 0;
    return {FailureClass::unreachable,
            fmt::format("timed out after {} ({})", time,
                        once ? "nothing leaves this host any more"
                             : "the SYN never left: the next hop does not answer on the link")};
  }
  if (attempt.icmp) {
    return {FailureClass::unreachable,
            fmt::format("{} ({}), and no answer within {}", icmp_meaning(*attempt.icmp),
                        icmp_evidence(*attempt.icmp), time)};
  }
  return {FailureClass::no_answer,
          timeout_text(attempt.duration, attempt.info, attempt.dropped_here)};
}

// The network's own word, where there is one, tells more than any errno.
Verdict told_by_icmp(const Attempt& attempt) {
  constexpr auto worth_telling = std::chrono::milliseconds(100);
  std::string later;
  if (attempt.duration - attempt.icmp_after > worth_telling) {
    later = fmt::format(", given up after {}", format_duration(attempt.duration));
  }
  return {FailureClass::unreachable,
          fmt::format("{} ({} after {}{})", icmp_meaning(*attempt.icmp),
                      icmp_evidence(*attempt.icmp), format_duration(attempt.icmp_after), later)};
}

std::optional<FailureClass> class_of_connect_error(const Attempt& attempt) {
  switch (attempt.error.error) {
    // A blackhole route of this host, a link-local address without its zone, or a source address
    // that cannot reach the peer.
    case EINVAL:
      if (attempt.peer.is_link_local() || attempt.local.known()) return FailureClass::local;
      return FailureClass::unreachable;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENONET:
    case EACCES:
      return FailureClass::unreachable;  // EACCES: a prohibit route of this host
    case ECONNREFUSED:
      return FailureClass::refused;
    case ETIMEDOUT:
      return FailureClass::no_answer;
    default:
      return std::nullopt;
  }
}

Verdict told_by_errno(const Attempt& attempt) {
  const sys::SysError& error = attempt.error;
  if (attempt.met_itself) {
    return {FailureClass::refused,
            "nothing listens: the connection met itself, with one address and port at both ends"};
  }
  if (error.error == ECONNREFUSED) {
    return {FailureClass::refused, fmt::format("connection refused (RST in answer to the SYN "
                                               "after {})",
                                               format_duration(attempt.duration))};
  }
  return {class_of_connect_error(attempt).value_or(FailureClass::local),
          fmt::format("{} ({} from connect after {})", sys::errno_text(error.error),
                      sys::errno_name(error.error), format_duration(attempt.duration))};
}

}  // namespace

Verdict judge(const Attempt& attempt) {
  if (attempt.end == Attempt::End::timed_out) return no_answer(attempt);
  if (attempt.error.call != sys::Syscall::connect) {
    return {FailureClass::local, attempt.error.text()};
  }
  if (attempt.error.error == ETIMEDOUT) return no_answer(attempt);
  return attempt.icmp ? told_by_icmp(attempt) : told_by_errno(attempt);
}

bool hangs_on_way(const Attempt& attempt) {
  const bool by_source = !attempt.icmp && attempt.end != Attempt::End::timed_out &&
                         attempt.error.call == sys::Syscall::connect &&
                         attempt.error.error == EINVAL && attempt.local.known();
  return by_source || judge(attempt).kind == FailureClass::no_answer;
}

FailureClass class_by_way(const Attempt& attempt, const PathFacts& path,
                          const PolicyFacts& policy) {
  const FailureClass kind = judge(attempt).kind;
  if (kind == FailureClass::no_answer) {
    const bool stayed = path.not_by_interface || next_hop_silent(path) || loopback_down(path) ||
                        leads_back_here(path);
    return stayed ? FailureClass::unreachable : kind;
  }
  return discards(path, policy) ? FailureClass::unreachable : kind;
}

std::size_t furthest(std::span<const Attempt> attempts, std::span<const FailureClass> kinds) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < std::min(attempts.size(), kinds.size()); ++i) {
    const Attempt::End end = attempts[i].end;
    const bool failed = end == Attempt::End::failed || end == Attempt::End::timed_out;
    if (failed && (!best || kinds[i] > kinds[*best])) best = i;
  }
  return best.value_or(0);
}

std::string lost_connection_text(int error) {
  switch (error) {
    case ECONNRESET:
    case EPIPE:
      return "reset by the peer (RST)";
    case ETIMEDOUT:
      return "given up by this host's kernel (ETIMEDOUT)";
    default:
      return fmt::format("{} ({})", sys::errno_text(error), sys::errno_name(error));
  }
}

}  // namespace tcptool::diagnose
