// SPDX-License-Identifier: MIT
// What is said, and the exit status that goes with it: messages.cc and relay_messages.cc.
#include "cmd/messages.h"

#include <doctest/doctest.h>
#include <netdb.h>

#include <cerrno>
#include <csignal>

using namespace std::chrono_literals;
using namespace tcptool;
using cmd::ExitStatus;
using relay::RelayEnd;
using sys::Address;
using sys::Syscall;
using Reason = RelayEnd::Reason;

namespace {

const Address peer = *Address::parse("192.0.2.1", 80);

RelayEnd ended(Reason reason) {
  RelayEnd end;
  end.reason = reason;
  end.duration = 3200ms;
  end.sent = 48 << 20;
  end.received = 12;
  end.stdin_at_eof = true;
  return end;
}

std::string failure_text(const RelayEnd& end, const cmd::CommonOptions& options = {}) {
  const auto message = cmd::relay_failure_message(end, options, "connect", peer);
  return message ? message->text : "";
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the listening line tells the address and the backlog in force") {
  tcp::Listener listener;
  listener.local = *Address::parse("::", 9000);
  listener.backlog = 4096;
  listener.queue_limit = 4096;
  CHECK(cmd::listening_message(listener, {}).text == "listening on [::]:9000, backlog 4096");
  listener.backlog = 100'000;
  const auto clamped = cmd::listening_message(listener, 100'000);
  CHECK(clamped.text ==
        "listening on [::]:9000, backlog 100000, clamped to 4096 by net.core.somaxconn");
  CHECK(holds(clamped.fields.text(), R"("port":9000,"backlog":4096,"backlog_asked":100000)"));
  listener.ipv4_only = true;
  listener.queue_limit.reset();
  CHECK(cmd::listening_message(listener, {}).text ==
        "listening on [::]:9000, backlog 100000, IPv4 only (IPv6 is disabled)");
  listener.ipv4_only = false;
  listener.unreachable = true;
  CHECK(cmd::listening_message(listener, {}).text ==
        "listening on [::]:9000, backlog 100000, but IPv6 is disabled: no client can come");
}

TEST_CASE("the accepted line shows what is known, and nothing that is not") {
  tcp::Accepted accepted;
  accepted.connection.peer = *Address::parse("127.0.0.1", 56998);
  accepted.connection.local = *Address::parse("127.0.0.1", 9000);
  CHECK(cmd::accepted_message(accepted).text ==
        "accepted 127.0.0.1:56998 -> 127.0.0.1:9000  (fd -1)");
  accepted.queued = 0ms;
  accepted.queue = tcp::AcceptQueue{0, 4096};
  accepted.syn.emplace();
  accepted.syn->ttl = 64;
  accepted.syn->mss = 65483;
  CHECK(cmd::accepted_message(accepted).text ==
        "accepted 127.0.0.1:56998 -> 127.0.0.1:9000  (fd -1, was queued under 10 ms, queue 0/4096, "
        "SYN: ttl 64, mss 65483, window 0)");
  accepted.queued = 12ms;
  CHECK(holds(cmd::accepted_message(accepted).text, "was queued 12 ms"));
  CHECK_FALSE(holds(cmd::accepted_message(accepted).fields.text(), "wscale"));
}

TEST_CASE("the connected line says which address it was only where there were several") {
  tcp::Connection connection;
  connection.local = *Address::parse("127.0.0.1", 56998);
  connection.peer = *Address::parse("127.0.0.1", 9000);
  connection.handshake = 38us;
  std::vector<tcp::Attempt> attempts(2);
  attempts[1].end = tcp::Attempt::End::connected;
  CHECK(cmd::connected_message(connection, attempts, 1).text ==
        "connected 127.0.0.1:56998 -> 127.0.0.1:9000  (handshake 0.038 ms)");
  CHECK(cmd::connected_message(connection, attempts, 3).text ==
        "connected 127.0.0.1:56998 -> 127.0.0.1:9000  (handshake 0.038 ms, 2nd of 3 addresses)");
  CHECK(cmd::open_message(connection).text == "open 127.0.0.1:9000  (handshake 0.038 ms)");
  connection.syns = 3;
  connection.opening = 3100ms;
  CHECK(holds(cmd::connected_message(connection, attempts, 1).text, ", after 3.1 s and 3 SYNs)"));
}

TEST_CASE("each attempt's line says how it ended") {
  tcp::Attempt attempt;
  attempt.peer = peer;
  attempt.duration = 250ms;
  attempt.end = tcp::Attempt::End::abandoned;
  CHECK(cmd::attempt_message(attempt).text ==
        "attempt 192.0.2.1:80: abandoned unanswered after 250 ms");
  attempt.end = tcp::Attempt::End::failed;
  attempt.error = {Syscall::connect, ECONNREFUSED, peer.text()};
  CHECK(holds(cmd::attempt_message(attempt).text, "connection refused"));
  CHECK(holds(cmd::attempt_message(attempt).fields.text(), R"("errno":"ECONNREFUSED")"));
  attempt.end = tcp::Attempt::End::interrupted;
  CHECK(holds(cmd::attempt_message(attempt).text, "interrupted after"));
  attempt.end = tcp::Attempt::End::connected;
  CHECK(holds(cmd::attempt_message(attempt).text, "connected after"));
}

TEST_CASE("the closing line says who closed, how, and how much went each way") {
  RelayEnd end = ended(Reason::complete);
  end.first_to_close = RelayEnd::FirstToClose::peer;
  end.peer_fin = true;
  CHECK(cmd::closed_message(end, {}).text ==
        "closed after 3.2 s, peer first (FIN): sent 48.0 MiB, received 12 bytes");
  end.first_to_close = RelayEnd::FirstToClose::this_side;
  CHECK(holds(cmd::closed_message(end, {}).text, "this side first (FIN)"));
  end.stdin_at_eof = false;
  CHECK(holds(cmd::closed_message(end, {}).text, "stdin was not at its end"));
  end.reason = Reason::connection_lost;
  end.error = {Syscall::recv, ECONNRESET, peer.text()};
  CHECK(holds(cmd::closed_message(end, {}).text, "peer first (FIN), then reset by the peer (RST)"));
  end.peer_fin = false;
  CHECK(holds(cmd::closed_message(end, {}).fields.text(), R"("reset":true)"));
}

TEST_CASE("closing with unread data is told as the RST that it is, and giving up as none") {
  RelayEnd end = ended(Reason::complete);
  end.first_to_close = RelayEnd::FirstToClose::this_side;
  end.unread = 7;
  CHECK(holds(cmd::closed_message(end, {}).text,
              "this side first (RST, since 7 bytes had not been read)"));
  CHECK(holds(cmd::closed_message(end, {}).fields.text(), R"("reset":false,"reset_sent":true)"));
  end.reason = Reason::connection_lost;
  end.error = {Syscall::recv, ETIMEDOUT, peer.text()};
  CHECK(holds(cmd::closed_message(end, {}).fields.text(), R"("reset":false)"));
}

TEST_CASE("rtt, retransmissions and limits are told only where there is something to tell") {
  RelayEnd end = ended(Reason::complete);
  end.info.emplace();
  const std::string bare = cmd::closed_message(end, {}).text;
  CHECK_FALSE(holds(bare, "rtt"));
  CHECK_FALSE(holds(bare, "retransmitted"));
  CHECK_FALSE(holds(cmd::closed_message(end, {}).fields.text(), "rtt_ns"));
  end.info->rtt = 40us;
  end.info->bytes_sent = 1000;
  end.info->bytes_retrans = 1;
  end.info->busy_time = 100ms;
  end.info->rwnd_limited = 72ms;
  CHECK(holds(cmd::closed_message(end, {}).text,
              ", rtt 0.040 ms, 0.1 % retransmitted, limited by the peer's receive window (72 %"));
  end.info->rwnd_limited = 1ms;
  CHECK_FALSE(holds(cmd::closed_message(end, {}).text, "limited"));
  end.info->busy_time = 0us;
  CHECK_FALSE(holds(cmd::closed_message(end, {}).text, "limited"));
}

TEST_CASE("times that were measured are in the fields, and only those") {
  RelayEnd end = ended(Reason::complete);
  end.first_byte = 5ms;
  const std::string fields =
      cmd::closed_message(end, {.lookup = 1ms, .connect = 2ms}).fields.text();
  CHECK(holds(fields, R"("lookup_ns":1000000,"connect_ns":2000000,"first_byte_ns":5000000)"));
  CHECK_FALSE(holds(cmd::closed_message(ended(Reason::complete), {}).fields.text(), "lookup_ns"));
}

TEST_CASE("each way a relay can end has its status and its reason") {
  RelayEnd lost = ended(Reason::connection_lost);
  lost.error = {Syscall::recv, ECONNRESET, peer.text()};
  CHECK(cmd::status_of(lost) == ExitStatus::lost);
  CHECK(failure_text(lost) ==
        "connect 192.0.2.1:80: connection lost after 3.2 s: reset by the peer (RST)");
  lost.undelivered = 4096;
  lost.delivered = 1;
  lost.unwritten = 1;
  CHECK(holds(failure_text(lost), "; 4096 bytes for the peer were not delivered, 1 byte was"));
  CHECK(holds(failure_text(lost), "; 1 byte received was not written to stdout"));
  lost.delivered = 1'992'294;
  lost.unwritten = 0;
  CHECK(failure_text(lost).ends_with("were not delivered, 1992294 bytes were"));

  RelayEnd mistaken = ended(Reason::connection_lost);
  mistaken.error = {Syscall::poll, EINVAL, ""};
  CHECK(cmd::status_of(mistaken) == ExitStatus::failure);
  CHECK(failure_text(mistaken) == "poll: invalid argument (EINVAL)");
  mistaken.error.call = Syscall::recv;  // not known to be one
  CHECK(cmd::status_of(mistaken) == ExitStatus::lost);

  CHECK(cmd::status_of(ended(Reason::complete)) == ExitStatus::ok);
  CHECK(failure_text(ended(Reason::complete)).empty());

  cmd::CommonOptions options;
  options.relay.idle_timeout = 5s;
  options.run_timeout = 2s;
  CHECK(cmd::status_of(ended(Reason::idle_timeout)) == ExitStatus::timeout);
  CHECK(
      holds(failure_text(ended(Reason::idle_timeout), options), "idle for 5.0 s (--idle-timeout)"));
  CHECK(cmd::status_of(ended(Reason::run_timeout)) == ExitStatus::timeout);
  CHECK(
      holds(failure_text(ended(Reason::run_timeout), options), "not done after 2.0 s (--timeout)"));

  RelayEnd full = ended(Reason::stdout_failed);
  full.error = {Syscall::write, ENOSPC, "stdout"};
  CHECK(cmd::status_of(full) == ExitStatus::local_io);
  CHECK(failure_text(full) == "write stdout: no space left on device (ENOSPC)");
  full.error.error = EBADF;
  CHECK(holds(failure_text(full), "closed"));

  RelayEnd unread = ended(Reason::complete);
  unread.stdin_error = sys::SysError{Syscall::read, EIO, "stdin"};
  CHECK(cmd::status_of(unread) == ExitStatus::local_io);
  CHECK(failure_text(unread) == "read stdin: input/output error (EIO)");

  CHECK(failure_text(ended(Reason::signal)).empty());
}

TEST_CASE("a reset is harmless only behind the peer's FIN, or unread, with all delivered") {
  RelayEnd end = ended(Reason::connection_lost);
  end.error = {Syscall::recv, ECONNRESET, peer.text()};
  for (const bool peer_fin : {false, true}) {
    for (const bool stdout_gone : {false, true}) {
      for (const std::uint64_t undelivered : {0U, 1U}) {
        end.peer_fin = peer_fin;
        end.stdout_gone = stdout_gone;
        end.undelivered = undelivered;
        const bool harmless = (peer_fin || stdout_gone) && undelivered == 0;
        CHECK(cmd::status_of(end) == (harmless ? ExitStatus::ok : ExitStatus::lost));
        CHECK(failure_text(end).empty() == harmless);
      }
    }
  }
}

TEST_CASE("look-up failures and failure classes have their statuses") {
  using Kind = tcp::ResolveFailure::Kind;
  const auto status = [](Kind kind) {
    tcp::ResolveFailure failure;
    failure.kind = kind;
    return cmd::status_of(failure);
  };
  CHECK(status(Kind::unknown_service) == ExitStatus::usage);
  CHECK(status(Kind::name_failed) == ExitStatus::resolve);
  CHECK(status(Kind::timed_out) == ExitStatus::resolve);
  CHECK(status(Kind::bad_zone) == ExitStatus::local);
  CHECK(status(Kind::system) == ExitStatus::local);
  CHECK(cmd::status_of(diagnose::FailureClass::local) == ExitStatus::local);
  CHECK(cmd::status_of(diagnose::FailureClass::unreachable) == ExitStatus::unreachable);
  CHECK(cmd::status_of(diagnose::FailureClass::no_answer) == ExitStatus::no_answer);
  CHECK(cmd::status_of(diagnose::FailureClass::refused) == ExitStatus::refused);
}

TEST_CASE("the numbers of the statuses never change") {
  const std::vector statuses{ExitStatus::ok,      ExitStatus::failure,   ExitStatus::usage,
                             ExitStatus::resolve, ExitStatus::local,     ExitStatus::unreachable,
                             ExitStatus::refused, ExitStatus::no_answer, ExitStatus::lost,
                             ExitStatus::timeout, ExitStatus::local_io};
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    CHECK(static_cast<std::size_t>(statuses[i]) == i);
  }
}

TEST_CASE("errors, notes and option reports are one line and their fields") {
  const auto error = cmd::error_message({Syscall::bind, EACCES, "127.0.0.1:80"});
  CHECK(error.text == "bind 127.0.0.1:80: permission denied (EACCES)");
  CHECK(error.fields.text() == R"({"operation":"bind","object":"127.0.0.1:80","errno":"EACCES"})");
  CHECK(cmd::note_message("this").text == "note this");
  CHECK(cmd::option_message({"SO_RCVBUF", "1", "1152"}).text ==
        "note SO_RCVBUF=1 was asked for, 1152 is in force");
}

TEST_CASE("a path MTU that fell is worth a note, but not one that no path has") {
  relay::RelayEnd end;
  tcp::Connection connection;
  end.info.emplace();
  CHECK_FALSE(cmd::path_mtu_note(end, connection));
  connection.path_mtu = 1500;
  end.info->path_mtu = 1500;
  CHECK_FALSE(cmd::path_mtu_note(end, connection));
  end.info->path_mtu = 1000;
  end.info->snd_mss = 948;
  REQUIRE(cmd::path_mtu_note(end, connection));
  CHECK(holds(cmd::path_mtu_note(end, connection)->text, "fell from 1500 to 1000 bytes"));
  end.info->path_mtu = 68;  // the route has gone
  CHECK_FALSE(cmd::path_mtu_note(end, connection));
}
