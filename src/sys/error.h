// SPDX-License-Identifier: MIT
// A system call that failed: which one, on what, and why.
#pragma once

#include <string>

#include "sys/syscall.h"

namespace tcptool::sys {

struct SysError {
  Syscall call{};
  int error = 0;  // errno
  std::string
      object;  // what the call was about, for people: "127.0.0.1:80", "stdout"; may be empty

  // "bind 127.0.0.1:80", printable whatever the object is.
  [[nodiscard]] std::string operation() const;
  // "bind 127.0.0.1:80: permission denied (EACCES)".
  [[nodiscard]] std::string text() const;
};

// Errors that no network and no user can cause, only a mistake in tcptool (EBADF, EFAULT,
// ENOTSOCK, and poll's EINVAL; that of other calls is what a user asked for); for descriptors 0 to
// 2, which are the user's, EBADF is not one.
bool own_mistake(const SysError& error);

}  // namespace tcptool::sys
