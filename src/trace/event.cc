// SPDX-License-Identifier: MIT
#include "trace/event.h"

#include <algorithm>

namespace tcptool::trace {

void Event::add(std::string_view name, ArgKind kind, std::int64_t value) {
  if (arg_count == most_args) return;
  args[arg_count++] = Arg{name, kind, value, 0, 0};
}

void Event::add(std::string_view name, ArgKind kind, std::int64_t value,
                std::span<const std::byte> blob, std::size_t most) {
  if (arg_count == most_args) return;
  const std::size_t room = storage_size - storage_used;
  const std::size_t length = std::min({blob.size(), most, room});
  std::copy_n(blob.begin(), length, storage.begin() + storage_used);
  args[arg_count++] = Arg{name, kind, value, storage_used, static_cast<std::uint16_t>(length)};
  storage_used = static_cast<std::uint16_t>(storage_used + length);
}

void Event::add_text(std::string_view name, std::string_view text) {
  constexpr std::size_t most_text = 96;
  add(name, ArgKind::text, static_cast<std::int64_t>(text.size()), std::as_bytes(std::span(text)),
      most_text);
}

void Event::add_address(std::string_view name, const sys::Address& address) {
  add(name, ArgKind::address, address.size(), address.bytes());
}

void Event::add_buffer(std::string_view name, std::span<const std::byte> bytes) {
  add(name, ArgKind::bytes, static_cast<std::int64_t>(bytes.size()), bytes, most_payload);
}

}  // namespace tcptool::trace
