// SPDX-License-Identifier: MIT
// The arguments of -o and --keepalive.
#include <cerrno>
#include <cstring>

#include "fuzz/fuzz.h"
#include "sys/error.h"
#include "tcp/socket_options.h"

using namespace tcptool;
using namespace tcptool::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of(data, size);
  if (const auto option = tcp::parse_option(text)) {
    demand(option->info != nullptr && option->info->settable, "an option can be set");
    demand(text.starts_with(option->info->name), "an option is the one that was named");
    demand(!option->value.empty() && option->value.size() < 64, "a value is short");
    demand(text.ends_with(option->asked) || option->asked == "1", "what was asked is kept");
    demand_message(sys::SysError{sys::Syscall::setsockopt, ENOENT, option->asked}.text());
    const bool text_value = option->info->type == sys::OptionType::text;
    demand(text_value || option->value.size() >= sizeof(int), "a number is a whole int");
  } else if (size < 100) {
    demand_message(option.error());
  }
  if (const auto settings = tcp::parse_keepalive(text)) {
    demand(settings->size() >= 2 && settings->size() <= 4, "keepalive is one to three times");
    for (const tcp::OptionSetting& setting : *settings) {
      int value = 0;
      demand(setting.value.size() == sizeof value, "a keepalive time is an int");
      std::memcpy(&value, setting.value.data(), sizeof value);
      demand(value >= 1 && value <= 32767, "a keepalive time is in the kernel's bounds");
    }
  } else if (size < 100) {
    demand_message(settings.error());
  }
  return 0;
}
