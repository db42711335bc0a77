// SPDX-License-Identifier: MIT
#include "cmd/confine.h"

#include <fmt/format.h>

#include <algorithm>

#include "cmd/messages.h"

namespace tcptool::cmd {
namespace {

// Only who looks closely wants to know; who asked for all of it gets all or nothing.
std::optional<Exit> tell(Context& context, const CommonOptions& options, std::string_view lacking,
                         const Result<void, sys::SysError>& done) {
  if (done) return std::nullopt;
  const std::string text = fmt::format("lacks {}: {}", lacking, done.error().text());
  if (options.sandbox == SandboxMode::strict) {
    context.console.failure(ExitStatus::local, failure_message("--sandbox", "strict", text));
    return Exit{ExitStatus::local};
  }
  const bool wanted = options.output.trace.verbosity > 0;
  if (wanted) context.console.status(note_message("the sandbox " + text));
  return std::nullopt;
}

sys::Refusal refusal_of(const CommonOptions& options) {
  return options.sandbox == SandboxMode::strict ? sys::Refusal::kill : sys::Refusal::error;
}

}  // namespace

std::optional<Exit> confine_calls(Context& context, const CommonOptions& options, bool renames) {
  if (options.sandbox == SandboxMode::off) return std::nullopt;
  return tell(context, options, "its filter of system calls",
              sys::give_up_calls(context.kernel, refusal_of(options), renames));
}

std::optional<Exit> confine_files(Context& context, const CommonOptions& options,
                                  const sys::Reach& reach) {
  if (options.sandbox == SandboxMode::off) return std::nullopt;
  auto refused = tell(context, options, "Landlock", sys::give_up_files(context.kernel, reach));
  if (!refused) {
    refused = tell(context, options, "the end of its privileges",
                   sys::give_up_privileges(context.kernel, reach));
  }
  if (!refused) {
    refused = tell(context, options, "its second filter of system calls",
                   sys::give_up_sockets(context.kernel, refusal_of(options)));
  }
  return refused;
}

bool sets_privileged(const CommonOptions& options) {
  return std::any_of(options.socket_options.begin(), options.socket_options.end(),
                     [](const tcp::OptionSetting& setting) { return setting.info->privileged; });
}

}  // namespace tcptool::cmd
