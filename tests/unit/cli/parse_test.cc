// SPDX-License-Identifier: MIT
#include "cli/parse.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <variant>

#include "support/command_line.h"

using namespace std::chrono_literals;
using namespace tcptool;
using cmd::ExitStatus;
using test::connect;
using test::listen;
using test::parse;

TEST_CASE("a target is HOST PORT, HOST:PORT or an address in brackets") {
  struct Row {
    const char* line;
    const char* host;
    const char* port;
  };
  for (const Row& row :
       {Row{"host 9000", "host", "9000"}, Row{"host:9000", "host", "9000"},
        Row{"127.0.0.1 http", "127.0.0.1", "http"}, Row{"[::1]:9000", "::1", "9000"},
        Row{"::1 9000", "::1", "9000"}, Row{"[::1] 9000", "::1", "9000"},
        Row{"fe80::1%eth0 9000", "fe80::1", "9000"}, Row{"-- host 9000", "host", "9000"},
        Row{"host -v 9000 -q", "host", "9000"}, Row{"-i eth0 fe80::1 80", "fe80::1", "80"}}) {
    CAPTURE(row.line);
    const auto options = connect(row.line);
    CHECK(options.host.text == row.host);
    REQUIRE(options.ports.size() == 1);
    CHECK(options.ports[0].text() == row.port);
  }
}

TEST_CASE("a listener's port may stand alone, behind -p, or behind an address") {
  for (const char* const line : {"9000", "-p 9000", "-p9000", "--port=9000"}) {
    CAPTURE(line);
    CHECK(listen(line).port.number == 9000);
    CHECK_FALSE(listen(line).address);
  }
  for (const char* const line :
       {"127.0.0.1 9000", "127.0.0.1:9000", "-s 127.0.0.1 9000", "127.0.0.1 -p 9000"}) {
    CAPTURE(line);
    CHECK(listen(line).port.number == 9000);
    REQUIRE(listen(line).address);
    CHECK(listen(line).address->text == "127.0.0.1");
  }
  CHECK(listen("0").port.number == 0);
  CHECK(listen("[::1]:9000").address->text == "::1");
}

TEST_CASE("the defaults are those of the manual") {
  const auto options = connect("host 80");
  CHECK(options.common.relay.half_close);
  CHECK_FALSE(options.common.connect_timeout);
  CHECK(options.common.run_timeout == 0ns);
  CHECK(options.common.relay.idle_timeout == 0ns);
  CHECK_FALSE(options.common.relay.linger);
  CHECK(options.common.family == 0);
  CHECK_FALSE(options.retry);
  CHECK(options.retry_interval == 1s);
  CHECK_FALSE(listen("80").backlog);
}

TEST_CASE("every option reaches its field") {
  const auto all = connect(
      "-4 -C -N -q -v --json --color=never -w 3s --idle-timeout 1m --timeout=1h --linger 2s "
      "--send-only -o TCP_NODELAY -o SO_RCVBUF=64k --keepalive 60,10,5 -i lo -s 127.0.0.1:1234 "
      "--sequential --retry=4 --retry-interval 250ms 127.0.0.1 80");
  const cmd::CommonOptions& common = all.common;
  CHECK(common.family == AF_INET);
  CHECK(common.relay.crlf);
  CHECK(common.relay.half_close);
  CHECK(common.relay.send_only);
  CHECK(common.relay.keepalive_set);
  CHECK(common.relay.linger == 2s);
  CHECK(common.relay.idle_timeout == 1min);
  CHECK(common.run_timeout == 1h);
  CHECK(common.connect_timeout == 3s);
  CHECK(common.output.quiet);
  CHECK(common.output.trace.verbosity == 1);
  CHECK(common.output.json);
  CHECK(common.output.color == cmd::ColorMode::never);
  CHECK(common.socket_options.size() == 7);
  CHECK(common.source->text == "127.0.0.1");
  CHECK(common.source_port->number == 1234);
  CHECK(all.sequential);
  CHECK(all.retry);
  CHECK(all.retries == 4U);
  CHECK(all.retry_interval == 250ms);
  const auto passive = listen("-6 -b 7 --port-file f --recv-only --no-half-close -w 0 9000");
  CHECK(passive.common.family == AF_INET6);
  CHECK(passive.backlog == 7);
  CHECK(passive.port_file == "f");
  CHECK(passive.common.relay.recv_only);
  CHECK_FALSE(passive.common.relay.half_close);
  CHECK(passive.common.connect_timeout == 0ns);
}

TEST_CASE("an optional value is taken only with an equals sign") {
  const auto options = connect("--retry host 80");
  CHECK(options.retry);
  CHECK_FALSE(options.retries);
  CHECK(options.host.text == "host");
  CHECK(connect("host 80 --retry").retry);
  CHECK(connect("-vv host 80").common.output.trace.verbosity == 2);
}

TEST_CASE("-z takes a list of ports, and nothing else does") {
  CHECK(connect("-z host 20-22,80").ports.size() == 4);
  CHECK(connect("-z host:20-22").ports.size() == 3);
  CHECK(parse("connect host 20-22").error().text.find("only -z") != std::string::npos);
}

