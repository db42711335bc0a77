// SPDX-License-Identifier: MIT
#include "tcp/saved_syn.h"

#include <doctest/doctest.h>

#include <vector>

using tcptool::tcp::SynFacts;

namespace {

using Bytes = std::vector<unsigned>;

// As a Linux host sends it: MSS 65495, SACK, timestamps, window scale 7.
const Bytes linux_options{2, 4, 0xff, 0xd7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};

Bytes ipv4_header(unsigned words = 5) {
  Bytes header(words * 4UL, 0);
  header[0] = 0x40 + words;
  header[8] = 64;
  header[9] = 6;
  return header;
}

Bytes ipv6_header() {
  Bytes header(40, 0);
  header[0] = 0x60;
  header[6] = 6;
  header[7] = 255;
  return header;
}

Bytes tcp_header(const Bytes& options, unsigned flags = 0x02) {
  Bytes header(20, 0);
  header[12] = static_cast<unsigned>((20 + options.size()) / 4) << 4;
  header[13] = flags;
  header[14] = 0xff;
  header[15] = 0xd7;
  header.insert(header.end(), options.begin(), options.end());
  return header;
}

std::optional<SynFacts> parse(Bytes packet, const Bytes& rest) {
  packet.insert(packet.end(), rest.begin(), rest.end());
  std::vector<std::byte> bytes;
  for (const unsigned value : packet) bytes.push_back(static_cast<std::byte>(value));
  return SynFacts::parse(bytes);
}

}  // namespace

TEST_CASE("the SYN of a Linux host tells hop count, window and options") {
  const auto facts = parse(ipv4_header(), tcp_header(linux_options));
  REQUIRE(facts);
  CHECK(facts->ttl == 64);
  CHECK(facts->window == 0xffd7);
  CHECK(facts->mss == 65495U);
  CHECK(facts->wscale == 7U);
  CHECK(facts->sack);
  CHECK(facts->timestamps);
  CHECK_FALSE(facts->ecn);
  CHECK(facts->text() == "ttl 64, mss 65495, wscale 7, sack, ts, window 65495");
}

TEST_CASE("IPv6, IPv4 options, ECN and a bare header are read too") {
  CHECK(parse(ipv6_header(), tcp_header(linux_options))->ttl == 255);
  CHECK(parse(ipv4_header(15), tcp_header(linux_options))->mss == 65495U);
  const auto bare = parse(ipv4_header(), tcp_header({}, 0xc2));
  REQUIRE(bare);
  CHECK(bare->ecn);
  CHECK_FALSE(bare->mss);
  CHECK_FALSE(bare->wscale);
  CHECK(bare->text() == "ttl 64, ecn, window 65495");
}

TEST_CASE("the hops are counted from the usual start below which the TTL is") {
  struct Row {
    unsigned ttl;
    unsigned hops;
    const char* text;
  };
  for (const Row& row :
       {Row{64, 0, "ttl 64"}, Row{63, 1, "ttl 63 (1 hop)"}, Row{62, 2, "ttl 62 (2 hops)"},
        Row{1, 63, "ttl 1 (63 hops)"}, Row{0, 64, "ttl 0 (64 hops)"}, Row{128, 0, "ttl 128"},
        Row{65, 63, "ttl 65 (63 hops)"}, Row{120, 8, "ttl 120 (8 hops)"},
        Row{129, 126, "ttl 129 (126 hops)"}, Row{255, 0, "ttl 255"},
        Row{250, 5, "ttl 250 (5 hops)"}}) {
    CAPTURE(row.ttl);
    SynFacts facts;
    facts.ttl = row.ttl;
    CHECK(facts.hops() == row.hops);
    CHECK(facts.text() == std::string(row.text) + ", window 0");
  }
}

TEST_CASE("no cut of a SYN reads beyond its end, and only a whole header is one") {
  for (const Bytes& ip : {ipv4_header(), ipv6_header()}) {
    const Bytes tcp = tcp_header(linux_options);
    Bytes whole = ip;
    whole.insert(whole.end(), tcp.begin(), tcp.end());
    for (std::size_t length = 0; length <= whole.size(); ++length) {
      CAPTURE(length);
      Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      CHECK(parse(part, {}).has_value() == (length == whole.size()));
    }
  }
}

TEST_CASE("options that lie about their length end the reading") {
  struct Row {
    Bytes options;
    bool mss;
  };
  for (const Row& row :
       {Row{{2, 4, 1, 2, 3, 0, 0, 0}, true}, Row{{2, 0, 1, 2}, false}, Row{{2, 1, 1, 2}, false},
        Row{{2, 255, 1, 2}, false}, Row{{1, 1, 1, 2}, false}, Row{{0, 2, 4, 1}, false},
        Row{{1, 1, 1, 1, 2, 4, 1, 2}, true}, Row{{99, 4, 0, 0, 2, 4, 1, 2}, true},
        Row{{2, 3, 1, 0}, false}}) {
    CAPTURE(row.options.size());
    const auto facts = parse(ipv4_header(), tcp_header(row.options));
    REQUIRE(facts);
    CHECK(facts->mss.has_value() == row.mss);
    CHECK_FALSE(facts->wscale);
  }
}

TEST_CASE("what is no TCP over IP is nothing") {
  Bytes udp = ipv4_header();
  udp[9] = 17;
  CHECK_FALSE(parse(udp, tcp_header({})));
  Bytes extension = ipv6_header();
  extension[6] = 0;
  CHECK_FALSE(parse(extension, tcp_header({})));
  Bytes short_header = ipv4_header();
  short_header[0] = 0x44;
  CHECK_FALSE(parse(short_header, tcp_header({})));
  Bytes version = ipv4_header();
  version[0] = 0x55;
  CHECK_FALSE(parse(version, tcp_header({})));
  Bytes small = tcp_header({});
  small[12] = 0x40;
  CHECK_FALSE(parse(ipv4_header(), small));
  CHECK_FALSE(parse({}, {}));
}
