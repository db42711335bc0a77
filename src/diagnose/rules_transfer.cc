// SPDX-License-Identifier: MIT
// An established connection was lost by a RST, or a time that the user set ran out on it while the
// peer took nothing. Those on which nothing came are in rules_silence.cc and rules_idle.cc.
#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/icmp_names.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

using namespace std::chrono_literals;
using End = TransferFacts::End;

std::string moved(const Evidence& evidence) {
  return fmt::format("{} sent, {} received", format_bytes(evidence.transfer.sent),
                     format_bytes(evidence.transfer.received));
}

// What became of one more SYN to the same port, and what follows.
void add_new_connection(const Evidence& evidence, Finding& finding) {
  using Answer = tcp::SynProbe::Answer;
  const auto& again = evidence.probes.again;
  if (!again) return;
  finding.evidence += "; " + probe_answer(*again);
  const std::string host = evidence.peer.host();
  const std::string port = fmt::format("port {}", evidence.peer.port());
  switch (again->answer) {
    case Answer::syn_ack:
      finding.explanation += fmt::format(
          "; {} is up and {} takes new connections, so it was about this one", host, port);
      break;
    case Answer::rst:
      if (evidence.probes.nearer && evidence.probes.nearer->answer == Answer::rst) {
        finding.evidence += fmt::format(", by a RST that was sent nearer to us than {} is", host);
        finding.explanation =
            fmt::format("a packet filter on the way cuts connections to {} with RST", host);
        finding.advice = fmt::format("the filters before {}, for tcp {}", host, port);
        finding.or_else = Cause::rejected_on_the_way;
        break;
      }
      if (evidence.probes.all_nearer) {
        finding.evidence += fmt::format(
            ", by a RST that was sent nearer to us than {} is; so was that of another port", host);
        finding.explanation = fmt::format(
            "a packet filter on the way cuts all that goes to {} with RST, unless the way back is "
            "shorter than the way there; if it is: {}",
            host, finding.explanation);
        finding.advice = fmt::format("the filters before {}; {}", host, finding.advice);
        finding.or_else = Cause::rejected_on_the_way;
        break;
      }
      finding.explanation += fmt::format(
          "; {} refuses new connections as well, so its listener is gone, or a filter cuts all",
          port);
      finding.advice =
          fmt::format("whether the service on {} of {} still runs; ", port, host) + finding.advice;
      break;
    case Answer::icmp:
      finding.explanation +=
          fmt::format("; {} rejects new connections now", again->icmp->offender.host());
      break;
    case Answer::none:
      if (const tcp::SynProbe* const told = drew_error(evidence)) {
        finding.explanation += fmt::format("; {} says of new ones now: {}",
                                           told->icmp->offender.host(), icmp_meaning(*told->icmp));
        break;
      }
      finding.explanation += another_port_answered(evidence)
                                 ? fmt::format(
                                       "; {} is up, and a packet filter drops what goes to "
                                       "{} now",
                                       host, port)
                                 : fmt::format(
                                       "; {} has gone silent since: it is down, or a "
                                       "packet filter drops what goes there now",
                                       host);
      break;
    case Answer::not_sent:
      break;
  }
}

std::optional<Finding> reset(const Evidence& evidence) {
  if (!lost_with(evidence, {ECONNRESET, EPIPE})) return std::nullopt;
  const TransferFacts& transfer = evidence.transfer;
  const std::string after = format_duration(transfer.duration);
  const std::string_view by = transfer.presumed
                                  ? "reset by the peer (RST), or aborted on this host,"
                                  : "reset by the peer (RST)";
  Finding finding{
      Cause::reset_after_data,
      fmt::format("connection lost after {}: {} after {} received", after, by,
                  format_bytes(transfer.received)),
      fmt::format("{} after {}; {}; {}", transfer.presumed ? "RST or abort" : "RST", after,
                  moved(evidence), lost_bytes(evidence)),
      fmt::format("the peer's program {}, or died; or its host restarted and no longer knows the "
                  "connection; or a proxy or packet filter on the way cut it",
                  transfer.peer_fin ? "had closed already (its FIN came before), and reads "
                                      "nothing of what came after that"
                  : transfer.undelivered > 0 ? "closed while data was still under way to it"
                                             : "aborted the connection, or closed it without "
                                               "reading all that had come"),
      "the log of the peer's program; its host's uptime"};
  if (transfer.received == 0) {
    finding.cause = Cause::reset_at_once;
    finding.headline =
        fmt::format("connection lost after {}: {} before any data was received", after, by);
    finding.explanation =
        transfer.sent > 0
            ? "the peer's program closed without reading what it had been sent, or died; or its "
              "host restarted, or a NAT on the way forgot the connection; or a packet filter cut it"
            : "the peer's program aborted the connection, or closed its listener before "
              "it accepted; or a proxy or packet filter in front of it cut it";
    if (evidence.asked.keepalive && transfer.sent == 0) {
      finding.explanation +=
          "; or its host has restarted, or a NAT has forgotten the connection, and a keepalive "
          "probe showed it";
    }
  }
  if (transfer.presumed) {
    finding.explanation += "; or an administrator of this host aborted it (ss -K)";
    finding.or_else = Cause::refused_by_kernel;
  }
  add_new_connection(evidence, finding);
  return finding;
}

