// SPDX-License-Identifier: MIT
#include "tcp/listener.h"

#include <doctest/doctest.h>
#include <netinet/in.h>

#include <cerrno>
#include <map>

#include "support/scripted_kernel.h"
#include "support/skip.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Address;
using sys::Syscall;

namespace {

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  tcp::ListenPolicy policy;

  Scene() { policy.addresses = {Address::loopback(AF_INET, 0)}; }
  auto listen() { return tcp::listen(kernel, policy); }
};

// "NAME=VALUE" for each option that can be set, with ordinary values and those that mean none.
std::vector<std::string> settings_of_all_options() {
  using enum sys::OptionType;
  static const std::map<sys::OptionType, std::vector<std::string>> values{
      {flag, {"1", "0"}},     {integer, {"1", "16", "0"}}, {size, {"64k", "1000", "0"}},
      {seconds, {"5s", "0"}}, {milliseconds, {"5s", "0"}}, {linger, {"5s", "off"}},
      {text, {"lo", "reno"}},
  };
  std::vector<std::string> all;
  for (const sys::SocketOptionInfo& option : sys::socket_options()) {
    if (!option.settable) continue;
    for (const std::string& value : values.at(option.type)) {
      all.push_back(std::string(option.name) + "=" + value);
    }
  }
  return all;
}

void await(int fd) {
  pollfd ready{fd, POLLIN, 0};
  REQUIRE(::poll(&ready, 1, 2000) == 1);
}

}  // namespace

TEST_CASE("port 0 takes a free port and says which") {
  Scene scene;
  const auto listener = scene.listen();
  REQUIRE(listener);
  CHECK(listener->local.port() != 0);
  CHECK(listener->local.host() == "127.0.0.1");
  CHECK_FALSE(listener->ipv4_only);
}

