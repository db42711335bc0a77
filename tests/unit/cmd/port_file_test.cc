// SPDX-License-Identifier: MIT
#include "cmd/port_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace tcptool;
using cmd::PortFile;
using sys::Syscall;

namespace {

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  test::TemporaryFolder folder;
  std::string path = folder.file("port");
  [[nodiscard]] std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.file(""))) {
      static_cast<void>(entry);
      ++count;
    }
    return count;
  }
};

}  // namespace

TEST_CASE("the number appears under the name only when it is whole, and goes at the end") {
  for (const bool exists : {false, true}) {
    CAPTURE(exists);
    Scene scene;
    if (exists) test::open_file(scene.path, O_WRONLY | O_CREAT).write("old");
    {
      auto file = PortFile::prepare(scene.kernel, scene.path);
      REQUIRE(file);
      CHECK(test::contents_of(scene.path) == (exists ? "old" : ""));
      REQUIRE(file->publish(41253));
      CHECK(test::contents_of(scene.path) == "41253\n");
      CHECK(scene.files() == 1);
    }
    CHECK(scene.files() == 0);
    CHECK(scene.kernel.open_descriptors().empty());
  }
}

TEST_CASE("a file that was never published leaves nothing, and an older one as it was") {
  Scene scene;
  test::open_file(scene.path, O_WRONLY | O_CREAT).write("old");
  { REQUIRE(PortFile::prepare(scene.kernel, scene.path)); }
  CHECK(test::contents_of(scene.path) == "old");
  CHECK(scene.files() == 1);
}

TEST_CASE("a FIFO is written to as it is, also before somebody reads") {
  Scene scene;
  REQUIRE(::mkfifo(scene.path.c_str(), 0600) == 0);
  auto file = PortFile::prepare(scene.kernel, scene.path);
  REQUIRE(file);
  REQUIRE(file->publish(80));
  const test::Plug reader = test::open_file(scene.path, O_RDONLY | O_NONBLOCK);
  CHECK(reader.read() == "80\n");
  CHECK(scene.files() == 1);
}

TEST_CASE("one of the process's own descriptors is written to as it is") {
  Scene scene;
  const test::Pipe pipe = test::make_pipe();
  const std::string name = "/dev/fd/" + std::to_string(pipe.write_end.fd());
  auto file = PortFile::prepare(scene.kernel, name);
  REQUIRE(file);
  REQUIRE(file->publish(9));
  CHECK(pipe.read_end.read() == "9\n");
}

TEST_CASE("a bad path is told by open, before anything is made") {
  Scene scene;
  for (const std::string& path : {scene.folder.file("no/such/folder"), scene.folder.file("")}) {
    CAPTURE(path);
    const auto file = PortFile::prepare(scene.kernel, path);
    REQUIRE_FALSE(file);
    CHECK(file.error().call == Syscall::open);
  }
  CHECK(scene.files() == 0);
  CHECK(scene.kernel.open_descriptors().empty());
}

TEST_CASE("each step of publishing may fail, is told, and leaves no file behind") {
  for (const Syscall call : {Syscall::write, Syscall::close, Syscall::rename}) {
    CAPTURE(sys::name(call));
    Scene scene;
    {
      auto file = PortFile::prepare(scene.kernel, scene.path);
      REQUIRE(file);
      scene.kernel.script(call).first(1).fails(EIO);
      const auto published = file->publish(80);
      REQUIRE_FALSE(published);
      CHECK(published.error().call == call);
      CHECK(published.error().error == EIO);
    }
    CHECK(scene.files() == 0);
  }
}

TEST_CASE("what is there already must be known to be no file before it is written to") {
  Scene scene;
  test::open_file(scene.path, O_WRONLY | O_CREAT).write("41253\n");
  scene.kernel.script(Syscall::fstat).fails(ENOMEM);
  CHECK(PortFile::prepare(scene.kernel, scene.path).error().call == Syscall::fstat);
  CHECK(test::contents_of(scene.path) == "41253\n");
}

TEST_CASE("a number whose writing is interrupted is written again") {
  Scene scene;
  auto file = PortFile::prepare(scene.kernel, scene.path);
  REQUIRE(file);
  scene.kernel.script(Syscall::write).first(2).fails(EINTR);
  CHECK(file->publish(80));
  CHECK(test::contents_of(scene.path) == "80\n");
}

TEST_CASE("a disk that takes only a part is full") {
  Scene scene;
  auto file = PortFile::prepare(scene.kernel, scene.path);
  REQUIRE(file);
  scene.kernel.script(Syscall::write).at_most(1);
  CHECK(file->publish(80).error().error == ENOSPC);
}
