// SPDX-License-Identifier: MIT
// Socket options by their manual names: read from text, set, and read back, so that a user sees the
// value in force rather than the one asked for.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/error.h"
#include "sys/kernel.h"
#include "sys/names.h"

namespace tcptool::tcp {

struct OptionSetting {
  const sys::SocketOptionInfo* info = nullptr;
  std::vector<std::byte> value;  // as setsockopt(2) takes it
  std::string asked;             // as the user wrote it

  static OptionSetting integer(std::string_view name, int value);
  static OptionSetting text(std::string_view name, std::string_view value);
};

// An option whose value in force is not the one that was asked for.
struct OptionReport {
  std::string name;
  std::string asked;
  std::string in_force;
};

// "TCP_NODELAY" (1 for a flag), "SO_RCVBUF=1M", "TCP_USER_TIMEOUT=5s", "TCP_CONGESTION=reno",
// "SO_LINGER=5s" (or off). Errors: unknown name (suggesting the nearest), value missing or of the
// wrong type.
Result<OptionSetting, std::string> parse_option(std::string_view text);

// "IDLE[,INTERVAL[,COUNT]]" in whole seconds, as SO_KEEPALIVE and its TCP_KEEP... options.
Result<std::vector<OptionSetting>, std::string> parse_keepalive(std::string_view text);

// Sets the option and reads it back. IPV6_ options are left alone on an IPv4 socket.
// Errors: setsockopt(2)'s, with the option and its value as the object.
Result<std::optional<OptionReport>, sys::SysError> apply_option(sys::Kernel& kernel, int fd,
                                                                int family,
                                                                const OptionSetting& setting);

// The option as an int; nothing where the descriptor is no socket, or none that has it.
std::optional<int> int_option(sys::Kernel& kernel, int fd, int level, int option);

// Sets again what an accepted socket did not inherit from its listener.
Result<void, sys::SysError> restore_options(sys::Kernel& kernel, int fd, int listener_fd,
                                            const std::vector<OptionSetting>& settings);

// Switches keepalive probes on, every 10 s. Where nothing is sent, nothing else shows that the peer
// has closed wholly: one that has only closed its side answers them, one whose socket is gone
// (after its FIN timeout) answers RST. See SO_KEEPALIVE in socket(7), TCP_KEEPIDLE in tcp(7).
void probe_silent_peer(sys::Kernel& kernel, int fd);

}  // namespace tcptool::tcp
