// SPDX-License-Identifier: MIT
#include "cmd/run.h"

namespace tcptool::cmd {

const CommonOptions& common_options(const Command& command) {
  return std::visit([](const auto& options) -> const CommonOptions& { return options.common; },
                    command);
}

std::string_view command_name(const Command& command) {
  return std::holds_alternative<ConnectOptions>(command) ? "connect" : "listen";
}

Exit run(Context& context, const Command& command) {
  if (const auto* const options = std::get_if<ConnectOptions>(&command)) {
    return connect(context, *options);
  }
  return listen(context, std::get<ListenOptions>(command));
}

}  // namespace tcptool::cmd
