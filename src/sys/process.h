// SPDX-License-Identifier: MIT
// What /proc tells without rights: whose a socket is, settings under /proc/sys, and counters. What
// cannot be read is not known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sys/error.h"
#include "sys/kernel.h"

namespace tcptool::sys {

struct Owner {
  int pid = 0;
  std::string program;  // as /proc/PID/comm has it: any bytes, to be escaped before it is shown
};

// A process that has the socket with this inode open: the first one found of those whose
// descriptors may be read, which are the user's own. Gives up after 200 ms or 100,000 descriptors.
// See proc(5).
std::optional<Owner> socket_owner(Kernel& kernel, std::uint64_t inode);

// The file's first `most` bytes. Without waiting: a FIFO without bytes is empty or cannot be read.
// Errors: what open(2) or read(2) said.
Result<std::string, SysError> read_small_file(Kernel& kernel, const std::string& path,
                                              std::size_t most = 65'536);

// A file that holds one decimal number, as most of those under /proc/sys do.
std::optional<std::int64_t> read_sysctl(Kernel& kernel, const std::string& path);

// The counters of /proc/net/netstat and /proc/net/snmp, of this network namespace, by names such as
// "TcpExt.ListenOverflows" and "Tcp.RetransSegs". Empty where neither can be read.
std::map<std::string, std::int64_t> read_netstat(Kernel& kernel);

// The text of one of these files: pairs of lines, first the names, then as many numbers. A pair
// that does not fit together is left out.
std::map<std::string, std::int64_t> parse_netstat(std::string_view text);

// Lets this process have as many descriptors as it may without privilege: RLIMIT_NOFILE's soft
// limit becomes the hard one. The soft limit then in force; nothing where it is not known.
std::optional<std::uint64_t> raise_descriptor_limit(Kernel& kernel);

}  // namespace tcptool::sys
