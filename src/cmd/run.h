// SPDX-License-Identifier: MIT
// What the command line asks for, and the way from there to the end of the run.
#pragma once

#include <variant>

#include "cmd/connect.h"
#include "cmd/listen.h"

namespace tcptool::cmd {

using Command = std::variant<ConnectOptions, ListenOptions>;

const CommonOptions& common_options(const Command& command);
std::string_view command_name(const Command& command);

Exit run(Context& context, const Command& command);

}  // namespace tcptool::cmd
