// SPDX-License-Identifier: MIT
#include "sys/error.h"

#include <fmt/format.h>

#include <cerrno>

#include "sys/names.h"

namespace tcptool::sys {

std::string SysError::text() const {
  return fmt::format("{}{}{}: {} ({})", name(call), object.empty() ? "" : " ", object,
                     errno_text(error), errno_name(error));
}

bool own_mistake(int error) {
  return error == EBADF || error == EFAULT || error == ENOTSOCK;
}

}  // namespace tcptool::sys
