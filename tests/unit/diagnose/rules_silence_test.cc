// SPDX-License-Identifier: MIT
// An established connection on which nothing was acknowledged any more, or nothing came.
#include <doctest/doctest.h>

#include <cerrno>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using Answer = tcp::SynProbe::Answer;
using diagnose::Evidence;
using test::cause_of;
using test::holds;
using test::idle;
using test::lost;
using test::probed;
using test::stuck;
using test::text_of;

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
  CHECK(cause_of(evidence) == "unreachable-soft|unreachable-on-the-way");
  CHECK(holds(text_of(evidence), "or it is down, so that the last router gets no answer"));
  CHECK(holds(text_of(evidence), "while the connection lived, and TCP gave up"));
  CHECK(holds(text_of(probed(evidence, Answer::rst)), "has forgotten it"));
  CHECK(holds(text_of(probed(stuck(lost(ETIMEDOUT), 9, 9), Answer::none)), "not answered"));
  Evidence clock = stuck(idle(), 900, 4100);
  clock.transfer.soft_error = EHOSTUNREACH;
  CHECK(cause_of(clock) == "unreachable-soft|unreachable-on-the-way");
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
  // That it listens no more, as no client does, says as much of the way.
  CHECK(cause_of(probed(hole, Answer::rst)) == "path-mtu-black-hole|peer-vanished");
  CHECK(holds(text_of(probed(hole, Answer::rst)), "NAT on the way has forgotten this conn"));
  CHECK(cause_of(stuck(idle(), 5000, 12)) == "path-mtu-black-hole|peer-vanished");
  // Near, and something else.
  CHECK(cause_of(stuck(lost(ETIMEDOUT), 5000, 90'000)) ==
        "peer-vanished");  // full ones got through
  CHECK(cause_of(stuck(lost(ETIMEDOUT), 1000, 12)) == "peer-vanished");
  CHECK(cause_of(stuck(lost(ENETUNREACH), 5000, 12)) == "unreachable-soft");
  CHECK(cause_of(stuck(lost(ECONNRESET), 5000, 12)) == "reset-after-data");
  Evidence told = hole;
  told.transfer.soft_error = EHOSTUNREACH;
  CHECK(cause_of(told) == "unreachable-soft|unreachable-on-the-way");
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
  CHECK(cause_of(probed(first, Answer::rst)) == both);
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
    CHECK(cause_of(lost(error)) ==
          (error == EHOSTUNREACH ? "unreachable-soft|unreachable-on-the-way" : "unreachable-soft"));
  }
  CHECK(cause_of(lost(EIO)) == "");
}

