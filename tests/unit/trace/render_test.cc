// SPDX-License-Identifier: MIT
// Events as text and as JSON: decode.cc, text_line.cc, json_line.cc, header.cc, open_sink.cc.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <vector>

#include "trace/decode.h"
#include "trace/header.h"
#include "trace/open_sink.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Syscall;
using trace::ArgKind;
using trace::Event;

namespace {

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string decoded(ArgKind kind, std::int64_t value, std::span<const std::byte> blob = {}) {
  Event event;
  event.add("x", kind, value, blob);
  return trace::decode(event, event.args[0]);
}

Event connect_event() {
  Event event;
  event.call = Syscall::connect;
  event.start = sys::TimePoint{} + 1'000'212us;
  event.duration = 83us;
  event.outcome = {-1, EINPROGRESS};
  const auto address = *sys::Address::parse("127.0.0.1", 9000);
  event.add("sockfd", ArgKind::fd, 5);
  event.add("addr", ArgKind::address, address.size(), address.bytes());
  return event;
}

template <class T>
std::string option_value(int level, int option, const T& value) {
  Event event;
  event.add("level", ArgKind::level, level);
  event.add("optname", ArgKind::option, option);
  event.add("optval", ArgKind::option_value, sizeof value, std::as_bytes(std::span(&value, 1)));
  return trace::decode(event, event.args[1]) + "=" + trace::decode(event, event.args[2]);
}

class Lines final : public LineWriter {
 public:
  void write_line(std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

}  // namespace

TEST_CASE("arguments are decoded by their kind") {
  CHECK(decoded(ArgKind::integer, -1) == "-1");
  CHECK(decoded(ArgKind::fd, 3) == "3");
  CHECK(decoded(ArgKind::family, AF_INET6) == "AF_INET6");
  CHECK(decoded(ArgKind::socket_type, SOCK_STREAM | SOCK_CLOEXEC) == "SOCK_STREAM|SOCK_CLOEXEC");
  CHECK(decoded(ArgKind::protocol, IPPROTO_TCP) == "IPPROTO_TCP");
  CHECK(decoded(ArgKind::socket_flags, SOCK_NONBLOCK) == "SOCK_NONBLOCK");
  CHECK(decoded(ArgKind::message_flags, MSG_NOSIGNAL) == "MSG_NOSIGNAL");
  CHECK(decoded(ArgKind::open_flags, O_WRONLY | O_CLOEXEC) == "O_WRONLY|O_CLOEXEC");
  CHECK(decoded(ArgKind::permissions, 0666) == "0666");
  CHECK(decoded(ArgKind::descriptor_flags, O_CLOEXEC) == "O_CLOEXEC");
  CHECK(decoded(ArgKind::how, SHUT_WR) == "SHUT_WR");
  CHECK(decoded(ArgKind::level, SOL_SOCKET) == "SOL_SOCKET");
  CHECK(decoded(ArgKind::signal, SIGTERM) == "SIGTERM");
  CHECK(decoded(ArgKind::signal_set, 1 << SIGINT | 1 << SIGTERM) == "[SIGINT SIGTERM]");
  CHECK(decoded(ArgKind::signal_set, 0) == "[]");
  CHECK(decoded(ArgKind::signal_how, SIG_BLOCK) == "SIG_BLOCK");
  CHECK(decoded(ArgKind::fcntl_op, F_GETFL) == "F_GETFL");
  CHECK(decoded(ArgKind::addresses, 0) == "[]");
}

TEST_CASE("bytes are quoted, escaped, and end in dots where they were cut") {
  CHECK(decoded(ArgKind::bytes, 6, bytes("hello\n")) == R"("hello\n")");
  CHECK(decoded(ArgKind::bytes, 100, bytes("hello")) == R"("hello"...)");
  CHECK(decoded(ArgKind::bytes, 0) == R"("")");
  CHECK(decoded(ArgKind::text, 5, bytes("a\"b\\c")) == R"("a\"b\\c")");
  CHECK(decoded(ArgKind::bytes, 7, bytes("\x1b]0;x\x07\xff")) == R"("\x1b]0;x\x07\xff")");
}

TEST_CASE("no byte that a peer can send leaves a rendering unescaped") {
  for (int value = 0; value < 256; ++value) {
    CAPTURE(value);
    for (const ArgKind kind : {ArgKind::bytes, ArgKind::text, ArgKind::option_value,
                               ArgKind::address, ArgKind::poll_fds, ArgKind::addresses}) {
      Event event;
      event.call = Syscall::recv;
      const std::string hostile(40, static_cast<char>(value));
      event.add("x", kind, 40, bytes(hostile));
      event.outcome = {value, 0};
      for (const std::string& line :
           {trace::text_line(event, {}, false), trace::json_line(event, {})}) {
        CHECK(std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c <= 0x7e; }));
      }
    }
  }
}

