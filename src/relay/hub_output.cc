// SPDX-License-Identifier: MIT
// What goes from the hub's clients to stdout, one line at a time.
#include <cerrno>

#include "relay/hub.h"

namespace tcptool::relay {
namespace {

constexpr std::size_t least_room = 4096;  // below, a read is not worth its call
constexpr std::size_t discard_size = 64 * 1024;

}  // namespace

bool Hub::must_wait(const Client& client) const {
  if (!stdout_open_ || policy_.discard) return false;
  if (inbound_.room_size() < least_room) return true;
  return line_owner_ != 0 && line_owner_ != client.token &&
         kernel_.now() < line_since_ + line_patience;
}

void Hub::hold(Client& client) {
  if (!client.held) {
    client.held = true;
    // Who has begun a line goes on before the others.
    if (client.token == line_owner_) {
      held_.push_front(client.token);
    } else {
      held_.push_back(client.token);
    }
  }
  watch(client);
}

void Hub::receive(Client& client) {
  // Nothing wakes us for what a reset has left behind: it is read to its end.
  do {
    // Whoever is held has his turn in release_held, and not before.
    if (client.held || must_wait(client)) return hold(client);
    const bool kept = stdout_open_ && !policy_.discard;
    const std::span<std::byte> room = kept ? inbound_.room() : std::span(discarded_);
    const sys::Outcome got = clients_.receive(client, room);
    if (got.again() && !client.hung_up) return;
    if (got.error == EINTR) continue;
    if (got.value <= 0) return end_of_input(client, got.error);
    if (kept) {
      take_bytes(client, room.first(got.as_size()));
    } else if (!policy_.discard) {
      discarded_count_ += got.as_size();
    }
  } while (client.hung_up);
}

// The client's FIN, or `error`.
void Hub::end_of_input(Client& client, int error) {
  if (client.error != 0) return lose(client, sys::Syscall::send, client.error);
  // After a FIN recv does not tell of a reset.
  if (error == 0 && client.hung_up && owed(client) > 0) error = ECONNRESET;
  if (error != 0) return lose(client, sys::Syscall::recv, error);
  if (!behind_.contains(client.token)) return end(client, ClientEnd::Reason::complete);
  if (line_owner_ == client.token) line_owner_ = 0;
  watch(client);
  release_held();
}

void Hub::take_bytes(Client& client, std::span<const std::byte> bytes) {
  inbound_.commit(bytes.size());
  if (bytes.back() == std::byte{'\n'}) {
    line_owner_ = 0;
  } else if (line_owner_ != client.token) {
    line_owner_ = client.token;
    line_since_ = kernel_.now();
  }
  write_stdout();
  release_held();
}

// The clients that waited go on in their order, as far as stdout lets them.
void Hub::release_held() {
  if (releasing_) return;  // what is read here may end a client, which comes here again
  releasing_ = true;
  while (!held_.empty()) {
    Client* const client = clients_.find(held_.front());
    if (client != nullptr && must_wait(*client)) break;
    held_.pop_front();
    if (client == nullptr) continue;  // it has ended meanwhile
    client->held = false;
    watch(*client);
    receive(*client);
  }
  releasing_ = false;
}

void Hub::release_line() {
  line_owner_ = 0;
  release_held();
}

void Hub::write_stdout() {
  if (!output_.may_block()) return flush_stdout();
  watch_stdout();  // only when it is called writable
}

void Hub::take_stdout(std::uint32_t events) {
  if (!stdout_open_) return;  // lost after this was told
  // With bytes to write, the write says why.
  const bool gone = (events & (EPOLLERR | EPOLLHUP)) != 0 && inbound_.empty();
  if (gone) return lose_stdout(sys::Syscall::write, EPIPE);
  flush_stdout();
  release_held();
}

void Hub::flush_stdout() {
  if (!stdout_open_) return;
  while (!inbound_.empty()) {
    const sys::Outcome written = output_.write(inbound_.data());
    if (!written.ok() && !written.again()) {
      return lose_stdout(sys::Syscall::write, written.error);
    }
    inbound_.consume(written.as_size());
    // Of what epoll watches it tells when there is room for the rest.
    if (!stdout_never_waits_ || written.error == EAGAIN) break;
  }
  inbound_.make_room();
  watch_stdout();
}

void Hub::watch_stdout() {
  const std::uint32_t wanted = inbound_.empty() ? 0U : std::uint32_t{EPOLLOUT};
  if (stdout_never_waits_ || wanted == stdout_interest_) return;
  const sys::Outcome changed = poll_.change(output_.fd(), wanted, stdout_token);
  if (!changed.ok()) return lose_stdout(sys::Syscall::epoll_ctl, changed.error);
  stdout_interest_ = wanted;
}

// As in Relay::lose_stdout: whoever read it has gone, or received bytes are lost.
void Hub::lose_stdout(sys::Syscall call, int error) {
  stdout_open_ = false;
  discarded_.resize(discard_size);
  if (!stdout_never_waits_) static_cast<void>(poll_.remove(output_.fd()));
  if (call == sys::Syscall::write && (error == EPIPE || error == ECONNRESET)) {
    discarded_count_ += inbound_.size();
    inbound_.clear();
    observer_.stdout_reader_gone();
  } else {
    failure_ = {call, error, "stdout"};
  }
  line_owner_ = 0;
  release_held();
}

}  // namespace tcptool::relay
