// SPDX-License-Identifier: MIT
// Moves bytes between stdin, a connection and stdout, both ways at once, in one loop, until the run
// is over as "How a run ends" in the manual page says.
//
//   stdin  --outbound-->  socket        EOF of stdin: FIN, receiving goes on
//   stdout <--inbound--   socket        the peer's FIN: stdout is closed, sending goes on
//
// Each direction has one bounded buffer: a full one stops its reader, never the other direction.
// Where much flows, the kernel moves the bytes itself: see relay/path.h. A run is complete once the
// peer's kernel has acknowledged every byte of payload; the socket leaves the poll set when both
// sides have sent FIN, since poll(2) then reports POLLHUP at once while data is still under way,
// and TCP_INFO is read on a timer instead.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "relay/buffer.h"
#include "relay/crlf.h"
#include "relay/local_stream.h"
#include "relay/path.h"
#include "sys/waiter.h"
#include "tcp/connection.h"

namespace tcptool::relay {

struct RelayPolicy {
  bool half_close = true;                          // FIN at the end of stdin
  bool send_only = false;                          // what arrives is counted and discarded
  bool recv_only = false;                          // stdin is not touched
  bool crlf = false;                               // a lone LF from stdin is sent as CRLF
  bool bytes_are_shown = false;                    // so that they must be read and written
  bool keepalive_set = false;                      // by the user: his times stand
  std::optional<std::chrono::nanoseconds> linger;  // of silence, once the peer has closed
  std::chrono::nanoseconds idle_timeout{0};        // 0: none
  std::chrono::nanoseconds progress_interval{0};   // of RelayObserver::progress; 0: never
};

struct RelayEnd {
  enum class Reason { complete, connection_lost, idle_timeout, run_timeout, signal, stdout_failed };
  enum class FirstToClose { nobody, this_side, peer };

  Reason reason = Reason::complete;
  FirstToClose first_to_close = FirstToClose::nobody;
  sys::SysError error;    // of connection_lost and stdout_failed
  bool presumed = false;  // error: somebody else has had the kernel's own word, as splice may
  int signal = 0;
  bool peer_fin = false;  // the peer's FIN has been read
  bool fin_sent = false;
  bool stdin_at_eof = false;       // or stdin was not to be read at all
  bool stdin_is_terminal = false;  // which the peer's FIN ends
  bool stdout_gone = false;        // whoever read our stdout has gone
  std::optional<sys::SysError> stdin_error;
  std::uint64_t sent = 0;      // payload written to the socket
  std::uint64_t received = 0;  // payload read from the socket
  // Payload of which the peer's kernel is known to have acknowledged every byte.
  std::uint64_t delivered = 0;
  // Read from stdin, and not known to have reached the peer's kernel.
  std::uint64_t undelivered = 0;
  std::uint64_t unread = 0;  // left in the socket: closing it then sends RST, not FIN
  bool gap = false;  // nothing is unread, and later data has come: a part before it is missing
  std::uint64_t unwritten = 0;  // received, and not written to stdout
  bool stdout_stuck = false;    // which takes nothing; behind what waits a FIN may be unread
  std::chrono::nanoseconds duration{0};                // since the connection was established
  std::optional<std::chrono::nanoseconds> first_byte;  // received, since then
  std::chrono::nanoseconds silence{0};  // since payload was last sent, acknowledged or received
  std::optional<int> soft_error;        // the network's last word on what is unacknowledged
  std::uint64_t stdin_reads = 0;        // that brought something
  std::optional<tcp::TcpInfo> info;
};

// Told while the relay runs.
class RelayObserver {
 public:
  RelayObserver() = default;
  RelayObserver(const RelayObserver&) = delete;
  RelayObserver& operator=(const RelayObserver&) = delete;
  virtual ~RelayObserver() = default;
  // The peer has sent FIN, `after` the connection was made, and stdin is not at its end.
  virtual void peer_closed_first(std::chrono::nanoseconds after) = 0;
  // The peer has sent FIN, and stdin is neither at its end nor brings anything.
  virtual void stdin_silent_after_peer_fin() = 0;
  virtual void stdout_reader_gone() = 0;
  // The first bytes from the peer have come; so far `sent` went to it. Each at most
  // `first_bytes_kept`.
  virtual void peer_spoke(std::span<const std::byte> received, std::span<const std::byte> sent) = 0;
  // The network reported `error` (an errno made of an ICMP error) while data is unacknowledged; TCP
  // goes on. Told once for each errno in a row.
  virtual void soft_error(int error) = 0;
  // Every progress_interval: the counters, duration, and TCP_INFO as read just now.
  virtual void progress(const RelayEnd& so_far) = 0;
};

class Relay {
 public:
  static constexpr std::size_t buffer_size = 128 * 1024;  // a direction
  static constexpr std::size_t first_bytes_kept = 16;     // for peer_spoke

