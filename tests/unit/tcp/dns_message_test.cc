// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tcp/name_server.h"

using namespace tcptool;

namespace {

using Bytes = std::vector<std::byte>;

constexpr std::uint16_t id = 0x1234;

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// A reply to `query` with these flags, its question and `records` behind it.
Bytes reply_to(const Bytes& query, unsigned flags, std::string_view records = {},
               unsigned answers = 1) {
  Bytes reply = query;
  reply[2] = static_cast<std::byte>(flags >> 8U);
  reply[3] = static_cast<std::byte>(flags);
  reply[7] = static_cast<std::byte>(records.empty() ? 0 : answers);
  const Bytes more = bytes_of(records);
  reply.insert(reply.end(), more.begin(), more.end());
  return reply;
}

const std::string_view pointer("\xc0\x0c", 2);  // to the question's name

std::string record(std::string_view name, unsigned type, std::string_view data) {
  std::string out(name);
  out += '\0';
  out += static_cast<char>(type);
  out += std::string("\0\1\0\0\1\x2c\0", 7);
  out += static_cast<char>(data.size());
  return out.append(data);
}

std::vector<std::string> servers(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& server : tcp::parse_resolv_conf(text)) out.push_back(server.text());
  return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("the first three servers of resolv.conf count") {
  CHECK(servers("# nameserver 9.9.9.9\nsearch example.org\nnameserver 192.0.2.1\n"
                "nameserver\t \t2001:db8::1 # comment\r\nnameserver fe80::1%eth0\n"
                "nameserver 192.0.2.4\n") ==
        Texts{"192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%eth0]:53"});
  CHECK(servers("nameserver fe80::1%3") == Texts{"[fe80::1%3]:53"});
  CHECK(tcp::parse_resolv_conf("nameserver fe80::1%3")[0].scope_id() == 3);
}

TEST_CASE("lines that name no server are passed over") {
  CHECK(servers("").empty());
  CHECK(servers("nameserver\nnameserver \nnameservers 1.1.1.1\nnameserver1.1.1.1\n"
                " nameserver 1.1.1.1\nnameserver dns.example\nnameserver 1.1.1.1%eth0\n"
                "nameserver 1.1.1\nNAMESERVER 1.1.1.1\n;nameserver 1.1.1.1\n")
            .empty());
  CHECK(servers("nameserver bad\nnameserver 1.1.1.1") == Texts{"1.1.1.1:53"});
}

TEST_CASE("a query is the header, the name's labels, type and class") {
  const std::string_view wanted("\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\3org\0\0\1\0\1",
                                12 + 17 + 4);
  CHECK(tcp::dns_query("www.example.org", tcp::dns_type_a, id) == bytes_of(wanted));
  CHECK(tcp::dns_query("www.example.org.", tcp::dns_type_a, id) == bytes_of(wanted));
  CHECK(tcp::dns_query("a", tcp::dns_type_aaaa, id).at(12 + 3 + 1) == std::byte{28});
}

TEST_CASE("a name that is none gives no query") {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + label.substr(0, 61);
  CHECK(tcp::dns_query(longest, tcp::dns_type_a, id).size() == 12 + 255 + 4);
  CHECK(tcp::dns_query(longest + ".", tcp::dns_type_a, id).size() == 12 + 255 + 4);
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a..b"), std::string(".a"),
        std::string("a b"), std::string("a\0b", 3), std::string("\xc3\xa4.de"), label + "a",
        longest + "a", std::string("a..")}) {
    CAPTURE(name);
    CHECK(tcp::dns_query(name, tcp::dns_type_a, id).empty());
  }
}

TEST_CASE("a reply tells its code, whether it was cut, and whether there is an address") {
  const Bytes query = tcp::dns_query("www.example.org", tcp::dns_type_a, id);
  const std::string address = record(pointer, 1, std::string(4, 'x'));
  const std::string alias = record(pointer, 5, std::string("\1a\0", 3));
  struct Row {
    unsigned flags;
    std::string records;
    unsigned answers;
    tcp::DnsReply wanted;
  };
  for (const Row& row :
       std::vector<Row>{{0x8180, address, 1, {0, true, false}},
                        {0x8180, alias + address, 2, {0, true, false, true}},
                        {0x8180, alias + address, 1, {0, false, false, true}},
                        {0x8183, alias, 1, {3, false, false, true}},
                        {0x8180, record(pointer, 28, std::string(16, 'x')), 1, {0, false, false}},
                        {0x8180, record(pointer, 1, std::string(3, 'x')), 1, {0, false, false}},
                        {0x8180, "", 0, {0, false, false}},
                        {0x8183, "", 0, {3, false, false}},
                        {0x8182, "", 0, {2, false, false}},
                        {0x8380, "", 0, {0, false, true}}}) {
    const auto facts =
        tcp::parse_dns_reply(reply_to(query, row.flags, row.records, row.answers), query);
    REQUIRE(facts);
    CAPTURE(row.flags);
    CAPTURE(row.records.size());
    CHECK(facts->rcode == row.wanted.rcode);
    CHECK(facts->has_address == row.wanted.has_address);
    CHECK(facts->truncated == row.wanted.truncated);
    CHECK(facts->is_alias == row.wanted.is_alias);
  }
}