TEST_CASE("addresses, polled descriptors and look-up answers are written out") {
  const auto address = *sys::Address::parse("2001:db8::1", 80);
  CHECK(decoded(ArgKind::address, 28, address.bytes()) == "[2001:db8::1]:80");
  CHECK(decoded(ArgKind::address, 0) == "unknown:0");
  CHECK(decoded(ArgKind::addresses, 1, address.bytes()) == "[[2001:db8::1]:80]");
  CHECK(decoded(ArgKind::addresses, 3, address.bytes()) == "[[2001:db8::1]:80, ... 3 in all]");
  const std::array<pollfd, 3> fds{{{0, POLLIN, POLLIN}, {-1, 0, 0}, {5, POLLOUT, 0}}};
  CHECK(decoded(ArgKind::poll_fds, 3, std::as_bytes(std::span(fds))) ==
        "[{fd=0, events=POLLIN, revents=POLLIN}, {fd=5, events=POLLOUT, revents=0}]");
  CHECK(decoded(ArgKind::poll_fds, 9, std::as_bytes(std::span(fds))).ends_with(", ...]"));
}

TEST_CASE("option values are decoded by the option they belong to") {
  CHECK(option_value(IPPROTO_TCP, TCP_NODELAY, 1) == "TCP_NODELAY=1");
  CHECK(option_value(SOL_SOCKET, SO_RCVBUF, 65536) == "SO_RCVBUF=65536");
  CHECK(option_value(SOL_SOCKET, SO_LINGER, linger{1, 5}) == "SO_LINGER={l_onoff=1, l_linger=5}");
  CHECK(option_value(IPPROTO_TCP, TCP_INFO, '\x01') ==
        "TCP_INFO={tcpi_state=ESTABLISHED, ... 1 bytes}");
  CHECK(
      option_value(IPPROTO_TCP, TCP_INFO, std::array<std::uint32_t, 8>{10, 0, 0, 0, 0, 0, 3, 7}) ==
      "TCP_INFO={tcpi_state=LISTEN, tcpi_unacked=3, tcpi_sacked=7, ... 32 bytes}");
  CHECK(option_value(SOL_SOCKET, SO_MEMINFO,
                     std::array<std::uint32_t, 9>{1, 2, 3, 4, 5, 6, 7, 8, 9}) ==
        "SO_MEMINFO={SK_MEMINFO_RMEM_ALLOC=1, SK_MEMINFO_RCVBUF=2, SK_MEMINFO_WMEM_ALLOC=3, "
        "SK_MEMINFO_SNDBUF=4, SK_MEMINFO_FWD_ALLOC=5, SK_MEMINFO_WMEM_QUEUED=6, "
        "SK_MEMINFO_OPTMEM=7, SK_MEMINFO_BACKLOG=8, SK_MEMINFO_DROPS=9}");
  CHECK(
      option_value(SOL_SOCKET, SO_MEMINFO, std::array<std::uint32_t, 10>{}).ends_with("DROPS=0}"));
  CHECK(option_value(SOL_SOCKET, SO_MEMINFO, std::uint64_t{7}) ==
        "SO_MEMINFO={SK_MEMINFO_RMEM_ALLOC=7, SK_MEMINFO_RCVBUF=0}");
  CHECK(option_value(99, 1234, 1) == "1234=\"\\x01\\x00\\x00\\x00\"");
}

