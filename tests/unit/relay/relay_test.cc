// SPDX-License-Identifier: MIT
// Bytes both ways, and every order in which two sides can come to their ends.
#include "relay/relay.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "support/relay_scene.h"

using namespace tcptool;
using relay::RelayEnd;
using test::RelayScene;

namespace {

using Reason = RelayEnd::Reason;
using First = RelayEnd::FirstToClose;

}  // namespace

TEST_CASE("an empty stdin and a silent peer make a complete run of nothing") {
  RelayScene scene;
  scene.stdin_writer.close();
  scene.then([&] {
    CHECK(scene.peer.at_end());
    scene.peer.close();
  });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK(end.first_to_close == First::this_side);
  CHECK(end.sent == 0);
  CHECK(end.received == 0);
  CHECK(end.fin_sent);
  CHECK(end.peer_fin);
  CHECK(end.stdin_at_eof);
  CHECK_FALSE(end.first_byte);
  CHECK(scene.stdout_reader.at_end());
}

TEST_CASE("bytes go both ways unaltered, all 256 values of them") {
  std::string every(256, '\0');
  for (std::size_t i = 0; i < every.size(); ++i) every[i] = static_cast<char>(i);
  RelayScene scene;
  scene.stdin_writer.write(every);
  scene.peer.write(every);
  scene.then([&] {
    CHECK(scene.peer.read() == every);
    CHECK(scene.stdout_reader.read() == every);
    scene.stdin_writer.close();
  });
  scene.then([&] { scene.peer.close(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK(end.sent == 256);
  CHECK(end.received == 256);
  CHECK(end.undelivered == 0);
  CHECK(end.unwritten == 0);
  CHECK(end.first_byte);
  CHECK(end.info);
}

TEST_CASE("the ends of stdin and of the peer may come in any order, among data both ways") {
  // The four events in every order that keeps a side's data before its end.
  enum Event { stdin_data, stdin_end, peer_data, peer_end };
  std::array<Event, 4> order{stdin_data, stdin_end, peer_data, peer_end};
  std::sort(order.begin(), order.end());
  do {
    const auto at = [&order](Event event) { return std::find(order.begin(), order.end(), event); };
    if (at(stdin_end) < at(stdin_data) || at(peer_end) < at(peer_data)) continue;
    CAPTURE(order);
    for (const bool one_by_one : {true, false}) {
      CAPTURE(one_by_one);
      RelayScene scene;
      for (const Event event : order) {
        const auto act = [&scene, event] {
          if (event == stdin_data) scene.stdin_writer.write("question");
          if (event == stdin_end) scene.stdin_writer.close();
          if (event == peer_data) scene.peer.write("answer");
          if (event == peer_end) scene.peer.shut_down();
        };
        one_by_one ? scene.then(act) : act();
      }
      const RelayEnd end = scene.run();
      CHECK(end.reason == Reason::complete);
      CHECK(scene.kernel.steps_left() == 0);
      CHECK(end.sent == 8);
      CHECK(end.received == 6);
      CHECK(end.fin_sent);
      CHECK(end.peer_fin);
      CHECK(end.undelivered == 0);
      CHECK(scene.peer.read_all() == "question");
      CHECK(scene.stdout_reader.read_all() == "answer");
      const bool ours = at(stdin_end) < at(peer_end);
      // What has come before anything is done has come first.
      CHECK(end.first_to_close == (one_by_one && ours ? First::this_side : First::peer));
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("more than all buffers hold goes both ways at once, in order") {
  const std::string question = test::numbered_bytes(3'000'000);
  const std::string answer = test::numbered_bytes(5'000'000);
  RelayScene scene;
  std::string question_read;
  std::string answer_read;
  std::string_view question_left = question;
  std::string_view answer_left = answer;
  scene.peer.set_blocking(false);
  scene.stdin_writer.set_blocking(false);
  const auto put = [](test::Plug& plug, std::string_view& left, auto end) {
    const bool ended = left.empty();
    while (!left.empty()) {
      const ssize_t count =
          ::write(plug.fd(), left.data(), std::min<std::size_t>(left.size(), 70'000));
      if (count <= 0) return;
      left.remove_prefix(static_cast<std::size_t>(count));
    }
    if (!ended) end();
  };
  std::function<void()> turn = [&] {
    question_read += scene.peer.read();
    answer_read += scene.stdout_reader.read();
    put(scene.stdin_writer, question_left, [&] { scene.stdin_writer.close(); });
    put(scene.peer, answer_left, [&] { scene.peer.shut_down(); });
    const bool more = question_read.size() < question.size() || answer_read.size() < answer.size();
    if (more) scene.then(turn);
  };
  scene.then(turn);
  const RelayEnd end = scene.run();
  question_read += scene.peer.read_all();
  answer_read += scene.stdout_reader.read_all();
  CHECK(end.reason == Reason::complete);
  CHECK(end.sent == question.size());
  CHECK(end.received == answer.size());
  CHECK((question_read == question));
  CHECK((answer_read == answer));
}

TEST_CASE("the peer closes first and stdin is still sent to its end") {
  RelayScene scene;
  scene.peer.shut_down();
  scene.then([&] { CHECK(scene.stdout_reader.at_end()); });
  scene.then([&] { scene.stdin_writer.write("late"); });
  scene.then([&] {
    CHECK(scene.peer.read() == "late");
    scene.stdin_writer.write("r");
    scene.stdin_writer.close();
  });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK(end.first_to_close == First::peer);
  CHECK(end.sent == 5);
  CHECK(scene.peer.read_all() == "r");
}

TEST_CASE("without half-close no FIN is sent at the end of stdin, and the peer's ends the run") {
  RelayScene scene;
  scene.policy.half_close = false;
  scene.stdin_writer.write("all of it");
  scene.stdin_writer.close();
  scene.then([&] {
    CHECK(scene.peer.read() == "all of it");
    CHECK(scene.kernel.count(sys::Syscall::shutdown) == 0);
    scene.peer.write("reply");
  });
  scene.then([&] { scene.peer.close(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK_FALSE(end.fin_sent);
  CHECK(end.first_to_close == First::peer);
  CHECK(scene.stdout_reader.read_all() == "reply");
}

TEST_CASE("without half-close the peer's FIN ends the run though stdin is open") {
  RelayScene scene;
  scene.policy.half_close = false;
  scene.peer.write("bye");
  scene.peer.shut_down();
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK_FALSE(end.stdin_at_eof);
  CHECK(scene.stdout_reader.read_all() == "bye");
}

TEST_CASE("send-only discards and counts what arrives, and does not wait for the peer's end") {
  RelayScene scene;
  scene.policy.send_only = true;
  scene.peer.write("noise");
  scene.stdin_writer.write("signal");
  scene.then([&] { scene.stdin_writer.close(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK(end.sent == 6);
  CHECK(end.received == 5);
  CHECK(end.fin_sent);
  CHECK_FALSE(end.peer_fin);
  CHECK(end.info->state == tcp::State::fin_wait_2);
  CHECK(scene.stdout_reader.read().empty());
}

TEST_CASE("recv-only touches no stdin and sends no FIN before the peer's") {
  RelayScene scene;
  scene.policy.recv_only = true;
  scene.stdin_writer.write("not for the peer");
  scene.peer.write("data");
  scene.then([&] { CHECK(scene.stdout_reader.read() == "data"); });
  scene.then([&] { scene.peer.shut_down(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK(end.stdin_at_eof);
  CHECK(end.sent == 0);
  CHECK(scene.kernel.count(sys::Syscall::shutdown) == 0);
  CHECK(scene.kernel.count(sys::Syscall::read) == 0);
  CHECK(scene.input.read() == "not for the peer");
}

TEST_CASE("a terminal's part of the run ends with the peer's FIN") {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(master >= 0);
  const test::Plug keyboard(master);
  REQUIRE(::grantpt(master) == 0);
  REQUIRE(::unlockpt(master) == 0);
  std::array<char, 64> name{};
  REQUIRE(::ptsname_r(master, name.data(), name.size()) == 0);
  RelayScene scene;
  scene.use_stdin(test::open_file(name.data(), O_RDWR | O_NOCTTY));
  keyboard.write("typed\n");
  scene.then([&] { CHECK(scene.peer.read() == "typed\n"); });
  scene.then([&] { scene.peer.shut_down(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK(end.fin_sent);
  CHECK_FALSE(end.stdin_at_eof);
  CHECK(scene.silences_told == 0);
}

TEST_CASE("crlf is made of every lone LF, whatever borders the chunks have") {
  struct Row {
    std::string_view first;
    std::string_view second;
    std::string_view sent;
  };
  for (const Row& row : {Row{"a\n", "b\n", "a\r\nb\r\n"}, Row{"a\r", "\nb", "a\r\nb"},
                         Row{"a\r\n", "\n", "a\r\n\r\n"}, Row{"\n", "\r", "\r\n\r"},
                         Row{"\r\r", "\n\n", "\r\r\n\r\n"}, Row{"x", "y", "xy"}}) {
    CAPTURE(row.sent);
    RelayScene scene;
    scene.policy.crlf = true;
    scene.peer.shut_down();
    scene.then([&] { scene.stdin_writer.write(row.first); });
    scene.then([&] {
      scene.stdin_writer.write(row.second);
      scene.stdin_writer.close();
    });
    const RelayEnd end = scene.run();
    CHECK(end.reason == Reason::complete);
    CHECK(end.sent == row.sent.size());
    CHECK(scene.peer.read_all() == row.sent);
  }
}

TEST_CASE("a stream of nothing but LF fits into the buffers when it doubles") {
  RelayScene scene;
  scene.policy.crlf = true;
  scene.peer.shut_down();
  std::size_t left = 500'000;
  std::string got;
  scene.stdin_writer.set_blocking(false);
  const std::string lines(60'000, '\n');
  std::function<void()> turn = [&] {
    const ssize_t count =
        ::write(scene.stdin_writer.fd(), lines.data(), std::min(left, lines.size()));
    if (count > 0) left -= static_cast<std::size_t>(count);
    got += scene.peer.read();
    left > 0 ? scene.then(turn) : scene.stdin_writer.close();
  };
  scene.then(turn);
  const RelayEnd end = scene.run();
  got += scene.peer.read_all();
  CHECK(end.sent == 1'000'000);
  CHECK(got.size() == 1'000'000);
  CHECK(std::count(got.begin(), got.end(), '\r') == 500'000);
}
