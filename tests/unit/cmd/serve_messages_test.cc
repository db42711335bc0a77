// SPDX-License-Identifier: MIT
#include "cmd/serve_messages.h"

#include <doctest/doctest.h>
#include <signal.h>

#include <cerrno>

using namespace std::chrono_literals;
using namespace tcptool;
using cmd::ExitStatus;
using relay::ClientEnd;
using Reason = ClientEnd::Reason;
using sys::Address;

namespace {

ClientEnd ended(Reason reason) {
  ClientEnd end;
  end.reason = reason;
  end.peer = Address::loopback(AF_INET, 40000);
  end.sent = 10;
  end.received = 20;
  end.duration = 1s;
  if (reason == Reason::lost) end.error = {sys::Syscall::recv, ECONNRESET, ""};
  return end;
}

bool has(const std::string& text, std::string_view part) {
  CAPTURE(text);
  CAPTURE(part);
  return text.find(part) != std::string::npos;
}

constexpr std::size_t buffer = 1024;

}  // namespace

TEST_CASE("each way in which a client ends has its words, its status and its count") {
  struct Row {
    Reason reason;
    const char* words;
    ExitStatus status;
    std::uint64_t cmd::ServeCounts::*count;
  };
  using Counts = cmd::ServeCounts;
  for (const Row& row :
       {Row{Reason::complete, "this side first (FIN)", ExitStatus::ok, &Counts::complete},
        Row{Reason::lost, "reset by the peer (RST)", ExitStatus::lost, &Counts::lost},
        Row{Reason::too_slow, "--client-buffer", ExitStatus::lost, &Counts::too_slow},
        Row{Reason::idle, "--idle-timeout", ExitStatus::timeout, &Counts::idle},
        Row{Reason::cut_short, "the run has ended", ExitStatus::ok, &Counts::cut_short}}) {
    const ClientEnd end = ended(row.reason);
    CHECK(has(cmd::client_closed_message(end, buffer).text, row.words));
    CHECK(cmd::status_of(end) == row.status);
    Counts counts;
    counts.add(end);
    CHECK(counts.*row.count == 1);
    CHECK(counts.complete + counts.lost + counts.too_slow + counts.idle + counts.cut_short == 1);
    CHECK(counts.sent == 10);
    CHECK(counts.received == 20);
  }
}

TEST_CASE("bytes that never left are told, and who closed first") {
  ClientEnd end = ended(Reason::complete);
  end.peer_first = true;
  CHECK(has(cmd::client_closed_message(end, buffer).text, "client first (FIN)"));
  CHECK_FALSE(has(cmd::client_closed_message(end, buffer).text, "not sent"));
  end.undelivered = 1;
  CHECK(has(cmd::client_closed_message(end, buffer).text, "was not sent"));
  end.undelivered = 2;
  CHECK(has(cmd::client_closed_message(end, buffer).text, "were not sent"));
}

TEST_CASE("a command's end is its status or its signal") {
  cmd::CommandEnd end{123, Address::loopback(AF_INET, 40000), 7 << 8, 1s};
  CHECK(has(cmd::command_ended_message(end).text,
            "command 123 for 127.0.0.1:40000 exited with status 7"));
  end.status = SIGKILL;
  CHECK(has(cmd::command_ended_message(end).text, "was ended by SIGKILL"));
}

TEST_CASE("winding down counts in words") {
  CHECK(has(cmd::winding_down_message(SIGTERM, 1, 5s).text,
            "1 client in flight has 5.0 s to finish"));
  CHECK(has(cmd::winding_down_message(SIGTERM, 2, 5s).text,
            "2 clients in flight have 5.0 s to finish"));
}

TEST_CASE("the summary has what happened, and no more") {
  cmd::ServeCounts counts;
  counts.complete = 3;
  cmd::AcceptCounts accepted{3, 0, std::nullopt, std::nullopt};
  const std::string quiet = cmd::served_message(counts, accepted, {}, 1s, 0).text;
  CHECK(has(quiet, "served 3 clients"));
  for (const char* const unsaid :
       {"lost", "reset", "idle", "unwritten", "signal", "queue", "SYN"}) {
    CHECK_FALSE(has(quiet, unsaid));
  }
  counts.lost = 1;
  counts.too_slow = 2;
  counts.unwritten = 5;
  const std::string loud =
      cmd::served_message(counts, {6, 4, 7, 8, 0}, cmd::WindDown{3, 2}, 1s, SIGTERM).text;
  for (const char* const said :
       {"1 lost", "2 reset as too slow", "not written to stdout", "4 denied by rule",
        "of 3 clients in flight 2 finished in time, 1 did not", "deepest queue 7",
        "8 segments dropped", "interrupted by SIGTERM"}) {
    CHECK(has(loud, said));
  }
}
