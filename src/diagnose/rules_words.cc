// SPDX-License-Identifier: MIT
// Words that several rules share.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>

#include "base/text.h"
#include "diagnose/icmp_names.h"
#include "diagnose/rules.h"
#include "sys/names.h"

namespace tcptool::diagnose {
namespace {

using Answer = tcp::SynProbe::Answer;

}  // namespace

std::string connect_error_words(const Evidence& evidence) {
  constexpr auto a_moment = std::chrono::milliseconds(100);
  return fmt::format("connect: {} ({}) {}", sys::errno_text(evidence.error.error),
                     sys::errno_name(evidence.error.error),
                     evidence.after < a_moment
                         ? "at once"
                         : fmt::format("after {}", format_duration(evidence.after)));
}

std::string syn_count(const std::optional<tcp::TcpInfo>& info) {
  if (!info || !info->total_retrans) return "SYN sent";
  const auto again = *info->total_retrans;
  return again == 0 ? "1 SYN sent" : fmt::format("{} SYNs sent", again + 1);
}

std::string dropped_here_words(const std::optional<tcp::TcpInfo>& info) {
  const unsigned again = info ? info->total_retrans.value_or(0) : 0;
  const std::string times = again == 1 ? "once" : fmt::format("{} times", again);
  return fmt::format("the SYN, sent again {}, was dropped each time by this host itself", times);
}

std::string timeout_text(std::chrono::nanoseconds after, const std::optional<tcp::TcpInfo>& info,
                         std::optional<bool> dropped_here) {
  return fmt::format("timed out after {} ({})", format_duration(after),
                     dropped_here.value_or(false) ? dropped_here_words(info)
                                                  : syn_count(info) + ", nothing came back");
}

std::string timeout_headline(const Evidence& evidence) {
  return timeout_text(evidence.after, evidence.info, evidence.dropped_here);
}

std::string silence_headline(const Evidence& evidence, const std::string& what) {
  return evidence.transfer.end == TransferFacts::End::lost
             ? fmt::format("connection lost after {}: {}",
                           format_duration(evidence.transfer.duration), what)
             : fmt::format("timed out: {}, and nothing received for {}", what,
                           format_duration(evidence.after));
}

std::string lost_bytes(const Evidence& evidence) {
  const TransferFacts& transfer = evidence.transfer;
  const auto count = transfer.undelivered - transfer.unsent;
  std::string words = "nothing was on its way to it";
  if (count > 0) {
    words = fmt::format("{} for the peer {} not acknowledged", format_bytes(count),
                        count == 1 ? "was" : "were");
  } else if (transfer.sent > 0) {
    words = "all that was sent had been acknowledged";
  }
  if (transfer.unsent > 0) words += fmt::format(", {} not yet sent", format_bytes(transfer.unsent));
  return words;
}

std::string refusal_text(const Refusal& refusal) {
  std::string text = fmt::format("rule {} ({})", refusal.rule.priority, refusal.rule.text());
  if (refusal.route) {
    text += fmt::format(" with the entry {} {}", sys::route_type_name(refusal.route->type),
                        refusal.route->text());
  }
  return text;
}

std::string ended_by(const Evidence& evidence) {
  // With the network's last word, where there was one, in ETIMEDOUT's place.
  const bool by_time = lost_with(evidence, {ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN,
                                            ECONNREFUSED, ENOPROTOOPT, EACCES, EPROTO});
  if (evidence.asked.user_timeout.empty() || !by_time) return "";
  return fmt::format("; TCP_USER_TIMEOUT={} ended it", evidence.asked.user_timeout);
}

std::string down_words(const PathFacts& path) {
  const auto& down = path.down_interfaces;
  return fmt::format("{} {} down", escape(fmt::format("{}", fmt::join(down, ", "))),
                     down.size() == 1 ? "is" : "are");
}

void blame_filter_of_port(const Evidence& evidence, Finding& finding) {
  const std::string host = evidence.peer.host();
  finding.evidence += fmt::format("; port {} answers", evidence.probes.other->peer.port());
  finding.explanation = fmt::format(
      "{} is up, but nothing on port {} is answered any more: a packet filter there, on the way or "
      "on this host drops it",
      host, evidence.peer.port());
  finding.advice = fmt::format("the filters' rules for {} tcp port {}", host, evidence.peer.port());
}

std::string routes_gone_words(const PathFacts& path) {
  if (path.ignored_link) {
    const std::string name = escape(path.ignored_link->name);
    return fmt::format(
        "; the route by {} is ignored, since {} has no carrier: its cable, radio or "
        "other end is not there (ignore_routes_with_linkdown)",
        name, name);
  }
  if (path.down_interfaces.empty()) return "";
  return fmt::format("; {}, and the routes by {} are gone with that", down_words(path),
                     path.down_interfaces.size() == 1 ? "it" : "them");
}

std::string holder_text(const PortHolder& holder) {
  if (holder.owner) {
    return fmt::format("process {} ({}) of uid {}", holder.owner->pid,
                       escape(holder.owner->program), holder.socket.uid);
  }
  return fmt::format("a process of uid {}", holder.socket.uid);
}

std::string_view answer_word(Answer answer) {
  if (answer == Answer::syn_ack) return "SYN-ACK";
  if (answer == Answer::rst) return "RST";
  return answer == Answer::icmp ? "an ICMP error" : "no answer";
}

std::string probe_answer(const tcp::SynProbe& again) {
  switch (again.answer) {
    case Answer::syn_ack:
      return "a new connection is answered";
    case Answer::rst:
      return "a new connection is refused with RST";
    case Answer::icmp:
      return fmt::format("{} answers a new connection with {}", again.icmp->offender.host(),
                         icmp_meaning(*again.icmp));
    case Answer::not_sent:
      return fmt::format("a new connection could not be tried: {} ({})",
                         sys::errno_text(again.error), sys::errno_name(again.error));
    case Answer::none:
      break;
  }
  return "a new connection is not answered";
}

std::string last_hop(const Evidence& evidence) {
  std::string last;
  for (const tcp::SynProbe& hop : evidence.probes.path) {
    const bool known = hop.icmp && is_ttl_exceeded(*hop.icmp) && hop.icmp->offender.known();
    if (known) last = fmt::format("hop {} ({})", hop.ttl, hop.icmp->offender.host());
  }
  return last;
}

std::string neighbour_protocol(const sys::Address& address) {
  return address.unmapped().family() == AF_INET6 ? "neighbour discovery" : "ARP";
}

}  // namespace tcptool::diagnose
