// SPDX-License-Identifier: MIT
// The messages of RFC 1035 section 4, and resolv.conf(5).
#include <net/if.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/bytes.h"
#include "tcp/name_server.h"

namespace tcptool::tcp {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t header_size = 12;
constexpr std::size_t longest_name = 255;  // with its length bytes
constexpr unsigned class_in = 1;
constexpr unsigned type_cname = 5;

void put_uint16(std::vector<std::byte>& out, unsigned value) {
  out.push_back(static_cast<std::byte>(value >> 8U));
  out.push_back(static_cast<std::byte>(value));
}

bool legal(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

std::byte lower(std::byte byte) {
  return byte >= std::byte{'A'} && byte <= std::byte{'Z'} ? byte | std::byte{0x20} : byte;
}

// The offset behind the name at `offset`. A pointer ends a name where it stands, so that nothing
// is followed and nothing can go in circles.
std::optional<std::size_t> behind_name(Bytes message, std::size_t offset) {
  constexpr unsigned pointer = 0xc0;
  const std::size_t start = offset;
  while (offset < message.size() && offset - start < longest_name) {
    const auto length = std::to_integer<unsigned>(message[offset]);
    if ((length & pointer) == pointer) return offset + 2;
    if ((length & pointer) != 0) return std::nullopt;
    offset += 1 + length;
    if (length == 0) return offset;
  }
  return std::nullopt;
}

// The question is the first thing in a message, so nothing in it can point back: it must stand
// there as it was asked, but for the case of letters.
bool same_question(Bytes reply, Bytes query) {
  if (reply.size() < query.size()) return false;
  return std::equal(query.begin() + header_size, query.end(), reply.begin() + header_size,
                    [](std::byte a, std::byte b) { return lower(a) == lower(b); });
}

// Whether one of `count` records from `offset` on is of `type` and `size`, where one is given.
bool finds_record(Bytes message, std::size_t offset, unsigned count, unsigned type,
                  std::optional<std::size_t> size) {
  for (unsigned i = 0; i < count; ++i) {
    const auto fixed = behind_name(message, offset);
    if (!fixed) return false;
    constexpr std::size_t class_offset = 2;
    constexpr std::size_t length_offset = 8;  // behind type, class and TTL
    constexpr std::size_t data_offset = 10;
    const auto record_type = network_uint16(message, *fixed);
    const auto record_class = network_uint16(message, *fixed + class_offset);
    const auto length = network_uint16(message, *fixed + length_offset);
    if (!length || *fixed + data_offset + *length > message.size()) return false;
    const bool fits = record_type == type && record_class == class_in;
    if (fits && size.value_or(*length) == *length) return true;
    offset = *fixed + data_offset + *length;
  }
  return false;
}

// Whether a server may answer so without repeating the question: FORMERR, SERVFAIL, NOTIMP,
// REFUSED, but not that the name does not exist.
bool may_omit_question(unsigned rcode) {
  constexpr unsigned nxdomain = 3;
  return rcode != 0 && rcode != nxdomain;
}

std::optional<sys::Address> parse_server(std::string_view text) {
  constexpr std::uint16_t port = 53;
  const std::size_t percent = text.find('%');
  const auto address = sys::Address::parse(text.substr(0, percent), port);
  if (!address || percent == std::string_view::npos) return address;
  if (address->family() != AF_INET6) return std::nullopt;
  const std::string_view zone = text.substr(percent + 1);
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(zone.data(), zone.data() + zone.size(), number);
  if (error == std::errc() && end == zone.data() + zone.size()) {
    return address->with_zone(number, "");
  }
  return address->with_zone(0, zone.size() < IF_NAMESIZE ? zone : "");
}

// Takes the first word, up to a blank, off the line.
std::string_view take_word(std::string_view& line) {
  constexpr std::string_view blanks = " \t\r\v\f";
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(blanks)));
  const std::string_view word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

}  // namespace

