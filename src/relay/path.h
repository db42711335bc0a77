// SPDX-License-Identifier: MIT
// The way of one direction's bytes past this process's memory: splice(2) between a pipe and the
// socket, sendfile(2) from a file, a pipe of our own between the socket and a file, recv(2) with
// MSG_TRUNC where nobody wants them. It is taken once a mebibyte has gone by read and write, so
// that a chat stays as it is, and left again for the next one when it gets nowhere, or when little
// goes at a time; where the kernel does not know it (EINVAL), for good.
//
// splice says EAGAIN when its source is empty and when its sink is full. Which of both it was is
// found by waiting: for one of them, and, when that was ready and EAGAIN came all the same, for the
// other. While bytes move, what was waited for last is waited for again, so that a chunk costs one
// poll and one splice whichever end is the slower one.
//
// splice and sendfile move a file's position without the lock that read(2) and write(2) have for
// it, so that two programs on one redirection would write over each other, or send the same bytes.
// lseek(2) has that lock: it moves the position over a stretch of the file, which then is ours
// alone, and splice or sendfile is told where that is. What is left of it at the end is given back.
//
// The socket must not block: a splice that waits for a socket holds the lock of the pipe, and
// whoever is at its other end hangs in the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sys/fd.h"
#include "sys/kernel.h"

namespace tcptool::relay {

class LocalStream;
struct RelayPolicy;

class Path {
 public:
  enum class Kind {
    copy,  // by read and write, always
    splice,
    sendfile,
    into_file,
    discard
  };

  struct Ends {
    int source = -1;
    int sink = -1;
    int given_pipe = -1;  // which of both is a pipe that was given to us, and may grow
    bool source_is_file = false;
  };

  struct Step {
    enum class Result {
      moved,        // `bytes` of them, at least one
      nothing,      // what is awaited may have changed, or the path has been left
      end,          // of the source
      failed,       // with `error`; which end's it is must be found out
      sink_failed,  // with `error`: `bytes` came, of which held() are lost
    };
    Result result = Result::nothing;
    std::size_t bytes = 0;
    int error = 0;
  };

  static constexpr std::uint64_t least_flow = 1 << 20;  // bytes, by read and write
  static constexpr int enlarged_pipe = 256 * 1024;      // bytes
  // Bytes: a user has 64 MiB of pipes by default (pipe(7)), of which every run takes this much.
  static constexpr int own_pipe = 256 * 1024;
  static constexpr std::size_t most_spliced = 1 << 20;  // bytes, a call
  static constexpr std::int64_t stretch = 1 << 20;      // bytes of a file that are ours to send
  static constexpr std::size_t most_discarded = 1 << 30;

  Path(sys::Kernel& kernel, Kind kind, Ends ends)
      : kernel_(kernel), kind_(kind), ends_(ends), awaits_sink_(kind == Kind::sendfile) {}

  [[nodiscard]] Kind kind() const { return kind_; }
  // Whether it is to be taken as soon as the buffer is empty; `flowed` is all that went this
  // direction so far, in bytes.
  [[nodiscard]] bool due(std::uint64_t flowed) const {
    return kind_ != Kind::copy && !taken_ && flowed >= due_at_;
  }
  [[nodiscard]] bool taken() const { return taken_; }
  // Which end to wait for before the next step. A file is always ready, and so is no sink at all.
  [[nodiscard]] bool awaits_sink() const { return awaits_sink_; }

  // The given pipe grows to enlarged_pipe if it is smaller and that is allowed; the one of our own
  // is made.
  void take();
  // Back to read and write for good.
  void give_up();
  // Nobody is there any more to take what comes.
  void lose_sink();
  // One call, of into_file three. `flowed` as for due().
  Step step(std::uint64_t flowed);
  // Bytes that have left the source and that the sink has not taken: those in our own pipe, or the
  // rest of a file's stretch, over which its position has been moved.
  [[nodiscard]] std::size_t held() const { return held_; }
  // The next of them, where the path is not taken; EAGAIN where the file has lost them.
  sys::Outcome read_held(std::span<std::byte> buf);
  // The given pipe gets the size that it had, unless it holds more.
  void put_back();

 private:
  [[nodiscard]] bool make_pipe();
  [[nodiscard]] bool appends();
  [[nodiscard]] bool receives() const;
  [[nodiscard]] sys::Outcome move();
  sys::Outcome take_stretch();
  void lose_stretch();
  sys::Outcome send_stretch();
  sys::Outcome read_stretch(std::span<std::byte> buf);
  Step put_into_file(std::size_t bytes);
  void take_end_back(std::int64_t end);
  void leave_if_in_vain(std::uint64_t flowed);
  void leave(std::uint64_t flowed);

  sys::Kernel& kernel_;
  Kind kind_;
  Ends ends_;
  bool taken_ = false;
  bool awaits_sink_;
  int in_vain_ = 0;  // steps in a row
  std::uint64_t due_at_ = least_flow;
  int pipe_size_before_ = 0;  // bytes; 0: it has not grown
  sys::Fd pipe_out_;          // of our own pipe: where it is read
  sys::Fd pipe_in_;
  std::size_t held_ = 0;
  std::int64_t stretch_end_ = 0;  // its place in the file
  std::int64_t file_size_ = 0;    // as far as it is known
};

// From stdin to the connection, and from there to stdout.
Path outbound_path(sys::Kernel& kernel, const LocalStream& input, int socket,
                   const RelayPolicy& policy);
Path inbound_path(sys::Kernel& kernel, int socket, const LocalStream& output,
                  const RelayPolicy& policy);

}  // namespace tcptool::relay