TEST_CASE("the backlog in force is the one asked for, or what somaxconn leaves of it") {
  Scene scene;
  scene.policy.backlog = 3;
  CHECK(scene.listen()->queue_limit == 3U);
  scene.policy.backlog = 0;
  CHECK(scene.listen()->queue_limit == 0U);
  const auto most =
      static_cast<unsigned>(std::stoul(test::contents_of("/proc/sys/net/core/somaxconn")));
  scene.policy.backlog = 2'000'000'000;
  const auto clamped = scene.listen();
  CHECK(clamped->backlog == 2'000'000'000);
  CHECK(clamped->queue_limit == most);
  scene.policy.backlog = std::nullopt;
  CHECK(scene.listen()->queue_limit == most);
}

TEST_CASE("the dual-stack listener takes IPv4 and IPv6 and shows IPv4 as such") {
  if (!test::has_ipv6()) SKIP_CASE("no IPv6 on this machine");
  Scene scene;
  scene.policy.addresses = {Address::any(AF_INET6, 0), Address::any(AF_INET, 0)};
  scene.policy.dual_stack = true;
  const auto listener = scene.listen();
  REQUIRE(listener);
  CHECK(listener->local.text().substr(0, 5) == "[::]:");
  for (const int family : {AF_INET, AF_INET6}) {
    const Address target = Address::loopback(family, listener->local.port());
    const test::Plug client = test::connect_to(target);
    await(listener->fd.get());
    const auto accepted = tcp::accept(scene.kernel, *listener, {});
    REQUIRE(accepted);
    CHECK(accepted->connection.peer.family() == family);
    CHECK(accepted->connection.local == target);
  }
}

TEST_CASE("a listener on one IPv6 address takes no IPv4") {
  if (!test::has_ipv6()) SKIP_CASE("no IPv6 on this machine");
  Scene scene;
  scene.policy.addresses = {Address::any(AF_INET6, 0)};
  const auto listener = scene.listen();
  REQUIRE(listener);
  CHECK_THROWS(test::connect_to(Address::loopback(AF_INET, listener->local.port())));
}

TEST_CASE("where IPv6 does not exist the dual-stack listener is IPv4 and says so") {
  Scene scene;
  scene.policy.addresses = {Address::any(AF_INET6, 0), Address::any(AF_INET, 0)};
  scene.policy.dual_stack = true;
  scene.kernel.script(Syscall::socket).nth(1).fails(EAFNOSUPPORT);
  const auto listener = scene.listen();
  REQUIRE(listener);
  CHECK(listener->ipv4_only);
  CHECK(listener->local.family() == AF_INET);
}

TEST_CASE("an accepted connection has the listener's port, and facts of queue and SYN") {
  Scene scene;
  const auto listener = scene.listen();
  const test::Plug first = test::connect_to(listener->local);
  const test::Plug second = test::connect_to(listener->local);
  await(listener->fd.get());
  const auto accepted = tcp::accept(scene.kernel, *listener, {});
  REQUIRE(accepted);
  CHECK(accepted->connection.local == listener->local);
  CHECK(accepted->connection.peer.host() == "127.0.0.1");
  CHECK_FALSE(accepted->connection.active);
  REQUIRE(accepted->queue);
  CHECK(accepted->queue->length == 1);
  CHECK(accepted->queue->limit == listener->queue_limit);
  CHECK(accepted->queued);
  REQUIRE(accepted->syn);
  CHECK(accepted->syn->ttl >= 1);
  CHECK(accepted->syn->mss);
}

TEST_CASE("an empty accept queue is EAGAIN, which may be repeated") {
  Scene scene;
  const auto listener = scene.listen();
  const auto accepted = tcp::accept(scene.kernel, *listener, {});
  REQUIRE_FALSE(accepted);
  CHECK(accepted.error().error == EAGAIN);
  CHECK(accepted.error().call == Syscall::accept4);
}

TEST_CASE("the facts of an accepted connection are missing where the kernel does not tell them") {
  Scene scene;
  const auto listener = scene.listen();
  const test::Plug client = test::connect_to(listener->local);
  await(listener->fd.get());
  scene.kernel.script(Syscall::getsockopt).fails(ENOPROTOOPT);
  const auto accepted = tcp::accept(scene.kernel, *listener, {});
  REQUIRE(accepted);
  CHECK_FALSE(accepted->queue);
  CHECK_FALSE(accepted->queued);
  CHECK_FALSE(accepted->syn);
}

TEST_CASE("a port that is in use is told with the address, and no descriptor is left") {
  Scene scene;
  const test::TestListener taken = test::make_listener();
  scene.policy.addresses = {taken.address};
  const auto listener = scene.listen();
  REQUIRE_FALSE(listener);
  CHECK(listener.error().text() ==
        "bind " + taken.address.text() + ": address already in use (EADDRINUSE)");
  CHECK(scene.kernel.open_descriptors().empty());
}

TEST_CASE("a listener may be started again while old connections are in TIME-WAIT") {
  Scene scene;
  auto listener = scene.listen();
  const Address address = listener->local;
  test::Plug client = test::connect_to(address);
  await(listener->fd.get());
  auto accepted = tcp::accept(scene.kernel, *listener, {});
  static_cast<void>(accepted->connection.fd.close());  // this side first: TIME-WAIT is ours
  CHECK(client.at_end());
  client.close();
  static_cast<void>(listener->fd.close());
  scene.policy.addresses = {address};
  CHECK(scene.listen());
}

TEST_CASE("each step that fails is told and leaves no descriptor") {
  struct Row {
    Syscall call;
    int error;
  };
  for (const Row& row :
       {Row{Syscall::socket, EMFILE}, Row{Syscall::bind, EACCES}, Row{Syscall::bind, EADDRNOTAVAIL},
        Row{Syscall::listen, EADDRINUSE}, Row{Syscall::getsockname, ENOBUFS}}) {
    CAPTURE(row.error);
    Scene scene;
    scene.kernel.script(row.call).fails(row.error);
    const auto listener = scene.listen();
    REQUIRE_FALSE(listener);
    CHECK(listener.error().call == row.call);
    CHECK(listener.error().error == row.error);
    CHECK(scene.kernel.open_descriptors().empty());
  }
}

TEST_CASE("options are set on the listener and inherited or set again on what it accepts") {
  Scene scene;
  for (const char* const text : {"SO_RCVBUF=64k", "TCP_NODELAY", "SO_KEEPALIVE"}) {
    scene.policy.setup.options.push_back(*tcp::parse_option(text));
  }
  const auto listener = scene.listen();
  REQUIRE(listener);
  CHECK(listener->options.empty());
  const test::Plug client = test::connect_to(listener->local);
  await(listener->fd.get());
  const auto accepted = tcp::accept(scene.kernel, *listener, scene.policy.setup);
  REQUIRE(accepted);
  for (const tcp::OptionSetting& setting : scene.policy.setup.options) {
    CAPTURE(setting.info->name);
    int value = 0;
    const auto bytes = std::as_writable_bytes(std::span(&value, 1));
    REQUIRE(scene.kernel
                .getsockopt(accepted->connection.fd.get(), setting.info->level,
                            setting.info->number, bytes)
                .ok());
    CHECK(value == (setting.info->number == SO_RCVBUF ? 128 * 1024 : 1));
  }
}

TEST_CASE("every option that a listener takes, and at its limits, lets it serve a client") {
  // Of each: whether there is a value that this machine's kernel takes, on one family at least.
  std::map<std::string_view, bool> taken;
  for (const int family : {AF_INET, AF_INET6}) {
    if (family == AF_INET6 && !test::has_ipv6()) continue;
    for (const std::string& text : settings_of_all_options()) {
      CAPTURE(text);
      Scene scene;
      scene.policy.addresses = {Address::loopback(family, 0)};
      const auto setting = tcp::parse_option(text);
      REQUIRE(setting);
      scene.policy.setup.options = {*setting};
      const auto listener = scene.listen();
      taken[setting->info->name] |= listener.has_value();
      if (!listener) {
        CHECK(listener.error().call == Syscall::setsockopt);
        continue;
      }
      const test::Plug client = test::connect_to(listener->local);
      client.write("x");  // TCP_DEFER_ACCEPT waits for it
      await(listener->fd.get());
      const auto accepted = tcp::accept(scene.kernel, *listener, scene.policy.setup);
      CHECK(accepted.has_value());
    }
  }
  CHECK(taken.size() > 40);
  for (const auto& option : taken) {
    if (sys::find_socket_option(option.first)->may_need_capabilities) continue;
    CHECK_MESSAGE(option.second, option.first);
  }
}

TEST_CASE("which errors of accept concern one client alone") {
  for (const int error : {ECONNABORTED, EPROTO, EAGAIN, EINTR, EPERM, ENETDOWN, EHOSTUNREACH}) {
    CHECK(tcp::accept_may_be_repeated(error));
  }
  for (const int error : {EMFILE, ENFILE, ENOMEM, ENOBUFS, EINVAL, EBADF}) {
    CHECK_FALSE(tcp::accept_may_be_repeated(error));
  }
}
