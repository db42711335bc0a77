// SPDX-License-Identifier: MIT
// An established connection whose other end is a socket of this host too.
#include <doctest/doctest.h>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using diagnose::Evidence;
using diagnose::PortHolder;
using test::cause_of;
using test::holder;
using test::holds;
using test::idle;
using test::text_of;

namespace {

constexpr unsigned established = 1;

PortHolder accepted(std::uint32_t unread) {
  PortHolder end = holder("10.99.0.9", established);
  end.socket.inode = 77;
  end.socket.rqueue = unread;
  end.owner = sys::Owner{123, "sleeper"};
  return end;
}

}  // namespace

TEST_CASE("what nobody has accepted waits in the listener's queue") {
  PortHolder listener = holder("0.0.0.0", test::listening);
  listener.socket.rqueue = 3;
  listener.socket.wqueue = 5;
  Evidence evidence = test::here(idle(), {listener});
  evidence.transfer.peer_end = accepted(6);
  CHECK(cause_of(evidence) == "peer-silent-after-data");
  evidence.transfer.peer_end->socket.inode = 0;
  CHECK(cause_of(evidence) == "not-accepted");
  CHECK(holds(text_of(evidence), "accept queue of 0.0.0.0:80: 3 waiting, backlog 5; 6 bytes not"));
  CHECK(holds(text_of(evidence), "of 0.0.0.0:80 (3 waiting): a process of uid 1000 has not acc"));
  CHECK(holds(text_of(evidence), "; root sees which: ss -tanp '( sport = 80 )'"));
  evidence.host.holders[0].owner = sys::Owner{123, "sleeper"};
  CHECK(holds(text_of(evidence), "process 123 (sleeper) of uid 1000 has not accepted it"));
  CHECK_FALSE(holds(text_of(evidence), "root sees"));
  evidence.info->snd_wnd = 0;  // so much was sent that its window is full
  evidence.transfer.undelivered = 99'000;
  CHECK(cause_of(evidence) == "not-accepted");
  evidence.host.holders.clear();
  CHECK(cause_of(evidence) == "zero-window");
}

TEST_CASE("whether the peer's program has read is told, and whose it is") {
  Evidence evidence = test::here(idle(), {});
  evidence.transfer.peer_end = accepted(0);
  CHECK(holds(text_of(evidence), "shows: process 123 (sleeper) of uid 1000 has read all"));
  evidence.transfer.peer_end = accepted(7);
  const char* const unread = "does not read: process 123 (sleeper) of uid 1000 has 7 bytes in its";
  CHECK(holds(text_of(evidence), unread));
  evidence.info->snd_wnd = 0;
  evidence.transfer.undelivered = 99'000;
  CHECK(cause_of(evidence) == "zero-window");
  CHECK(holds(text_of(evidence), unread));
}
