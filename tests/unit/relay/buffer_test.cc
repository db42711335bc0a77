// SPDX-License-Identifier: MIT
#include "relay/buffer.h"

#include <doctest/doctest.h>

#include <string_view>

using tcptool::relay::Buffer;

namespace {

void put(Buffer& buffer, std::string_view text) {
  const auto room = buffer.room();
  REQUIRE(room.size() >= text.size());
  for (std::size_t i = 0; i < text.size(); ++i) room[i] = static_cast<std::byte>(text[i]);
  buffer.commit(text.size());
}

std::string_view held(const Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.data().data()), buffer.size()};
}

}  // namespace

TEST_CASE("a buffer gives back what was put in, in order") {
  Buffer buffer(16);
  CHECK(buffer.empty());
  put(buffer, "hello ");
  put(buffer, "world");
  CHECK(held(buffer) == "hello world");
  buffer.consume(6);
  CHECK(held(buffer) == "world");
  buffer.consume(5);
  CHECK(buffer.empty());
  CHECK(buffer.room().size() == 16);
}

TEST_CASE("a buffer moves what is left to the front when its free end is small") {
  Buffer buffer(16);
  put(buffer, "0123456789abcdef");
  CHECK(buffer.room().empty());
  buffer.consume(12);
  CHECK(buffer.room().empty());
  buffer.make_room();
  CHECK(held(buffer) == "cdef");
  CHECK(buffer.room().size() == 12);
}

TEST_CASE("a buffer never counts more than it has") {
  Buffer buffer(4);
  buffer.commit(100);
  CHECK(buffer.size() == 4);
  buffer.consume(100);
  CHECK(buffer.empty());
  Buffer none(0);
  none.commit(1);
  none.make_room();
  CHECK(none.empty());
  CHECK(none.room().empty());
}
