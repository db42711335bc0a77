// SPDX-License-Identifier: MIT
// What events keep of epoll's events, of limits, of the state of a child and of lists of texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trace/event.h"

namespace tcptool::trace {

// Those of ArgKind::epoll_events or ArgKind::epoll_event that were kept.
std::vector<epoll_event> unpack_epoll_events(std::span<const std::byte> blob);
// As many of ArgKind::texts as were kept, the last perhaps cut. They are views of the blob.
std::vector<std::string_view> unpack_texts(std::span<const std::byte> blob);

// For the text trace: "[{events=EPOLLIN, data=7}]", "{rlim_cur=1024, rlim_max=20000}",
// "{WEXITSTATUS=3}".
std::string epoll_event_text(const epoll_event& event);
std::string epoll_events_text(std::span<const std::byte> blob, std::int64_t whole);
std::string file_type_name(std::uint32_t mode);  // "S_IFREG"
std::string limits_text(const sys::RLimit& limits);
std::string ruleset_text(const sys::LandlockRuleset& ruleset);
std::string wait_status_text(int wstatus);

// As strace spells them: "{events=EPOLLIN, data={u32=7, u64=7}}" and a list of those,
// "{rlim_cur=1024, rlim_max=20000}", "[{WIFEXITED(s) && WEXITSTATUS(s) == 3}]".
std::string epoll_event_strace(const epoll_event& event);
std::string epoll_events_strace(std::span<const std::byte> blob, std::int64_t whole);
std::string limits_strace(const sys::RLimit& limits);
std::string ruleset_strace(const sys::LandlockRuleset& ruleset);
std::string wait_status_strace(int wstatus);

}  // namespace tcptool::trace
