// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "sys/names.h"
#include "trace/strace_args.h"

namespace tcptool::trace {
namespace {

auto into(std::string& out) {
  return std::back_inserter(out);
}

void append_byte(std::string& out, unsigned char byte, bool octal_follows) {
  switch (byte) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\v':
      out += "\\v";
      return;
    case '\f':
      out += "\\f";
      return;
    default:
      break;
  }
  if (byte >= 0x20 && byte <= 0x7e) {
    out += static_cast<char>(byte);
  } else {
    // In octal, without leading zeros unless an octal digit follows.
    out += '\\';
    if (octal_follows || byte >= 0100) out += static_cast<char>('0' + (byte >> 6));
    if (octal_follows || byte >= 010) out += static_cast<char>('0' + (byte >> 3 & 7));
    out += static_cast<char>('0' + (byte & 7));
  }
}

// As many bytes of a T as there are, the others 0.
template <class T>
T unpack_prefix(std::span<const std::byte> blob) {
  T value{};
  if (!blob.empty()) std::memcpy(&value, blob.data(), std::min(blob.size(), sizeof value));
  return value;
}

}  // namespace

void append_strace_string(std::string& out, std::span<const std::byte> kept, std::int64_t whole) {
  const auto byte_at = [kept](std::size_t at) { return std::to_integer<unsigned char>(kept[at]); };
  out += '"';
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const bool more = i + 1 < kept.size();
    append_byte(out, byte_at(i), more && byte_at(i + 1) >= '0' && byte_at(i + 1) <= '7');
  }
  out += '"';
  if (static_cast<std::int64_t>(kept.size()) < whole) out += "...";
}

void append_strace_address(std::string& out, std::span<const std::byte> sockaddr) {
  const auto in6 = unpack_prefix<sockaddr_in6>(sockaddr);
  const auto length = static_cast<socklen_t>(sockaddr.size());
  const auto address =
      sys::Address::from(reinterpret_cast<const struct sockaddr*>(&in6), length).with_zone(0, "");
  if (address.family() == AF_INET) {
    fmt::format_to(into(out),
                   "{{sa_family=AF_INET, sin_port=htons({}), sin_addr=inet_addr(\"{}\")}}",
                   address.port(), address.host());
  } else if (address.family() == AF_INET6) {
    fmt::format_to(into(out),
                   "{{sa_family=AF_INET6, sin6_port=htons({}), sin6_flowinfo=htonl({}), "
                   "inet_pton(AF_INET6, \"{}\", &sin6_addr), sin6_scope_id={}}}",
                   address.port(), ntohl(in6.sin6_flowinfo), address.host(), in6.sin6_scope_id);
  } else if (in6.sin6_family == AF_UNSPEC && sockaddr.size() >= sizeof(struct sockaddr)) {
    out += "{sa_family=AF_UNSPEC, sa_data=";
    append_strace_string(out, sockaddr.subspan(sizeof in6.sin6_family),
                         static_cast<std::int64_t>(sockaddr.size() - sizeof in6.sin6_family));
    out += '}';
  } else {
    fmt::format_to(into(out), "{{sa_family={}, ...}}", sys::family_name(in6.sin6_family));
  }
}

}  // namespace tcptool::trace
