// SPDX-License-Identifier: MIT
#include "support/world.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace tcptool::test {
namespace {

int made(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

sys::Address name_of(int fd) {
  sys::Address address;
  socklen_t length = sys::Address::capacity();
  made(::getsockname(fd, address.buffer(), &length), "getsockname");
  return address;
}

Plug tcp_socket(int family) {
  return Plug(made(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
}

}  // namespace

void Plug::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Plug::reset() {
  const linger now{1, 0};
  made(::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now), "SO_LINGER");
  close();
}

void Plug::shut_down() {
  made(::shutdown(fd_, SHUT_WR), "shutdown");
}

void Plug::set_blocking(bool blocking) const {
  const int flags = made(::fcntl(fd_, F_GETFL), "F_GETFL");
  const int wanted = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
  made(::fcntl(fd_, F_SETFL, wanted), "F_SETFL");
}

void Plug::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    made(static_cast<int>(count), "write");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void Plug::fill() const {
  set_blocking(false);
  const std::string chunk(4096, 'f');
  while (::write(fd_, chunk.data(), chunk.size()) > 0) {
  }
}

std::string Plug::read(std::size_t most) const {
  std::string out;
  std::array<char, 65536> chunk{};
  pollfd ready{fd_, POLLIN, 0};
  while (out.size() < most && ::poll(&ready, 1, 0) == 1) {
    const ssize_t count = ::read(fd_, chunk.data(), std::min(chunk.size(), most - out.size()));
    if (count <= 0) break;
    out.append(chunk.data(), static_cast<std::size_t>(count));
  }
  return out;
}

std::string Plug::read_all() const {
  std::string out;
  std::array<char, 65536> chunk{};
  ssize_t count = 0;
  while ((count = ::read(fd_, chunk.data(), chunk.size())) > 0) {
    out.append(chunk.data(), static_cast<std::size_t>(count));
  }
  return out;
}

bool Plug::at_end() const {
  pollfd ready{fd_, POLLIN, 0};
  if (::poll(&ready, 1, 1000) != 1) return false;
  char byte = 0;
  return ::read(fd_, &byte, 1) == 0;
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  made(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  return {Plug(ends[0]), Plug(ends[1])};
}

std::pair<Plug, Plug> make_unix_pair() {
  std::array<int, 2> ends{};
  made(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
  return {Plug(ends[0]), Plug(ends[1])};
}

Plug open_file(const std::string& path, int flags) {
  return Plug(made(::open(path.c_str(), flags | O_CLOEXEC, 0600), path.c_str()));
}

Plug TestListener::accept() const {
  return Plug(made(::accept4(socket.fd(), nullptr, nullptr, SOCK_CLOEXEC), "accept4"));
}

TestListener make_listener(int family, int backlog) {
  TestListener listener{tcp_socket(family), {}};
  const sys::Address any_port = sys::Address::loopback(family, 0);
  made(::bind(listener.socket.fd(), any_port.data(), any_port.size()), "bind");
  made(::listen(listener.socket.fd(), backlog), "listen");
  listener.address = name_of(listener.socket.fd());
  return listener;
}

sys::Address closed_port(int family) {
  return make_listener(family).address;
}

Plug connect_to(const sys::Address& address) {
  Plug client = tcp_socket(address.family());
  made(::connect(client.fd(), address.data(), address.size()), "connect");
  return client;
}

bool has_ipv6() {
  try {
    make_listener(AF_INET6);
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

TcpPair make_tcp_pair() {
  const TestListener listener = make_listener();
  TcpPair pair;
  pair.ours = connect_to(listener.address);
  pair.peer = listener.accept();
  pair.ours.set_blocking(false);
  const int on = 1;
  made(::setsockopt(pair.peer.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
  return pair;
}

std::string numbered_bytes(std::size_t count) {
  std::string out;
  out.reserve(count + 8);
  for (std::size_t i = 0; out.size() < count; ++i) out += std::to_string(i) + '\n';
  out.resize(count);
  return out;
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tcptool-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) made(-1, "mkdtemp");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::file(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

std::string contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

SignalState::SignalState() {
  ::sigprocmask(SIG_SETMASK, nullptr, &mask_);
}

SignalState::~SignalState() {
  ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
}

Waiting::Waiting(sys::Kernel& kernel, sys::Deadline run_deadline)
    : signals(std::move(sys::Signals::open(kernel).value())),
      waiter(kernel, signals, run_deadline) {}

}  // namespace tcptool::test
