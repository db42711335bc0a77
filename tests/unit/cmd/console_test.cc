// SPDX-License-Identifier: MIT
// The writer of stderr, and whether it is coloured: console.cc and color.cc.
#include "cmd/console.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "cmd/color.h"
#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace tcptool;
using cmd::ExitStatus;
using sys::Syscall;

namespace {

// stderr is a pipe for as long as this lives.
class Captured {
 public:
  Captured() : saved_(::dup(2)), pipe_(test::make_pipe()) { ::dup2(pipe_.write_end.fd(), 2); }
  ~Captured() { ::dup2(saved_.fd(), 2); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  [[nodiscard]] std::string text() const { return pipe_.read_end.read(); }

 private:
  test::Plug saved_;
  test::Pipe pipe_;
};

cmd::Message message() {
  cmd::Message out{"connected", "connected somewhere", {}};
  out.fields.add("peer", "192.0.2.1:80");
  return out;
}

}  // namespace

TEST_CASE("a line is one write that ends in a line end") {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel(linux_kernel);
  cmd::Console console(kernel, {});
  const Captured captured;
  console.write_line("a line with %v and {} in it");
  console.status(message());
  console.failure(ExitStatus::refused, message());
  CHECK(captured.text() ==
        "a line with %v and {} in it\nconnected somewhere\ntcptool: connected somewhere\n");
  CHECK(kernel.count(Syscall::write) == 3);
}

TEST_CASE("quiet silences status lines alone") {
  sys::LinuxKernel kernel;
  cmd::Console console(kernel, {.quiet = true});
  const Captured captured;
  console.status(message());
  console.failure(ExitStatus::failure, message());
  CHECK(captured.text() == "tcptool: connected somewhere\n");
}

TEST_CASE("with JSON every line is one object") {
  sys::LinuxKernel kernel;
  cmd::Console console(kernel, {.json = true, .color = true});
  const Captured captured;
  console.status(message());
  console.failure(ExitStatus::refused, message());
  CHECK(captured.text() ==
        R"({"type":"connected","peer":"192.0.2.1:80"})"
        "\n"
        R"({"type":"connected","message":"connected somewhere","status":6,"peer":"192.0.2.1:80"})"
        "\n");
}

TEST_CASE("details go with the line, but not with quiet") {
  sys::LinuxKernel kernel;
  cmd::Message failed = message();
  failed.details = {"  cause   none"};
  failed.detail_fields.add("cause", "none");
  const auto said = [&](bool quiet, bool json) {
    cmd::Console console(kernel, {.quiet = quiet, .json = json});
    const Captured captured;
    console.failure(ExitStatus::refused, failed);
    return captured.text();
  };
  const std::string object =
      R"({"type":"connected","message":"connected somewhere","status":6,"peer":"192.0.2.1:80")";
  CHECK(said(false, false) == "tcptool: connected somewhere\n  cause   none\n");
  CHECK(said(true, false) == "tcptool: connected somewhere\n");
  CHECK(said(false, true) == object + R"(,"cause":"none"})" + "\n");
  CHECK(said(true, true) == object + "}\n");
}

TEST_CASE("a line is written whole in spite of EINTR, EAGAIN and short writes") {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel(linux_kernel);
  kernel.script(Syscall::write).every(2).fails(EINTR);
  kernel.script(Syscall::write).every(3).fails(EAGAIN);
  kernel.script(Syscall::write).at_most(1);
  cmd::Console console(kernel, {});
  const Captured captured;
  console.write_line("whole");
  CHECK(captured.text() == "whole\n");
}

TEST_CASE("a stderr that is broken swallows the line") {
  sys::LinuxKernel linux_kernel;
  for (const int error : {EPIPE, EBADF, EIO, ENOSPC}) {
    test::ScriptedKernel kernel(linux_kernel);
    kernel.script(Syscall::write).fails(error);
    cmd::Console console(kernel, {});
    console.write_line("nobody reads this");
    CHECK(kernel.count(Syscall::write) == 1);
  }
}

TEST_CASE("the line of progress gives way to others, and comes again in its own time") {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel(linux_kernel);
  cmd::Console console(kernel, {.progress = cmd::ProgressForm::in_place});
  const Captured captured;
  console.write_line("before");
  console.progress({"progress", "10 %", {}});
  console.progress({"progress", "20 %", {}});
  console.status(message());
  console.progress({"progress", "30 %", {}});
  console.end_progress();
  console.end_progress();
  console.write_line("behind");
  CHECK(captured.text() ==
        "before\n\r\x1b[K10 %\r\x1b[K20 %\r\x1b[Kconnected somewhere\n\r\x1b[K30 %"
        "\r\x1b[Kbehind\n");
  CHECK(kernel.count(Syscall::write) == 7);
}

TEST_CASE("progress is left out where stderr has no room, and a line waits all the same") {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel(linux_kernel);
  for (const auto form : {cmd::ProgressForm::in_place, cmd::ProgressForm::lines}) {
    cmd::Console console(kernel, {.progress = form});
    const Captured captured;
    kernel.script(Syscall::poll).first(1).answers(0);
    console.progress({"progress", "10 %", {}});
    console.end_progress();
    console.write_line("a line");
    CHECK(captured.text() == "a line\n");
  }
}

TEST_CASE("progress as lines is plain text, or objects") {
  sys::LinuxKernel kernel;
  const Captured captured;
  cmd::Console(kernel, {.progress = cmd::ProgressForm::lines}).progress(message());
  cmd::Console(kernel, {.json = true, .progress = cmd::ProgressForm::lines}).progress(message());
  cmd::Console(kernel, {}).progress(message());
  CHECK(captured.text() ==
        "connected somewhere\n{\"type\":\"connected\",\"peer\":\"192.0.2.1:80\"}\n");
}

TEST_CASE("the line of progress is as wide as the terminal but one column") {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel(linux_kernel);
  CHECK(cmd::Console(kernel, {}).progress_columns() == SIZE_MAX);
  cmd::Console console(kernel, {.progress = cmd::ProgressForm::in_place});
  const Captured captured;  // a pipe has no width
  CHECK(console.progress_columns() == 79);
}

TEST_CASE("the option decides on colour, then NO_COLOR, then CLICOLOR_FORCE, then the terminal") {
  using cmd::ColorMode;
  using cmd::use_color;
  const std::string term = ::getenv("TERM") == nullptr ? "" : ::getenv("TERM");
  ::setenv("TERM", "xterm", 1);
  ::unsetenv("CLICOLOR_FORCE");
  ::setenv("NO_COLOR", "1", 1);
  CHECK(use_color(ColorMode::always, false));
  CHECK_FALSE(use_color(ColorMode::never, true));
  CHECK_FALSE(use_color(ColorMode::automatic, true));
  ::setenv("CLICOLOR_FORCE", "1", 1);
  CHECK_FALSE(use_color(ColorMode::automatic, true));
  ::unsetenv("NO_COLOR");
  CHECK(use_color(ColorMode::automatic, false));
  ::setenv("CLICOLOR_FORCE", "0", 1);
  CHECK_FALSE(use_color(ColorMode::automatic, false));
  ::unsetenv("CLICOLOR_FORCE");
  CHECK_FALSE(use_color(ColorMode::automatic, false));
  CHECK(use_color(ColorMode::automatic, true));
  ::setenv("TERM", "dumb", 1);
  CHECK_FALSE(use_color(ColorMode::automatic, true));
  ::setenv("TERM", term.c_str(), 1);
}

TEST_CASE("a pipe is no terminal") {
  sys::LinuxKernel kernel;
  const Captured captured;
  CHECK_FALSE(cmd::stderr_is_terminal(kernel));
}
