// SPDX-License-Identifier: MIT
#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace tcptool {

namespace {

constexpr auto stands_for_itself = [](char c) {
  return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
};

template <class Out>
void append_escaped(Out& out, char c) {
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (c == '\n') {
    out += "\\n";
  } else {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    out += "\\u00";
    out += digits[byte >> 4];
    out += digits[byte & 0xf];
  }
}

template <class Out>
void append_string(Out& out, std::string_view bytes) {
  out += '"';
  while (!bytes.empty()) {
    const auto* const end = std::find_if_not(bytes.begin(), bytes.end(), stands_for_itself);
    const auto plain = static_cast<std::size_t>(end - bytes.begin());
    out += bytes.substr(0, plain);
    bytes.remove_prefix(plain);
    if (bytes.empty()) break;
    append_escaped(out, bytes.front());
    bytes.remove_prefix(1);
  }
  out += '"';
}

}  // namespace

void append_json_string(std::string& out, std::string_view bytes) {
  append_string(out, bytes);
}

void append_json_string(LineBuffer& out, std::string_view bytes) {
  append_string(out, bytes);
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
