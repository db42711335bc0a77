// SPDX-License-Identifier: MIT
#include "trace/traced_kernel.h"

#include <utility>

namespace tcptool::trace {
namespace {

using sys::Outcome;
using sys::Syscall;

}  // namespace

Outcome TracedKernel::told(Event& event) {
  if (event.arg_count > 0 && event.args[0].kind == ArgKind::fd) {
    event.socket = known(static_cast<int>(event.args[0].value)).socket;
  }
  journal_.commit();
  return event.outcome;
}

void TracedKernel::mark(int fd, Descriptor known) {
  const auto number = static_cast<std::size_t>(fd);
  if (fd < 0) return;
  if (number >= descriptors_.size()) descriptors_.resize(number + 1);
  descriptors_[number] = known;
}

TracedKernel::Descriptor TracedKernel::known(int fd) const {
  const auto number = static_cast<std::size_t>(fd);
  return fd < 0 || number >= descriptors_.size() ? Descriptor{} : descriptors_[number];
}

void TracedKernel::mark_readable(std::span<const pollfd> fds) {
  for (const pollfd& entry : fds) {
    const auto number = static_cast<std::size_t>(entry.fd);
    if (entry.fd < 0 || (entry.revents & (POLLIN | POLLHUP)) == 0) continue;
    if (number >= descriptors_.size()) descriptors_.resize(number + 1);
    descriptors_[number].readable = true;
  }
}

void TracedKernel::flush_if_blocking(int fd, int flags) {
  if ((flags & MSG_DONTWAIT) == 0 && !known(fd).nonblocking) journal_.flush();
}

// Blocks where SO_LINGER is set, even on a socket that does not block.
Outcome TracedKernel::close(int fd) {
  telemetry_.closes(fd);
  if (!known(fd).closes_at_once) journal_.flush();
  Event& event = journal_.begin(Syscall::close);
  event.add("fd", ArgKind::fd, fd);
  make(event, [&] { return inner_.close(fd); });
  const Outcome outcome = told(event);
  mark(fd, {});
  return outcome;
}

Outcome TracedKernel::start_lookup(const sys::LookupRequest& request, int answer_fd) {
  Event& event = journal_.begin(Syscall::getaddrinfo);
  event.add_text("node", request.host);
  event.add_text("service", request.service);
  event.add("ai_family", ArgKind::family, request.family);
  make(event, [&] { return inner_.start_lookup(request, answer_fd); });
  lookup_ = {request, event.start};
  event.add("answer", ArgKind::fd, answer_fd);
  return told(event);
}

Outcome TracedKernel::finish_lookup(sys::LookupHandle handle, sys::LookupResult& result) {
  Event& event = journal_.begin(Syscall::getaddrinfo);
  make(event, [&] { return inner_.finish_lookup(handle, result); });
  event.add_text("node", lookup_.request.host);
  event.add_text("service", lookup_.request.service);
  if (event.duration >= std::chrono::nanoseconds(0)) {
    const sys::TimePoint end = event.start + event.duration;
    event.start = lookup_.start;
    event.duration = end - event.start;
  }
  if (event.outcome.ok()) event.outcome.value = result.status;
  event.add(
      "res", ArgKind::addresses, static_cast<std::int64_t>(result.addresses.size()),
      result.addresses.empty() ? std::span<const std::byte>() : result.addresses.front().bytes());
  const int error = event.outcome.error;
  journal_.commit();
  return {error == 0 ? 0 : -1, error};
}

Outcome TracedKernel::if_indextoname(unsigned ifindex, std::string& ifname) {
  Event& event = journal_.begin(Syscall::if_indextoname);
  event.add("ifindex", ArgKind::integer, ifindex);
  make(event, [&] { return inner_.if_indextoname(ifindex, ifname); });
  event.add_text("ifname", ifname);
  return told(event);
}

Outcome TracedKernel::if_nametoindex(const std::string& ifname) {
  Event& event = journal_.begin(Syscall::if_nametoindex);
  event.add_text("ifname", ifname);
  make(event, [&] { return inner_.if_nametoindex(ifname); });
  return told(event);
}

}  // namespace tcptool::trace
