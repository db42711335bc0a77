// SPDX-License-Identifier: MIT
// The whole command line: words that end in NUL.
#include "cli/parse.h"
#include "fuzz/fuzz.h"

using namespace tcptool;
using namespace tcptool::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t most_words = 20;
  Input input(data, size);
  std::vector<std::string> words;
  while (!input.empty() && words.size() < most_words) words.push_back(input.word());
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  const auto command = cli::parse(arguments);
  if (!command) {
    const cli::Stop& stop = command.error();
    const bool usage = stop.status == cmd::ExitStatus::usage;
    demand(usage || stop.status == cmd::ExitStatus::ok, "a stop is help or a usage error");
    if (usage && !words.empty()) demand_printable(stop.text);
    demand(!stop.text.empty(), "a stop says something");
    return 0;
  }
  if (const auto* const connect = std::get_if<cmd::ConnectOptions>(&*command)) {
    demand(!connect->ports.empty(), "there is a port to connect to");
    demand(connect->check || connect->ports.size() == 1, "only -z takes several ports");
    demand(!connect->host.text.empty(), "there is a host to connect to");
    for (const tcp::Port& port : connect->ports) {
      demand(port.number != 0 || !port.service.empty(), "port 0 is not connected to");
    }
  }
  const cmd::CommonOptions& common = cmd::common_options(*command);
  demand(!(common.relay.send_only && common.relay.recv_only), "one of the two at most");
  demand(common.run_timeout.count() >= 0, "a time is not negative");
  return 0;
}
