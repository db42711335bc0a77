// SPDX-License-Identifier: MIT
// A call that prepares a socket failed: whose the port is, and what this host does not have.
#include <doctest/doctest.h>

#include <cerrno>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using diagnose::Evidence;
using diagnose::PortHolder;
using sys::Syscall;
using test::cause_of;
using test::holder;
using test::holds;
using test::listening;
using test::prepare_failed;
using test::text_of;
using test::v6only;

namespace {

constexpr unsigned established = 1;
constexpr unsigned time_wait = 6;

Evidence in_use(std::string_view asked, std::vector<PortHolder> holders) {
  Evidence evidence = prepare_failed(Syscall::bind, EADDRINUSE);
  evidence.peer = test::at(asked, 80);
  evidence.host.holders = std::move(holders);
  return evidence;
}

}  // namespace

TEST_CASE("each errno of a call has its cause, and near ones have none") {
  struct Row {
    Syscall call;
    int error;
    const char* object;
    const char* cause;
    const char* words;
  };
  for (const Row& row : std::vector<Row>{
           {Syscall::bind, EADDRINUSE, "", "port-in-use", "no table shows it"},
           {Syscall::listen, EADDRINUSE, "", "port-in-use", "EADDRINUSE"},
           {Syscall::connect, EADDRINUSE, "", "", ""},
           {Syscall::bind, EACCES, "", "", ""},  // the first unprivileged port is not known
           {Syscall::socket, EMFILE, "AF_INET", "descriptor-limit", "RLIMIT_NOFILE"},
           {Syscall::accept4, EMFILE, "", "descriptor-limit", "ulimit -n"},
           {Syscall::socket, ENFILE, "", "descriptor-limit", "fs.file-max"},
           {Syscall::socket, EAFNOSUPPORT, "AF_INET6", "family-not-supported", "no IPv6"},
           {Syscall::bind, EAFNOSUPPORT, "", "", ""},
           {Syscall::setsockopt, ENODEV, "SO_BINDTODEVICE=wlan7", "no-such-interface",
            "no interface wlan7; it has lo, c0"},
           {Syscall::setsockopt, ENODEV, "SO_BINDTODEVICE=c0", "option-refused", "refuses"},
           {Syscall::setsockopt, ENODEV, "IP_X=1", "option-refused", "refuses IP_X=1"},
           {Syscall::bind, ENODEV, "10.77.0.1:80", "", ""},
           {Syscall::open, ENXIO, "", "", ""},
           {Syscall::setsockopt, EPERM, "SO_MARK=1", "option-refused", "capability"},
           {Syscall::setsockopt, EINVAL, "TCP_MAXSEG=1", "option-refused", "another value"},
           {Syscall::socket, ENOBUFS, "", "no-memory", "no memory"},
           {Syscall::socket, EPERM, "", "", ""},
           {Syscall::accept4, ECONNABORTED, "", "", ""}}) {
    CAPTURE(sys::name(row.call));
    CAPTURE(row.error);
    CAPTURE(row.object);
    const Evidence evidence = prepare_failed(row.call, row.error, row.object);
    CHECK(cause_of(evidence) == row.cause);
    if (*row.cause == '\0') continue;
    CHECK(holds(text_of(evidence), row.words));
    const auto diagnosis = diagnose::diagnose(evidence).value();
    CHECK(diagnosis.layers.at(0).layer == diagnose::Layer::this_host);
  }
}

TEST_CASE("who has the port is who stands in the way of that address") {
  struct Row {
    const char* asked;
    PortHolder who;
    const char* words;  // "" : it is not that one
  };
  for (const Row& row : std::vector<Row>{
           {"10.77.0.1", holder("10.77.0.1", listening), "already listens on 10.77.0.1:80"},
           {"10.77.0.1", holder("0.0.0.0", listening), "already listens on 0.0.0.0:80"},
           {"10.77.0.1", holder("::", listening), "already listens on [::]:80"},
           {"10.77.0.1", v6only(), ""},
           {"10.77.0.1", holder("127.0.0.1", listening), ""},
           {"10.77.0.1", holder("::1", listening), ""},
           {"0.0.0.0", holder("127.0.0.1", listening), "already listens on 127.0.0.1:80"},
           {"::", holder("127.0.0.1", listening), "already listens on 127.0.0.1:80"},
           {"::", holder("::1", listening), "already listens on [::1]:80"},
           {"::1", holder("127.0.0.1", listening), ""},
           {"10.77.0.1", holder("10.77.0.1", time_wait, "10.9.9.9"), "TIME-WAIT"},
           {"10.77.0.1", holder("10.77.0.1", established, "10.9.9.9"), "ESTABLISHED"}}) {
    CAPTURE(row.asked);
    CAPTURE(row.who.socket.local.text());
    const std::string text = text_of(in_use(row.asked, {row.who}));
    CHECK(holds(text, *row.words == '\0' ? "no table shows it" : row.words));
  }
  CHECK(holds(text_of(in_use("::", {holder("0.0.0.0", listening), v6only()})), "on [::]:80"));
  Evidence blind = in_use("10.77.0.1", {});
  blind.host.holders_known = false;
  CHECK_FALSE(holds(text_of(blind), "no table"));
}

