// SPDX-License-Identifier: MIT
#include "base/json.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>

using tcptool::JsonObject;

TEST_CASE("an object has its fields in the order given") {
  JsonObject object;
  CHECK(object.text() == "{}");
  object.add("type", "call").add("result", -1).add("size", std::uint64_t{UINT64_MAX});
  object.add("least", INT64_MIN)
      .add("open", true)
      .add("done", false)
      .add("port", std::uint16_t{80});
  CHECK(object.text() == R"({"type":"call","result":-1,"size":18446744073709551615,)"
                         R"("least":-9223372036854775808,"open":true,"done":false,"port":80})");
}

TEST_CASE("objects nest, stand in arrays and are appended") {
  JsonObject inner;
  inner.add("a", 1);
  JsonObject object;
  object.add("one", inner).add("none", std::vector<JsonObject>{});
  object.add("two", std::vector<JsonObject>{inner, inner});
  CHECK(object.text() == R"({"one":{"a":1},"none":[],"two":[{"a":1},{"a":1}]})");
  JsonObject more;
  more.append(JsonObject()).append(inner).append(JsonObject()).append(inner);
  CHECK(more.text() == R"({"a":1,"a":1})");
}

TEST_CASE("every byte of a string leaves as printable ASCII of one line") {
  for (int value = 0; value < 256; ++value) {
    JsonObject object;
    object.add("s", std::string_view(std::string(1, static_cast<char>(value))));
    const std::string text = object.text();
    CAPTURE(value);
    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; }));
  }
}

TEST_CASE("quotes, backslashes and control bytes are escaped as RFC 8259 says") {
  JsonObject object;
  object.add("s\"", std::string_view("a\"b\\c\nd\x1b\0e\xff", 11));
  CHECK(object.text() == R"({"s\"":"a\"b\\c\nd\u001b\u0000e\u00ff"})");
}
