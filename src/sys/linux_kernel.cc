// SPDX-License-Identifier: MIT
#include "sys/linux_kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "sys/directory.h"
#include "sys/linux_outcome.h"
#include "sys/syscall.h"

namespace tcptool::sys {

// When the reading end is gone, nobody wants the answer and the thread frees it itself.
struct Lookup {
  LookupRequest request;
  LookupResult result;
  int answer_fd = -1;
};

namespace {

// Descriptors 0, 1 and 2 are the user's: what is wrong with them is no mistake of ours.
[[maybe_unused]] constexpr int last_inherited_descriptor = 2;

void demand_sane([[maybe_unused]] Syscall call, [[maybe_unused]] int fd,
                 [[maybe_unused]] int error) {
#ifndef NDEBUG
  const bool bad_descriptor =
      (error == EBADF || error == ENOTSOCK) && (fd < 0 || fd > last_inherited_descriptor);
  if (bad_descriptor || error == EFAULT) {
    std::fprintf(stderr, "tcptool: mistake in tcptool: %.*s(%d): errno %d\n",
                 static_cast<int>(name(call).size()), name(call).data(), fd, error);
    std::abort();
  }
#endif
}

void* run_lookup(void* argument) {
  std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(argument));
  addrinfo hints{};
  hints.ai_family = lookup->request.family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_protocol = IPPROTO_TCP;
  if (lookup->request.host.empty()) hints.ai_flags |= AI_PASSIVE;
  const char* const host = lookup->request.host.empty() ? nullptr : lookup->request.host.c_str();
  const char* const service =
      lookup->request.service.empty() ? nullptr : lookup->request.service.c_str();
  addrinfo* list = nullptr;
  lookup->result.status = ::getaddrinfo(host, service, &hints, &list);
  if (lookup->result.status == EAI_SYSTEM) lookup->result.error = errno;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    const Address address = Address::from(entry->ai_addr, entry->ai_addrlen);
    if (address.known()) lookup->result.addresses.push_back(address);
  }
  if (list != nullptr) ::freeaddrinfo(list);

  const int fd = lookup->answer_fd;
  Lookup* const handle = lookup.release();
  if (::write(fd, &handle, sizeof handle) != sizeof handle) lookup.reset(handle);
  ::close(fd);
  return nullptr;
}

}  // namespace

Outcome outcome(Syscall call, int fd, std::int64_t value) {
  if (value >= 0) return {value, 0};
  const int error = errno;
  demand_sane(call, fd, error);
  return {-1, error};
}

Outcome LinuxKernel::accept4(int sockfd, Address& peer, int flags) {
  socklen_t length = Address::capacity();
  return outcome(Syscall::accept4, sockfd, ::accept4(sockfd, peer.buffer(), &length, flags));
}

Outcome LinuxKernel::bind(int sockfd, const Address& addr) {
  return outcome(Syscall::bind, sockfd, ::bind(sockfd, addr.data(), addr.size()));
}

Outcome LinuxKernel::close(int fd) {
  return outcome(Syscall::close, fd, ::close(fd));
}

Outcome LinuxKernel::connect(int sockfd, const Address& addr) {
  return outcome(Syscall::connect, sockfd, ::connect(sockfd, addr.data(), addr.size()));
}

Outcome LinuxKernel::epoll_create1(int flags) {
  return outcome(Syscall::epoll_create1, 0, ::epoll_create1(flags));
}

Outcome LinuxKernel::epoll_ctl(int epfd, int op, int fd, const epoll_event& event) {
  // Only read; a copy would have another address than what a trace shows for EPOLL_CTL_DEL.
  auto* const unchanged = const_cast<epoll_event*>(&event);
  return outcome(Syscall::epoll_ctl, fd, ::epoll_ctl(epfd, op, fd, unchanged));
}

Outcome LinuxKernel::epoll_wait(int epfd, std::span<epoll_event> events, int timeout) {
  const int most = static_cast<int>(events.size());
  return outcome(Syscall::epoll_wait, epfd, ::epoll_wait(epfd, events.data(), most, timeout));
}

Outcome LinuxKernel::fcntl(int fd, int op, int arg) {
  return outcome(Syscall::fcntl, 0, ::fcntl(fd, op, arg));  // may ask whether `fd` is open
}

Outcome LinuxKernel::fstat(int fd, struct stat& statbuf) {
  return outcome(Syscall::fstat, fd, ::fstat(fd, &statbuf));
}

Outcome LinuxKernel::getdents64(int fd, std::vector<std::string>& names) {
  alignas(8) std::array<std::byte, 32768> entries;  // 8: the kernel's alignment of an entry
  const Outcome got =
      outcome(Syscall::getdents64, fd, ::getdents64(fd, entries.data(), entries.size()));
  names = parse_directory_entries(std::span(entries).first(got.as_size()));
  return got;
}

Outcome LinuxKernel::getpeername(int sockfd, Address& addr) {
  socklen_t length = Address::capacity();
  return outcome(Syscall::getpeername, sockfd, ::getpeername(sockfd, addr.buffer(), &length));
}

Outcome LinuxKernel::getsockname(int sockfd, Address& addr) {
  socklen_t length = Address::capacity();
  return outcome(Syscall::getsockname, sockfd, ::getsockname(sockfd, addr.buffer(), &length));
}

Outcome LinuxKernel::getsockopt(int sockfd, int level, int optname, std::span<std::byte> optval) {
  auto length = static_cast<socklen_t>(optval.size());
  const int status = ::getsockopt(sockfd, level, optname, optval.data(), &length);
  return outcome(Syscall::getsockopt, sockfd, status == 0 ? static_cast<int>(length) : -1);
}

