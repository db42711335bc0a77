// SPDX-License-Identifier: MIT
#include "cmd/look_up_note.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"
#include "cmd/messages.h"
#include "sys/process.h"

namespace tcptool::cmd {
namespace {

using namespace std::chrono_literals;
using Kind = tcp::NameServerAnswer::Kind;

constexpr std::chrono::nanoseconds slow = 1s;

}  // namespace

std::optional<Message> slow_look_up_message(const SlowLookUp& look_up,
                                            std::span<const tcp::NameServerAnswer> answers,
                                            std::chrono::nanoseconds waited) {
  std::vector<std::string> silent;
  const tcp::NameServerAnswer* heard = nullptr;
  for (const tcp::NameServerAnswer& answer : answers) {
    if (answer.kind == Kind::silent) silent.push_back(answer.server.host());
    if (answer.kind == Kind::answered && heard == nullptr) heard = &answer;
  }
  if (silent.empty() || heard == nullptr) return std::nullopt;
  return note_message(fmt::format(
      "the look-up of {} took {}: name server{} {} of /etc/resolv.conf did not answer within {}, "
      "{} did",
      escape(look_up.name), format_duration(look_up.took), silent.size() == 1 ? "" : "s",
      fmt::join(silent, " and "), format_duration(waited), heard->server.host()));
}

std::optional<Message> slow_look_up_note(Context& context, const CommonOptions& options,
                                         const SlowLookUp& look_up, sys::Deadline deadline) {
  if (options.diagnose == DiagnoseMode::off || look_up.took < slow) return std::nullopt;
  sys::Kernel& kernel = context.kernel;
  const auto config = sys::read_small_file(kernel, "/etc/resolv.conf");
  if (!config) return std::nullopt;
  const auto servers = tcp::parse_resolv_conf(*config);
  if (servers.size() < 2) return std::nullopt;
  const sys::TimePoint start = kernel.now();
  sys::TimePoint until = start + slow;
  if (deadline) until = std::min(until, start + (*deadline - start) / 4);
  const unsigned type = look_up.family == AF_INET6 ? tcp::dns_type_aaaa : tcp::dns_type_a;
  const auto answers = tcp::ask_name_servers(context.waiter, servers, look_up.name, type, until);
  return slow_look_up_message(look_up, answers, kernel.now() - start);
}

}  // namespace tcptool::cmd
