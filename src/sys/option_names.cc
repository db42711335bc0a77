// SPDX-License-Identifier: MIT
// The socket options that tcptool knows: see socket(7), ip(7), ipv6(7), tcp(7) and linux/tcp.h.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

#include "sys/names.h"

// Newer than Debian 12's headers; a kernel that lacks them answers ENOPROTOOPT.
#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

namespace tcptool::sys {
namespace {

using enum OptionType;

constexpr std::array options{
    SocketOptionInfo{"SO_BINDTODEVICE", SOL_SOCKET, SO_BINDTODEVICE, text, true},
    SocketOptionInfo{"SO_BUSY_POLL", SOL_SOCKET, SO_BUSY_POLL, integer, true, true},
    SocketOptionInfo{"SO_DEBUG", SOL_SOCKET, SO_DEBUG, flag, true, true},
    SocketOptionInfo{"SO_DONTROUTE", SOL_SOCKET, SO_DONTROUTE, flag, true},
    SocketOptionInfo{"SO_INCOMING_CPU", SOL_SOCKET, SO_INCOMING_CPU, integer, true},
    SocketOptionInfo{"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, flag, true},
    SocketOptionInfo{"SO_LINGER", SOL_SOCKET, SO_LINGER, linger, true},
    SocketOptionInfo{"SO_MARK", SOL_SOCKET, SO_MARK, integer, true, true},
    SocketOptionInfo{"SO_MAX_PACING_RATE", SOL_SOCKET, SO_MAX_PACING_RATE, size, true},
    SocketOptionInfo{"SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, flag, true},
    SocketOptionInfo{"SO_PRIORITY", SOL_SOCKET, SO_PRIORITY, integer, true, true},
    SocketOptionInfo{"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, size, true},
    SocketOptionInfo{"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, size, true},
    SocketOptionInfo{"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, flag, true},
    SocketOptionInfo{"SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT, flag, true},
    SocketOptionInfo{"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, size, true},
    SocketOptionInfo{"IP_BIND_ADDRESS_NO_PORT", IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, flag, true},
    SocketOptionInfo{"IP_FREEBIND", IPPROTO_IP, IP_FREEBIND, flag, true},
    SocketOptionInfo{"IP_LOCAL_PORT_RANGE", IPPROTO_IP, IP_LOCAL_PORT_RANGE, integer, true},
    SocketOptionInfo{"IP_MINTTL", IPPROTO_IP, IP_MINTTL, integer, true},
    SocketOptionInfo{"IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER, integer, true},
    SocketOptionInfo{"IP_TOS", IPPROTO_IP, IP_TOS, integer, true},
    SocketOptionInfo{"IP_TRANSPARENT", IPPROTO_IP, IP_TRANSPARENT, flag, true, true},
    SocketOptionInfo{"IP_TTL", IPPROTO_IP, IP_TTL, integer, true},
    SocketOptionInfo{"IPV6_MINHOPCOUNT", IPPROTO_IPV6, IPV6_MINHOPCOUNT, integer, true},
    SocketOptionInfo{"IPV6_MTU_DISCOVER", IPPROTO_IPV6, IPV6_MTU_DISCOVER, integer, true},
    SocketOptionInfo{"IPV6_TCLASS", IPPROTO_IPV6, IPV6_TCLASS, integer, true},
    SocketOptionInfo{"IPV6_UNICAST_HOPS", IPPROTO_IPV6, IPV6_UNICAST_HOPS, integer, true},
    SocketOptionInfo{"IPV6_V6ONLY", IPPROTO_IPV6, IPV6_V6ONLY, flag, true},
    SocketOptionInfo{"TCP_CONGESTION", IPPROTO_TCP, TCP_CONGESTION, text, true, true},
    SocketOptionInfo{"TCP_CORK", IPPROTO_TCP, TCP_CORK, flag, true},
    SocketOptionInfo{"TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds, true},
    SocketOptionInfo{"TCP_FASTOPEN", IPPROTO_TCP, TCP_FASTOPEN, integer, true},
    SocketOptionInfo{"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, integer, true},
    SocketOptionInfo{"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, seconds, true},
    SocketOptionInfo{"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, seconds, true},
    SocketOptionInfo{"TCP_LINGER2", IPPROTO_TCP, TCP_LINGER2, seconds, true},
    SocketOptionInfo{"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG, size, true},
    SocketOptionInfo{"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, flag, true},
    SocketOptionInfo{"TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT, size, true},
    SocketOptionInfo{"TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK, flag, true},
    SocketOptionInfo{"TCP_RTO_MAX_MS", IPPROTO_TCP, TCP_RTO_MAX_MS, milliseconds, true},
    SocketOptionInfo{"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, integer, true},
    SocketOptionInfo{"TCP_THIN_LINEAR_TIMEOUTS", IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, flag, true},
    SocketOptionInfo{"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds, true},
    SocketOptionInfo{"TCP_WINDOW_CLAMP", IPPROTO_TCP, TCP_WINDOW_CLAMP, size, true},
    // Read, or set by tcptool for its own ends.
    SocketOptionInfo{"SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN, flag, false},
    SocketOptionInfo{"SO_ERROR", SOL_SOCKET, SO_ERROR, integer, false},
    SocketOptionInfo{"SO_MEMINFO", SOL_SOCKET, SO_MEMINFO, text, false},
    SocketOptionInfo{"SO_TIMESTAMPING", SOL_SOCKET, SO_TIMESTAMPING, integer, false},
    SocketOptionInfo{"SO_TYPE", SOL_SOCKET, SO_TYPE, integer, false},
    SocketOptionInfo{"IP_RECVERR", IPPROTO_IP, IP_RECVERR, flag, false},
    SocketOptionInfo{"IPV6_RECVERR", IPPROTO_IPV6, IPV6_RECVERR, flag, false},
    SocketOptionInfo{"TCP_INFO", IPPROTO_TCP, TCP_INFO, text, false},
    SocketOptionInfo{"TCP_SAVE_SYN", IPPROTO_TCP, TCP_SAVE_SYN, flag, false},
    SocketOptionInfo{"TCP_SAVED_SYN", IPPROTO_TCP, TCP_SAVED_SYN, text, false},
    SocketOptionInfo{"TCP_TIMESTAMP", IPPROTO_TCP, TCP_TIMESTAMP, integer, false},
};

}  // namespace

std::span<const SocketOptionInfo> socket_options() {
  return options;
}

const SocketOptionInfo* find_socket_option(std::string_view name) {
  for (const SocketOptionInfo& option : options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

const SocketOptionInfo* find_socket_option(int level, int number) {
  for (const SocketOptionInfo& option : options) {
    if (option.level == level && option.number == number) return &option;
  }
  return nullptr;
}

}  // namespace tcptool::sys
