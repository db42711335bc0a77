// SPDX-License-Identifier: MIT
// From a failure to its diagnosis, and the diagnosis into what is said: the first line names what
// failed, the layers of the TCP/IP stack follow from the bottom up, then the cause and what to try.
#pragma once

#include "cmd/context.h"
#include "cmd/options.h"
#include "diagnose/diagnosis.h"
#include "tcp/connection.h"
#include "tcp/resolve.h"

namespace tcptool::cmd {

// The interface that the user asked for (-i), or empty.
std::string bound_interface(const CommonOptions& options);

// The block of lines under a failure's first line, and the same as fields of its object.
void add_diagnosis(Message& message, const diagnose::Diagnosis& diagnosis);

// The block's line that names the cause.
std::string cause_line(const diagnose::Diagnosis& diagnosis);

// The message of a call that failed while a socket was prepared; `address` is the one to be bound.
Message explained_prepare_failure(Context& context, const CommonOptions& options,
                                  const sys::SysError& error, const sys::Address& address);

Message explained_look_up_failure(Context& context, const CommonOptions& options,
                                  const tcp::ResolveFailure& failure, int family,
                                  sys::Deadline deadline);

// What --diagnose active may send and take where several addresses have failed.
struct ProbeBudget {
  std::size_t addresses = 0;  // that are still to be probed at most
  sys::TimePoint until;
};

// Nothing with --diagnose off, or where no rule knows the evidence. `connected_beside`: connections
// to the same port that the same run made. What is probed is taken from `budget`; null: no limit.
std::optional<diagnose::Diagnosis> explain_attempt(Context& context, const CommonOptions& options,
                                                   const tcp::Attempt& attempt,
                                                   std::size_t connected_beside = 0,
                                                   ProbeBudget* budget = nullptr);

// What the network said of a connection that goes on; with --diagnose active one SYN asks who said
// it.
Message explained_soft_error(Context& context, const CommonOptions& options,
                             const tcp::Connection& connection, int error);

std::optional<diagnose::Diagnosis> explain_transfer(Context& context, const CommonOptions& options,
                                                    const tcp::Connection& connection,
                                                    const relay::RelayEnd& end);

}  // namespace tcptool::cmd
