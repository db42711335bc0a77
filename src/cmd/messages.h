// SPDX-License-Identifier: MIT
// What tcptool says, built from what it knows: pure functions, each giving the line for people and
// the fields for programs.
#pragma once

#include <optional>
#include <string>

#include "cmd/console.h"
#include "cmd/options.h"
#include "diagnose/verdict.h"
#include "relay/relay.h"
#include "tcp/connection.h"
#include "tcp/listener.h"
#include "tcp/resolve.h"

namespace tcptool::cmd {

// Which of several connections it is, with --parallel.
struct Place {
  std::size_t number = 1;
  std::size_t total = 1;
  [[nodiscard]] std::string text() const;  // "3/8"
};

Message listening_message(const tcp::Listener& listener, std::optional<int> asked_backlog);
Message accepted_message(const tcp::Accepted& accepted);

// `attempts` are those of the whole race, so that the line can say which address it was.
Message connected_message(const tcp::Connection& connection,
                          const std::vector<tcp::Attempt>& attempts, std::size_t addresses,
                          const std::optional<Place>& place = {});
Message open_message(const tcp::Connection& connection);
// The evidence of a failed attempt, for programs: errno, and the ICMP error where there was one.
JsonObject attempt_fields(const tcp::Attempt& attempt);
// One address of several, and what became of it, as the headline of its diagnosis has it, if any.
Message attempt_message(const tcp::Attempt& attempt, const std::optional<Place>& place = {},
                        std::string_view headline = {});
// While an attempt is under way: the SYN was sent again; the network said something that the kernel
// does not take as final.
Message syn_again_message(const tcp::Attempt& attempt, unsigned times,
                          std::chrono::nanoseconds after, const std::optional<Place>& place = {});
Message soft_icmp_message(const tcp::Attempt& attempt, const std::optional<Place>& place = {});
Message option_message(const tcp::OptionReport& report);
Message note_message(std::string text);

// Durations that a command measured before the relay began.
struct SetupTimes {
  std::optional<std::chrono::nanoseconds> lookup;
  std::optional<std::chrono::nanoseconds> connect;
};

// The path MTU fell while the connection lived: nothing is wrong, but worth knowing.
std::optional<Message> path_mtu_note(const relay::RelayEnd& end, const tcp::Connection& connection);

Message closed_message(const relay::RelayEnd& end, const SetupTimes& times);

// "connect example.org:80", the operation and its object, in front of a reason.
Message failure_message(std::string_view operation, std::string_view object,
                        std::string_view reason);
Message error_message(const sys::SysError& error);
Message resolve_failure_message(const tcp::ResolveFailure& failure);

// Why a relay did not end well; nothing where it did. `operation` and `peer` name the connection.
std::optional<Message> relay_failure_message(const relay::RelayEnd& end,
                                             const CommonOptions& options,
                                             std::string_view operation, const sys::Address& peer);

// "; 4096 bytes for the peer were not delivered, 70000 bytes were; 12 bytes received were not
// written to stdout".
std::string pending_text(const relay::RelayEnd& end);

ExitStatus status_of(const relay::RelayEnd& end);
ExitStatus status_of(const tcp::ResolveFailure& failure);
ExitStatus status_of(const sys::SysError& error);  // of a call that prepares a socket
ExitStatus status_of(diagnose::FailureClass kind);

}  // namespace tcptool::cmd
