// SPDX-License-Identifier: MIT
#include "cmd/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cmd/messages.h"
#include "diagnose/collect.h"
#include "diagnose/icmp_names.h"
#include "diagnose/probe.h"
#include "sys/names.h"

namespace tcptool::cmd {
namespace {

using diagnose::Diagnosis;
using diagnose::Evidence;

std::string answer_text(const tcp::SynProbe& probe) {
  using Answer = tcp::SynProbe::Answer;
  switch (probe.answer) {
    case Answer::none:
      return fmt::format("no answer within {}", format_duration(tcp::longest_probe));
    case Answer::syn_ack:
      return fmt::format("SYN-ACK after {}", format_duration(probe.after));
    case Answer::rst:
      return fmt::format("RST after {}", format_duration(probe.after));
    case Answer::icmp:
      return fmt::format("{} ({}) after {}", diagnose::icmp_meaning(*probe.icmp),
                         diagnose::icmp_evidence(*probe.icmp), format_duration(probe.after));
    case Answer::not_sent:
      break;
  }
  return fmt::format("not sent: {} ({})", sys::errno_text(probe.error),
                     sys::errno_name(probe.error));
}

JsonObject probe_fields(const tcp::SynProbe& probe) {
  JsonObject fields;
  fields.add("peer", probe.peer.text());
  if (probe.ttl > 0) fields.add("ttl", probe.ttl);
  if (probe.min_ttl > 0) fields.add("min_ttl", probe.min_ttl);
  fields.add("answer", answer_text(probe)).add("after_ns", probe.after.count());
  if (probe.icmp) fields.add("icmp_from", probe.icmp->offender.host());
  return fields;
}

Message probe_message(const tcp::SynProbe& probe) {
  std::string what = fmt::format("probe SYN to {}", probe.peer.text());
  if (probe.min_ttl > 0) what += fmt::format(", heeding answers from TTL {} on", probe.min_ttl);
  return {"probe", fmt::format("{}: {}", what, answer_text(probe)), probe_fields(probe)};
}

// All hops in one line: in a routing loop there are thirty, of which the first round is enough.
Message path_message(std::span<const tcp::SynProbe> hops) {
  using Answer = tcp::SynProbe::Answer;
  Message message{"probe", {}, {}};
  std::vector<JsonObject> all;
  std::vector<std::string> seen;
  bool told = false;
  std::string text = fmt::format("probe path to {} by TTL:", hops.front().peer.text());
  for (const tcp::SynProbe& hop : hops) {
    all.push_back(probe_fields(hop));
    if (told) continue;
    std::string who = "no answer";
    if (hop.answer == Answer::icmp) who = hop.icmp->offender.host();
    const bool last = hop.answer == Answer::icmp && &hop == &hops.back();
    if (hop.answer == Answer::rst) who = "RST";
    if (hop.answer == Answer::syn_ack) who = "SYN-ACK";
    const bool again = hop.answer == Answer::icmp &&
                       std::count(seen.begin(), seen.end(), who) > 0 &&
                       hop.icmp->offender.host() != seen.back();
    text += fmt::format("{} {} {}", seen.empty() ? "" : ",", hop.ttl, who);
    if (hop.answer != Answer::none) text += fmt::format(" ({})", format_duration(hop.after));
    if (last && !again) text += fmt::format(": {}", diagnose::icmp_meaning(*hop.icmp));
    if (again) text += fmt::format(" again: a loop; the same up to TTL {}", hops.back().ttl);
    told = again;
    seen.push_back(who);
  }
  message.text = text;
  message.fields.add("peer", hops.front().peer.text()).add("hops", all);
  return message;
}

class ProbeNotes final : public diagnose::ProbeObserver {
 public:
  explicit ProbeNotes(Console& console) : console_(console) {}
  void probed(const tcp::SynProbe& probe) override { console_.status(probe_message(probe)); }
  void walked(std::span<const tcp::SynProbe> hops) override {
    if (!hops.empty()) console_.status(path_message(hops));
  }