TEST_CASE("an errno of the network says no more than that an ICMP error came") {
  Evidence evidence = stuck(lost(EHOSTUNREACH), 900, 4100);
  CHECK(holds(text_of(evidence), "an ICMP error of the way, or this host's routes: no route to"));
  CHECK_FALSE(holds(text_of(evidence), "ended it"));
  evidence.policy.look_up_error = 0;
  evidence.asked.user_timeout = "3s";
  CHECK(holds(text_of(evidence), "connection lost after 30.0 s: an ICMP error: EHOSTUNREACH|"));
  CHECK_FALSE(holds(text_of(evidence), "no route"));
  CHECK_FALSE(holds(text_of(evidence), "this host"));
  CHECK(holds(text_of(evidence), "8 retransmissions; TCP_USER_TIMEOUT=3s ended it"));
  CHECK(holds(text_of(evidence), "a packet filter began to reject what goes to 10.99.0.9, or the"));
  CHECK(cause_of(evidence) == "unreachable-soft|unreachable-on-the-way");
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

TEST_CASE("what another SYN than the first drew names it as well, where it must be the host") {
  const Evidence silent = probed(stuck(lost(ETIMEDOUT), 900, 4100), Answer::none);
  tcp::SynProbe refused = test::probe(Answer::icmp, 80);
  refused.ttl = 3;
  refused.icmp = test::with_icmp(3, 1, "10.77.0.254").icmp;
  refused.after = 600ms;
  Evidence by_path = silent;
  by_path.probes.path = {refused};
  CHECK(cause_of(by_path) == "unreachable-on-the-way");
  Evidence by_other = silent;
  refused.ttl = 0;
  refused.peer = refused.peer.with_port(443);
  by_other.probes.other = refused;
  CHECK(cause_of(by_other) == "unreachable-on-the-way");
  CHECK(holds(text_of(by_other), "one more SYN, to port 443, drew ICMP type 3 code 1"));
  by_other.probes.other->after = 1ms;  // of that port alone, perhaps
  CHECK(cause_of(by_other) == "peer-vanished");
}

TEST_CASE("a peer that is still heard is not down: what is sent to it gets lost") {
  Evidence evidence = stuck(lost(ETIMEDOUT), 900, 4100);
  evidence.info->rto = 6400ms;
  CHECK_FALSE(holds(text_of(evidence), "still heard"));
  evidence.info->last_ack_received = 300ms;
  CHECK(holds(text_of(evidence), "10.99.0.9 is still heard of, but what is sent to it is lost"));
  CHECK(holds(text_of(probed(evidence, Answer::none)), "and the packet filters of the way to it"));
  evidence.info->retransmits = 1;
  CHECK_FALSE(holds(text_of(evidence), "still heard"));
}

TEST_CASE("what answers SYNs since tells whether a silent peer may be gone") {
  Evidence large = probed(idle(), Answer::syn_ack);
  CHECK(cause_of(large) == "peer-silent-after-data");
  CHECK(holds(text_of(large), "gets lost on the way here, if it is large: a path MTU black hole"));
  large.info->rcv_mss = 1448;
  large.info->advmss = 1448;
  CHECK(cause_of(large) == "peer-silent-after-data");
  CHECK(cause_of(probed(idle(), Answer::rst)) == "peer-silent-after-data|peer-vanished");
  CHECK(holds(text_of(probed(idle(), Answer::rst)), "by a restart of 10.99.0.9 perhaps"));
  Evidence gone = probed(idle(), Answer::none);
  CHECK(cause_of(gone) == "peer-vanished|peer-silent-after-data");
  CHECK(holds(text_of(gone), "10.99.0.9 answers no new SYN: it is down, or the way to it"));
  gone.transfer.received = 0;
  CHECK(cause_of(gone) == "peer-vanished|peer-silent");
  gone.probes.other = test::probe(Answer::rst);
  CHECK(cause_of(gone) == "peer-silent");
  CHECK(holds(text_of(gone), "10.99.0.9 is up, though port 80 answers no new SYN"));
  Evidence told = probed(idle(), Answer::icmp);
  told.probes.again->icmp = test::with_icmp(3, 1, "10.77.0.254").icmp;
  told.probes.again->after = 600ms;
  CHECK(cause_of(told) == "unreachable-on-the-way");
  CHECK(holds(text_of(told), "idle for "));
  CHECK_FALSE(holds(text_of(told), "retransmission"));
}

TEST_CASE("a silent peer has acknowledged all and not closed") {
  Evidence evidence = idle();
  CHECK(cause_of(evidence) == "peer-silent-after-data");
  CHECK(holds(text_of(evidence), "lost on the way here: all of it, or what is large (a path MTU"));
  CHECK_FALSE(holds(text_of(evidence), "TCP_MAXSEG"));  // nothing hints at it
  evidence.info->rcv_mss = 1448;
  evidence.info->advmss = 1448;
  CHECK(cause_of(evidence) == "peer-silent-after-data|peer-vanished");
  CHECK(holds(text_of(evidence), "gets lost on the way here, which is broken now"));
  evidence.transfer.received = 0;
  CHECK(holds(text_of(evidence), "all 5000 bytes sent were acknowledged"));
  evidence.info.reset();
  CHECK(cause_of(evidence) == "peer-silent");
  test::put_on_link(evidence, sys::NeighbourState::reachable);
  CHECK(cause_of(evidence) == "peer-silent");
  evidence.transfer.sent = 0;
  CHECK(holds(text_of(evidence), "waits for us to speak first"));
  evidence.transfer.peer_fin = true;
  CHECK(cause_of(evidence) == "");
  evidence.transfer.peer_fin = false;
  evidence.transfer.undelivered = 3;
  CHECK(cause_of(evidence) == "");
}

TEST_CASE("a write that is larger than what was acknowledged before may not fit the way") {
  const Evidence large = stuck(lost(ETIMEDOUT), 1420, 6);
  CHECK(cause_of(large) == "peer-vanished|path-mtu-black-hole");
  const Evidence answered = probed(large, Answer::syn_ack);
  CHECK(cause_of(answered) == "peer-vanished|path-mtu-black-hole");
  CHECK_FALSE(holds(text_of(answered), "nothing but SYNs"));  // those 6 bytes passed
  CHECK(cause_of(stuck(lost(ETIMEDOUT), 1420, 1500)) == "peer-vanished");
}

TEST_CASE("keepalive probes without an answer, too, are told by what another SYN drew") {
  Evidence evidence = probed(lost(ETIMEDOUT), Answer::none);
  CHECK(cause_of(evidence) == "keepalive-unanswered");
  evidence.probes.later = test::probe(Answer::icmp, 80);
  evidence.probes.later->icmp = test::with_icmp(3, 1, "10.77.0.254").icmp;
  evidence.probes.later->after = 300ms;  // a rule would have answered the first one
  CHECK(cause_of(evidence) == "unreachable-on-the-way");
  evidence.probes.later->icmp = test::with_icmp(3, 1, "10.77.0.1").icmp;  // this host itself
  evidence.probes.later->after = 900ms;
  evidence.host.addresses = {test::at("10.77.0.1")};
  CHECK(cause_of(evidence) == "neighbour-silent");
}
