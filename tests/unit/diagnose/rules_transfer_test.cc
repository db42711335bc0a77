// SPDX-License-Identifier: MIT
// An established connection that was reset, or whose peer took nothing.
#include <doctest/doctest.h>

#include <cerrno>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using Answer = tcp::SynProbe::Answer;
using diagnose::Evidence;
using End = diagnose::TransferFacts::End;
using test::cause_of;
using test::holds;
using test::idle;
using test::lost;
using test::probed;
using test::stuck;
using test::text_of;

TEST_CASE("a reset is told by what came before it") {
  for (const int error : {ECONNRESET, EPIPE}) {
    Evidence evidence = lost(error);
    CHECK(cause_of(evidence) == "reset-after-data");
    CHECK_FALSE(holds(text_of(evidence), "under way to it,"));
    evidence.transfer.undelivered = 7;
    CHECK(holds(text_of(evidence), "7 bytes for the peer were not acknowledged"));
    CHECK(holds(text_of(evidence), "under way to it"));
    evidence.transfer.unsent = 5;  // of the seven
    CHECK(holds(text_of(evidence), "2 bytes for the peer were not acknowledged, 5 bytes not yet"));
    evidence.transfer.unsent = 7;
    CHECK(holds(text_of(evidence), "that was sent had been acknowledged, 7 bytes not yet sent|"));
    evidence.transfer.unsent = 0;
    evidence.transfer.peer_fin = true;
    CHECK(holds(text_of(evidence), "had closed already (its FIN came before)"));
    evidence.transfer.received = 0;
    CHECK(cause_of(evidence) == "reset-at-once");
    CHECK(holds(text_of(evidence), "without reading"));
    evidence.transfer.sent = 0;
    evidence.transfer.undelivered = 0;
    evidence.info.reset();
    CHECK(cause_of(evidence) == "reset-at-once");
    CHECK(holds(text_of(evidence), "nothing was on its way"));
    evidence.asked.keepalive = true;
    CHECK(holds(text_of(evidence), "and a keepalive probe showed it"));
  }
}

TEST_CASE("one more SYN after a reset tells what is left of the peer") {
  const auto text = [](Answer answer) { return text_of(probed(lost(ECONNRESET), answer)); };
  CHECK(holds(text(Answer::syn_ack), "; a new connection is answered"));
  CHECK(holds(text(Answer::syn_ack), "port 80 takes new connections, so it was about this one"));
  CHECK(holds(text(Answer::rst), "port 80 refuses new connections as well"));
  CHECK(holds(text(Answer::rst), "whether the service on port 80 of"));
  CHECK(holds(text(Answer::none), "has gone silent since"));
  Evidence filtered = probed(lost(ECONNRESET), Answer::none);
  filtered.probes.other = test::probe(Answer::rst);
  CHECK(holds(text_of(filtered), "is up, and a packet filter drops what goes to port 80 now"));
  Evidence nearer = probed(lost(ECONNRESET), Answer::rst);
  nearer.probes.nearer = test::probe(Answer::rst, 80);
  CHECK(cause_of(nearer) == "reset-after-data|rejected-on-the-way");
  CHECK(holds(text_of(nearer), "a packet filter on the way cuts connections to 10.99.0.9"));
  nearer.probes.nearer.reset();
  CHECK(cause_of(nearer) == "reset-after-data");
  nearer.probes.all_nearer = true;
  CHECK(cause_of(nearer) == "reset-after-data|rejected-on-the-way");
  CHECK(holds(text_of(nearer), "cuts all that goes to 10.99.0.9 with RST, unless the way back is"));
  Evidence rejected = probed(lost(EPIPE), Answer::icmp);
  rejected.probes.again->icmp =
      tcp::IcmpError{tcp::IcmpError::Protocol::icmp, 3, 13, EHOSTUNREACH, test::at("10.77.0.254")};
  CHECK(holds(text_of(rejected), "; 10.77.0.254 rejects new connections now"));
  CHECK(cause_of(rejected) == "reset-after-data");
}

TEST_CASE("a zero window is a peer that does not read") {
  Evidence evidence = idle();
  evidence.info->snd_wnd = 0;
  evidence.transfer.undelivered = 99'000;
  CHECK(cause_of(evidence) == "zero-window");
  CHECK(holds(text_of(evidence), "receive window is zero"));
  CHECK(holds(text_of(evidence), "99000 bytes waiting for it|"));
  evidence.transfer.unsent = 59'000;
  CHECK(holds(text_of(evidence), "it: 40000 in this host's send buffer, 59000 not yet sent"));
  CHECK(holds(text_of(evidence), "still answers window probes"));
  evidence.info->last_ack_received = 20s;
  CHECK_FALSE(holds(text_of(evidence), "window probes"));
  evidence.info->last_ack_received.reset();
  CHECK_FALSE(holds(text_of(evidence), "window probes"));
  evidence.info->snd_wnd = 500;
  CHECK(holds(text_of(evidence), "nearly zero"));
  evidence.info->snd_wnd = 1448;
  CHECK(cause_of(evidence) == "");
  evidence.info->snd_wnd.reset();  // an older kernel does not say
  CHECK(cause_of(evidence) == "");
  evidence.info.reset();
  CHECK(cause_of(evidence) == "");
}

