// SPDX-License-Identifier: MIT
#include "tcp/socket_options.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace tcptool;

namespace {

int as_int(const tcp::OptionSetting& setting) {
  int value = 0;
  REQUIRE(setting.value.size() == sizeof value);
  std::memcpy(&value, setting.value.data(), sizeof value);
  return value;
}

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  sys::Fd fd{kernel, kernel.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0).as_int()};
  auto apply(const char* text, int family = AF_INET) {
    return tcp::apply_option(kernel, fd.get(), family, *tcp::parse_option(text));
  }
};

}  // namespace

TEST_CASE("an option's value is read by its type") {
  struct Row {
    const char* text;
    const char* name;
    int value;
  };
  for (const Row& row :
       {Row{"TCP_NODELAY", "TCP_NODELAY", 1}, Row{"TCP_NODELAY=0", "TCP_NODELAY", 0},
        Row{"TCP_NODELAY=off", "TCP_NODELAY", 0}, Row{"TCP_NODELAY=on", "TCP_NODELAY", 1},
        Row{"SO_RCVBUF=1M", "SO_RCVBUF", 1 << 20}, Row{"SO_SNDBUF=0", "SO_SNDBUF", 0},
        Row{"IP_TTL=64", "IP_TTL", 64}, Row{"IP_TOS=0x10", "IP_TOS", 16},
        Row{"SO_PRIORITY=-1", "SO_PRIORITY", -1},
        Row{"TCP_USER_TIMEOUT=5s", "TCP_USER_TIMEOUT", 5000},
        Row{"TCP_USER_TIMEOUT=250ms", "TCP_USER_TIMEOUT", 250},
        Row{"TCP_KEEPIDLE=2m", "TCP_KEEPIDLE", 120}, Row{"TCP_MAXSEG=1k", "TCP_MAXSEG", 1024}}) {
    CAPTURE(row.text);
    const auto setting = tcp::parse_option(row.text);
    REQUIRE(setting);
    CHECK(setting->info->name == row.name);
    CHECK(as_int(*setting) == row.value);
  }
  const auto congestion = tcp::parse_option("TCP_CONGESTION=reno");
  REQUIRE(congestion);
  CHECK(congestion->value.size() == 4);
}

TEST_CASE("SO_LINGER is a time or off") {
  for (const char* const text : {"SO_LINGER=5s", "SO_LINGER=0", "SO_LINGER=off"}) {
    const auto setting = tcp::parse_option(text);
    REQUIRE(setting);
    struct linger value {};
    REQUIRE(setting->value.size() == sizeof value);
    std::memcpy(&value, setting->value.data(), sizeof value);
    CHECK(value.l_onoff == (std::string(text).ends_with("off") ? 0 : 1));
    CHECK(value.l_linger == (std::string(text).ends_with("5s") ? 5 : 0));
  }
}

