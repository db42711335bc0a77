// SPDX-License-Identifier: MIT
#include "sys/directory.h"

#include <dirent.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

using namespace tcptool;

namespace {

using Bytes = std::vector<std::byte>;

Bytes entry(std::string_view name, std::size_t length) {
  Bytes bytes(length);
  const auto stated = static_cast<unsigned short>(length);
  std::memcpy(bytes.data() + offsetof(dirent64, d_reclen), &stated, sizeof stated);
  std::memcpy(bytes.data() + offsetof(dirent64, d_name), name.data(), name.size());
  return bytes;
}

Bytes entries() {
  Bytes all = entry(".", 24);
  for (const Bytes& more : {entry("..", 24), entry("7", 24), entry("socket", 32)}) {
    const std::size_t end = all.size();
    all.resize(end + more.size());
    std::copy(more.begin(), more.end(), all.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return all;
}

}  // namespace

TEST_CASE("the names of entries are read") {
  CHECK(sys::parse_directory_entries(entries()) ==
        std::vector<std::string>{".", "..", "7", "socket"});
  CHECK(sys::parse_directory_entries({}).empty());
}

TEST_CASE("entries cut short or of impossible length end the list") {
  const Bytes whole = entries();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK(sys::parse_directory_entries(cut).size() == std::min<std::size_t>(length / 24, 3));
  }
  for (const int length : {0, 1, 18, 19, 25, 65535}) {
    const auto bad = static_cast<unsigned short>(length);
    Bytes broken = entry("a", 24);
    std::memcpy(broken.data() + offsetof(dirent64, d_reclen), &bad, sizeof bad);
    CHECK(sys::parse_directory_entries(broken).empty());
  }
}
