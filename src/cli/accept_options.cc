// SPDX-License-Identifier: MIT
// Who may come in, and what is seen of the accept queue.
#include <fmt/format.h>

#include "base/parse.h"
#include "base/text.h"
#include "cli/declare.h"

namespace tcptool::cli {
namespace {

Take rule(tcp::AccessRules& rules, bool allow) {
  return [&rules, allow](const std::string& text) -> std::string {
    const auto network = tcp::parse_network(text);
    if (!network) return network.error();
    const auto added = rules.add({*network, allow});
    return added ? "" : added.error();
  };
}

Result<std::chrono::nanoseconds, std::string> read_hold(const std::string& text) {
  if (text == "forever") return cmd::AcceptOptions::forever;
  auto time = parse_duration(text);
  if (!time) return failure(time.error() + ", or forever");
  return time;
}

Result<std::chrono::nanoseconds, std::string> read_watch(const std::string& text) {
  constexpr std::chrono::milliseconds least(10);
  auto time = parse_duration(text);
  if (time && *time < least) {
    return failure(fmt::format("{} is too short; give 10ms or more, such as 1s", in_quotes(text)));
  }
  return time;
}

}  // namespace

void declare_accept_options(Subcommand& subcommand, Draft& draft) {
  cmd::AcceptOptions& options = draft.listen.accept;
  Group group(subcommand, "Listening");
  group
      .value(
          {"--allow", "CIDR",
           "accept clients of this network (10.0.0.0/8, ::1) and of no other that is not allowed; "
           "the longest match decides; may be given several times"},
          rule(options.rules, true))
      .repeatable = true;
  group
      .value({"--deny", "CIDR", "reset clients of this network; may be given several times"},
             rule(options.rules, false))
      .repeatable = true;
  group.value({"--hold", "D",
               "accept nobody for D, or forever: the accept queue fills, and the clients show how "
               "they take it"},
              [&draft, &options](const std::string& text) -> std::string {
                draft.hold = text;
                return keep(options.hold, read_hold)(text);
              });
  group.value(
      {"--watch", "[=D]",
       "tell the accept queue's length, limit and drops whenever they change, looking every "
       "D (default 200ms)"},
      keep(options.watch, read_watch));
}

}  // namespace tcptool::cli
