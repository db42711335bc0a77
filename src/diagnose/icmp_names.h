// SPDX-License-Identifier: MIT
// ICMP and ICMPv6 errors in words: RFC 792, 1122, 1812, 4443.
#pragma once

#include <string>

#include "tcp/error_queue.h"

namespace tcptool::diagnose {

// "administratively prohibited", "host unreachable", "TTL exceeded in transit".
std::string icmp_meaning(const tcp::IcmpError& icmp);

// A router used up the TTL, or hop limit: it passed on what it got until then.
bool is_ttl_exceeded(const tcp::IcmpError& icmp);

// "ICMP type 3 code 13 from 10.9.0.1".
std::string icmp_evidence(const tcp::IcmpError& icmp);

}  // namespace tcptool::diagnose
