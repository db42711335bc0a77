// SPDX-License-Identifier: MIT
#include "sys/netlink.h"

#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "sys/fd.h"
#include "sys/waiter.h"

namespace tcptool::sys {
namespace {

constexpr std::chrono::milliseconds patience(500);
constexpr std::size_t most_messages = 65'536;
constexpr std::size_t most_bytes = std::size_t{64} << 20U;
constexpr std::size_t datagram_size = 65'536;  // the kernel's are at most 32 KiB
constexpr int most_tries = 4;

constexpr std::size_t aligned(std::size_t length) {
  return (length + 3) & ~std::size_t{3};  // NLMSG_ALIGNTO and NLA_ALIGNTO
}

// The `length` bytes at the front of `rest`, and `rest` moved to what is aligned behind them.
std::span<const std::byte> take(std::span<const std::byte>& rest, std::size_t length) {
  const auto taken = rest.first(length);
  rest = rest.subspan(std::min(rest.size(), aligned(length)));
  return taken;
}

// One answer, as it comes together out of datagrams.
struct Answer {
  std::uint32_t sequence = 0;
  bool dump = false;
  std::vector<std::byte> bytes;
  std::size_t messages = 0;
  bool changed = false;  // NLM_F_DUMP_INTR
  bool complete = false;
  int error = 0;

  void take(std::span<const std::byte> datagram);
  void finish(std::span<const std::byte> payload);
};

// NLMSG_ERROR and NLMSG_DONE begin with an errno, negative, or 0.
void Answer::finish(std::span<const std::byte> payload) {
  const int status = copy_at<int>(payload).value_or(0);
  constexpr int largest_errno = 4095;
  error = status >= 0 ? 0 : status < -largest_errno ? EPROTO : -status;
  complete = true;
}

void Answer::take(std::span<const std::byte> datagram) {
  while (!complete) {
    const auto start = datagram;
    const auto message = next_message(datagram);
    if (!message) {
      if (!start.empty()) error = EPROTO;
      complete = !start.empty();
      return;
    }
    if (message->sequence != sequence) continue;
    changed = changed || (message->flags & NLM_F_DUMP_INTR) != 0;
    if (message->type == NLMSG_ERROR || message->type == NLMSG_DONE) {
      finish(message->payload);
    } else if (message->type >= NLMSG_MIN_TYPE) {
      const auto whole = start.first(start.size() - datagram.size());
      if (++messages > most_messages || bytes.size() + whole.size() > most_bytes) {
        error = ENOBUFS;
        complete = true;
        return;
      }
      bytes.insert(bytes.end(), whole.begin(), whole.end());
      bytes.resize(aligned(bytes.size()));
      complete = !dump;
    }
  }
}

// A datagram from the kernel, which has number 0; others may be sent by other processes.
Outcome receive(Kernel& kernel, int fd, std::span<std::byte> buffer) {
  sockaddr_nl sender{};
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_name = &sender;
  message.msg_namelen = sizeof sender;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const Outcome got = kernel.recvmsg(fd, message, MSG_DONTWAIT);
  if (!got.ok()) return got;
  if ((message.msg_flags & MSG_TRUNC) != 0) return {-1, ENOBUFS};
  if (sender.nl_pid != 0) return {-1, EAGAIN};
  return got;
}

// Sends the request and reads until its answer is complete or `deadline` has come.
Result<Answer, SysError> ask_once(Kernel& kernel, int fd, std::vector<std::byte>& request,
                                  TimePoint deadline, Answer answer) {
  std::memcpy(request.data() + offsetof(nlmsghdr, nlmsg_seq), &answer.sequence,
              sizeof answer.sequence);
  const Outcome sent = kernel.send(fd, request, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (!sent.ok()) return failure(SysError{Syscall::send, sent.error, ""});
  std::vector<std::byte> buffer(datagram_size);
  while (!answer.complete) {
    const TimePoint now = kernel.now();
    if (now >= deadline) return failure(SysError{Syscall::recvmsg, ETIMEDOUT, ""});
    std::array<pollfd, 1> ready{{{fd, POLLIN, 0}}};
    const Outcome polled = kernel.poll(ready, poll_timeout(deadline, now));
    if (!polled.ok() && polled.error != EINTR) {
      return failure(SysError{Syscall::poll, polled.error, ""});
    }
    if (polled.value <= 0) continue;
    const Outcome got = receive(kernel, fd, buffer);
    if (!got.ok() && !got.again()) {
      return failure(SysError{Syscall::recvmsg, got.error, ""});
    }
    answer.take(std::span(buffer).first(got.as_size()));
  }
  if (answer.error != 0) return failure(SysError{Syscall::recvmsg, answer.error, ""});
  return answer;
}

}  // namespace

std::optional<NetlinkMessage> next_message(std::span<const std::byte>& rest) {
  const auto header = copy_at<nlmsghdr>(rest);
  if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > rest.size()) {
    return std::nullopt;
  }
  const auto whole = take(rest, header->nlmsg_len);
  return NetlinkMessage{header->nlmsg_type, header->nlmsg_flags, header->nlmsg_seq,
                        whole.subspan(sizeof(nlmsghdr))};
}

std::optional<NetlinkAttribute> next_attribute(std::span<const std::byte>& rest) {
  const auto header = copy_at<nlattr>(rest);
  if (!header || header->nla_len < sizeof(nlattr) || header->nla_len > rest.size()) {
    return std::nullopt;
  }
  const auto whole = take(rest, header->nla_len);
  return NetlinkAttribute{static_cast<unsigned>(header->nla_type & NLA_TYPE_MASK),
                          whole.subspan(sizeof(nlattr))};
}

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags,
                               std::span<const std::byte> header) {
  nlmsghdr front{};
  front.nlmsg_type = type;
  front.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  append(std::as_bytes(std::span(&front, 1)));
  append(header);
}

// Keeps the length in the front true.
void NetlinkRequest::append(std::span<const std::byte> bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  bytes_.resize(aligned(bytes_.size()));
  const auto length = static_cast<std::uint32_t>(bytes_.size());
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
}

NetlinkRequest& NetlinkRequest::add(std::uint16_t attribute, std::span<const std::byte> value) {
  nlattr header{};
  header.nla_type = attribute;
  header.nla_len = static_cast<std::uint16_t>(sizeof header + value.size());
  append(std::as_bytes(std::span(&header, 1)));
  append(value);
  return *this;
}

NetlinkRequest& NetlinkRequest::add(std::uint16_t attribute, std::uint32_t value) {
  return add(attribute, std::as_bytes(std::span(&value, 1)));
}

Result<std::vector<std::byte>, SysError> netlink_ask(Kernel& kernel, int protocol,
                                                     const NetlinkRequest& request,
                                                     const std::string& object) {
  const TimePoint deadline = kernel.now() + patience;
  const Outcome opened = kernel.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (!opened.ok()) return failure(SysError{Syscall::socket, opened.error, object});
  const Fd fd(kernel, opened.as_int());
  std::vector<std::byte> bytes(request.bytes().begin(), request.bytes().end());
  const auto front = copy_at<nlmsghdr>(bytes);
  for (std::uint32_t number = 1; number <= most_tries; ++number) {
    Answer empty;
    empty.sequence = number;
    empty.dump = (front->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
    auto answer = ask_once(kernel, fd.get(), bytes, deadline, std::move(empty));
    if (!answer) {
      return failure(SysError{answer.error().call, answer.error().error, object});
    }
    if (!answer->changed) return std::move(answer->bytes);
  }
  return failure(SysError{Syscall::recvmsg, EINTR, object});
}

}  // namespace tcptool::sys