TEST_CASE("the holder is named with what may be known of it") {
  PortHolder who = holder("10.77.0.1", listening);
  CHECK(holds(text_of(in_use("10.77.0.1", {who})), "a process of uid 1000 already listens"));
  CHECK(holds(text_of(in_use("10.77.0.1", {who})), "root sees who it is: ss -ltnp 'sport = 80'"));
  who.owner = sys::Owner{12, "sshd"};
  CHECK(holds(text_of(in_use("10.77.0.1", {who})), "process 12 (sshd) of uid 1000"));
  PortHolder waits = holder("10.77.0.1", time_wait, "10.9.9.9");
  waits.socket.time_wait_left = 42s;
  CHECK(holds(text_of(in_use("10.77.0.1", {waits})), "for 42.0 s more"));
}

TEST_CASE("SO_REUSEPORT that did not help is told with what it takes") {
  constexpr unsigned of_holder = 1000;
  Evidence evidence = in_use("10.77.0.1", {holder("10.77.0.1", listening)});
  const std::string without = text_of(evidence);
  evidence.host.own_uid = 65534;
  CHECK(text_of(evidence) == without);  // it was not asked for
  evidence.asked.reuse_port = true;
  CHECK(cause_of(evidence) == "port-in-use");
  CHECK(holds(text_of(evidence), "among sockets of one uid alone, and ours is 65534 (nor can it"));
  evidence.host.own_uid = of_holder;
  CHECK(holds(text_of(evidence), "it was bound without SO_REUSEPORT"));
  evidence.host.own_uid.reset();
  CHECK(text_of(evidence) == without);
}

TEST_CASE("a port is privileged below the system's limit alone") {
  Evidence evidence = prepare_failed(Syscall::bind, EACCES);
  evidence.host.first_unprivileged_port = 1024;
  CHECK(cause_of(evidence) == "privileged-port");
  CHECK(holds(text_of(evidence), "below 1024"));
  evidence.host.first_unprivileged_port = 80;
  CHECK(cause_of(evidence) == "");
  evidence.host.first_unprivileged_port = 1024;
  evidence.peer = evidence.peer.with_port(0);
  CHECK(cause_of(evidence) == "");
}

TEST_CASE("an address that is there and cannot be bound is not called foreign") {
  Evidence evidence = prepare_failed(Syscall::bind, EADDRNOTAVAIL);
  CHECK(holds(text_of(evidence), "tentative"));
  evidence.peer = test::at("10.5.5.5", 80);
  CHECK(holds(text_of(evidence), "no interface of this host has the address 10.5.5.5"));
  CHECK(holds(text_of(evidence), "its addresses are 127.0.0.1, 10.77.0.1"));
  evidence.host.addresses.clear();
  CHECK(holds(text_of(evidence), "bind: "));
}

TEST_CASE("sentences hold without the numbers and names that could not be read") {
  CHECK(holds(text_of(prepare_failed(Syscall::socket, EMFILE)), "may: RLIMIT_NOFILE|"));
  Evidence limited = prepare_failed(Syscall::socket, EMFILE);
  limited.host.descriptor_limit = 4;
  CHECK(holds(text_of(limited), "RLIMIT_NOFILE is 4"));
  Evidence bare = prepare_failed(Syscall::setsockopt, ENODEV, "SO_BINDTODEVICE=wlan7");
  bare.host.interfaces.clear();
  CHECK(holds(text_of(bare), "this host has no interface wlan7|"));
  Evidence zone = prepare_failed(Syscall::bind, ENODEV);
  zone.peer = test::at("fe80::1", 80).with_zone(9, "");
  CHECK(holds(text_of(zone), "no such interface: 9"));
  Evidence family = prepare_failed(Syscall::socket, EPROTONOSUPPORT);
  CHECK(holds(text_of(family), "no IPv4|an address of the other family"));
}