 private:
  Console& console_;
};

tcp::SocketSetup setup_of(const CommonOptions& options) {
  tcp::SocketSetup setup;
  setup.options = options.socket_options;
  if (options.source && options.source->numeric) setup.source = *options.source->numeric;
  return setup;
}

diagnose::AskedOptions asked_of(const CommonOptions& options) {
  diagnose::AskedOptions asked;
  for (const tcp::OptionSetting& setting : options.socket_options) {
    const std::string_view name = setting.info->name;
    if (name == "IP_TTL" || name == "IPV6_UNICAST_HOPS") asked.ttl = true;
    if (name == "SO_REUSEPORT") asked.reuse_port = setting.asked != "0";
    if (name == "SO_KEEPALIVE") asked.keepalive = setting.asked != "0";
    if (name == "TCP_USER_TIMEOUT") asked.user_timeout = setting.asked;
  }
  asked.interface = bound_interface(options);
  return asked;
}

// The rules' answer; with --diagnose active asked again with what a few SYNs find out.
std::optional<Diagnosis> conclude(Context& context, const CommonOptions& options,
                                  const Evidence& evidence, ProbeBudget* budget = nullptr) {
  auto diagnosis = diagnose::diagnose(evidence);
  const bool active = options.diagnose == DiagnoseMode::active;
  if (!active || !diagnosis || !diagnose::worth_probing(diagnosis->cause, evidence)) {
    return diagnosis;
  }
  const sys::Deadline until = sys::earlier(context.waiter.run_deadline(),
                                           budget == nullptr ? sys::Deadline() : budget->until);
  // An unanswered SYN with its way takes two rounds.
  const bool late = until && context.kernel.now() + 2 * tcp::longest_probe > *until;
  if (late || (budget != nullptr && budget->addresses == 0)) {
    diagnosis->advice += late ? "; a longer --timeout: there was no time left for --diagnose active"
                              : "; --diagnose active asks two addresses at most";
    return diagnosis;
  }
  if (budget != nullptr) --budget->addresses;
  ProbeNotes notes(context.console);
  return diagnose::diagnose(
      diagnose::probe(context.waiter, evidence, setup_of(options), notes, until));
}

std::optional<diagnose::TransferFacts> transfer_facts(const relay::RelayEnd& end) {
  using End = diagnose::TransferFacts::End;
  diagnose::TransferFacts facts;
  switch (end.reason) {
    case relay::RelayEnd::Reason::connection_lost:
      facts.end = End::lost;
      break;
    case relay::RelayEnd::Reason::idle_timeout:
      facts.end = End::idle_timeout;
      break;
    case relay::RelayEnd::Reason::run_timeout:
      facts.end = End::run_timeout;
      break;
    case relay::RelayEnd::Reason::complete:
    case relay::RelayEnd::Reason::signal:
    case relay::RelayEnd::Reason::stdout_failed:
      return std::nullopt;
  }
  facts.sent = end.sent;
  facts.received = end.received;
  facts.undelivered = end.undelivered;
  facts.unsent = end.undelivered - (end.sent - end.delivered);
  facts.peer_fin = end.peer_fin;
  facts.gap = end.gap;
  facts.unwritten = end.unwritten;
  facts.unread = end.unread;
  facts.stdout_stuck = end.stdout_stuck;
  facts.presumed = end.presumed;
  facts.duration = end.duration;
  facts.soft_error = end.soft_error;
  return facts;
}

}  // namespace

std::string bound_interface(const CommonOptions& options) {
  std::string interface;
  for (const tcp::OptionSetting& setting : options.socket_options) {
    if (setting.info->name == std::string_view("SO_BINDTODEVICE")) interface = setting.asked;
  }
  return interface;
}

std::string cause_line(const Diagnosis& diagnosis) {
  return "  cause   " + diagnosis.explanation;
}

void add_diagnosis(Message& message, const Diagnosis& diagnosis) {
  std::vector<JsonObject> layers;
  for (const diagnose::LayerRow& row : diagnosis.layers) {
    const std::string_view layer = diagnose::layer_name(row.layer);
    const std::string_view state = diagnose::layer_state_name(row.state);
    std::string line = fmt::format("  {:<12} {:<12} {}", layer, state, row.evidence);
    line.erase(line.find_last_not_of(' ') + 1);
    message.details.push_back(std::move(line));
    layers.emplace_back().add("layer", layer).add("state", state).add("evidence", row.evidence);
  }
  message.details.push_back(cause_line(diagnosis));
  message.details.push_back("  try     " + diagnosis.advice);
  message.fields.add("cause_id", diagnose::info_of(diagnosis.cause).id);
  if (diagnosis.or_else) message.fields.add("or_else", diagnose::info_of(*diagnosis.or_else).id);
  message.detail_fields.add("layers", layers)
      .add("cause", diagnosis.explanation)
      .add("try", diagnosis.advice);
}

Message explained_prepare_failure(Context& context, const CommonOptions& options,
                                  const sys::SysError& error, const sys::Address& address) {
  Message message = error_message(error);
  if (options.diagnose == DiagnoseMode::off) return message;
  context.console.keep_calls();
  const auto diagnosis = diagnose::diagnose(
      diagnose::collect_prepare(context.kernel, error, address, asked_of(options)));
  if (!diagnosis) return message;
  message.text = error.operation() + ": " + diagnosis->headline;
  add_diagnosis(message, *diagnosis);
  return message;
}

Message explained_look_up_failure(Context& context, const CommonOptions& options,
                                  const tcp::ResolveFailure& failure, int family,
                                  sys::Deadline deadline) {
  using Kind = tcp::ResolveFailure::Kind;
  Message message = resolve_failure_message(failure);
  const bool of_a_name = failure.kind == Kind::name_failed || failure.kind == Kind::timed_out;
  if (options.diagnose == DiagnoseMode::off || !of_a_name) return message;
  context.console.keep_calls();
  const auto diagnosis =
      diagnose::diagnose(diagnose::collect_look_up(context.waiter, failure, family, deadline));
  if (!diagnosis) return message;
  message = failure_message("look up", escape(failure.subject), diagnosis->headline);
  add_diagnosis(message, *diagnosis);
  return message;
}

std::optional<Diagnosis> explain_attempt(Context& context, const CommonOptions& options,
                                         const tcp::Attempt& attempt, std::size_t connected_beside,
                                         ProbeBudget* budget) {
  if (options.diagnose == DiagnoseMode::off) return std::nullopt;
  context.console.keep_calls();
  Evidence evidence = diagnose::collect_connect(context.kernel, attempt, asked_of(options));
  evidence.connected_beside = connected_beside;
  auto diagnosis = conclude(context, options, evidence, budget);
  if (diagnosis && evidence.step == diagnose::Step::prepare) {
    diagnosis->headline = attempt.error.operation() + ": " + diagnosis->headline;
  }
  return diagnosis;
}

Message explained_soft_error(Context& context, const CommonOptions& options,
                             const tcp::Connection& connection, int error) {
  std::string said =
      fmt::format("the network says {} ({})", sys::errno_text(error), sys::errno_name(error));
  if (options.diagnose == DiagnoseMode::active && connection.active) {
    tcp::SynProbe probe;
    probe.peer = connection.peer;
    static_cast<void>(tcp::send_probes(context.waiter, {&probe, 1}, setup_of(options)));
    if (probe.icmp) {
      said = fmt::format("{} says {}: {}", probe.icmp->offender.host(),
                         diagnose::icmp_meaning(*probe.icmp), diagnose::icmp_evidence(*probe.icmp));
    }
  }
  return note_message(said + "; TCP goes on and sends again what is not acknowledged");
}

std::optional<Diagnosis> explain_transfer(Context& context, const CommonOptions& options,
                                          const tcp::Connection& connection,
                                          const relay::RelayEnd& end) {
  auto facts = transfer_facts(end);
  if (options.diagnose == DiagnoseMode::off || !facts) return std::nullopt;
  context.console.keep_calls();
  facts->active = connection.active;
  return conclude(context, options,
                  diagnose::collect_transfer(context.kernel, connection, end.error, end.silence,
                                             end.info, *facts, asked_of(options)));
}

}  // namespace tcptool::cmd
