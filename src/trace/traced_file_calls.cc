// SPDX-License-Identifier: MIT
// The calls on files, and those that take any descriptor or wait for it.
#include <fcntl.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "trace/traced_kernel.h"

namespace tcptool::trace {
namespace {

using sys::Outcome;
using sys::Syscall;

void add_what_was_read(Event& event, std::span<const std::byte> buf) {
  if (event.outcome.ok()) {
    event.add_buffer("buf", buf.first(std::min(buf.size(), event.outcome.as_size())));
  } else {
    event.add_pointer("buf", buf.data());
  }
  event.add("count", ArgKind::integer, static_cast<std::int64_t>(buf.size()));
}

}  // namespace

Outcome TracedKernel::epoll_create1(int flags) {
  Event& event = journal_.begin(Syscall::epoll_create1);
  event.add("flags", ArgKind::epoll_flags, flags);
  make(event, [&] { return inner_.epoll_create1(flags); });
  return told(event);
}

Outcome TracedKernel::epoll_ctl(int epfd, int op, int fd, const epoll_event& changed) {
  Event& event = journal_.begin(Syscall::epoll_ctl);
  event.add("epfd", ArgKind::fd, epfd);
  event.add("op", ArgKind::epoll_op, op);
  event.add("fd", ArgKind::fd, fd);
  if (op != EPOLL_CTL_DEL) {
    event.add_packed("event", ArgKind::epoll_event, changed);
  } else {
    event.add_pointer("event", &changed);  // which nobody reads
  }
  make(event, [&] { return inner_.epoll_ctl(epfd, op, fd, changed); });
  if (op == EPOLL_CTL_DEL) {
    telemetry_.ignores(fd);
  } else if (event.outcome.ok()) {
    telemetry_.watches(fd, changed.data.u64);
  }
  return told(event);
}

Outcome TracedKernel::epoll_wait(int epfd, std::span<epoll_event> events, int timeout) {
  Outcome outcome =
      without_sleep_first(timeout, [&](int time) { return epoll_wait_once(epfd, events, time); });
  if (!journal_.wants_telemetry()) return outcome;
  telemetry_.look();
  while (telemetry_.take_stamps(
      std::span<const epoll_event>(events.first(std::min(events.size(), outcome.as_size()))))) {
    outcome = epoll_wait_once(epfd, events, 0);
  }
  return outcome;
}

Outcome TracedKernel::epoll_wait_once(int epfd, std::span<epoll_event> events, int timeout) {
  constexpr std::size_t most_shown = 8;  // of perhaps a thousand
  if (timeout != 0) journal_.flush();
  Event& event = journal_.begin(Syscall::epoll_wait);
  event.add("epfd", ArgKind::fd, epfd);
  make(event, [&] { return inner_.epoll_wait(epfd, events, timeout); });
  if (event.outcome.ok()) {
    const auto ready = events.first(std::min(events.size(), event.outcome.as_size()));
    event.add("events", ArgKind::epoll_events, static_cast<std::int64_t>(ready.size()),
              std::as_bytes(ready), most_shown * sizeof(epoll_event));
  } else {
    event.add_pointer("events", events.data());
  }
  event.add("maxevents", ArgKind::integer, static_cast<std::int64_t>(events.size()));
  event.add("timeout", ArgKind::integer, timeout);
  busy_ = at_once(event);
  return told(event);
}

Outcome TracedKernel::fcntl(int fd, int op, int arg) {
  Event& event = journal_.begin(Syscall::fcntl);
  event.add("fd", ArgKind::fd, fd);
  event.add("op", ArgKind::fcntl_op, op);
  const bool asks = op == F_GETFD || op == F_GETFL || op == F_GETPIPE_SZ;
  if (op == F_SETFL) {
    event.add("arg", ArgKind::open_flags, arg);
  } else if (!asks) {
    event.add("arg", ArgKind::integer, arg);
  }
  make(event, [&] { return inner_.fcntl(fd, op, arg); });
  if (op == F_SETFL && event.outcome.ok()) {
    Descriptor descriptor = known(fd);
    descriptor.nonblocking = (arg & O_NONBLOCK) != 0;
    mark(fd, descriptor);
  }
  return told(event);
}

Outcome TracedKernel::fstat(int fd, struct stat& statbuf) {
  Event& event = journal_.begin(Syscall::fstat);
  event.add("fd", ArgKind::fd, fd);
  make(event, [&] { return inner_.fstat(fd, statbuf); });
  if (event.outcome.ok()) {
    const FileStatus status{statbuf.st_mode, major(statbuf.st_rdev), minor(statbuf.st_rdev),
                            statbuf.st_size};
    event.add_packed("statbuf", ArgKind::file_status, status);
  } else {
    event.add_pointer("statbuf", &statbuf);
  }
  return told(event);
}

Outcome TracedKernel::getdents64(int fd, std::vector<std::string>& names) {
  Event& event = journal_.begin(Syscall::getdents64);
  event.add("fd", ArgKind::fd, fd);
  make(event, [&] { return inner_.getdents64(fd, names); });
  if (event.outcome.ok()) {
    event.add("entries", ArgKind::integer, static_cast<std::int64_t>(names.size()));
  }
  return told(event);
}

Outcome TracedKernel::ioctl(int fd, unsigned long request, int& argument) {
  Event& event = journal_.begin(Syscall::ioctl);
  event.add("fd", ArgKind::fd, fd);
  event.add("op", ArgKind::ioctl_request, static_cast<std::int64_t>(request));
  make(event, [&] { return inner_.ioctl(fd, request, argument); });
  if (event.outcome.ok()) {
    event.add("argp", ArgKind::ioctl_value, argument);
  } else {
    event.add_pointer("argp", &argument);
  }
  return told(event);
}

Outcome TracedKernel::lseek(int fd, std::int64_t offset, int whence) {
  Event& event = journal_.begin(Syscall::lseek);
  event.add("fd", ArgKind::fd, fd);
  event.add("offset", ArgKind::integer, offset);
  event.add("whence", ArgKind::whence, whence);
  make(event, [&] { return inner_.lseek(fd, offset, whence); });
  return told(event);
}

Outcome TracedKernel::open(const std::string& pathname, int flags, unsigned mode) {
  if ((flags & O_NONBLOCK) == 0) journal_.flush();
  Event& event = journal_.begin(Syscall::open);
  event.add_text("pathname", pathname);
  event.add("flags", ArgKind::open_flags, flags);
  if ((flags & O_CREAT) != 0) event.add("mode", ArgKind::permissions, mode);
  make(event, [&] { return inner_.open(pathname, flags, mode); });
  mark(event.outcome.as_int(), {.nonblocking = (flags & O_NONBLOCK) != 0,
                                .closes_at_once = (flags & O_ACCMODE) == O_RDONLY});
  return told(event);
}

Outcome TracedKernel::pipe2(std::array<int, 2>& pipefd, int flags) {
  Event& event = journal_.begin(Syscall::pipe2);
  make(event, [&] { return inner_.pipe2(pipefd, flags); });
  if (event.outcome.ok()) {
    event.add_packed("pipefd", ArgKind::pipe_ends, pipefd);
  } else {
    event.add_pointer("pipefd", pipefd.data());
  }
  event.add("flags", ArgKind::descriptor_flags, flags);
  return told(event);
}

Outcome TracedKernel::poll(std::span<pollfd> fds, int timeout) {
  Outcome outcome = without_sleep_first(timeout, [&](int time) { return poll_once(fds, time); });
  if (!journal_.wants_telemetry()) return outcome;
  telemetry_.look();
  while (outcome.value > 0 && telemetry_.take_stamps(std::span<const pollfd>(fds))) {
    outcome = poll_once(fds, 0);
  }
  return outcome;
}

Outcome TracedKernel::poll_once(std::span<pollfd> fds, int timeout) {
  constexpr std::size_t most_fds = Event::storage_size / sizeof(pollfd);
  if (timeout != 0) journal_.flush();
  Event& event = journal_.begin(Syscall::poll);
  make(event, [&] { return inner_.poll(fds, timeout); });
  event.add("fds", ArgKind::poll_fds, static_cast<std::int64_t>(fds.size()), std::as_bytes(fds),
            most_fds * sizeof(pollfd));
  event.add("timeout", ArgKind::integer, timeout);
  if (journal_.traced()) mark_readable(fds);
  busy_ = at_once(event);
  return told(event);
}

Outcome TracedKernel::pread(int fd, std::span<std::byte> buf, std::int64_t offset) {
  Event& event = journal_.begin(Syscall::pread);
  event.add("fd", ArgKind::fd, fd);
  make(event, [&] { return inner_.pread(fd, buf, offset); });
  add_what_was_read(event, buf);
  event.add("offset", ArgKind::integer, offset);
  return told(event);
}

Outcome TracedKernel::read(int fd, std::span<std::byte> buf) {
  if (Descriptor descriptor = known(fd); descriptor.readable) {
    descriptor.readable = false;
    mark(fd, descriptor);
  } else {
    flush_if_blocking(fd);
  }
  Event& event = journal_.begin(Syscall::read);
  event.add("fd", ArgKind::fd, fd);
  make(event, [&] { return inner_.read(fd, buf); });
  add_what_was_read(event, buf);
  return told(event);
}

Outcome TracedKernel::readlink(const std::string& pathname, std::span<std::byte> buf) {
  Event& event = journal_.begin(Syscall::readlink);
  event.add_text("pathname", pathname);
  make(event, [&] { return inner_.readlink(pathname, buf); });
  if (event.outcome.ok()) {
    event.add_buffer("buf", buf.first(std::min(buf.size(), event.outcome.as_size())));
  } else {
    event.add_pointer("buf", buf.data());
  }
  event.add("bufsiz", ArgKind::integer, static_cast<std::int64_t>(buf.size()));
  return told(event);
}

Outcome TracedKernel::rename(const std::string& oldpath, const std::string& newpath) {
  Event& event = journal_.begin(Syscall::rename);
  event.add_text("oldpath", oldpath);
  event.add_text("newpath", newpath);
  make(event, [&] { return inner_.rename(oldpath, newpath); });
  return told(event);
}

Outcome TracedKernel::sendfile(int out_fd, int in_fd, std::int64_t& offset, std::size_t count) {
  flush_if_blocking(out_fd);
  telemetry_.before_write(out_fd, false);
  Event& event = journal_.begin(Syscall::sendfile);
  event.add("out_fd", ArgKind::fd, out_fd);
  event.add("in_fd", ArgKind::fd, in_fd);
  const std::int64_t before = offset;
  make(event, [&] { return inner_.sendfile(out_fd, in_fd, offset, count); });
  event.add_offset("offset", before, offset);
  event.add("count", ArgKind::integer, static_cast<std::int64_t>(count));
  telemetry_.moved(Payload::Direction::sent, out_fd, event);
  return told(event);
}

Outcome TracedKernel::splice(int fd_in, int fd_out, std::int64_t* off_out, std::size_t len,
                             unsigned flags) {
  if ((flags & SPLICE_F_NONBLOCK) == 0) journal_.flush();
  telemetry_.before_write(fd_out, false);
  Event& event = journal_.begin(Syscall::splice);
  event.add("fd_in", ArgKind::fd, fd_in);
  event.add_pointer("off_in", nullptr);
  event.add("fd_out", ArgKind::fd, fd_out);
  if (off_out != nullptr) {
    event.add("off_out", ArgKind::offset, *off_out);
  } else {
    event.add_pointer("off_out", nullptr);
  }
  event.add("len", ArgKind::integer, static_cast<std::int64_t>(len));
  event.add("flags", ArgKind::splice_flags, flags);
  event.into = known(fd_out).socket;
  make(event, [&] { return inner_.splice(fd_in, fd_out, off_out, len, flags); });
  telemetry_.moved(Payload::Direction::sent, fd_out, event);
  telemetry_.moved(Payload::Direction::received, fd_in, event);
  return told(event);
}

Outcome TracedKernel::unlink(const std::string& pathname) {
  Event& event = journal_.begin(Syscall::unlink);
  event.add_text("pathname", pathname);
  make(event, [&] { return inner_.unlink(pathname); });
  return told(event);
}

Outcome TracedKernel::write(int fd, std::span<const std::byte> buf) {
  flush_if_blocking(fd);
  Event& event = journal_.begin(Syscall::write);
  event.add("fd", ArgKind::fd, fd);
  event.add_buffer("buf", buf);
  event.add("count", ArgKind::integer, static_cast<std::int64_t>(buf.size()));
  make(event, [&] { return inner_.write(fd, buf); });
  return told(event);
}

}  // namespace tcptool::trace
