// SPDX-License-Identifier: MIT
// The command line, read strictly: everything that can be known to be wrong is refused here, before
// anything is opened.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cmd/run.h"

namespace tcptool::cli {

// The run ends before it begins: help or version on stdout, or a usage error on stderr.
struct Stop {
  cmd::ExitStatus status = cmd::ExitStatus::ok;
  std::string text;      // a page, or a usage error's line without "tcptool: "
  bool is_page = false;  // help or version
  bool json = false;     // --json was among the arguments
};

// `inherited`: how many listening sockets this process was handed, as sys/activation.h counts them.
Result<cmd::Command, Stop> parse(std::span<const char* const> arguments, unsigned inherited = 0);

// "0.1.0": the release, as packaging/debian/changelog has it.
std::string_view version();

// One option of a subcommand as it is declared, for the test that compares the manual page.
struct DeclaredOption {
  std::string command;
  std::string short_name;  // "-v" or empty
  std::string long_name;   // "--verbose"
};
std::vector<DeclaredOption> declared_options();

}  // namespace tcptool::cli