TEST_CASE("a zero window whose probes go unanswered is more than a program that does not read") {
  Evidence evidence = idle();
  evidence.info->snd_wnd = 0;
  evidence.transfer.undelivered = 99'000;
  evidence.info->probes = 1;  // one is always under way
  CHECK(cause_of(evidence) == "zero-window");
  evidence.info->probes = 5;
  CHECK(cause_of(evidence) == "zero-window|peer-vanished");
  CHECK(holds(text_of(evidence), "5 window probes in a row without an answer, for 19.0 s"));
  CHECK(holds(text_of(evidence), "10.99.0.9 is down, or the way to it is broken, or a firewall"));
  CHECK(holds(text_of(probed(evidence, Answer::syn_ack)), "it answers new SYNs, so a firewall"));
  Evidence filtered = probed(evidence, Answer::none);
  filtered.probes.other = test::probe(Answer::rst);
  CHECK(cause_of(filtered) == "zero-window|filtered-by-host");
  CHECK(holds(text_of(filtered), "is up, but nothing on port 80 is answered any more"));
  CHECK_FALSE(holds(text_of(evidence), "a proxy"));
  evidence.info->bytes_acked = 1;
  CHECK(holds(text_of(evidence), "a proxy on the way answered for 10.99.0.9, which takes nothing"));
  Evidence given_up = lost(ETIMEDOUT);
  given_up.info->snd_wnd = 0;
  given_up.transfer.undelivered = 99'000;
  CHECK(cause_of(given_up) == "zero-window");
  CHECK(
      holds(text_of(given_up), "connection lost after 30.0 s: the peer's receive window is zero"));
}

TEST_CASE("a reset that is only presumed may be an abort of this host's") {
  Evidence evidence = lost(ECONNRESET);
  CHECK_FALSE(holds(text_of(evidence), "ss -K"));
  evidence.transfer.presumed = true;
  CHECK(cause_of(evidence) == "reset-after-data|refused-by-kernel");
  CHECK(holds(text_of(evidence), "reset by the peer (RST), or aborted on this host, after "));
  CHECK(holds(text_of(evidence), "; or an administrator of this host aborted it (ss -K)"));
}

TEST_CASE("what came behind a gap shows that the peer has sent more") {
  Evidence evidence = idle();
  evidence.transfer.gap = true;
  evidence.transfer.undelivered = 12;
  CHECK(cause_of(evidence) != "path-mtu-black-hole|segments-lost");
  evidence.transfer.undelivered = 0;
  CHECK(cause_of(evidence) == "path-mtu-black-hole|segments-lost");
  CHECK(holds(text_of(evidence), "here (kept by the kernel), a part before it is missing|"));
  evidence.info->rcv_ooopack = 3;
  evidence.info->rcv_mss = 536;  // as it is before any has come
  evidence.info->advmss = 1448;
  CHECK(holds(text_of(evidence), "(3 segments out of order), a part before it is missing|"));
  evidence.info->rcv_mss = 656;
  CHECK(
      holds(text_of(evidence), "missing; the largest segments that came have 656 bytes, of 1448"));
  CHECK(holds(text_of(probed(evidence, Answer::syn_ack)), "; a new connection is answered"));
  Evidence down = probed(evidence, Answer::none);
  CHECK(cause_of(down) == "segments-lost|peer-vanished");
  CHECK(holds(text_of(down), "now 10.99.0.9 does not answer at all"));
  down.probes.again = test::probe(Answer::icmp);
  down.probes.again->icmp = test::with_icmp(3, 1, "10.77.0.254").icmp;
  CHECK(cause_of(down) == "unreachable-soft|unreachable-on-the-way");
  CHECK(holds(text_of(down), "timed out: a part of what the peer sends has not come"));
  evidence.info->rcv_mss = 1448;  // a full one has come
  CHECK(cause_of(evidence) == "segments-lost|peer-vanished");
}

TEST_CASE("where our own stdout takes nothing neither the peer nor the way is blamed") {
  Evidence evidence = idle();
  evidence.transfer.end = End::run_timeout;
  evidence.transfer.gap = true;
  evidence.transfer.unwritten = 131'072;
  evidence.transfer.unread = 65'536;
  evidence.transfer.stdout_stuck = true;
  CHECK(cause_of(evidence) == "stdout-not-read");
  CHECK(holds(text_of(evidence),
              "131072 bytes received and not written to stdout, 65536 bytes more "));
  CHECK_FALSE(holds(text_of(evidence), "does not close"));
  evidence.transfer.undelivered = 12;
  CHECK(cause_of(evidence) != "stdout-not-read");
  // What came at the very end is no silence, nor is stdout why it is unread.
  Evidence late = idle();
  late.transfer.unread = 5;
  CHECK(cause_of(late) == "");
}

TEST_CASE("a connection that this host aborted, and a limit of the user's") {
  CHECK(cause_of(lost(ECONNABORTED)) == "refused-by-kernel");
  Evidence evidence = stuck(lost(ETIMEDOUT), 900, 4100);
  evidence.asked.user_timeout = "2s";
  CHECK(holds(text_of(evidence), "; TCP_USER_TIMEOUT=2s ended it"));
}

TEST_CASE("--timeout in the midst of a transfer shows no cause") {
  for (Evidence evidence : {idle(), stuck(idle(), 5000, 90'000), stuck(idle(), 5000, 12)}) {
    evidence.transfer.end = End::run_timeout;
    evidence.after = 200ms;
    CHECK(cause_of(evidence) == "");
    evidence.after = 4s;
    CHECK(cause_of(evidence) == "");
    evidence.after = 6s;
    CHECK(cause_of(evidence) != "");
    evidence.after = 1900ms;
    evidence.transfer.duration = 2s;
    CHECK(cause_of(evidence) != "");
  }
}
