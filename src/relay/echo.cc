// SPDX-License-Identifier: MIT
#include "relay/echo.h"

namespace tcptool::relay {
namespace {

constexpr std::size_t scratch_size = 64 * 1024;  // also the most that waits for one client

}  // namespace

Echo::Echo(sys::Kernel& kernel, sys::EventPoll& poll, ServiceObserver& observer,
           std::chrono::nanoseconds idle_timeout, bool discard)
    : clients_(kernel, poll, observer, idle_timeout), discard_(discard), scratch_(scratch_size) {}

void Echo::add(tcp::Connection connection) {
  clients_.watch(clients_.add(std::move(connection)), EPOLLIN);
}

void Echo::take(std::uint64_t token, std::uint32_t events) {
  Client* const client = clients_.find(token);
  if (client == nullptr) return;
  if (!client->answer.empty()) {
    // It is read again once it has taken what it is owed; an error shows at that as well.
    if (!send_rest(*client) || !client->answer.empty()) return;
  }
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) receive(*client);
}

void Echo::receive(Client& client) {
  const sys::Outcome got = clients_.receive(client, scratch_);
  if (got.again()) return;
  if (!got.ok()) return clients_.lose(client, sys::Syscall::recv, got.error, 0);
  if (got.value == 0) return clients_.end(client, ClientEnd::Reason::complete);
  if (!discard_) answer(client, std::span<const std::byte>(scratch_).first(got.as_size()));
}

bool Echo::answer(Client& client, std::span<const std::byte> bytes) {
  const sys::Outcome sent = clients_.send(client, bytes);
  if (!sent.ok() && !sent.again()) {
    clients_.lose(client, sys::Syscall::send, sent.error, bytes.size());
    return false;
  }
  const auto rest = bytes.subspan(sent.as_size());
  client.answer.assign(rest.begin(), rest.end());
  if (rest.empty()) client.answer.shrink_to_fit();  // an idle client costs no buffer
  clients_.watch(client, rest.empty() ? EPOLLIN : EPOLLOUT);
  return true;
}

bool Echo::send_rest(Client& client) {
  const std::vector<std::byte> owed = std::move(client.answer);
  client.answer.clear();
  return answer(client, owed);
}

void Echo::on_time() {
  while (Client* const client = clients_.unwatched_client()) {
    clients_.lose(*client, sys::Syscall::epoll_ctl, client->watch_error, client->answer.size());
  }
  while (Client* const client = clients_.idle_client()) {
    clients_.end(*client, ClientEnd::Reason::idle, client->answer.size());
  }
}

void Echo::cut_short() {
  while (!clients_.empty()) {
    Client& client = clients_.any();
    clients_.end(client, ClientEnd::Reason::cut_short, client.answer.size());
  }
}

}  // namespace tcptool::relay
