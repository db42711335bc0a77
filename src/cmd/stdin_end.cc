// SPDX-License-Identifier: MIT
#include "cmd/stdin_end.h"

#include <fcntl.h>

#include "cmd/messages.h"

namespace tcptool::cmd {
namespace {

constexpr int stdin_fd = 0;

}  // namespace

StdinEnd::StdinEnd(Context& context, bool watched)
    : context_(context),
      stream_(relay::LocalStream::inspect(context.kernel, stdin_fd, context.closed.input)),
      watched_(watched) {
  if (watched) stream_.reopen(O_RDONLY);
}

pollfd StdinEnd::entry() const {
  return {watched_ && !ended_ ? stream_.fd() : -1, POLLIN, 0};
}

void StdinEnd::read() {
  std::array<std::byte, 4096> bytes;
  const sys::Outcome got = stream_.read(bytes);
  if (got.value > 0) {
    if (bytes_ == 0) {
      context_.console.status(note_message(
          "stdin is watched for its end alone: what it brings is counted and thrown away"));
    }
    bytes_ += got.as_size();
    return;
  }
  if (got.again()) return;
  ended_ = true;
  if (got.ok()) return;
  failed_ = true;
  context_.console.failure(ExitStatus::local_io,
                           error_message({sys::Syscall::read, got.error, "stdin"}));
}

}  // namespace tcptool::cmd
