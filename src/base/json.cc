// SPDX-License-Identifier: MIT
#include "base/json.h"

#include <fmt/format.h>

#include <iterator>

namespace tcptool {

void append_json_string(std::string& out, std::string_view bytes) {
  out += '"';
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte > 0x7e) {
      constexpr std::string_view digits = "0123456789abcdef";
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 0xf];
    } else {
      out += c;
    }
  }
  out += '"';
}

void JsonObject::begin_field(std::string_view name) {
  if (!fields_.empty()) fields_ += ',';
  append_json_string(fields_, name);
  fields_ += ':';
}

JsonObject& JsonObject::add(std::string_view name, std::string_view value) {
  begin_field(name);
  append_json_string(fields_, value);
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, bool value) {
  begin_field(name);
  fields_ += value ? "true" : "false";
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, const JsonObject& value) {
  begin_field(name);
  fields_ += value.text();
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, const std::vector<JsonObject>& values) {
  begin_field(name);
  fields_ += '[';
  for (const JsonObject& value : values) {
    if (&value != &values.front()) fields_ += ',';
    fields_ += value.text();
  }
  fields_ += ']';
  return *this;
}

JsonObject& JsonObject::add_objects(std::string_view name, const std::vector<std::string>& texts) {
  begin_field(name);
  fields_ += '[';
  for (const std::string& text : texts) {
    if (&text != &texts.front()) fields_ += ',';
    fields_ += text;
  }
  fields_ += ']';
  return *this;
}

JsonObject& JsonObject::append(const JsonObject& other) {
  if (!fields_.empty() && !other.fields_.empty()) fields_ += ',';
  fields_ += other.fields_;
  return *this;
}

JsonObject& JsonObject::add_signed(std::string_view name, std::int64_t value) {
  begin_field(name);
  fmt::format_to(std::back_inserter(fields_), "{}", value);
  return *this;
}

JsonObject& JsonObject::add_unsigned(std::string_view name, std::uint64_t value) {
  begin_field(name);
  fmt::format_to(std::back_inserter(fields_), "{}", value);
  return *this;
}

}  // namespace tcptool
