// SPDX-License-Identifier: MIT
#include "sys/error.h"

#include <fmt/format.h>

#include <cerrno>

#include "base/text.h"
#include "sys/names.h"

namespace tcptool::sys {

std::string SysError::operation() const {
  return fmt::format("{}{}{}", name(call), object.empty() ? "" : " ", escape(object));
}

std::string SysError::text() const {
  return fmt::format("{}: {} ({})", operation(), errno_text(error), errno_name(error));
}

bool own_mistake(const SysError& error) {
  if (error.error == EINVAL) return error.call == Syscall::poll;
  return error.error == EBADF || error.error == EFAULT || error.error == ENOTSOCK;
}

}  // namespace tcptool::sys
