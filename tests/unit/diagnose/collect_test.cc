// SPDX-License-Identifier: MIT
// The evidence as this machine's kernel gives it.
#include "diagnose/collect.h"

#include <doctest/doctest.h>
#include <netdb.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "support/evidence.h"
#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace std::chrono_literals;
using namespace tcptool;
using Action = sys::RoutingRule::Action;
using diagnose::Evidence;
using sys::Syscall;

namespace {

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  ~Scene() { CHECK(kernel.open_descriptors().empty()); }
};

tcp::Attempt refused(const sys::Address& peer) {
  tcp::Attempt attempt;
  attempt.peer = peer;
  attempt.error = {Syscall::connect, ECONNREFUSED, peer.text()};
  attempt.duration = 31us;
  return attempt;
}

}  // namespace

TEST_CASE("a port in use is traced to this very process") {
  Scene scene;
  const auto listener = test::make_listener();
  const Evidence evidence = diagnose::collect_prepare(
      scene.kernel, {Syscall::bind, EADDRINUSE, listener.address.text()}, listener.address);
  CHECK(evidence.host.holders_known);
  REQUIRE(evidence.host.holders.size() == 1);
  const auto& holder = evidence.host.holders[0];
  CHECK(holder.socket.local == listener.address);
  REQUIRE(holder.owner);
  CHECK(holder.owner->pid == ::getpid());
  const auto diagnosis = diagnose::diagnose(evidence);
  REQUIRE(diagnosis);
  CHECK(info_of(diagnosis->cause).id == "port-in-use");
  CHECK(test::holds(diagnosis->explanation, "process " + std::to_string(::getpid()) + " ("));
}

TEST_CASE("a privileged port is told by the system's own limit") {
  Scene scene;
  const Evidence evidence = diagnose::collect_prepare(
      scene.kernel, {Syscall::bind, EACCES, "127.0.0.1:1"}, test::at("127.0.0.1", 1));
  REQUIRE(evidence.host.first_unprivileged_port);
  CHECK(std::to_string(*evidence.host.first_unprivileged_port) + "\n" ==
        test::contents_of("/proc/sys/net/ipv4/ip_unprivileged_port_start"));
  if (*evidence.host.first_unprivileged_port > 1) {
    CHECK(test::cause_of(evidence) == "privileged-port");
  }
}

TEST_CASE("without descriptors nothing is asked but the limit") {
  Scene scene;
  const Evidence evidence =
      diagnose::collect_prepare(scene.kernel, {Syscall::socket, EMFILE, "AF_INET"}, {});
  REQUIRE(evidence.host.descriptor_limit);
  CHECK(*evidence.host.descriptor_limit > 0);
  CHECK(scene.kernel.count(Syscall::socket) == 0);
  CHECK(scene.kernel.count(Syscall::open) == 0);
  CHECK(test::cause_of(evidence) == "descriptor-limit");
}

TEST_CASE("a refused loopback port is this host's, over lo, with nobody listening") {
  Scene scene;
  const sys::Address peer = test::closed_port();
  const Evidence evidence = diagnose::collect_connect(scene.kernel, refused(peer));
  CHECK(evidence.path.own_address);
  CHECK(evidence.path.routes_known);
  REQUIRE(evidence.path.link);
  CHECK(evidence.path.link->name == "lo");
  CHECK(evidence.path.link->loopback);
  CHECK(evidence.path.next_hop.host() == peer.host());
  CHECK(evidence.host.holders.empty());
  const auto& own = evidence.host.addresses;
  CHECK(std::find(own.begin(), own.end(), peer.with_port(0)) != own.end());
  CHECK(test::cause_of(evidence) == "nothing-listens");
}

TEST_CASE("a listener on another address of this host is found") {
  Scene scene;
  const auto listener = test::make_listener();
  const sys::Address other = test::at("127.0.0.2", listener.address.port());
  const Evidence evidence = diagnose::collect_connect(scene.kernel, refused(other));
  CHECK(evidence.path.own_address);
  CHECK(test::cause_of(evidence) == "listens-elsewhere");
}

TEST_CASE("a kernel that tells nothing leaves a refusal with both its causes") {
  Scene scene;
  scene.kernel.script(Syscall::socket).fails(EACCES);
  scene.kernel.script(Syscall::open).fails(EACCES);
  Evidence evidence = diagnose::collect_connect(scene.kernel, refused(test::closed_port()));
  CHECK_FALSE(evidence.path.routes_known);
  CHECK_FALSE(evidence.host.holders_known);
  CHECK(evidence.path.family_has_address);
  CHECK(test::cause_of(evidence) == "nothing-listens|rejected-by-host");
  evidence.error.error = ENETUNREACH;
  CHECK(test::cause_of(evidence) == "no-route|route-unreachable");
  const Evidence in_use = diagnose::collect_prepare(scene.kernel, {Syscall::bind, EADDRINUSE, ""},
                                                    test::at("127.0.0.1", 80));
  CHECK(test::cause_of(in_use) == "port-in-use");
  CHECK_FALSE(test::holds(diagnose::diagnose(in_use)->explanation, "no table"));
}

TEST_CASE("what routing refuses is looked up in its rules") {
  Scene scene;
  tcp::Attempt attempt = refused(test::at("127.0.0.1", 80));
  attempt.error.error = EACCES;
  const Evidence evidence = diagnose::collect_connect(scene.kernel, attempt);
  CHECK(evidence.policy.look_up_error == 0);
  CHECK(evidence.policy.refusals.empty());
  CHECK(test::cause_of(evidence) == "output-filter|route-prohibit");
  scene.kernel.script(Syscall::socket).fails(EACCES);  // that of netlink is no answer
  const Evidence blind = diagnose::collect_connect(scene.kernel, attempt);
  CHECK_FALSE(blind.policy.look_up_error);
  CHECK(test::cause_of(blind) == "route-prohibit|output-filter");
}