  Relay(sys::Waiter& waiter, const tcp::Connection& connection, LocalStream& input,
        LocalStream& output, const RelayPolicy& policy, RelayObserver& observer);

  RelayEnd run();

 private:
  struct PollSet;

  static constexpr std::chrono::milliseconds sample_interval{250};

  PollSet poll_set();
  sys::Deadline next_deadline();
  void take_events(const PollSet& set);
  void take_input(const PollSet& set);
  void take_socket(const PollSet& set);
  void take_output(const PollSet& set);
  void take_time();
  void take_sample();
  void tell_progress(sys::TimePoint now);
  void advance();

  void take_paths();
  void move_outbound();
  void move_inbound();
  void write_held();
  [[nodiscard]] bool broke_connection();
  [[nodiscard]] bool stdout_has_no_reader();

  void read_stdin();
  void write_socket();
  void read_socket();
  void take_socket_error();
  void presume_reset(sys::Syscall call);
  void write_stdout();
  void close_stdout();
  void lose_stdout(int error);
  // What has been taken from it is still sent.
  void stop_stdin() {
    reading_stdin_ = false;
    outbound_path_.give_up();
  }
  [[nodiscard]] bool stdin_is_over() const { return !reading_stdin_ && outbound_path_.held() == 0; }
  RelayEnd::FirstToClose first_if_we_close();
  void send_fin();
  void peer_has_closed();
  void lose_connection(sys::Syscall call, int error);

  // Whether a direction's reader may be called, or its source waited for.
  [[nodiscard]] bool may_read_stdin() const;
  [[nodiscard]] bool may_read_socket() const;
  // Whether a direction moves along its path, and not through its buffer.
  [[nodiscard]] bool outbound_on_path() const { return outbound_path_.taken() && reading_stdin_; }
  [[nodiscard]] bool inbound_on_path() const { return inbound_path_.taken() && reading_socket_; }
  // Whether a direction waits for its sink.
  [[nodiscard]] bool outbound_waits() const {
    return !outbound_.empty() || (outbound_on_path() && outbound_path_.awaits_sink());
  }
  [[nodiscard]] bool inbound_waits() const {
    return !inbound_.empty() || (inbound_on_path() && inbound_path_.awaits_sink());
  }
  [[nodiscard]] bool discarding() const { return policy_.send_only || end_.stdout_gone; }
  [[nodiscard]] bool outbound_finished() const;
  [[nodiscard]] bool inbound_finished() const;
  [[nodiscard]] bool silent_after_peer_fin() const {
    return end_.peer_fin && reading_stdin_ && !outbound_waits() && !lost_;
  }
  [[nodiscard]] sys::TimePoint silent_since() const;
  [[nodiscard]] bool idle_clock_runs() const;
  void read_info() { latest_info_ = tcp::read_tcp_info(kernel_, connection_.fd.get()); }
  std::uint64_t unacknowledged();
  bool everything_acknowledged();
  void finish(RelayEnd::Reason reason);
  [[nodiscard]] bool holds_later_data();
  void summarize();

  sys::Waiter& waiter_;
  sys::Kernel& kernel_;
  const tcp::Connection& connection_;
  LocalStream& input_;
  LocalStream& output_;
  const RelayPolicy policy_;
  RelayObserver& observer_;

  Buffer outbound_;
  Buffer inbound_;
  Path outbound_path_;
  Path inbound_path_;
  std::vector<std::byte> crlf_input_;
  CrlfTranslator crlf_;

  RelayEnd end_;
  bool ended_ = false;
  bool reading_stdin_ = true;
  bool reading_socket_ = true;
  bool lost_ = false;  // the connection; end_.error says how
  bool stdout_open_ = true;
  bool socket_shouts_ = false;  // an error or hang-up that must wait until there is room to read
  bool silence_told_ = false;
  std::optional<tcp::TcpInfo> latest_info_;
  std::uint64_t acked_seen_ = 0;
  sys::TimePoint last_activity_;
  std::optional<int> told_soft_error_;
  sys::TimePoint last_stdin_;  // stdin brought something, or the last of it went to the socket
  sys::TimePoint peer_fin_at_;
  sys::Deadline next_ack_check_;
  sys::Deadline next_sample_;    // while something is unacknowledged
  sys::Deadline next_progress_;  // where it is to be told
  std::vector<std::byte> first_sent_;
  std::chrono::milliseconds ack_check_interval_{1};
};

}  // namespace tcptool::relay
