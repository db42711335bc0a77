// SPDX-License-Identifier: MIT
#include "cmd/parallel_messages.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <csignal>

using namespace std::chrono_literals;
using namespace tcptool;
using cmd::ParallelEnd;
using diagnose::FailureClass;

TEST_CASE("the closing line of parallel connections counts only what there was") {
  ParallelEnd end;
  end.total = 8;
  end.connected = 6;
  end.failed = {{FailureClass::refused, 1}, {FailureClass::no_answer, 1}};
  end.held = 3200ms;
  CHECK(cmd::parallel_end_message(end).text ==
        "8 connections: 6 connected, 1 refused, 1 unanswered; held 3.2 s");
  end.peer_closed = 2;
  end.lost = 1;
  end.received = 6;
  end.stdin_bytes = 1;
  end.signal = SIGINT;
  CHECK(cmd::parallel_end_message(end).text ==
        "8 connections: 6 connected, 1 refused, 1 unanswered; held 3.2 s, 2 closed by the peer, "
        "1 lost; 6 bytes from the peer discarded; 1 byte of stdin discarded; "
        "interrupted by SIGINT");
}

TEST_CASE("parallel connections that all failed were not held") {
  ParallelEnd end;
  end.total = 3;
  end.failed = {{FailureClass::unreachable, 1}, {FailureClass::local, 1}};
  end.interrupted = 1;
  const cmd::Message message = cmd::parallel_end_message(end);
  CHECK(message.text == "3 connections: 1 unreachable, 1 failed on this host, 1 interrupted");
  CHECK(message.fields.text() ==
        R"({"total":3,"connected":0,"refused":0,"unanswered":0,"unreachable":1,"local":1,)"
        R"("interrupted":1,"peer_closed":0,"lost":0,"received_bytes":0,"stdin_bytes":0})");
}

TEST_CASE("the line of one of several connections has its number") {
  tcp::Connection connection;
  connection.local = *sys::Address::parse("192.0.2.1", 4000);
  connection.peer = *sys::Address::parse("192.0.2.2", 80);
  const cmd::Place place{3, 8};
  CHECK(cmd::peer_ended_message(connection, place, 3100ms).text ==
        "peer has closed 3/8 192.0.2.1:4000 -> 192.0.2.2:80 (FIN) after 3.1 s");
  CHECK(cmd::connection_lost_message(connection, place, ECONNRESET, 3100ms).text ==
        "lost 3/8 192.0.2.1:4000 -> 192.0.2.2:80 after 3.1 s: reset by the peer (RST)");
  tcp::Attempt attempt;
  attempt.peer = connection.peer;
  CHECK(cmd::syn_again_message(attempt, 2, 1100ms, place).text ==
        "connect 3/8 192.0.2.2:80: no answer yet; SYN sent again after 1.1 s (2 in all)");
  attempt.dropped_here = true;
  CHECK(cmd::syn_again_message(attempt, 2, 1100ms, place).text ==
        "connect 3/8 192.0.2.2:80: no answer yet; SYN sent again after 1.1 s (2 in all), and "
        "dropped by this host");
}

TEST_CASE("a limit of descriptors says how many connections it allows") {
  const cmd::Message message = cmd::descriptor_limit_message("192.0.2.2:80", 100, 10, 16);
  CHECK(message.text.find("at most 0 connections, or raise it with ulimit -n 116") !=
        std::string::npos);
}
