// SPDX-License-Identifier: MIT
// One call that went through the kernel seam, as data: what was asked, what came back, when and for
// how long. An event owns everything it shows (addresses, the first bytes of buffers), so that it
// can be rendered after the call's own memory has gone. Capture first, render later.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "sys/kernel.h"
#include "sys/syscall.h"
#include "trace/payload.h"
#include "trace/tcp_change.h"
#include "trace/timeline.h"

namespace tcptool::trace {

enum class ArgKind : std::uint8_t {
  integer,
  fd,
  family,
  socket_type,
  protocol,
  socket_flags,
  message_flags,
  open_flags,
  descriptor_flags,  // O_CLOEXEC and O_NONBLOCK alone, of pipe2
  signalfd_flags,
  splice_flags,
  permissions,  // of open(2) with O_CREAT
  file_status,  // blob: a FileStatus
  how,
  level,
  option,
  option_value,  // blob; its meaning stands in the level and option arguments before it
  address,       // blob: a sockaddr
  bytes,         // blob: the first bytes of a buffer; value: how many there were
  text,          // blob: a path or a name
  constant,      // blob: its name, or a structure in words
  ruleset,       // blob: a sys::LandlockRuleset
  texts,         // blob: the first bytes of them, a NUL behind each; value: how many there were
  poll_fds,      // blob: the first pollfds; value: how many there were
  epoll_flags,
  epoll_op,
  epoll_event,   // blob: one
  epoll_events,  // blob: the first; value: how many there were
  pidfd_flags,
  wait_options,
  wait_status,  // value: as wait(2) gave it
  signal,
  signal_set,  // value: a bit for each signal, bit 1 for signal 1
  signal_how,
  signal_action,  // blob: a SignalAction
  fcntl_op,
  ioctl_request,
  resource,  // of prlimit64
  limits,    // blob: a sys::RLimit
  ioctl_value,
  offset,     // of a file, handed over by address; value: what it was before the call, blob: after
  whence,     // of lseek
  addresses,  // value: how many addresses a look-up returned; blob: the first
  message,    // blob: a MessageHeader, then the bytes that it counts
  pipe_ends,  // blob: two ints
  length,     // value: what the caller gave; blob: an int, what the kernel made of it
  pointer,    // value: where the kernel would have written, had the call succeeded
};

// Packed into blobs: what is shown of a structure.
struct FileStatus {
  std::uint32_t mode = 0;
  std::uint32_t major = 0;  // st_rdev of a device
  std::uint32_t minor = 0;
  std::int64_t size = 0;
};
struct SignalAction {
  std::int64_t handler = 0;  // 0 is SIG_DFL, 1 is SIG_IGN
  std::int64_t mask = 0;     // as signal_set
  std::int32_t flags = 0;
};
struct MessageHeader {
  std::uint32_t name_size = 0;  // that msg_namelen gave
  std::uint16_t name_kept = 0;  // bytes that follow, of each
  std::uint16_t data_kept = 0;
  std::uint16_t control_kept = 0;
  std::uint32_t name_length = 0;     // that the kernel made of it
  std::uint32_t data_length = 0;     // that were moved
  std::uint64_t vector_length = 0;   // of the first of msg_iov
  std::uint64_t vectors = 0;         // msg_iovlen
  std::uint64_t control_length = 0;  // msg_controllen
  std::int32_t flags = 0;
};

struct Arg {
  std::string_view name;  // as in the manual page
  ArgKind kind = ArgKind::integer;
  std::int64_t value = 0;
  std::uint16_t offset = 0;  // of the blob in Event::storage
  std::uint16_t length = 0;
};

struct Event {
  static constexpr std::chrono::nanoseconds unknown_duration{-1};
  static constexpr std::size_t most_args = 6;
  static constexpr std::size_t storage_size = 256;
  static constexpr std::size_t most_payload = 32;  // bytes of a buffer that are kept

  // What kind of socket the first descriptor is, as far as it is known.
  enum class Socket : std::uint8_t { unknown, tcp, datagram, netlink };