TEST_CASE("outcomes are numbers, or the error by name and in words") {
  Event event;
  event.outcome = {3, 0};
  CHECK(trace::decode_outcome(event) == "3");
  event.outcome = {-1, ECONNREFUSED};
  CHECK(trace::decode_outcome(event) == "-1 ECONNREFUSED (connection refused)");
  event.call = Syscall::getaddrinfo;
  event.outcome = {EAI_NONAME, 0};
  CHECK(trace::decode_outcome(event) == "EAI_NONAME (name or service not known)");
}

TEST_CASE("a line of text has time, call, arguments by name, outcome and duration") {
  CHECK(trace::text_line(connect_event(), sys::TimePoint{} + 1s, false) ==
        "  0.000212 -> connect(sockfd=5, addr=127.0.0.1:9000) = -1 EINPROGRESS (operation now in "
        "progress) <0.083 ms>");
  Event bare;
  bare.call = Syscall::getpid;
  bare.outcome = {42, 0};
  CHECK(trace::text_line(bare, {}, false) == "  0.000000    getpid() = 42 <0.000 ms>");
}

TEST_CASE("colour adds nothing but its own sequences") {
  const std::string colored = trace::text_line(connect_event(), {}, true);
  std::string plain = colored;
  for (const std::string sequence : {"\x1b[1m", "\x1b[31m", "\x1b[0m"}) {
    CHECK(plain.find(sequence) != std::string::npos);
    for (auto at = plain.find(sequence); at != std::string::npos; at = plain.find(sequence)) {
      plain.erase(at, sequence.size());
    }
  }
  CHECK(plain == trace::text_line(connect_event(), {}, false));
}

TEST_CASE("a line of JSON has the same as data") {
  CHECK(trace::json_line(connect_event(), sys::TimePoint{} + 1s) ==
        R"({"type":"call","time_ns":212000,"call":"connect","args":{"sockfd":5,)"
        R"("addr":"127.0.0.1:9000"},"result":-1,"errno":"EINPROGRESS","duration_ns":83000})");
  Event event;
  event.call = Syscall::recv;
  event.outcome = {5, 0};
  event.add("buf", ArgKind::bytes, 5, bytes("a\"\n\x1b\xff"));
  CHECK(trace::json_line(event, {}).find(R"("buf":"a\"\n\u001b\u00ff")") != std::string::npos);
}

TEST_CASE("an event keeps no more than it has room for") {
  Event event;
  const std::string much(200, 'm');
  for (int i = 0; i < 10; ++i) event.add("x", ArgKind::bytes, 200, bytes(much));
  CHECK(event.arguments().size() == Event::most_args);
  CHECK(event.storage_used == Event::storage_size);
  CHECK(event.blob(event.args[0]).size() == 200);
  CHECK(event.blob(event.args[1]).size() == 56);
  CHECK(event.blob(event.args[2]).empty());
}

TEST_CASE("the first line says what ran and when, in UTC") {
  const std::chrono::sys_days day = std::chrono::year(2026) / 11 / 22;
  const trace::Header header{"0.1.0", "listen", 123, day + 12h + 34min + 56s + 123456us};
  CHECK(trace::header_line(header, trace::Format::text) ==
        "# tcptool 0.1.0 listen, pid 123, started 2026-11-22T12:34:56.123456Z");
  CHECK(trace::header_line(header, trace::Format::json) ==
        R"({"type":"start","version":"0.1.0","command":"listen","pid":123,)"
        R"("started":"2026-11-22T12:34:56.123456Z"})");
}

TEST_CASE("the sink is the one that was asked for") {
  Lines lines;
  trace::open_sink({.format = trace::Format::text}, lines)->take(connect_event());
  trace::open_sink({.format = trace::Format::json}, lines)->take(connect_event());
  REQUIRE(lines.lines.size() == 2);
  CHECK(lines.lines[0].find("connect(") != std::string::npos);
  CHECK(lines.lines[1].front() == '{');
  CHECK(trace::open_sink({.format = trace::Format::text}, lines)->wants_flush());
  CHECK_FALSE(trace::open_sink({.format = trace::Format::summary}, lines)->wants_flush());
}
