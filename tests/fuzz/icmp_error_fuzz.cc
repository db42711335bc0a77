// SPDX-License-Identifier: MIT
// The data of an error queue's control message, and what is said of it.
#include <netinet/in.h>

#include "diagnose/icmp_names.h"
#include "diagnose/verdict.h"
#include "fuzz/fuzz.h"
#include "tcp/error_queue.h"

using namespace tcptool;
using namespace tcptool::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::uint8_t> copy(data, data + size);
  demand(!tcp::timestamp_of(std::as_bytes(std::span(copy))) || size >= 30,
         "a timestamp stands behind the header's fixed part");
  for (const int family : {AF_INET, AF_INET6}) {
    const auto icmp = tcp::IcmpError::parse(family, std::as_bytes(std::span(copy)));
    if (!icmp) continue;
    demand(size >= 16, "an error has its whole structure");
    demand_message(diagnose::icmp_meaning(*icmp));
    demand_message(diagnose::icmp_evidence(*icmp));
    tcp::Attempt attempt;
    attempt.error = {sys::Syscall::connect, icmp->error, ""};
    attempt.icmp = icmp;
    const auto verdict = diagnose::judge(attempt);
    demand_message(verdict.reason);
    demand(verdict.kind == diagnose::FailureClass::unreachable ||
               verdict.kind == diagnose::FailureClass::no_answer,
           "the network's word is heard");
  }
  return 0;
}
