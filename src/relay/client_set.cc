// SPDX-License-Identifier: MIT
#include "relay/client_set.h"

#include <sys/ioctl.h>

#include <algorithm>

#include "tcp/listener.h"
#include "tcp/tcp_info.h"

namespace tcptool::relay {

ClientSet::ClientSet(sys::Kernel& kernel, sys::EventPoll& poll, ServiceObserver& observer,
                     std::chrono::nanoseconds idle_timeout)
    : kernel_(kernel), poll_(poll), observer_(observer), idle_timeout_(idle_timeout) {}

Client& ClientSet::add(tcp::Connection connection) {
  const std::uint64_t token = next_token_++;
  Client& client = *clients_.emplace(token, std::make_unique<Client>()).first->second;
  client.token = token;
  client.last_active = connection.established;
  client.connection = std::move(connection);
  if (idle_timeout_.count() > 0) {
    client.by_activity = by_activity_.insert(by_activity_.end(), token);
  }
  return client;
}

Client* ClientSet::find(std::uint64_t token) {
  const auto found = clients_.find(token);
  return found == clients_.end() ? nullptr : found->second.get();
}

void ClientSet::watch(Client& client, std::uint32_t events) {
  if (events == client.interest) return;
  // Even for no events epoll tells of a hang-up, again and again: so it is not watched at all.
  const sys::Outcome told = events == 0 ? poll_.remove(client.fd())
                            : client.interest == 0
                                ? poll_.add(client.fd(), events, client.token)
                                : poll_.change(client.fd(), events, client.token);
  client.interest = events;
  if (told.ok() || events == 0) return;
  client.watch_error = told.error;
  unwatched_.push_back(client.token);
}

Client* ClientSet::unwatched_client() {
  while (!unwatched_.empty()) {
    Client* const client = find(unwatched_.back());
    unwatched_.pop_back();
    if (client != nullptr) return client;
  }
  return nullptr;
}

void ClientSet::touch(Client& client) {
  if (idle_timeout_.count() == 0) return;
  client.last_active = kernel_.now();
  by_activity_.splice(by_activity_.end(), by_activity_, client.by_activity);
}

sys::Outcome ClientSet::receive(Client& client, std::span<std::byte> buf) {
  const sys::Outcome got = kernel_.recv(client.fd(), buf, 0);
  if (got.value > 0) {
    if (client.received == 0) {
      observer_.client_spoke(client.connection, buf.first(got.as_size()));
    }
    client.received += got.as_size();
    touch(client);
  } else if (got.ok()) {
    client.peer_fin = true;
    client.peer_first = client.peer_first || !client.fin_sent;
  }
  return got;
}

sys::Outcome ClientSet::send(Client& client, std::span<const std::byte> buf) {
  const sys::Outcome sent = kernel_.send(client.fd(), buf, MSG_NOSIGNAL);
  if (sent.value > 0) {
    client.sent += sent.as_size();
    touch(client);
  }
  return sent;
}

bool ClientSet::takes(Client& client) {
  int unacknowledged = 0;
  if (!kernel_.ioctl(client.fd(), TIOCOUTQ, unacknowledged).ok()) return false;
  const std::uint64_t before = client.acknowledged;
  client.acknowledged = client.sent - static_cast<std::uint64_t>(std::max(unacknowledged, 0));
  return client.acknowledged > before;
}

void ClientSet::send_fin(Client& client) {
  if (client.fin_sent) return;
  if (!client.peer_fin) {  // which may have come, and not been read yet
    const auto info = tcp::read_tcp_info(kernel_, client.fd());
    client.peer_first = info && info->state == tcp::State::close_wait;
  }
  // A failure shows at the next recv as well, with its reason.
  static_cast<void>(kernel_.shutdown(client.fd(), SHUT_WR));
  client.fin_sent = true;
}

void ClientSet::end(Client& client, ClientEnd::Reason reason, std::uint64_t undelivered,
                    sys::SysError error) {
  // A connection that is lost to us may well stand: a FIN would say that this was all.
  if (reason != ClientEnd::Reason::complete) tcp::reset_at_close(kernel_, client.fd());
  ClientEnd end;
  end.reason = reason;
  end.peer = client.connection.peer;
  end.error = std::move(error);
  end.peer_first = client.peer_first;
  end.sent = client.sent;
  end.received = client.received;
  end.undelivered = undelivered;
  end.duration = kernel_.now() - client.connection.established;
  if (idle_timeout_.count() > 0) by_activity_.erase(client.by_activity);
  // epoll forgets a descriptor that is closed.
  static_cast<void>(client.connection.fd.close());
  clients_.erase(std::uint64_t{client.token});
  observer_.client_ended(end);
}

void ClientSet::lose(Client& client, sys::Syscall call, int error, std::uint64_t undelivered) {
  end(client, ClientEnd::Reason::lost, undelivered, {call, error, client.connection.peer.text()});
}

sys::Deadline ClientSet::deadline() const {
  return unwatched_.empty() ? idle_deadline() : sys::Deadline(sys::TimePoint{});
}

sys::Deadline ClientSet::idle_deadline() const {
  if (by_activity_.empty()) return std::nullopt;
  return clients_.at(by_activity_.front())->last_active + idle_timeout_;
}

Client* ClientSet::idle_client() {
  const sys::Deadline deadline = idle_deadline();
  if (!deadline || kernel_.now() < *deadline) return nullptr;
  return find(by_activity_.front());
}

}  // namespace tcptool::relay
