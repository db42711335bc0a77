// SPDX-License-Identifier: MIT
// Socket activation: listening sockets that whoever started this process hands over as descriptors
// from 3 on. See sd_listen_fds(3).
#pragma once

#include <array>
#include <string_view>

#include "sys/kernel.h"

namespace tcptool::sys {

inline constexpr int first_inherited_fd = 3;

// They concern the process that was started and none that it starts.
inline constexpr std::array activation_variables{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"};

// How many descriptors the values of LISTEN_PID and LISTEN_FDS hand to the process `pid`: none
// where they name another one, are empty or no numbers.
unsigned inherited_descriptors(std::string_view listen_pid, std::string_view listen_fds, int pid);

// The same out of this process's environment.
unsigned inherited_descriptors(Kernel& kernel);

}  // namespace tcptool::sys
