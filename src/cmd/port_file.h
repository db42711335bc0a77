// SPDX-License-Identifier: MIT
// --port-file: the listening port's number in a file, a script's sign that it may connect. An
// absent or regular file is written beside and renamed, so that a reader never sees half of it, and
// removed at the end; a FIFO or one of the process's own descriptors is written to as it is.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "sys/error.h"
#include "sys/fd.h"

namespace tcptool::cmd {

class PortFile {
 public:
  // Opens whatever will be written to, so that a bad path is known before there is a socket.
  // Errors: open(2)'s.
  static Result<PortFile, sys::SysError> prepare(sys::Kernel& kernel, const std::string& path);

  PortFile(PortFile&& other) noexcept;
  PortFile& operator=(PortFile&&) = delete;
  PortFile(const PortFile&) = delete;
  PortFile& operator=(const PortFile&) = delete;
  ~PortFile();

  // The directory of a file that publish() renames and the end removes; empty where there is none.
  [[nodiscard]] std::string folder() const;

  // Errors: write(2)'s, close(2)'s, rename(2)'s.
  Result<void, sys::SysError> publish(std::uint16_t port);

 private:
  PortFile(sys::Kernel& kernel, std::string path) : kernel_(&kernel), path_(std::move(path)) {}

  sys::Kernel* kernel_;
  std::string path_;
  std::string beside_;  // the file that is renamed to path_; empty where path_ is written directly
  bool published_ = false;
  sys::Fd fd_;
};

}  // namespace tcptool::cmd
