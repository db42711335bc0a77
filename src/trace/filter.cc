// SPDX-License-Identifier: MIT
#include "trace/filter.h"

namespace tcptool::trace {
namespace {

bool is_network(sys::Syscall call) {
  switch (call) {
    case sys::Syscall::accept4:
    case sys::Syscall::bind:
    case sys::Syscall::connect:
    case sys::Syscall::getaddrinfo:
    case sys::Syscall::getpeername:
    case sys::Syscall::getsockname:
    case sys::Syscall::getsockopt:
    case sys::Syscall::listen:
    case sys::Syscall::recv:
    case sys::Syscall::recvmsg:
    case sys::Syscall::send:
    case sys::Syscall::sendfile:
    case sys::Syscall::setsockopt:
    case sys::Syscall::shutdown:
    case sys::Syscall::socket:
    case sys::Syscall::splice:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool passes(const Event& event, Filter filter) {
  switch (filter) {
    case Filter::all:
      return true;
    case Filter::network:
      return is_network(event.call);
    case Filter::errors:
      return event.failed();
  }
  return true;
}

}  // namespace tcptool::trace