std::vector<sys::Address> parse_hosts(std::string_view text, std::string_view name) {
  std::vector<sys::Address> addresses;
  if (name.ends_with('.')) name.remove_suffix(1);
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    line = line.substr(0, line.find('#'));
    const std::string_view number = take_word(line);
    const auto address = sys::Address::parse(number.substr(0, number.find('%')), 0);
    for (auto word = take_word(line); address && !word.empty(); word = take_word(line)) {
      if (!same_name(word, name)) continue;
      addresses.push_back(*address);
      break;
    }
  }
  return addresses;
}

std::vector<sys::Address> parse_resolv_conf(std::string_view text) {
  constexpr std::size_t most_servers = 3;  // MAXNS
  constexpr std::string_view keyword = "nameserver";
  constexpr std::string_view blanks = " \t\r\v\f";
  std::vector<sys::Address> servers;
  while (!text.empty() && servers.size() < most_servers) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(keyword)) continue;
    line.remove_prefix(keyword.size());
    const std::size_t start = line.find_first_not_of(blanks);
    if (start == 0 || start == std::string_view::npos) continue;
    line.remove_prefix(start);
    const auto server = parse_server(line.substr(0, line.find_first_of(blanks)));
    if (server) servers.push_back(*server);
  }
  return servers;
}

std::vector<std::byte> dns_query(std::string_view name, unsigned type, std::uint16_t id) {
  constexpr std::size_t longest_text = 253;
  constexpr std::size_t longest_label = 63;
  constexpr unsigned recursion_desired = 0x0100;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > longest_text) return {};
  std::vector<std::byte> query;
  put_uint16(query, id);
  put_uint16(query, recursion_desired);
  for (const unsigned count : {1U, 0U, 0U, 0U}) put_uint16(query, count);
  while (true) {
    const std::string_view label = name.substr(0, name.find('.'));
    if (label.empty() || label.size() > longest_label) return {};
    if (!std::all_of(label.begin(), label.end(), legal)) return {};
    query.push_back(static_cast<std::byte>(label.size()));
    for (const char c : label) query.push_back(static_cast<std::byte>(c));
    if (label.size() == name.size()) break;
    name.remove_prefix(label.size() + 1);
  }
  query.push_back(std::byte{0});
  put_uint16(query, type);
  put_uint16(query, class_in);
  return query;
}

std::optional<DnsReply> parse_dns_reply(Bytes reply, Bytes query) {
  constexpr unsigned response = 0x8000;
  constexpr unsigned opcode = 0x7800;
  constexpr unsigned truncation = 0x0200;
  constexpr unsigned rcode = 0x000f;
  constexpr std::size_t flags_offset = 2;
  constexpr std::size_t questions_offset = 4;
  constexpr std::size_t answers_offset = 6;
  if (query.size() <= header_size || reply.size() < header_size) return std::nullopt;
  if (network_uint16(reply, 0) != network_uint16(query, 0)) return std::nullopt;
  const unsigned flags = network_uint16(reply, flags_offset).value_or(0);
  if ((flags & response) == 0 || (flags & opcode) != 0) return std::nullopt;
  DnsReply facts;
  facts.rcode = flags & rcode;
  facts.truncated = (flags & truncation) != 0;
  const auto questions = network_uint16(reply, questions_offset);
  if (questions == 0 && may_omit_question(facts.rcode)) return facts;
  if (questions != 1 || !same_question(reply, query)) return std::nullopt;
  const unsigned type = network_uint16(query, query.size() - 4).value_or(0);
  const unsigned answers = network_uint16(reply, answers_offset).value_or(0);
  const std::size_t address_size = type == dns_type_a ? 4 : 16;
  facts.has_address = finds_record(reply, query.size(), answers, type, address_size);
  facts.is_alias = finds_record(reply, query.size(), answers, type_cname, std::nullopt);
  return facts;
}

}  // namespace tcptool::tcp
