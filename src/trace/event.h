// SPDX-License-Identifier: MIT
// One call that went through the kernel seam, as data: what was asked, what came back, when and for
// how long. An event owns everything it shows (addresses, the first bytes of buffers), so that it
// can be rendered after the call's own memory has gone. Capture first, render later.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "sys/kernel.h"
#include "sys/syscall.h"

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
  mode,
  how,
  level,
  option,
  option_value,  // blob; its meaning stands in the level and option arguments before it
  address,       // blob: a sockaddr
  bytes,         // blob: the first bytes of a buffer; value: how many there were
  text,          // blob: a path or a name
  poll_fds,      // blob: the first pollfds; value: how many there were
  signal,
  signal_set,  // value: a bit for each signal, 1 for signal 1
  signal_how,
  signal_handler,  // value: 1 for SIG_IGN, 0 for SIG_DFL
  fcntl_op,
  ioctl_request,
  resource,   // of prlimit64
  limit,      // value: as rlim_t, so that RLIM_INFINITY is -1
  addresses,  // value: how many addresses a look-up returned; blob: the first
};

struct Arg {
  std::string_view name;  // as in the manual page
  ArgKind kind = ArgKind::integer;
  std::int64_t value = 0;
  std::uint16_t offset = 0;  // of the blob in Event::storage
  std::uint16_t length = 0;
};

struct Event {
  static constexpr std::size_t most_args = 6;
  static constexpr std::size_t storage_size = 256;
  static constexpr std::size_t most_payload = 32;  // bytes of a buffer that are kept

  Event() = default;
  explicit Event(sys::Syscall made) : call(made) {}

  sys::Syscall call{};
  std::uint8_t arg_count = 0;
  std::uint16_t storage_used = 0;
  std::array<Arg, most_args> args{};
  std::array<std::byte, storage_size> storage{};
  sys::Outcome outcome{};
  sys::TimePoint start{};
  std::chrono::nanoseconds duration{0};

  // An argument that is a number.
  void add(std::string_view name, ArgKind kind, std::int64_t value);
  // An argument with bytes of its own, of which at most `most` are kept.
  void add(std::string_view name, ArgKind kind, std::int64_t value, std::span<const std::byte> blob,
           std::size_t most = storage_size);

  // A path or a name, of which at most 96 bytes are kept.
  void add_text(std::string_view name, std::string_view text);
  void add_address(std::string_view name, const sys::Address& address);
  // A buffer of payload, of which at most most_payload bytes are kept.
  void add_buffer(std::string_view name, std::span<const std::byte> bytes);

  [[nodiscard]] std::span<const Arg> arguments() const { return {args.data(), arg_count}; }
  [[nodiscard]] std::span<const std::byte> blob(const Arg& arg) const {
    return std::span(storage).subspan(arg.offset, arg.length);
  }
};

// Takes events in the order in which the calls returned.
class Sink {
 public:
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  virtual ~Sink() = default;
  virtual void take(const Event& event) = 0;
};

}  // namespace tcptool::trace
