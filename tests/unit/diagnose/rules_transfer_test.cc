// SPDX-License-Identifier: MIT
// A connection that was established: how it was lost, or what was waited for in vain.
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
using test::text_of;

namespace {

// `waiting` bytes are unacknowledged, sent again and again; `acked` of payload were acknowledged.
Evidence stuck(Evidence evidence, std::uint64_t waiting, std::uint64_t acked) {
  evidence.info->retransmits = 8;
  evidence.info->total_retrans = 8;
  evidence.info->bytes_acked = acked + 1;
  evidence.transfer.undelivered = waiting;
  return evidence;
}

Evidence probed(Evidence evidence, Answer answer) {
  evidence.probes.made = true;
  evidence.probes.again.emplace();
  evidence.probes.again->answer = answer;
  return evidence;
}

}  // namespace

TEST_CASE("a reset is told by what came before it") {
  for (const int error : {ECONNRESET, EPIPE}) {
    Evidence evidence = lost(error);
    CHECK(cause_of(evidence) == "reset-after-data");
    CHECK_FALSE(holds(text_of(evidence), "under way to it,"));
    evidence.transfer.undelivered = 7;
    CHECK(holds(text_of(evidence), "7 bytes for the peer were not acknowledged"));
    CHECK(holds(text_of(evidence), "under way to it"));
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
  Evidence rejected = probed(lost(EPIPE), Answer::icmp);
  rejected.probes.again->icmp =
      tcp::IcmpError{tcp::IcmpError::Protocol::icmp, 3, 13, EHOSTUNREACH, test::at("10.77.0.254")};
  CHECK(holds(text_of(rejected), "; 10.77.0.254 rejects new connections now"));
  CHECK(cause_of(rejected) == "reset-after-data");
}

TEST_CASE("where a connection went silent, SYNs tell how far the way still goes") {
  for (const bool keepalive : {false, true}) {
    Evidence evidence = keepalive ? lost(ETIMEDOUT) : stuck(lost(ETIMEDOUT), 9, 9000);
    CHECK(holds(text_of(evidence), "--diagnose active tries"));
    evidence = probed(evidence, Answer::none);
    tcp::SynProbe hop = test::probe(Answer::icmp, 80);
    hop.ttl = 2;
    hop.icmp = tcp::IcmpError{tcp::IcmpError::Protocol::icmp, 11, 0, 0, test::at("10.77.0.254")};
    evidence.probes.path = {hop};
    CHECK(holds(text_of(evidence), "SYNs get as far as hop 2 (10.77.0.254)"));
    CHECK(holds(text_of(evidence), "or the way is broken behind hop 2"));
    evidence.probes.other = test::probe(Answer::syn_ack);
    CHECK(holds(text_of(evidence), "port 443 answers"));
    CHECK(holds(text_of(evidence), "is up, but nothing on port 80 is answered any more"));
    CHECK(cause_of(evidence) == (keepalive ? "keepalive-unanswered" : "peer-vanished"));
    CHECK(holds(text_of(probed(evidence, Answer::syn_ack)), "has forgotten it"));
  }
}

TEST_CASE("a peer has vanished where what was sent is no longer acknowledged") {
  Evidence evidence = stuck(lost(ETIMEDOUT), 900, 4100);
  CHECK(cause_of(evidence) == "peer-vanished");
  CHECK(holds(text_of(evidence), "8 retransmissions, last heard of it 19.0 s before"));
  evidence.info.reset();
  CHECK(cause_of(evidence) == "peer-vanished");
  CHECK(holds(text_of(evidence), "retransmitted in vain"));
  evidence.transfer.soft_error = EHOSTUNREACH;
  CHECK(cause_of(evidence) == "unreachable-soft");
  CHECK(holds(text_of(evidence), "while the connection lived, and TCP gave up"));
  CHECK(holds(text_of(probed(evidence, Answer::rst)), "has forgotten it"));
  CHECK(holds(text_of(probed(stuck(lost(ETIMEDOUT), 9, 9), Answer::none)), "not answered"));
  Evidence clock = stuck(idle(), 900, 4100);
  clock.transfer.soft_error = EHOSTUNREACH;
  CHECK(cause_of(clock) == "unreachable-soft");
  CHECK_FALSE(holds(text_of(clock), "TCP gave up"));
}

TEST_CASE("a FIN alone may be what nobody acknowledges, else it was a keepalive probe") {
  CHECK(cause_of(stuck(lost(ETIMEDOUT), 0, 5000)) == "peer-vanished");
  CHECK(holds(text_of(stuck(lost(ETIMEDOUT), 0, 5000)), "8 retransmissions of the FIN"));
  CHECK(cause_of(lost(ETIMEDOUT)) == "keepalive-unanswered");
  Evidence blind = lost(ETIMEDOUT);
  blind.info.reset();
  CHECK(cause_of(blind) == "keepalive-unanswered|peer-vanished");
}

TEST_CASE("a path MTU black hole is where full segments alone get lost") {
  const Evidence hole = stuck(lost(ETIMEDOUT), 5000, 12);
  CHECK(cause_of(hole) == "path-mtu-black-hole|peer-vanished");
  CHECK(holds(text_of(hole), "full segments of 1448 bytes"));
  CHECK(cause_of(probed(hole, Answer::syn_ack)) == "path-mtu-black-hole|peer-vanished");
  CHECK(holds(text_of(probed(hole, Answer::syn_ack)), "NAT on the way has forgotten this conn"));
  CHECK(cause_of(probed(hole, Answer::none)) == "peer-vanished");
  CHECK(cause_of(probed(hole, Answer::rst)) == "peer-vanished");
  CHECK(cause_of(stuck(idle(), 5000, 12)) == "path-mtu-black-hole|peer-vanished");
  // Near, and something else.
  CHECK(cause_of(stuck(lost(ETIMEDOUT), 5000, 90'000)) ==
        "peer-vanished");  // full ones got through
  CHECK(cause_of(stuck(lost(ETIMEDOUT), 1000, 12)) == "peer-vanished");
  CHECK(cause_of(stuck(lost(EHOSTUNREACH), 5000, 12)) == "unreachable-soft");
  CHECK(cause_of(stuck(lost(ECONNRESET), 5000, 12)) == "reset-after-data");
  Evidence told = hole;
  told.transfer.soft_error = EHOSTUNREACH;
  CHECK(cause_of(told) == "unreachable-soft");
  Evidence small = hole;
  small.info->snd_mss = 536;
  CHECK(cause_of(small) == "peer-vanished");
  for (const bool mss : {true, false}) {
    Evidence old = hole;
    if (mss) old.info->snd_mss.reset();
    if (!mss) old.info->bytes_acked.reset();
    CHECK(cause_of(old) == "peer-vanished");
  }
}

TEST_CASE("where nothing but full segments was sent, and none got through, both are named") {
  const Evidence first = stuck(lost(ETIMEDOUT), 5000, 0);
  const char* const both = "peer-vanished|path-mtu-black-hole";
  CHECK(cause_of(first) == both);
  CHECK(holds(text_of(first), "-o TCP_MAXSEG=536"));
  CHECK(cause_of(probed(first, Answer::syn_ack)) == both);
  CHECK(holds(text_of(probed(first, Answer::syn_ack)), "for a while; or a link on the way"));
  CHECK(cause_of(probed(first, Answer::none)) == "peer-vanished");
  CHECK(cause_of(stuck(lost(ETIMEDOUT), 900, 0)) == "peer-vanished");
  Evidence accepted = first;  // its SYN was the peer's
  accepted.transfer.active = false;
  accepted.info->bytes_acked = 0;
  CHECK(cause_of(accepted) == both);
}

TEST_CASE("the network's last word ends a connection by name") {
  for (const int error :
       {EHOSTUNREACH, ENETUNREACH, ENETDOWN, EHOSTDOWN, ECONNREFUSED, EACCES, ENOPROTOOPT}) {
    CAPTURE(error);
    CHECK(cause_of(lost(error)) == "unreachable-soft");
  }
  CHECK(cause_of(lost(EIO)) == "");
}

TEST_CASE("a zero window is a peer that does not read") {
  Evidence evidence = idle();
  evidence.info->snd_wnd = 0;
  evidence.transfer.undelivered = 99'000;
  CHECK(cause_of(evidence) == "zero-window");
  CHECK(holds(text_of(evidence), "receive window is zero"));
  CHECK(holds(text_of(evidence), "99000 bytes waiting for it|"));  // all 5000 sent arrived
  evidence.transfer.sent = 45'000;
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
  Evidence given_up = lost(ETIMEDOUT);
  given_up.info->snd_wnd = 0;
  given_up.transfer.undelivered = 99'000;
  CHECK(cause_of(given_up) == "zero-window");
  CHECK(
      holds(text_of(given_up), "connection lost after 30.0 s: the peer's receive window is zero"));
}

TEST_CASE("what one more SYN drew names what became of the way") {
  const auto drew = [](unsigned type, unsigned code, std::chrono::nanoseconds after) {
    Evidence evidence = probed(stuck(lost(ETIMEDOUT), 900, 4100), Answer::icmp);
    evidence.probes.again->icmp = test::with_icmp(type, code, "10.77.0.254").icmp;
    evidence.probes.again->after = after;
    return evidence;
  };
  CHECK(cause_of(drew(3, 13, 1ms)) == "unreachable-soft");
  CHECK(holds(text_of(drew(3, 13, 1ms)), "10.77.0.254 rejects what goes to 10.99.0.9 now"));
  CHECK(cause_of(drew(3, 1, 1ms)) == "unreachable-soft|unreachable-on-the-way");
  Evidence rule = drew(3, 1, 1ms);
  rule.probes.other = test::probe(Answer::rst);
  CHECK(cause_of(rule) == "unreachable-soft");
  CHECK(cause_of(drew(3, 1, 600ms)) == "unreachable-on-the-way");
  CHECK(cause_of(drew(11, 0, 1ms)) == "ttl-exceeded");
}

TEST_CASE("a connection that this host aborted, and a limit of the user's") {
  CHECK(cause_of(lost(ECONNABORTED)) == "refused-by-kernel");
  Evidence evidence = stuck(lost(ETIMEDOUT), 900, 4100);
  evidence.asked.user_timeout = "2s";
  CHECK(holds(text_of(evidence), "; TCP_USER_TIMEOUT=2s ended it"));
}

TEST_CASE("a silent peer that answers no SYN may be gone") {
  CHECK(cause_of(probed(idle(), Answer::syn_ack)) == "peer-silent-after-data");
  CHECK(cause_of(probed(idle(), Answer::none)) == "peer-silent-after-data|peer-vanished");
  CHECK(holds(text_of(probed(idle(), Answer::none)), "or the way to it has gone since"));
}

TEST_CASE("a silent peer has acknowledged all and not closed") {
  Evidence evidence = idle();
  CHECK(cause_of(evidence) == "peer-silent-after-data");
  evidence.transfer.received = 0;
  CHECK(cause_of(evidence) == "peer-silent");
  CHECK(holds(text_of(evidence), "all 5000 bytes sent were acknowledged"));
  evidence.info.reset();
  CHECK(cause_of(evidence) == "peer-silent");
  evidence.transfer.sent = 0;
  CHECK(holds(text_of(evidence), "waits for us to speak first"));
  evidence.transfer.peer_fin = true;
  CHECK(cause_of(evidence) == "");
  evidence.transfer.peer_fin = false;
  evidence.transfer.undelivered = 3;
  CHECK(cause_of(evidence) == "");
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
