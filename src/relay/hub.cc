// SPDX-License-Identifier: MIT
// The hub's clients, and what goes from stdin to all of them.
#include "relay/hub.h"

#include <algorithm>
#include <cerrno>

namespace tcptool::relay {
namespace {

constexpr std::size_t chunk = 64 * 1024;  // of stdin, at a time

}  // namespace

Hub::Hub(sys::Kernel& kernel, sys::EventPoll& poll, LocalStream& input, LocalStream& output,
         const HubPolicy& policy, ServiceObserver& observer)
    : kernel_(kernel),
      poll_(poll),
      input_(input),
      output_(output),
      policy_(policy),
      observer_(observer),
      clients_(kernel, poll, observer, policy.idle_timeout),
      broadcast_(policy.client_buffer),
      stdin_open_(!policy.ignore_stdin),
      input_bytes_(std::min(chunk, std::max<std::size_t>(1, policy.client_buffer / 4))),
      crlf_bytes_(policy.crlf ? 2 * input_bytes_.size() : 0),
      inbound_(2 * chunk),
      discarded_(policy.discard ? chunk : 0) {
  // That its reader has gone is told even while there is nothing to write.
  if (!policy.discard) {
    const sys::Outcome added = poll_.add(output_.fd(), 0, stdout_token);
    stdout_never_waits_ = added.error == EPERM;
    if (!added.ok() && !stdout_never_waits_) lose_stdout(sys::Syscall::epoll_ctl, added.error);
  }
}

void Hub::add(tcp::Connection connection) {
  Client& client = clients_.add(std::move(connection));
  client.position = broadcast_.end();
  if (send_fins_) clients_.send_fin(client);
  watch(client);
  watch_stdin();
}

void Hub::take(std::uint64_t token, std::uint32_t events) {
  if (token == stdin_token) return read_stdin();
  if (token == stdout_token) return take_stdout(events);
  Client* const client = clients_.find(token);
  if (client == nullptr) return;
  const bool reads = !client->held && !client->peer_fin;
  if (!reads && (events & (EPOLLERR | EPOLLHUP)) != 0) return hang_up(*client, 0);
  if ((events & EPOLLOUT) != 0 && !send(*client)) return;
  if ((events & ~std::uint32_t{EPOLLOUT}) == 0) return;
  receive(*client);
  // A FIN is behind what has just been read: it is taken without another wait.
  if ((events & EPOLLRDHUP) == 0) return;
  Client* const left = clients_.find(token);
  if (left != nullptr && !left->held && !left->peer_fin) receive(*left);
}

// What a client is watched for follows from its state.
void Hub::watch(Client& client) {
  if (client.hung_up) return clients_.watch(client, 0);
  const bool reads = !client.held && !client.peer_fin;
  const bool writes = behind_.contains(client.token);
  clients_.watch(client, (reads ? EPOLLIN | EPOLLRDHUP : 0U) | (writes ? EPOLLOUT : 0U));
}

// -------------------------------------------------------------------------------- stdin to all

// None of the clients takes what there is as fast as stdin brings it.
bool Hub::outpaced() {
  const bool all_behind = behind_.size() + hung_up_ == clients_.size() &&
                          broadcast_.end() - fastest_ > broadcast_.kept() / 2;
  if (!all_behind) return false;
  if (kernel_.now() < progress_ + stall_patience) return true;
  if (!somebody_takes()) return false;
  progress_ = kernel_.now();
  return true;
}

// A large send buffer has room again only when a good part of it has been acknowledged: a slow
// client that reads is told from one that does not by what its kernel has acknowledged.
bool Hub::somebody_takes() {
  bool any = false;
  for (const std::uint64_t token : behind_) any = clients_.takes(*clients_.find(token)) || any;
  return any;
}

bool Hub::wants_stdin() {
  return stdin_open_ && has_takers() && !outpaced();
}

// Where it is not wanted for now it stays watched until it tells of something: clients come and go
// more often than stdin has anything for nobody.
void Hub::watch_stdin() {
  if (!stdin_open_) return unwatch_stdin();
  if (stdin_never_waits_ || stdin_watched_ || !wants_stdin()) return;
  const sys::Outcome added = poll_.add(input_.fd(), EPOLLIN, stdin_token);
  stdin_never_waits_ = added.error == EPERM;
  stdin_watched_ = added.ok();
  if (stdin_watched_ || stdin_never_waits_) return;
  observer_.stdin_failed({sys::Syscall::epoll_ctl, added.error, "stdin"});
  end_stdin();
}

// What is there is told again and again for as long as it is watched.
void Hub::unwatch_stdin() {
  if (!stdin_watched_) return;
  static_cast<void>(poll_.remove(input_.fd()));
  stdin_watched_ = false;
}

void Hub::read_stdin() {
  if (!wants_stdin()) return unwatch_stdin();
  const sys::Outcome got = input_.read(input_bytes_);
  if (got.again()) return;
  if (!got.ok()) observer_.stdin_failed({sys::Syscall::read, got.error, "stdin"});
  if (got.value <= 0) return end_stdin();
  const auto bytes = std::span<const std::byte>(input_bytes_).first(got.as_size());
  if (policy_.crlf) {
    const std::size_t made = crlf_.translate(bytes, crlf_bytes_);
    broadcast(std::span<const std::byte>(crlf_bytes_).first(made));
  } else {
    broadcast(bytes);
  }
  watch_stdin();
}

void Hub::end_stdin() {
  stdin_open_ = false;
  watch_stdin();
  if (policy_.half_close) send_fins();
}

void Hub::send_fins() {
  send_fins_ = true;
  for (const auto& [token, client] : clients_.all()) {
    if (!behind_.contains(token)) clients_.send_fin(*client);
  }
}

void Hub::broadcast(std::span<const std::byte> bytes) {
  // Who would be too far behind goes before anything that he has yet to take is forgotten. One
  // client's end may bring another's: so tokens, not clients, are gone through.
  std::vector<std::uint64_t> slow;
  for (const std::uint64_t token : behind_) {
    if (owed(*clients_.find(token)) + bytes.size() > broadcast_.kept()) slow.push_back(token);
  }
  for (const std::uint64_t token : slow) {
    if (Client* const client = clients_.find(token)) end(*client, ClientEnd::Reason::too_slow);
  }
  if (behind_.empty()) {
    broadcast_.clear();
    progress_ = kernel_.now();
  }
  std::vector<std::uint64_t> ready;
  for (const auto& [token, client] : clients_.all()) {
    if (!behind_.contains(token) && !client->hung_up) ready.push_back(token);
  }
  broadcast_.append(bytes);
  behind_.insert(ready.begin(), ready.end());
  for (const std::uint64_t token : ready) {
    if (Client* const client = clients_.find(token)) send(*client);
  }
}

bool Hub::send(Client& client) {
  const auto bytes = broadcast_.from(client.position);
  const sys::Outcome sent = clients_.send(client, bytes);
  if (!sent.ok() && !sent.again()) {
    hang_up(client, sent.error);
    return false;
  }
  client.position += sent.as_size();
  fastest_ = std::max(fastest_, client.position);
  if (client.position == broadcast_.end()) return caught_up(client);
  if (sent.value > 0) progress_ = kernel_.now();
  watch(client);
  watch_stdin();
  return true;
}

// The client has everything that stdin brought so far.
bool Hub::caught_up(Client& client) {
  behind_.erase(client.token);
  if (client.peer_fin) {
    end(client, ClientEnd::Reason::complete);
    return false;
  }
  if (send_fins_) clients_.send_fin(client);
  watch(client);
  watch_stdin();
  return true;
}

// ------------------------------------------------------------------------------------- endings

// Nothing goes to the client any more: `error` told so, or 0 where recv has yet to tell. What it
// sent before is read to its end first, once stdout is free for it.
void Hub::hang_up(Client& client, int error) {
  // All of it has been read: it was owed something still.
  if (client.peer_fin) return lose(client, sys::Syscall::send, error == 0 ? ECONNRESET : error);
  client.error = error;
  if (!client.hung_up) ++hung_up_;
  client.hung_up = true;
  behind_.erase(client.token);
  fastest_ = 0;
  watch(client);
  watch_stdin();
  receive(client);
}

void Hub::forget(const Client& client) {
  behind_.erase(client.token);
  if (client.hung_up) --hung_up_;
  if (line_owner_ == client.token) line_owner_ = 0;
  fastest_ = 0;  // perhaps it was this one: the next that takes something is
}

void Hub::end(Client& client, ClientEnd::Reason reason) {
  const std::uint64_t undelivered = owed(client);
  forget(client);
  clients_.end(client, reason, undelivered);
  watch_stdin();
  release_held();
}

void Hub::lose(Client& client, sys::Syscall call, int error) {
  const std::uint64_t undelivered = owed(client);
  forget(client);
  clients_.lose(client, call, error, undelivered);
  watch_stdin();
  release_held();
}

sys::Deadline Hub::deadline() {
  sys::Deadline first = clients_.deadline();
  if (line_owner_ != 0 && !held_.empty()) {
    first = sys::earlier(first, line_since_ + line_patience);
  }
  if (stdin_open_ && has_takers() && !stdin_watched_) {
    // A regular file is read at once; stdin that was outpaced, once its patience has ended.
    first = sys::earlier(first, outpaced() ? progress_ + stall_patience : sys::TimePoint{});
  }
  return first;
}

void Hub::on_time() {
  while (Client* const client = clients_.unwatched_client()) {
    lose(*client, sys::Syscall::epoll_ctl, client->watch_error);
  }
  while (Client* const client = clients_.idle_client()) {
    if (client->held) {
      clients_.touch(*client);  // it is stdout that it waits for
    } else {
      end(*client, ClientEnd::Reason::idle);
    }
  }
  if (line_owner_ != 0 && !held_.empty() && kernel_.now() >= line_since_ + line_patience) {
    release_line();
  }
  watch_stdin();
  if (stdin_never_waits_ && wants_stdin()) read_stdin();
}

void Hub::wind_down() {
  stdin_open_ = false;
  watch_stdin();
  send_fins();
}

void Hub::cut_short() {
  while (!clients_.empty()) {
    Client& client = clients_.any();
    const std::uint64_t undelivered = owed(client);
    forget(client);
    clients_.end(client, ClientEnd::Reason::cut_short, undelivered);
  }
  held_.clear();
  if (!output_.may_block()) flush_stdout();
}

}  // namespace tcptool::relay
