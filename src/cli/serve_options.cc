// SPDX-License-Identifier: MIT
// The options of a listener for many: -k, -m, --serve, COMMAND and what bounds them.
#include <fmt/format.h>

#include <limits>

#include "base/parse.h"
#include "base/text.h"
#include "cli/declare.h"

namespace tcptool::cli {

void declare_serve_options(Subcommand& subcommand, Draft& draft) {
  cmd::ListenOptions& options = draft.listen;
  Group group(subcommand, "Serving");
  group.flag({"-k,--keep-open", "",
              "serve clients until stopped, all at once; stdin goes to all, all go to stdout"},
             [&options] { options.keep_open = true; });
  group.value(
      {"-m,--max-clients", "N",
       "with -k: at most N at a time (default: no limit); the rest wait in the accept queue"},
      [&options](const std::string& text) -> std::string {
        auto count = parse_unsigned(text, std::numeric_limits<int>::max(), 1);
        if (!count) return count.error();
        options.max_clients = *count;
        return "";
      });
  group.value({"--client-buffer", "SIZE",
               "with -k: a client this far behind stdin is disconnected (default 1M)"},
              [&draft, &options](const std::string& text) -> std::string {
                constexpr std::uint64_t most = std::uint64_t{1} << 30;
                auto size = parse_size(text, most);
                if (!size) return size.error();
                if (*size == 0) return "0 leaves no room for a byte; give a size such as 256k";
                options.client_buffer = *size;
                draft.client_buffer_given = true;
                return "";
              });
  group.value({"--serve", "echo|discard",
               "a built-in service for each connection, without stdin and "
               "stdout"},
              [&options](const std::string& text) -> std::string {
                if (text == "echo") {
                  options.service = cmd::BuiltInService::echo;
                } else if (text == "discard") {
                  options.service = cmd::BuiltInService::discard;
                } else {
                  return fmt::format("{} is none of echo, discard", in_quotes(text));
                }
                return "";
              });
  group.value(
      {"--grace", "D", "after SIGTERM, clients have D to finish; then they are reset (default 5s)"},
      [&draft, &options](const std::string& text) -> std::string {
        draft.grace_given = true;
        return keep(options.grace, parse_duration)(text);
      });
}

namespace {

// --serve and a COMMAND leave stdin and stdout alone, and what is said of them says nothing.
std::string settle_without_streams(const Draft& draft) {
  const relay::RelayPolicy& relay = draft.listen.common.relay;
  std::string_view option;
  if (relay.send_only) option = "--send-only";
  if (relay.recv_only) option = "--recv-only";
  if (relay.crlf) option = "-C";
  if (relay.linger) option = "--linger";
  if (draft.half_close) option = "-N";
  if (draft.no_half_close) option = "--no-half-close";
  if (!option.empty()) {
    return fmt::format("{} is about stdin and stdout, which --serve and a COMMAND do not use",
                       option);
  }
  if (!draft.listen.command.empty() && relay.idle_timeout.count() != 0) {
    return "--idle-timeout cannot see the bytes of a COMMAND; let the command end by itself";
  }
  return "";
}

}  // namespace

std::string settle_serve_options(Draft& draft) {
  cmd::ListenOptions& options = draft.listen;
  options.half_close = draft.half_close;
  if (!options.command.empty() && options.command.front().empty()) {
    return "the command is empty; say: tcptool listen PORT -- COMMAND [ARG...]";
  }
  if (options.service && !options.command.empty()) {
    return "--serve and -- COMMAND both say what to do with a connection; give one of them";
  }
  if (!options.command.empty()) {
    if (draft.sandbox_given && options.common.sandbox != cmd::SandboxMode::off) {
      return "a COMMAND would inherit the sandbox, so that there is none; leave --sandbox out";
    }
    options.common.sandbox = cmd::SandboxMode::off;
  }
  if (options.max_clients && !options.keep_open) {
    return "-m bounds the clients of -k; without -k there is only one";
  }
  if (draft.client_buffer_given && !(options.keep_open && options.uses_standard_streams())) {
    return "--client-buffer is for what stdin brings to the clients of -k";
  }
  if (draft.grace_given && !options.served()) {
    return "--grace is for the clients of -k, --serve or a COMMAND";
  }
  if (!options.uses_standard_streams()) {
    if (std::string wrong = settle_without_streams(draft); !wrong.empty()) return wrong;
  }
  if (options.served() && options.common.output.progress != cmd::ProgressMode::off) {
    return "--progress shows one connection; with -k, --serve or a COMMAND there are many";
  }
  return "";
}

}  // namespace tcptool::cli
