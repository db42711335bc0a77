// SPDX-License-Identifier: MIT
// The header of a SYN, as a stranger sent it.
#include "fuzz/fuzz.h"
#include "tcp/saved_syn.h"

using namespace tcptool;
using namespace tcptool::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // On the heap, at its exact size: a read beyond it is found.
  const std::vector<std::uint8_t> copy(data, data + size);
  const auto facts = tcp::SynFacts::parse(std::as_bytes(std::span(copy)));
  if (!facts) return 0;
  demand(size >= 40, "a SYN has both headers");
  demand(facts->ttl <= 255 && facts->window <= 65535, "fields are of their size");
  demand(facts->mss.value_or(0) <= 65535 && facts->wscale.value_or(0) <= 255,
         "options are of their size");
  demand_printable(facts->text());
  return 0;
}
