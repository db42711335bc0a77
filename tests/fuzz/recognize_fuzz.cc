// SPDX-License-Identifier: MIT
// The first bytes of both sides: the first byte of the input says how many of the rest are ours.
#include "diagnose/recognize.h"

#include "fuzz/fuzz.h"

using namespace tcptool;
using namespace tcptool::fuzz;

namespace {

// A copy of just that size, so that a read beyond it is seen.
std::vector<std::byte> exact(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto sent = exact(input.bytes(input.byte()));
  const auto received = exact(input.bytes(size));
  const auto note = diagnose::recognize(received, sent);
  if (!note) return 0;
  demand_message(*note);
  demand(received.size() >= 5, "nothing is told of fewer bytes than TLS or HTTP begin with");
  const auto first = std::to_integer<unsigned>(received[0]);
  demand(first == 0x15 || first == 0x16 || first == 'H', "only TLS and HTTP are told");
  return 0;
}
