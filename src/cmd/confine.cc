// SPDX-License-Identifier: MIT
#include "cmd/confine.h"

#include <fmt/format.h>

#include <algorithm>

#include "cmd/messages.h"

namespace tcptool::cmd {
namespace {

// Only who looks closely wants to know; who asked for all of it gets all or nothing.
std::optional<Exit> refuse_if_strict(Context& context, const CommonOptions& options,
                                     std::string_view lacking,
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

std::optional<Exit> confine_calls(Context& context, const CommonOptions& options,
                                  const sys::Ahead& ahead) {
  if (options.sandbox == SandboxMode::off) return std::nullopt;
  return refuse_if_strict(context, options, "its filter of system calls",
                          sys::give_up_calls(context.kernel, refusal_of(options), ahead));
}

std::optional<Exit> confine_files(Context& context, const CommonOptions& options,
                                  const sys::Ahead& ahead, const sys::Reach& reach) {
  if (options.sandbox == SandboxMode::off) return std::nullopt;
  const auto files = sys::give_up_files(context.kernel, reach);
  if (auto refused = refuse_if_strict(context, options, "Landlock", files)) return refused;
  const auto privileges = sys::give_up_privileges(context.kernel, reach);
  if (auto refused = refuse_if_strict(context, options, "the end of its privileges", privileges)) {
    return refused;
  }
  return refuse_if_strict(context, options, "its second filter of system calls",
                          sys::give_up_more_calls(context.kernel, refusal_of(options), ahead));
}

bool may_need_capabilities(const CommonOptions& options) {
  return std::any_of(options.socket_options.begin(), options.socket_options.end(),
                     [](const auto& setting) { return setting.info->may_need_capabilities; });
}

}  // namespace tcptool::cmd
