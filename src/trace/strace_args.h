// SPDX-License-Identifier: MIT
// Arguments as strace 6.1 spells them: structures in braces with the members' names, strings with C
// escapes, what came back through a pointer in brackets.
#pragma once

#include <string>

#include "trace/event.h"

namespace tcptool::trace {

// Of a kind whose spelling does not depend on the call.
void append_strace(std::string& out, const Event& event, const Arg& arg);

// `"...\n\0"`, with ... where not all of `whole` bytes were kept.
void append_strace_string(std::string& out, std::span<const std::byte> kept, std::int64_t whole);

// `{sa_family=AF_INET, sin_port=htons(9000), sin_addr=inet_addr("127.0.0.1")}`.
void append_strace_address(std::string& out, std::span<const std::byte> sockaddr);

}  // namespace tcptool::trace
