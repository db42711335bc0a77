// SPDX-License-Identifier: MIT
#include "cmd/served_clients.h"

#include <algorithm>

#include "diagnose/recognize.h"
#include "relay/relay.h"

namespace tcptool::cmd {

void ServedClients::client_ended(const relay::ClientEnd& end) {
  if (words_.ends_are_told && context_.console.wants_status()) {
    context_.console.status(client_closed_message(end, words_.client_buffer));
  }
  counts_.add(end);
  using Reason = relay::ClientEnd::Reason;
  // A command that fails has ended in time all the same.
  const bool finished = end.reason == Reason::complete || end.reason == Reason::failed;
  if (wind_down_ && finished) ++wind_down_->finished;
  last_status_ = status_of(end);
  acceptor_.descriptor_freed();
}

void ServedClients::client_spoke(const tcp::Connection&, std::span<const std::byte> received) {
  if (!context_.console.wants_status()) return;
  constexpr std::size_t kept = relay::Relay::first_bytes_kept;
  const auto first = received.first(std::min(received.size(), kept));
  if (auto note = diagnose::recognize(first, {})) {
    context_.console.status(note_message(std::move(*note)));
  }
}

void ServedClients::stdout_reader_gone() {
  reader_gone_ = true;
  Message message{"stdout-closed", {}, {}};
  message.text = "whoever read stdout has gone; no more are accepted";
  context_.console.status(message);
}

void ServedClients::stdin_failed(const sys::SysError& error) {
  stdin_failed_ = true;
  context_.console.failure(ExitStatus::local_io, error_message(error));
}

}  // namespace tcptool::cmd