Outcome LinuxKernel::ioctl(int fd, unsigned long request, int& argument) {
  return outcome(Syscall::ioctl, fd, ::ioctl(fd, request, &argument));
}

Outcome LinuxKernel::listen(int sockfd, int backlog) {
  return outcome(Syscall::listen, sockfd, ::listen(sockfd, backlog));
}

Outcome LinuxKernel::lseek(int fd, std::int64_t offset, int whence) {
  return outcome(Syscall::lseek, fd, ::lseek(fd, offset, whence));
}

Outcome LinuxKernel::open(const std::string& pathname, int flags, unsigned mode) {
  return outcome(Syscall::open, 0, ::open(pathname.c_str(), flags, mode));
}

Outcome LinuxKernel::pipe2(std::array<int, 2>& pipefd, int flags) {
  return outcome(Syscall::pipe2, 0, ::pipe2(pipefd.data(), flags));
}

Outcome LinuxKernel::poll(std::span<pollfd> fds, int timeout) {
  return outcome(Syscall::poll, 0, ::poll(fds.data(), fds.size(), timeout));
}

Outcome LinuxKernel::pread(int fd, std::span<std::byte> buf, std::int64_t offset) {
  return outcome(Syscall::pread, fd, ::pread(fd, buf.data(), buf.size(), offset));
}

Outcome LinuxKernel::read(int fd, std::span<std::byte> buf) {
  return outcome(Syscall::read, fd, ::read(fd, buf.data(), buf.size()));
}

Outcome LinuxKernel::readlink(const std::string& pathname, std::span<std::byte> buf) {
  char* const text = reinterpret_cast<char*>(buf.data());
  return outcome(Syscall::readlink, 0, ::readlink(pathname.c_str(), text, buf.size()));
}

Outcome LinuxKernel::recv(int sockfd, std::span<std::byte> buf, int flags) {
  return outcome(Syscall::recv, sockfd, ::recv(sockfd, buf.data(), buf.size(), flags));
}

Outcome LinuxKernel::recvmsg(int sockfd, msghdr& msg, int flags) {
  return outcome(Syscall::recvmsg, sockfd, ::recvmsg(sockfd, &msg, flags));
}

Outcome LinuxKernel::rename(const std::string& oldpath, const std::string& newpath) {
  return outcome(Syscall::rename, 0, ::rename(oldpath.c_str(), newpath.c_str()));
}

Outcome LinuxKernel::send(int sockfd, std::span<const std::byte> buf, int flags) {
  return outcome(Syscall::send, sockfd, ::send(sockfd, buf.data(), buf.size(), flags));
}

Outcome LinuxKernel::sendfile(int out_fd, int in_fd, std::int64_t& offset, std::size_t count) {
  return outcome(Syscall::sendfile, out_fd, ::sendfile(out_fd, in_fd, &offset, count));
}

Outcome LinuxKernel::setsockopt(int sockfd, int level, int optname,
                                std::span<const std::byte> optval) {
  return outcome(
      Syscall::setsockopt, sockfd,
      ::setsockopt(sockfd, level, optname, optval.data(), static_cast<socklen_t>(optval.size())));
}

Outcome LinuxKernel::shutdown(int sockfd, int how) {
  return outcome(Syscall::shutdown, sockfd, ::shutdown(sockfd, how));
}

Outcome LinuxKernel::socket(int domain, int type, int protocol) {
  return outcome(Syscall::socket, 0, ::socket(domain, type, protocol));
}

Outcome LinuxKernel::splice(int fd_in, int fd_out, std::int64_t* off_out, std::size_t len,
                            unsigned flags) {
  return outcome(Syscall::splice, fd_in, ::splice(fd_in, nullptr, fd_out, off_out, len, flags));
}

Outcome LinuxKernel::unlink(const std::string& pathname) {
  return outcome(Syscall::unlink, 0, ::unlink(pathname.c_str()));
}

Outcome LinuxKernel::write(int fd, std::span<const std::byte> buf) {
  return outcome(Syscall::write, fd, ::write(fd, buf.data(), buf.size()));
}

Outcome LinuxKernel::start_lookup(const LookupRequest& request, int answer_fd) {
  auto lookup = std::make_unique<Lookup>();
  lookup->request = request;
  lookup->answer_fd = answer_fd;
  pthread_attr_t detached{};
  ::pthread_attr_init(&detached);
  ::pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  pthread_t thread{};
  const int error = ::pthread_create(&thread, &detached, run_lookup, lookup.get());
  ::pthread_attr_destroy(&detached);
  if (error != 0) return {-1, error};
  static_cast<void>(lookup.release());  // the thread's now
  return {0, 0};
}

Outcome LinuxKernel::finish_lookup(LookupHandle handle, LookupResult& result) {
  result = std::move(std::unique_ptr<Lookup>(handle)->result);
  return {0, 0};
}

Outcome LinuxKernel::if_indextoname(unsigned ifindex, std::string& ifname) {
  std::array<char, IF_NAMESIZE> name_buffer{};
  if (::if_indextoname(ifindex, name_buffer.data()) == nullptr) return {-1, errno};
  ifname = name_buffer.data();
  return {0, 0};
}

Outcome LinuxKernel::if_nametoindex(const std::string& ifname) {
  const unsigned index = ::if_nametoindex(ifname.c_str());
  if (index == 0) return {-1, errno};
  return {index, 0};
}

TimePoint LinuxKernel::now() {
  return Clock::now();
}

std::chrono::system_clock::time_point LinuxKernel::wall_clock() {
  return std::chrono::system_clock::now();
}

}  // namespace tcptool::sys
