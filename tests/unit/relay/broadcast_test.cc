// SPDX-License-Identifier: MIT
#include "relay/broadcast.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using tcptool::relay::Broadcast;

namespace {

std::string from(const Broadcast& broadcast, std::uint64_t position) {
  const auto bytes = broadcast.from(position);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void append(Broadcast& broadcast, std::string_view text) {
  broadcast.append(std::as_bytes(std::span(text)));
}

}  // namespace

TEST_CASE("each reader has the bytes from its own position on") {
  Broadcast broadcast(100);
  CHECK(broadcast.end() == 0);
  append(broadcast, "hello ");
  append(broadcast, "world");
  CHECK(broadcast.end() == 11);
  CHECK(from(broadcast, 0) == "hello world");
  CHECK(from(broadcast, 6) == "world");
  CHECK(from(broadcast, 11).empty());
}

TEST_CASE("positions go on counting after what all have taken is forgotten") {
  Broadcast broadcast(100);
  append(broadcast, "gone");
  broadcast.clear();
  CHECK(broadcast.end() == 4);
  CHECK(from(broadcast, 4).empty());
  append(broadcast, "next");
  CHECK(from(broadcast, 4) == "next");
}

TEST_CASE("what it holds is bounded, and the last bytes that it keeps are right") {
  constexpr std::size_t kept = 10;
  Broadcast broadcast(kept);
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece(1 + static_cast<std::size_t>(i % 5), static_cast<char>('a' + i % 26));
    append(broadcast, piece);
    all += piece;
    REQUIRE(broadcast.end() == all.size());
    if (all.size() < kept) continue;
    REQUIRE(from(broadcast, all.size() - kept) == all.substr(all.size() - kept));
  }
}
