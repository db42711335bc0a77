// SPDX-License-Identifier: MIT
// listen -k: what stdin brings goes to every client, and what any client sends goes to stdout.
//
//   stdin --broadcast--> every client     at the pace of the fastest; one that is `client_buffer`
//                                         behind is reset
//   stdout <--inbound--- one at a time    a line is not broken by another client's, for 200 ms
//
// stdin is read only while there is a client. Bytes for stdout wait in their client's socket while
// stdout has no room, or another client's line is on its way.
#pragma once

#include <deque>
#include <set>
#include <vector>

#include "relay/broadcast.h"
#include "relay/buffer.h"
#include "relay/client_set.h"
#include "relay/crlf.h"
#include "relay/local_stream.h"

namespace tcptool::relay {

struct HubPolicy {
  std::size_t client_buffer = 1024 * 1024;   // bytes that a client may be behind stdin, at least 1
  bool half_close = false;                   // FIN to every client at the end of stdin
  bool discard = false;                      // what clients send is counted only
  bool ignore_stdin = false;                 // it is not touched
  bool crlf = false;                         // a lone LF from stdin is sent as CRLF
  std::chrono::nanoseconds idle_timeout{0};  // of a client; 0: none
};

class Hub final : public Service {
 public:
  // The most that a line waits for another client's to end.
  static constexpr std::chrono::milliseconds line_patience{200};
  // How long stdin waits for clients none of which takes anything.
  static constexpr std::chrono::milliseconds stall_patience{1000};

  Hub(sys::Kernel& kernel, sys::EventPoll& poll, LocalStream& input, LocalStream& output,
      const HubPolicy& policy, ServiceObserver& observer);

  void add(tcp::Connection connection) override;
  void take(std::uint64_t token, std::uint32_t events) override;
  [[nodiscard]] sys::Deadline deadline() override;
  void on_time() override;
  void wind_down() override;
  void cut_short() override;
  [[nodiscard]] std::size_t clients() const override { return clients_.size(); }
  [[nodiscard]] bool idle() const override {
    return clients_.empty() && (inbound_.empty() || !stdout_open_);
  }
  [[nodiscard]] const sys::SysError* failure() const override {
    return failure_.error == 0 ? nullptr : &failure_;
  }

  // Received, and not written to stdout.
  [[nodiscard]] std::uint64_t unwritten() const { return inbound_.size() + discarded_count_; }

 private:
  static constexpr std::uint64_t stdin_token = 8;
  static constexpr std::uint64_t stdout_token = 9;

  // stdin to all
  void watch_stdin();
  void unwatch_stdin();
  [[nodiscard]] bool has_takers() const { return clients_.size() > hung_up_; }
  [[nodiscard]] bool wants_stdin();
  [[nodiscard]] bool outpaced();
  [[nodiscard]] bool somebody_takes();
  void read_stdin();
  void end_stdin();
  void send_fins();
  void broadcast(std::span<const std::byte> bytes);
  // Whether the client is still there.
  bool send(Client& client);
  bool caught_up(Client& client);
  void hang_up(Client& client, int error);

  // all to stdout
  void receive(Client& client);
  void end_of_input(Client& client, int error);
  void take_bytes(Client& client, std::span<const std::byte> bytes);
  [[nodiscard]] bool must_wait(const Client& client) const;
  void hold(Client& client);
  void release_held();
  void release_line();
  void write_stdout();
  void take_stdout(std::uint32_t events);
  void flush_stdout();
  void watch_stdout();
  void lose_stdout(sys::Syscall call, int error);

  void watch(Client& client);
  void end(Client& client, ClientEnd::Reason reason);
  void lose(Client& client, sys::Syscall call, int error);
  void forget(const Client& client);
  [[nodiscard]] std::uint64_t owed(const Client& client) const {
    return broadcast_.end() - client.position;
  }

  sys::Kernel& kernel_;
  sys::EventPoll& poll_;
  LocalStream& input_;
  LocalStream& output_;
  const HubPolicy policy_;
  ServiceObserver& observer_;
  ClientSet clients_;

  Broadcast broadcast_;
  std::set<std::uint64_t> behind_;  // the clients that have yet to take some of it
  std::size_t hung_up_ = 0;         // clients that take nothing any more
  sys::TimePoint progress_;         // when one of them last took something
  std::uint64_t fastest_ = 0;       // the position of the one that is furthest, if it is known
  bool stdin_open_ = true;
  bool stdin_watched_ = false;
  bool stdin_never_waits_ = false;  // epoll does not take it: a regular file
  bool send_fins_ = false;
  std::vector<std::byte> input_bytes_;
  std::vector<std::byte> crlf_bytes_;
  CrlfTranslator crlf_;

  Buffer inbound_;
  std::deque<std::uint64_t> held_;  // clients that wait for stdout, the next one first
  bool releasing_ = false;          // they are being gone through
  std::uint64_t line_owner_ = 0;    // whose line stands unfinished on stdout
  sys::TimePoint line_since_;
  bool stdout_open_ = true;
  bool stdout_never_waits_ = false;
  std::uint32_t stdout_interest_ = 0;
  std::vector<std::byte> discarded_;
  std::uint64_t discarded_count_ = 0;  // bytes, since nobody reads stdout
  sys::SysError failure_;
};

}  // namespace tcptool::relay