// "9000 bytes waiting for it: 4000 in this host's send buffer, 5000 not yet sent"
std::string waiting_words(const Evidence& evidence) {
  const TransferFacts& transfer = evidence.transfer;
  std::string all = format_bytes(transfer.undelivered) + " waiting for it";
  if (transfer.unsent == 0 || transfer.unsent == transfer.undelivered) return all;
  return fmt::format("{}: {} in this host's send buffer, {} not yet sent", all,
                     transfer.undelivered - transfer.unsent, transfer.unsent);
}

// The window was full when the peer was last heard of: that it is still is not known.
void tell_unanswered_window_probes(const Evidence& evidence, Finding& finding) {
  const auto& again = evidence.probes.again;
  const std::string host = evidence.peer.host();
  finding.evidence +=
      fmt::format("; {} window probes in a row without an answer, for {}", *evidence.info->probes,
                  format_duration(*evidence.info->last_ack_received));
  if (again) finding.evidence += "; " + probe_answer(*again);
  const bool up = again && again->answered_by_tcp();
  if (!up && another_port_answered(evidence)) {
    blame_filter_of_port(evidence, finding);
    finding.explanation =
        "the peer's window was full when its answers ended: " + finding.explanation;
    finding.or_else = Cause::filtered_by_host;
    return;
  }
  finding.explanation = fmt::format(
      "the peer's window was full when its answers ended: {}a firewall or NAT on the way has "
      "forgotten this connection or drops it",
      up ? "it answers new SYNs, so "
         : fmt::format("{} is down, or the way to it is broken, or ", host));
  if (evidence.info->bytes_acked == (evidence.transfer.active ? 1U : 0U)) {
    finding.explanation += fmt::format(
        "; or a proxy on the way answered for {}, which takes nothing: not a byte was ever "
        "acknowledged",
        host);
  }
  finding.advice = again ? "the host's power, and the filters of the way"
                         : "whether the host answers a new connection (--diagnose active tries)";
  finding.or_else = Cause::peer_vanished;
}

std::optional<Finding> zero_window(const Evidence& evidence) {
  const auto& info = evidence.info;
  const bool ended = waited_in_vain(evidence) || lost_with(evidence, {ETIMEDOUT});
  if (!ended || !info || !info->snd_wnd) return std::nullopt;
  const std::uint32_t segment = info->snd_mss.value_or(1);
  if (*info->snd_wnd >= segment || evidence.transfer.undelivered == 0) return std::nullopt;
  const std::string_view size = *info->snd_wnd == 0 ? "zero" : "nearly zero";
  Finding finding{Cause::zero_window,
                  silence_headline(evidence, fmt::format("the peer's receive window is {}", size)),
                  fmt::format("zero window ({} bytes); {}{}", *info->snd_wnd,
                              waiting_words(evidence), ended_by(evidence)),
                  "the peer's program does not read: its kernel's buffer is full",
                  "what the peer's program is doing"};
  if (evidence.transfer.end != End::lost) {
    finding.headline = fmt::format("timed out after {}: the peer's receive window is {}",
                                   format_duration(evidence.after), size);
  }
  tell_peer_here(evidence, finding);
  const auto heard = info->last_ack_received;
  constexpr std::uint32_t one_under_way = 1;
  if (info->probes.value_or(0) > one_under_way && heard) {
    tell_unanswered_window_probes(evidence, finding);
  } else if (heard && *heard < evidence.after) {
    finding.explanation += ", and it still answers window probes";
  }
  return finding;
}

// By an administrator (ss -K), or by the kernel itself; not by the peer.
std::optional<Finding> aborted_here(const Evidence& evidence) {
  if (!lost_with(evidence, {ECONNABORTED})) return std::nullopt;
  return Finding{Cause::refused_by_kernel,
                 silence_headline(evidence, "aborted on this host (ECONNABORTED)"),
                 fmt::format("ECONNABORTED; {}; {}", moved(evidence), lost_bytes(evidence)),
                 "this host itself ended the connection: an administrator did (ss -K), or its "
                 "address was taken away",
                 "who administers this host; its kernel's log"};
}

constexpr std::array<Rule, 3> rules{reset, zero_window, aborted_here};

}  // namespace

std::span<const Rule> transfer_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
