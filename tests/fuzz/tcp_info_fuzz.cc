// SPDX-License-Identifier: MIT
// TCP_INFO of any length, as another kernel may write it.
#include "cmd/messages.h"
#include "fuzz/fuzz.h"
#include "tcp/tcp_info.h"

using namespace tcptool;
using namespace tcptool::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::uint8_t> copy(data, data + size);
  const tcp::TcpInfo info = tcp::TcpInfo::parse(std::as_bytes(std::span(copy)));
  demand(info.state <= tcp::State::closing, "a state has a name");
  demand(size >= 8 || !info.rtt, "what is not there is not read");
  // Kernel times count from the machine's start: those beyond a century are no kernel's.
  constexpr std::chrono::microseconds century = std::chrono::hours(24 * 36'525);
  for (const auto& time : {info.busy_time, info.rwnd_limited, info.sndbuf_limited}) {
    if (time && (*time < std::chrono::microseconds(0) || *time > century)) return 0;
  }
  relay::RelayEnd end;
  end.info = info;
  const cmd::Message message = cmd::closed_message(end, {});
  demand_printable(message.text);
  demand_printable(message.fields.text());
  return 0;
}