  Event() : storage() {}
  explicit Event(sys::Syscall made) : Event() { call = made; }

  sys::Syscall call{};
  Socket socket = Socket::unknown;
  Socket into = Socket::unknown;  // of splice, what its target is
  std::uint8_t arg_count = 0;
  std::uint16_t storage_used = 0;
  std::array<Arg, most_args> args{};
  std::array<std::byte, storage_size> storage;  // up to storage_used
  sys::Outcome outcome{};
  // Before this, or at it; of an event that was not timed: the last reading of the clock.
  sys::TimePoint start{};
  std::chrono::nanoseconds duration{0};  // or unknown_duration
  bool returned = true;                  // false: told ahead, since the process may end in it

  // Makes this the event of a call that is about to be made.
  void begin(sys::Syscall made);

  // An argument that is a number.
  void add(std::string_view name, ArgKind kind, std::int64_t value);
  // An argument with bytes of its own, of which at most `most` are kept.
  void add(std::string_view name, ArgKind kind, std::int64_t value, std::span<const std::byte> blob,
           std::size_t most = storage_size);

  // A structure or an int, packed.
  template <class T>
  void add_packed(std::string_view name, ArgKind kind, const T& value) {
    add(name, kind, 0, std::as_bytes(std::span(&value, 1)));
  }

  // A length that is handed over by value, or by address and `returned` through it.
  void add_length(std::string_view name, std::size_t given);
  void add_length(std::string_view name, std::size_t given, std::size_t returned);
  // An offset that the call may have moved.
  void add_offset(std::string_view name, std::int64_t before, std::int64_t after);

  // A path or a name, of which at most 120 bytes are kept.
  void add_text(std::string_view name, std::string_view text);
  // Of which as many bytes are kept as there is room for.
  void add_texts(std::string_view name, std::span<const std::string> texts);
  // Words that were found when the call was made.
  void add_constant(std::string_view name, std::string_view text);
  void add_address(std::string_view name, const sys::Address& address);
  // A buffer of payload, of which at most most_payload bytes are kept.
  void add_buffer(std::string_view name, std::span<const std::byte> bytes);

  // What was to be filled, where the call failed.
  void add_pointer(std::string_view name, const void* where);

  // Whether it is a failure: an error, or a look-up's EAI_ code.
  [[nodiscard]] bool failed() const { return !outcome.ok() || outcome.value < 0; }
  [[nodiscard]] const Arg* find(ArgKind kind) const;  // the first of that kind, or null
  [[nodiscard]] std::span<const Arg> arguments() const { return {args.data(), arg_count}; }
  [[nodiscard]] std::span<const std::byte> blob(const Arg& arg) const {
    return std::span(storage).subspan(arg.offset, arg.length);
  }
};

// The bytes of `blob` as a T, or T{} where there are too few. A copy, since what is kept has no
// alignment.
template <class T>
T unpack(std::span<const std::byte> blob, std::size_t offset = 0) {
  T value{};
  if (blob.size() >= offset + sizeof(T)) std::memcpy(&value, blob.data() + offset, sizeof(T));
  return value;
}

// Takes events in the order in which the calls returned.
class Sink {
 public:
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  virtual ~Sink() = default;
  virtual void take(const Event& event) = 0;
  // Whether it wants the bytes that go over a connection, right behind the call that moved them.
  [[nodiscard]] virtual bool wants_payload() const { return false; }
  virtual void take_payload(const Payload& /*payload*/) {}
  // Whether it wants to know what TCP_INFO says of a connection, when that changes, and what became
  // of what is written and read there.
  [[nodiscard]] virtual bool wants_telemetry() const { return false; }
  virtual void take_tcp_change(const TcpChange& /*change*/) {}
  virtual void take_timeline(const Timeline& /*timeline*/) {}
  // What was taken is to be where its reader can see it. Whether there is any use in that before
  // the end.
  [[nodiscard]] virtual bool wants_flush() const { return true; }
  virtual void flush() {}
  // Nothing more will come.
  virtual void close() {}
};

}  // namespace tcptool::trace
