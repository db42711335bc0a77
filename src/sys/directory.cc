// SPDX-License-Identifier: MIT
#include "sys/directory.h"

#include <dirent.h>

#include "base/bytes.h"

namespace tcptool::sys {

std::vector<std::string> parse_directory_entries(std::span<const std::byte> bytes) {
  std::vector<std::string> names;
  constexpr std::size_t name_offset = offsetof(dirent64, d_name);
  while (true) {
    const auto length = copy_at<decltype(dirent64::d_reclen)>(bytes, offsetof(dirent64, d_reclen));
    if (!length || *length <= name_offset || *length > bytes.size()) return names;
    const std::string_view name = c_text(bytes.subspan(name_offset, *length - name_offset));
    if (!name.empty()) names.emplace_back(name);
    bytes = bytes.subspan(*length);
  }
}

}  // namespace tcptool::sys
