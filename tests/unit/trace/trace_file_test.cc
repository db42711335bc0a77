// SPDX-License-Identifier: MIT
#include "trace/trace_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"
#include "trace/open_sink.h"

using namespace tcptool;
using sys::Syscall;
using trace::TraceFile;

namespace {

struct Scene : trace::TraceFileObserver {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  test::TemporaryFolder folder;
  std::string path = folder.file("trace");
  std::vector<std::string> said;

  TraceFile open(std::uint64_t limit = 0) {
    auto fd = TraceFile::open(kernel, path);
    REQUIRE(fd);
    return {
        kernel,
        std::move(*fd),
        {.path = path, .limit = limit, .lost_line = trace::lost_comment, .limit_line = "# limit"},
        *this};
  }
  // A FIFO in the file's place, with a reader.
  [[nodiscard]] test::Plug make_fifo() const {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    return test::open_file(path, O_RDONLY | O_NONBLOCK);
  }
  // More than a reader who does not read is given.
  static constexpr int too_many = 2000;
  static void write_too_much(TraceFile& file) {
    const std::string line(1023, 'x');
    for (int i = 0; i < too_many; ++i) {
      file.write_line(line);
      file.flush();
    }
  }
  void write_failed(const sys::SysError& error) override { said.push_back(error.text()); }
  void limit_reached() override { said.emplace_back("limit"); }
  void lines_lost(std::uint64_t count) override { said.push_back(std::to_string(count)); }
};

}  // namespace

TEST_CASE("lines are gathered, and in the file after a flush") {
  Scene scene;
  TraceFile file = scene.open();
  file.write_line("one");
  file.write_line("two");
  CHECK(test::contents_of(scene.path).empty());
  file.flush();
  CHECK(test::contents_of(scene.path) == "one\ntwo\n");
  CHECK(scene.kernel.count(Syscall::write) == 1);
  file.flush();
  CHECK(scene.kernel.count(Syscall::write) == 1);
  file.write_line("three");
  file.close();
  CHECK(test::contents_of(scene.path) == "one\ntwo\nthree\n");
  CHECK(scene.kernel.open_descriptors().empty());
  CHECK(scene.said.empty());
}

TEST_CASE("short writes and interruptions lose nothing") {
  Scene scene;
  scene.kernel.script(Syscall::write).every(2).fails(EINTR);
  scene.kernel.script(Syscall::write).at_most(2);
  TraceFile file = scene.open();
  file.write_line("a long line");
  file.close();
  CHECK(test::contents_of(scene.path) == "a long line\n");
}

TEST_CASE("a failed write is said once, and nothing is written after it") {
  Scene scene;
  scene.kernel.script(Syscall::write).nth(2).fails(ENOSPC);
  TraceFile file = scene.open();
  for (int i = 0; i < 4; ++i) {
    file.write_line("line");
    file.flush();
  }
  file.close();
  REQUIRE(scene.said.size() == 1);
  CHECK(scene.said[0].find("ENOSPC") != std::string::npos);
  CHECK(test::contents_of(scene.path) == "line\n");
}

TEST_CASE("a close that fails is said") {
  Scene scene;
  scene.kernel.script(Syscall::close).fails(EIO);
  TraceFile file = scene.open();
  file.write_line("line");
  file.close();
  CHECK(scene.said.size() == 1);
}

TEST_CASE("no line makes the file larger than its limit") {
  Scene scene;
  for (const auto& [limit, contents] :
       {std::pair(7, "1234\n5\n"),  // no room to say it
        std::pair(17, "1234\n# limit\n"), std::pair(18, "1234\n1234\n# limit\n")}) {
    TraceFile file = scene.open(static_cast<std::uint64_t>(limit));
    for (const char* const line : {"1234", limit == 7 ? "5" : "1234", "5", "6"}) {
      file.write_line(line);
    }
    file.close();
    CHECK(test::contents_of(scene.path) == contents);
    CHECK(scene.said == std::vector<std::string>{"limit"});
    scene.said.clear();
  }
}

TEST_CASE("what a stuck reader has no room for is lost, counted, and told where it is missing") {
  Scene scene;
  const test::Plug reader = scene.make_fifo();
  TraceFile file = scene.open();
  Scene::write_too_much(file);
  std::string got;
  for (std::string part = reader.read(); !part.empty(); part = reader.read()) {
    got += part;
    file.flush();
  }
  file.write_line("last");
  file.flush();
  got += reader.read();
  CHECK(got.find("lines lost here: the reader was too slow\nlast\n") != std::string::npos);
  file.close();
  REQUIRE(scene.said.size() == 1);
  CHECK(std::stoi(scene.said[0]) > 500);
  CHECK(std::stoi(scene.said[0]) + std::count(got.begin(), got.end(), '\n') - 2 == Scene::too_many);
}

TEST_CASE("what was lost last is told as well, where the reader takes the rest in time") {
  Scene scene;
  const test::Plug reader = scene.make_fifo();
  TraceFile file = scene.open();
  Scene::write_too_much(file);
  std::string got;
  scene.kernel.script(sys::Syscall::poll).after([&] { got += reader.read(); });
  file.close();
  for (std::string part = reader.read(); !part.empty(); part = reader.read()) got += part;
  CHECK(got.ends_with("lines lost here: the reader was too slow\n"));
  REQUIRE(scene.said.size() == 1);
  CHECK(std::stoi(scene.said[0]) + std::count(got.begin(), got.end(), '\n') - 1 == Scene::too_many);
}

TEST_CASE(
    "the count of what was lost is exact where the reader takes no more, and stays in the limit") {
  for (const std::uint64_t limit : {0U, 1'100'000U}) {
    Scene scene;
    const test::Plug reader = scene.make_fifo();
    TraceFile file = scene.open(limit);
    Scene::write_too_much(file);
    scene.kernel.use_fake_clock();
    file.close();
    std::string got;
    for (std::string part = reader.read(); !part.empty(); part = reader.read()) got += part;
    REQUIRE_FALSE(scene.said.empty());
    const auto whole = std::count(got.begin(), got.end(), '\n');
    if (limit == 0) CHECK(std::stoi(scene.said.back()) + whole == Scene::too_many);
    CHECK((limit == 0 || got.size() <= limit));
  }
}

TEST_CASE("a reader that takes a little now and then holds up the end for 3 s at most") {
  Scene scene;
  const test::Plug reader = scene.make_fifo();
  TraceFile file = scene.open();
  const std::string line(1023, 'x');
  for (int i = 0; i < 200; ++i) file.write_line(line);
  file.flush();
  scene.kernel.use_fake_clock();
  const auto a_little_later = [&] {
    scene.kernel.advance(std::chrono::milliseconds(900));
    std::array<char, 4096> some{};
    CHECK(::read(reader.fd(), some.data(), some.size()) > 0);
  };
  scene.kernel.script(Syscall::poll).after(a_little_later);
  file.close();
  CHECK(scene.kernel.count(Syscall::poll) == 4);
  REQUIRE(scene.said.size() == 1);
  CHECK(std::stoi(scene.said[0]) > 100);
}

TEST_CASE("a FIFO without a reader and a folder cannot be opened") {
  Scene scene;
  REQUIRE(::mkfifo(scene.path.c_str(), 0600) == 0);
  CHECK(TraceFile::open(scene.kernel, scene.path).error().error == ENXIO);
  CHECK(TraceFile::open(scene.kernel, "/").error().error == EISDIR);
}
