// SPDX-License-Identifier: MIT
#include "sys/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <vector>

#include "sys/fd.h"

namespace tcptool::sys {
namespace {

constexpr std::chrono::milliseconds patience(200);
constexpr std::size_t most_entries = 100'000;

// The whole of `text` as a decimal number.
template <class T>
std::optional<T> number_of(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Up to the separator, which is taken off `rest` with it.
std::string_view next_word(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return word;
}

// What is left of a search's time and entries.
struct Budget {
  Kernel& kernel;
  TimePoint deadline;
  std::size_t entries = most_entries;

  bool spend() {
    if (entries == 0) return false;
    --entries;
    return kernel.now() < deadline;
  }
};

// The entries of a directory until `visit` returns false; true where it did, or the budget is
// spent.
bool each_entry(Budget& budget, const std::string& path,
                const std::function<bool(const std::string&)>& visit) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC;
  const Outcome opened = budget.kernel.open(path, flags, 0);
  if (!opened.ok()) return false;
  const Fd directory(budget.kernel, opened.as_int());
  std::vector<std::string> names;
  while (budget.kernel.getdents64(directory.get(), names).value > 0) {
    for (const std::string& name : names) {
      if (name == "." || name == "..") continue;
      if (!budget.spend() || !visit(name)) return true;
    }
    if (names.empty() && !budget.spend()) return true;
  }
  return false;
}

bool link_is(Kernel& kernel, const std::string& path, std::string_view wanted) {
  std::array<std::byte, 64> buffer{};
  const Outcome got = kernel.readlink(path, buffer);
  if (!got.ok()) return false;
  return std::string_view(reinterpret_cast<const char*>(buffer.data()), got.as_size()) == wanted;
}

// Whether one of the process's descriptors leads to `link`.
bool holds(Budget& budget, const std::string& process, std::string_view link) {
  const std::string folder = process + "/fd";
  bool found = false;
  each_entry(budget, folder, [&](const std::string& descriptor) {
    found = link_is(budget.kernel, folder + "/" + descriptor, link);
    return !found;
  });
  return found;
}

}  // namespace

std::optional<Owner> socket_owner(Kernel& kernel, std::uint64_t inode) {
  if (inode == 0) return std::nullopt;
  const std::string link = fmt::format("socket:[{}]", inode);
  Budget budget{kernel, kernel.now() + patience};
  std::optional<Owner> owner;
  each_entry(budget, "/proc", [&](const std::string& name) {
    const auto pid = number_of<int>(name);
    const std::string process = "/proc/" + name;
    if (!pid || !holds(budget, process, link)) return true;
    owner = Owner{*pid, read_small_file(kernel, process + "/comm").value_or("")};
    if (owner->program.ends_with('\n')) owner->program.pop_back();
    return false;
  });
  return owner;
}

Result<std::string, SysError> read_small_file(Kernel& kernel, const std::string& path,
                                              std::size_t most) {
  const Outcome opened = kernel.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
  if (!opened.ok()) return failure(SysError{Syscall::open, opened.error, path});
  const Fd file(kernel, opened.as_int());
  std::string text;
  std::array<std::byte, 4096> chunk{};
  while (text.size() < most) {
    const auto room = std::span(chunk).first(std::min(chunk.size(), most - text.size()));
    const Outcome got = kernel.read(file.get(), room);
    if (!got.ok()) return failure(SysError{Syscall::read, got.error, path});
    if (got.value == 0) break;
    text.append(reinterpret_cast<const char*>(chunk.data()), got.as_size());
  }
  return text;
}

std::optional<std::int64_t> read_sysctl(Kernel& kernel, const std::string& path) {
  constexpr std::size_t longest = 64;
  const auto text = read_small_file(kernel, path, longest);
  if (!text) return std::nullopt;
  std::string_view number = *text;
  while (number.ends_with('\n') || number.ends_with(' ')) number.remove_suffix(1);
  return number_of<std::int64_t>(number);
}

std::map<std::string, std::int64_t> parse_netstat(std::string_view text) {
  std::map<std::string, std::int64_t> counters;
  while (!text.empty()) {
    std::string_view names = next_word(text, '\n');
    std::string_view numbers = next_word(text, '\n');
    const std::string_view group = next_word(names, ':');
    const bool pair = !group.empty() && next_word(numbers, ':') == group;
    while (pair && !names.empty() && !numbers.empty()) {
      const std::string_view name = next_word(names, ' ');
      const std::string_view number = next_word(numbers, ' ');
      const auto value = number_of<std::int64_t>(number);
      if (!name.empty() && value) counters[fmt::format("{}.{}", group, name)] = *value;
    }
  }
  return counters;
}

std::map<std::string, std::int64_t> read_netstat(Kernel& kernel) {
  std::map<std::string, std::int64_t> counters;
  for (const char* const path : {"/proc/net/netstat", "/proc/net/snmp"}) {
    counters.merge(parse_netstat(read_small_file(kernel, path).value_or("")));
  }
  return counters;
}

std::optional<std::uint64_t> raise_descriptor_limit(Kernel& kernel) {
  RLimit limit;
  if (!kernel.prlimit64(RLIMIT_NOFILE, nullptr, &limit).ok()) return std::nullopt;
  if (limit.soft >= limit.hard) return limit.soft;
  const RLimit raised{limit.hard, limit.hard};
  return kernel.prlimit64(RLIMIT_NOFILE, &raised, nullptr).ok() ? limit.hard : limit.soft;
}

}  // namespace tcptool::sys
