// SPDX-License-Identifier: MIT
#include "trace/event.h"

#include <algorithm>

namespace tcptool::trace {

void Event::begin(sys::Syscall made) {
  call = made;
  socket = Socket::unknown;
  arg_count = 0;
  storage_used = 0;
  returned = true;
}

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

void Event::add_length(std::string_view name, std::size_t given) {
  add(name, ArgKind::length, static_cast<std::int64_t>(given));
}

void Event::add_length(std::string_view name, std::size_t given, std::size_t returned_length) {
  const int length = static_cast<int>(returned_length);
  add(name, ArgKind::length, static_cast<std::int64_t>(given),
      std::as_bytes(std::span(&length, 1)));
}

void Event::add_offset(std::string_view name, std::int64_t before, std::int64_t after) {
  const std::span<const std::int64_t> moved(&after, after == before ? 0 : 1);
  add(name, ArgKind::offset, before, std::as_bytes(moved));
}

void Event::add_pointer(std::string_view name, const void* where) {
  add(name, ArgKind::pointer, static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(where)));
}

const Arg* Event::find(ArgKind kind) const {
  const auto all = arguments();
  const auto found =
      std::find_if(all.begin(), all.end(), [kind](const Arg& arg) { return arg.kind == kind; });
  return found == all.end() ? nullptr : &*found;
}

void Event::add_text(std::string_view name, std::string_view text) {
  constexpr std::size_t most_text = 120;
  add(name, ArgKind::text, static_cast<std::int64_t>(text.size()), std::as_bytes(std::span(text)),
      most_text);
}

void Event::add_texts(std::string_view name, std::span<const std::string> texts) {
  std::array<std::byte, storage_size> together;
  std::size_t used = 0;
  for (const std::string& text : texts) {
    const auto with_end = std::as_bytes(std::span(text.c_str(), text.size() + 1));
    const std::size_t length = std::min(with_end.size(), together.size() - used);
    std::copy_n(with_end.begin(), length, together.begin() + static_cast<std::ptrdiff_t>(used));
    used += length;
  }
  add(name, ArgKind::texts, static_cast<std::int64_t>(texts.size()),
      std::span(together).first(used));
}

void Event::add_constant(std::string_view name, std::string_view text) {
  add(name, ArgKind::constant, 0, std::as_bytes(std::span(text)));
}

void Event::add_address(std::string_view name, const sys::Address& address) {
  add(name, ArgKind::address, address.size(), address.bytes());
}

void Event::add_buffer(std::string_view name, std::span<const std::byte> bytes) {
  add(name, ArgKind::bytes, static_cast<std::int64_t>(bytes.size()), bytes, most_payload);
}

}  // namespace tcptool::trace
