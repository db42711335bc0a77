// SPDX-License-Identifier: MIT
// The connections of a service whose bytes pass through this process: looked up by token, watched
// for what they are wanted for, ended in one place.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "relay/service.h"

namespace tcptool::relay {

struct Client {
  tcp::Connection connection;
  std::uint64_t token = 0;
  std::uint32_t interest = 0;  // the events it is watched for; 0: it is not watched
  int watch_error = 0;         // with which epoll refused to; see ClientSet::unwatched_client
  bool peer_fin = false;       // read
  bool fin_sent = false;       // by us
  bool peer_first = false;     // see ClientEnd
  bool held = false;           // not read for now: stdout is another's, or full
  bool hung_up = false;        // takes nothing any more; what it sent is still to be read
  int error = 0;               // what a send has told of that: recv will not tell it again
  std::uint64_t sent = 0;      // as in ClientEnd
  std::uint64_t received = 0;
  std::uint64_t acknowledged = 0;  // of what was sent, when it was last looked at
  std::uint64_t position = 0;      // in what goes to all, of the next byte for this one
  std::vector<std::byte> answer;   // of its own, on its way back
  sys::TimePoint last_active;      // payload sent or received
  std::list<std::uint64_t>::iterator by_activity;  // with an idle timeout only

  [[nodiscard]] int fd() const { return connection.fd.get(); }
};

class ClientSet {
 public:
  using Map = std::unordered_map<std::uint64_t, std::unique_ptr<Client>>;

  // idle_timeout 0: none.
  ClientSet(sys::Kernel& kernel, sys::EventPoll& poll, ServiceObserver& observer,
            std::chrono::nanoseconds idle_timeout);

  Client& add(tcp::Connection connection);
  [[nodiscard]] Client* find(std::uint64_t token);
  [[nodiscard]] std::size_t size() const { return clients_.size(); }
  [[nodiscard]] bool empty() const { return clients_.empty(); }
  [[nodiscard]] const Map& all() const { return clients_; }

  // Where epoll refuses, nothing more would be heard of the client: unwatched_client() gives it.
  void watch(Client& client, std::uint32_t events);
  // At most buf.size() bytes of the client's, counted. See recv(2).
  sys::Outcome receive(Client& client, std::span<std::byte> buf);
  sys::Outcome send(Client& client, std::span<const std::byte> buf);
  void send_fin(Client& client);

  // Whether the client's kernel has acknowledged more than when this was last asked.
  [[nodiscard]] bool takes(Client& client);

  // Tells of the client's end and closes it, by RST unless it is complete. The reference is
  // dead then.
  void end(Client& client, ClientEnd::Reason reason, std::uint64_t undelivered = 0,
           sys::SysError error = {});
  // Lost, by the error that a call reported.
  void lose(Client& client, sys::Syscall call, int error, std::uint64_t undelivered);

  // Its idle timeout begins anew.
  void touch(Client& client);
  // When a client is to be asked for: by idle_client(), or at once by unwatched_client().
  [[nodiscard]] sys::Deadline deadline() const;
  // A client that epoll has refused to watch, once.
  [[nodiscard]] Client* unwatched_client();
  // A client whose idle timeout has come.
  [[nodiscard]] Client* idle_client();
  // Any client, while there is one.
  [[nodiscard]] Client& any() { return *clients_.begin()->second; }

 private:
  sys::Kernel& kernel_;
  sys::EventPoll& poll_;
  ServiceObserver& observer_;
  std::chrono::nanoseconds idle_timeout_;
  // The idle timeout of the client that has been silent for longest.
  [[nodiscard]] sys::Deadline idle_deadline() const;

  Map clients_;
  std::vector<std::uint64_t> unwatched_;  // some may have ended
  std::list<std::uint64_t> by_activity_;  // the longest silent first
  std::uint64_t next_token_ = Service::first_token;
};

}  // namespace tcptool::relay
