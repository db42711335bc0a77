// SPDX-License-Identifier: MIT
// The entries of a directory as getdents64(2) writes them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace tcptool::sys {

// The names in them, without . and ..; what follows an entry of impossible length is left out.
std::vector<std::string> parse_directory_entries(std::span<const std::byte> bytes);

}  // namespace tcptool::sys
