// SPDX-License-Identifier: MIT
// Writes one JSON object (RFC 8259) field by field, in the order given. Strings are taken as bytes:
// whatever is not printable ASCII leaves as \u00NN, so a line of output is always one line of
// ASCII.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/line_buffer.h"

namespace tcptool {

// The bytes as a JSON string, quotes included.
void append_json_string(std::string& out, std::string_view bytes);
void append_json_string(LineBuffer& out, std::string_view bytes);

class JsonObject {
 public:
  JsonObject& add(std::string_view name, std::string_view value);
  JsonObject& add(std::string_view name, const char* value) {
    return add(name, std::string_view(value));
  }
  JsonObject& add(std::string_view name, bool value);
  JsonObject& add(std::string_view name, const JsonObject& value);
  JsonObject& add(std::string_view name, const std::vector<JsonObject>& values);
  // A list of objects whose text is there already.
  JsonObject& add_objects(std::string_view name, const std::vector<std::string>& texts);
  template <std::integral T>
  requires(!std::same_as<T, bool>) JsonObject& add(std::string_view name, T value) {
    if constexpr (std::unsigned_integral<T>) {
      return add_unsigned(name, value);
    } else {
      return add_signed(name, value);
    }
  }

  // The other object's fields, after ours.
  JsonObject& append(const JsonObject& other);

  // The object's text, without a line end.
  [[nodiscard]] std::string text() const { return "{" + fields_ + "}"; }

 private:
  JsonObject& add_signed(std::string_view name, std::int64_t value);
  JsonObject& add_unsigned(std::string_view name, std::uint64_t value);
  void begin_field(std::string_view name);

  std::string fields_;
};

}  // namespace tcptool
