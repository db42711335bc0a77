// SPDX-License-Identifier: MIT
#include "cmd/confine.h"

#include <fmt/format.h>

#include "cmd/messages.h"

namespace tcptool::cmd {
namespace {

// The run goes on: only who looks closely wants to know, or who asked for more than the default.
void tell(Context& context, const CommonOptions& options, std::string_view lacking,
          const Result<void, sys::SysError>& done) {
  const bool wanted = options.output.trace.verbosity > 0 || options.sandbox == SandboxMode::strict;
  if (done || !wanted) return;
  context.console.status(
      note_message(fmt::format("the sandbox lacks {}: {}", lacking, done.error().text())));
}

}  // namespace

void confine_calls(Context& context, const CommonOptions& options, bool renames) {
  if (options.sandbox == SandboxMode::off) return;
  const auto refusal =
      options.sandbox == SandboxMode::strict ? sys::Refusal::kill : sys::Refusal::error;
  tell(context, options, "its filter of system calls",
       sys::give_up_calls(context.kernel, refusal, renames));
}

void confine_files(Context& context, const CommonOptions& options, const sys::Reach& reach) {
  if (options.sandbox == SandboxMode::off) return;
  tell(context, options, "Landlock", sys::give_up_files(context.kernel, reach));
  if (options.sandbox != SandboxMode::strict) return;
  tell(context, options, "its list of the calls that are left",
       sys::keep_own_calls(context.kernel));
}

}  // namespace tcptool::cmd