TEST_CASE("an unknown option, or a value of the wrong type, is refused with its name") {
  for (const std::string text : {"",
                                 "=",
                                 "=1",
                                 "NO_SUCH",
                                 "tcp_nodelay",
                                 "TCP_NODELAY=",
                                 "TCP_NODELAY=2",
                                 "TCP_NODELAY=yes",
                                 "SO_RCVBUF",
                                 "SO_RCVBUF=",
                                 "SO_RCVBUF=x",
                                 "SO_RCVBUF=-1",
                                 "SO_RCVBUF=2G",
                                 "SO_RCVBUF=3g",
                                 "IP_TTL=",
                                 "IP_TTL=6 4",
                                 "IP_TTL=64x",
                                 "IP_TTL=0x",
                                 "IP_TTL=0x-5",
                                 "IP_TTL=+5",
                                 "IP_TTL=99999999999",
                                 "TCP_USER_TIMEOUT=0.5ms",
                                 "TCP_KEEPIDLE=1500ms",
                                 "TCP_KEEPIDLE=-1",
                                 "SO_LINGER=on",
                                 "SO_LINGER=1.5s",
                                 "TCP_CONGESTION=",
                                 "SO_ERROR=1",
                                 "TCP_INFO=x"}) {
    CAPTURE(text);
    CHECK_FALSE(tcp::parse_option(text));
  }
  CHECK_FALSE(tcp::parse_option("TCP_CONGESTION=" + std::string(64, 'x')));
  CHECK_FALSE(tcp::parse_option(std::string(100'000, 'x')));
}

TEST_CASE("the nearest option is suggested") {
  CHECK(tcp::parse_option("TCP_NODELAI").error() ==
        "unknown socket option 'TCP_NODELAI'; did you mean TCP_NODELAY?");
  CHECK(tcp::parse_option("NODELAY=1").error().find("did you mean") == std::string::npos);
}

TEST_CASE("keepalive sets the flag and up to three times") {
  struct Row {
    const char* text;
    std::vector<int> values;
  };
  for (const Row& row :
       {Row{"60", {1, 60}}, Row{"60,10", {1, 60, 10}}, Row{"2m,10s,5", {1, 120, 10, 5}},
        Row{"32767,1,127", {1, 32767, 1, 127}}}) {
    const auto settings = tcp::parse_keepalive(row.text);
    REQUIRE(settings);
    std::vector<int> values;
    for (const auto& setting : *settings) values.push_back(as_int(setting));
    CHECK((values == row.values));
  }
  for (const char* const text : {"", "0", "-1", "x", "1.5", "500ms", "32768", "60,", ",10", "60,0",
                                 "60,10,0", "60,10,128", "60,10,5s", "60,10,5,1", "60,10,5,"}) {
    CAPTURE(text);
    CHECK_FALSE(tcp::parse_keepalive(text));
  }
}

TEST_CASE("a value that is in force is not reported, although the kernel doubles buffers") {
  Scene scene;
  for (const char* const text :
       {"SO_RCVBUF=64k", "SO_SNDBUF=64k", "TCP_NODELAY", "IP_TTL=42", "TCP_USER_TIMEOUT=5s",
        "TCP_KEEPIDLE=60s", "SO_LINGER=3s", "SO_LINGER=off", "SO_KEEPALIVE", "SO_KEEPALIVE=0",
        "TCP_MAXSEG=1000"}) {
    CAPTURE(text);
    const auto report = scene.apply(text);
    REQUIRE(report);
    CHECK_FALSE(*report);
  }
}

TEST_CASE("a value that the kernel changed is reported with both") {
  Scene scene;
  const auto report = scene.apply("SO_RCVBUF=1");
  REQUIRE(report);
  REQUIRE(*report);
  CHECK((*report)->name == "SO_RCVBUF");
  CHECK((*report)->asked == "1");
  CHECK((*report)->in_force != "1");
}

TEST_CASE("the kernel's refusal names the option and the value") {
  Scene scene;
  const auto report = scene.apply("IP_TTL=256");
  REQUIRE_FALSE(report);
  CHECK(report.error().text() == "setsockopt IP_TTL=256: invalid argument (EINVAL)");
  CHECK(scene.apply("TCP_CONGESTION=no_such").error().error == ENOENT);
}

TEST_CASE("IPv6 options are left alone on an IPv4 socket") {
  Scene scene;
  CHECK(scene.apply("IPV6_V6ONLY").has_value());
  CHECK(scene.kernel.count(sys::Syscall::setsockopt) == 0);
}

TEST_CASE("an option that cannot be read back is taken at its word") {
  Scene scene;
  scene.kernel.script(sys::Syscall::getsockopt).fails(ENOPROTOOPT);
  const auto report = scene.apply("TCP_NODELAY");
  REQUIRE(report);
  CHECK_FALSE(*report);
}

TEST_CASE("only what was not inherited is set again") {
  Scene scene;
  const sys::Fd other(scene.kernel,
                      scene.kernel.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0).as_int());
  const std::vector settings{*tcp::parse_option("TCP_NODELAY"), *tcp::parse_option("SO_KEEPALIVE")};
  REQUIRE(scene.apply("TCP_NODELAY"));
  REQUIRE(scene.apply("SO_KEEPALIVE"));
  REQUIRE(tcp::apply_option(scene.kernel, other.get(), AF_INET, settings[0]));
  const std::size_t before = scene.kernel.count(sys::Syscall::setsockopt);
  REQUIRE(tcp::restore_options(scene.kernel, other.get(), scene.fd.get(), settings));
  CHECK(scene.kernel.count(sys::Syscall::setsockopt) == before + 1);
}