TEST_CASE("each bad line is one line of printable text, status 2") {
  for (const std::string line : {"",
                                 "frobnicate",
                                 "--bogus",
                                 "conect host 80",
                                 "-l 9000",
                                 "connect",
                                 "connect host",
                                 "connect host 80 90",
                                 "connect '' 80",
                                 "connect host ''",
                                 "connect host 65536",
                                 "connect host -1",
                                 "connect host 080",
                                 "connect host 0",
                                 "connect host 8o",
                                 "connect -n 127.0.0.1 http",
                                 "connect -n host 80",
                                 "listen -n http",
                                 "connect ::1:9000",
                                 "connect [name]:80",
                                 "connect fe80::1 80",
                                 "connect 9000 80",
                                 "listen",
                                 "listen 1 2 3",
                                 "listen 65536",
                                 "listen -b -5 9000",
                                 "listen -b 99999999999999999999 9000",
                                 "listen -b x 9000",
                                 "listen -b 2147483648 9000",
                                 "listen -p 9000 9001",
                                 "listen -p '' ",
                                 "listen --port-file '' 0",
                                 "listen 127.0.0.1 '' ",
                                 "connect -w -3s host 80",
                                 "connect -w 1e400 host 80",
                                 "connect -w '' host 80",
                                 "connect -w",
                                 "connect -w 1s -w 2s host 80",
                                 "connect -q -q host 80",
                                 "connect --linger x host 80",
                                 "connect -o NO_SUCH=1 host 80",
                                 "connect -o TCP_NODELAY=7 host 80",
                                 "connect -o TCP_NODELAY -o TCP_NODELAY host 80",
                                 "connect -o SO_RCVBUF host 80",
                                 "connect --keepalive 0 host 80",
                                 "connect -s ::1 127.0.0.1 80",
                                 "connect -4 ::1 80",
                                 "connect -6 127.0.0.1 80",
                                 "connect -4 -6 host 80",
                                 "connect -s host host 80",
                                 "connect -s 127.0.0.1:http host 80",
                                 "connect -p http host 80",
                                 "connect -p 1 -s 127.0.0.1:2 host 80",
                                 "connect -l 9000",
                                 "connect -q 1 host 80",
                                 "connect -e sh host 80",
                                 "connect -u host 80",
                                 "connect --bogus host 80",
                                 "connect --color sometimes host 80",
                                 "connect --send-only --recv-only host 80",
                                 "connect -N --no-half-close host 80",
                                 "connect --retry=x host 80",
                                 "connect --retry= host 80",
                                 "connect --retry=-1 host 80",
                                 "connect -i an-interface-too-long host 80",
                                 "connect --source host 80",
                                 "listen -6 127.0.0.1 80",
                                 "help frobnicate",
                                 "connect --quiet=banana host 80",
                                 "connect -v=3 host 80",
                                 "connect \x1b[31m 80",
                                 "connect host \x1b[31m",
                                 "\x1b[31m",
                                 "connect --\x1b]0;x host 80"}) {
    CAPTURE(line);
    const auto command = parse(line);
    REQUIRE_FALSE(command);
    const cli::Stop& stop = command.error();
    CHECK(stop.status == ExitStatus::usage);
    CHECK_FALSE(stop.text.empty());
    if (line.empty()) continue;  // the overview
    CHECK(std::all_of(stop.text.begin(), stop.text.end(),
                      [](char c) { return c >= 0x20 && c <= 0x7e; }));
    CHECK(stop.text.size() < 300);
  }
  CHECK_FALSE(parse("connect " + std::string(300, 'a') + " 80"));
}

TEST_CASE("a usage error says what to do instead") {
  test::check_refused({{"conect host 80", "did you mean connect?"},
                       {"lsten 80", "did you mean listen?"},
                       {"localhost:80", "tcptool connect HOST PORT"},
                       {"--verson", "did you mean tcptool --version?"},
                       {"connect -V", "tcptool --version"},
                       {"connect --backlog 5 host 80", "tcptool listen, not"},
                       {"listen --retry 80", "'--retry' is an option of tcptool connect"},
                       {"listen --serve ehco 80", "none of echo, discard"},
                       {"connect --idle-timeot 1s host 80", "did you mean --idle-timeout?"},
                       {"connect -l 9000", "tcptool listen -p PORT"},
                       {"-l 9000", "tcptool listen -p PORT"},
                       {"connect -e sh host 80", "listen PORT -- COMMAND"},
                       {"connect -q 1 host 80", "means quiet"},
                       {"connect ::1:9000", "[::1]:9000"},
                       {"connect fe80::1 80", "fe80::1%eth0"},
                       {"connect -o TCP_NODELAI host 80", "TCP_NODELAY"},
                       {"-v connect host 80", "stands before the command"},
                       {"connect -w 1s -w 2s host 80", "more than once"},
                       {"connect -w", "needs a value"},
                       {"connect host 65536", "1 to 65535"},
                       {"connect -w -3s host 80", "500ms"}});
}

TEST_CASE("help and version end well and go to stdout") {
  for (const char* const line :
       {"--help", "-h", "help", "help connect", "help listen", "connect --help", "listen -h",
        "connect -h host 80", "--help connect"}) {
    CAPTURE(line);
    const auto command = parse(line);
    REQUIRE_FALSE(command);
    CHECK(command.error().status == ExitStatus::ok);
    std::istringstream stream(command.error().text);
    for (std::string text; std::getline(stream, text);) CHECK(text.size() <= 80);
  }
  const auto version = parse("--version");
  CHECK(version.error().status == ExitStatus::ok);
  CHECK(version.error().text.starts_with("tcptool " + std::string(cli::version()) + "\n"));
  CHECK(parse("-V").error().text == version.error().text);
}

TEST_CASE("--json is heeded even where the line is wrong") {
  CHECK(parse("connect --json host 65536").error().json);
  CHECK_FALSE(parse("connect host 65536").error().json);
}

TEST_CASE("every declared option is in its command's help") {
  for (const cli::DeclaredOption& option : cli::declared_options()) {
    const std::string help = parse("help " + option.command).error().text;
    CAPTURE(option.long_name);
    CHECK(help.find(option.long_name) != std::string::npos);
    if (!option.short_name.empty()) CHECK(help.find(option.short_name + ",") != std::string::npos);
  }
}
