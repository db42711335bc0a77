// SPDX-License-Identifier: MIT
// A protocol that one side speaks and the other does not expect, told from the first bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace tcptool::diagnose {

// What is worth a note about the peer's first bytes, given ours: TLS (RFC 8446 section 5.1) or HTTP
// (RFC 9112) where the other side speaks something else. Of hostile bytes nothing is repeated but
// numbers.
std::optional<std::string> recognize(std::span<const std::byte> received,
                                     std::span<const std::byte> sent);

}  // namespace tcptool::diagnose