TEST_CASE("a look-up of a route that could not be read is not the kernel's answer") {
  for (const int error : {ENOBUFS, EIO, EINVAL}) {
    CAPTURE(error);
    Scene scene;
    scene.kernel.script(Syscall::recvmsg).fails(error);
    const auto policy =
        diagnose::read_policy(scene.kernel, test::at("127.0.0.1", 80), sys::Address());
    CHECK(policy.look_up_error.has_value() == (error == EINVAL));
  }
}

TEST_CASE("a goto is followed where it is taken for certain") {
  const auto rule = [](std::uint32_t priority, Action action, std::uint32_t target = 0) {
    sys::RoutingRule out;
    out.priority = priority;
    out.action = action;
    out.target = target;
    return out;
  };
  std::vector<sys::RoutingRule> rules{rule(100, Action::go_to, 300), rule(200, Action::prohibit),
                                      rule(250, Action::other), rule(300, Action::unreachable),
                                      rule(400, Action::blackhole)};
  const auto found = [&](const sys::Address& source = {}) {
    std::string out;
    for (const diagnose::Refusal& refusal :
         diagnose::find_refusals(rules, {}, test::at("10.99.0.9"), source)) {
      out += std::to_string(refusal.rule.priority) + (refusal.certain ? "! " : "? ");
    }
    return out;
  };
  CHECK(found() == "300! ");
  rules[0].conditional = true;  // perhaps
  CHECK(found() == "200? 300! ");
  rules[0].conditional = false;
  rules[0].source = test::at("10.77.0.0");
  rules[0].source_length = 16;
  CHECK(found() == "200? 300! ");
  CHECK(found(test::at("10.77.0.1")) == "300! ");
  CHECK(found(test::at("10.78.0.1")) == "200! ");
  rules[0].source = {};
  for (const std::uint32_t nowhere : {350U, 50U, 100U}) {  // the kernel passes over it
    rules[0].target = nowhere;
    CHECK(found() == "200! ");
  }
  rules[0].target = 250;
  CHECK(found() == "300! ");
  rules[2] = rule(250, Action::go_to, 400);
  CHECK(found() == "400! ");
  rules[0].conditional = true;
  CHECK(found() == "200? 400! ");
}

TEST_CASE("a table's entry refuses only where its rule is asked") {
  sys::RoutingRule past;
  past.priority = 100;
  past.action = Action::go_to;
  past.target = 300;
  past.conditional = true;
  sys::RoutingRule asks;
  asks.priority = 200;
  asks.action = Action::table;
  asks.table = 77;
  sys::Route entry = test::route("10.99.0.0", 24, sys::RouteType::blackhole);
  entry.table = 77;
  const auto found =
      diagnose::find_refusals(std::vector{past, asks}, {&entry, 1}, test::at("10.99.0.9"), {});
  REQUIRE(found.size() == 1);
  CHECK(found[0].certain);  // the goto leads nowhere
  CHECK(found[0].route->type == sys::RouteType::blackhole);
}

TEST_CASE("the class of a failure hangs on this host's tables only where they can tell") {
  Scene scene;
  const auto class_of = [&](int error, const std::string& interface = {}) {
    tcp::Attempt attempt = refused(test::at("127.0.0.1", 80));
    attempt.error.error = error;
    return diagnose::class_of(scene.kernel, attempt, interface);
  };
  CHECK(class_of(ECONNREFUSED, "lo") == diagnose::FailureClass::refused);
  CHECK(scene.kernel.count(Syscall::socket) == 0);
  CHECK(class_of(ETIMEDOUT, "lo") == diagnose::FailureClass::no_answer);
  CHECK(scene.kernel.count(Syscall::socket) > 0);
}

TEST_CASE("a call before connect is this host's affair") {
  Scene scene;
  const auto listener = test::make_listener();
  tcp::Attempt attempt = refused(test::at("192.0.2.1", 80));
  attempt.error = {Syscall::bind, EADDRINUSE, listener.address.text()};
  attempt.local = listener.address;
  const Evidence evidence = diagnose::collect_connect(scene.kernel, attempt);
  CHECK(evidence.step == diagnose::Step::prepare);
  CHECK(test::cause_of(evidence) == "port-in-use");
}

TEST_CASE("files of a look-up that cannot be read are kept as errors, but no missing /etc/hosts") {
  for (const int error : {ENOENT, EACCES}) {
    CAPTURE(error);
    Scene scene;
    test::Waiting waiting(scene.kernel);
    scene.kernel.script(Syscall::open).first(2).fails(error);
    tcp::ResolveFailure failure;
    failure.subject = "www.example.org";
    const auto name = diagnose::collect_look_up(waiting.waiter, failure, AF_UNSPEC, {}).name;
    CHECK(name.hosts_error.has_value() == (error != ENOENT));
    REQUIRE(name.config_error);
    CHECK(name.config_error->error == error);
    CHECK(name.config_error->object == "/etc/resolv.conf");
  }
}

TEST_CASE("a name that DNS cannot ask for makes no server silent") {
  Scene scene;
  test::Waiting waiting(scene.kernel);
  tcp::ResolveFailure failure;
  failure.kind = tcp::ResolveFailure::Kind::name_failed;
  failure.subject = "no such name";
  failure.status = EAI_AGAIN;
  const Evidence evidence = diagnose::collect_look_up(waiting.waiter, failure, AF_UNSPEC, {});
  CHECK(evidence.name.answers.empty());
  CHECK_FALSE(test::holds(test::cause_of(evidence), "silent"));
}
