// SPDX-License-Identifier: MIT
// Numbers and structures read out of bytes that somebody else wrote: never beyond the end, and
// whatever their alignment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace tcptool {

// A copy of the T that begins at `offset`; nothing where the bytes end before it does.
template <class T>
std::optional<T> copy_at(std::span<const std::byte> bytes, std::size_t offset = 0) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Two bytes in network order.
inline std::optional<std::uint16_t> network_uint16(std::span<const std::byte> bytes,
                                                   std::size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < 2) return std::nullopt;
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[offset]) << 8U |
                                    std::to_integer<unsigned>(bytes[offset + 1]));
}

// Up to the first NUL, or all of them.
inline std::string_view c_text(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.substr(0, text.find('\0'));
}

}  // namespace tcptool