TEST_CASE("an AAAA question is answered by an AAAA alone") {
  const Bytes query = tcp::dns_query("a.b", tcp::dns_type_aaaa, id);
  const auto has = [&](unsigned type, std::size_t size) {
    const Bytes reply = reply_to(query, 0x8180, record(pointer, type, std::string(size, 'x')));
    return tcp::parse_dns_reply(reply, query)->has_address;
  };
  CHECK(has(28, 16));
  CHECK_FALSE(has(1, 4));
}

TEST_CASE("what answers another question, or none, is no reply") {
  const Bytes query = tcp::dns_query("www.example.org", tcp::dns_type_a, id);
  const Bytes other_id = tcp::dns_query("www.example.org", tcp::dns_type_a, id + 1);
  const Bytes other_name = tcp::dns_query("www.example.net", tcp::dns_type_a, id);
  const Bytes other_type = tcp::dns_query("www.example.org", tcp::dns_type_aaaa, id);
  for (const Bytes& other : {other_id, other_name, other_type}) {
    CHECK_FALSE(tcp::parse_dns_reply(reply_to(other, 0x8180), query));
  }
  CHECK_FALSE(tcp::parse_dns_reply(query, query));                    // no response
  CHECK_FALSE(tcp::parse_dns_reply(reply_to(query, 0xa180), query));  // another opcode
  CHECK_FALSE(tcp::parse_dns_reply(reply_to(query, 0x8180), {}));
  const Bytes shouted = tcp::dns_query("WWW.example.ORG", tcp::dns_type_a, id);
  CHECK(tcp::parse_dns_reply(reply_to(shouted, 0x8180), query));
}

TEST_CASE("a refusal may leave the question out, a denial of the name may not") {
  const Bytes query = tcp::dns_query("a.b", tcp::dns_type_a, id);
  const auto bare = [&](unsigned flags) {
    Bytes reply = reply_to(query, flags);
    reply[5] = std::byte{0};
    reply.resize(12);
    return tcp::parse_dns_reply(reply, query);
  };
  for (const unsigned rcode : {1U, 2U, 4U, 5U}) CHECK(bare(0x8180 + rcode)->rcode == rcode);
  CHECK_FALSE(bare(0x8180));
  CHECK_FALSE(bare(0x8183));
}

TEST_CASE("a reply cut anywhere is read without harm, and has no address before its last byte") {
  const Bytes query = tcp::dns_query("a.b", tcp::dns_type_a, id);
  const Bytes whole = reply_to(query, 0x8180, record(pointer, 1, std::string(4, 'x')));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    const auto facts = tcp::parse_dns_reply(cut, query);
    CHECK(facts.has_value() == (length >= query.size()));
    if (facts) CHECK_FALSE(facts->has_address);
  }
}

TEST_CASE("names that never end, and pointers to themselves, end the reading") {
  const Bytes query = tcp::dns_query("a.b", tcp::dns_type_a, id);
  for (const std::string& records :
       {std::string(4000, '\1'), std::string(4000, '\x3f'), std::string("\x80\0", 2),
        std::string("\xc0", 1), std::string(600, '\xc0')}) {
    const auto facts = tcp::parse_dns_reply(reply_to(query, 0x8180, records, 255), query);
    REQUIRE(facts);
    CHECK_FALSE(facts->has_address);
  }
}

TEST_CASE("what a hosts file has for a name, however it is written") {
  const auto of = [](std::string_view text, std::string_view name = "db.lab") {
    std::string out;
    for (const sys::Address& address : tcp::parse_hosts(text, name)) out += address.host() + " ";
    return out;
  };
  CHECK(of("127.0.0.1 localhost\n10.0.0.1\tother db.lab # db.lab\n2001:db8::1 DB.lab") ==
        "10.0.0.1 2001:db8::1 ");
  CHECK(of("10.0.0.1 db.lab db.lab\n", "db.lab.") == "10.0.0.1 ");
  CHECK(of("fe80::1%eth0 db.lab\n") == "fe80::1 ");
  for (const char* none : {"", "\n\n", "#10.0.0.1 db.lab", "db.lab 10.0.0.1", "10.0.0.1",
                           "10.0.0.1 db.lab.org", "10.0.0 db.lab", " "}) {
    CAPTURE(none);
    CHECK(of(none) == "");
  }
}
