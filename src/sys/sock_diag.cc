// SPDX-License-Identifier: MIT
#include "sys/sock_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include <cstring>

#include "base/bytes.h"
#include "sys/netlink.h"

namespace tcptool::sys {
namespace {

constexpr unsigned time_wait_timer = 3;  // of idiag_timer; see sock_diag(7)

// `words` and `port` are in network order, as idiag_src and idiag_sport.
Address address_of(int family, std::span<const __be32, 4> words, __be16 port, unsigned ifindex) {
  if (family == AF_INET) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = port;
    name.sin_addr.s_addr = words[0];
    return Address::from(reinterpret_cast<const sockaddr*>(&name), sizeof name);
  }
  sockaddr_in6 name{};
  name.sin6_family = AF_INET6;
  name.sin6_port = port;
  std::memcpy(&name.sin6_addr, words.data(), words.size_bytes());
  const Address address = Address::from(reinterpret_cast<const sockaddr*>(&name), sizeof name);
  return address.is_link_local() ? address.with_zone(ifindex, "") : address;
}

}  // namespace

std::optional<SocketRow> parse_socket_row(std::span<const std::byte> payload) {
  const auto message = copy_at<inet_diag_msg>(payload);
  if (!message) return std::nullopt;
  const int family = message->idiag_family;
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  const inet_diag_sockid& id = message->id;
  SocketRow row;
  row.ifindex = id.idiag_if;
  row.local = address_of(family, id.idiag_src, id.idiag_sport, row.ifindex);
  row.remote = address_of(family, id.idiag_dst, id.idiag_dport, row.ifindex);
  row.state = message->idiag_state;
  row.uid = message->idiag_uid;
  row.inode = message->idiag_inode;
  row.rqueue = message->idiag_rqueue;
  row.wqueue = message->idiag_wqueue;
  if (message->idiag_timer == time_wait_timer) {
    row.time_wait_left = std::chrono::milliseconds(message->idiag_expires);
  }
  auto attributes = payload.subspan(sizeof *message);
  while (const auto attribute = next_attribute(attributes)) {
    if (attribute->type == INET_DIAG_SKV6ONLY) {
      row.v6only = copy_at<std::uint8_t>(attribute->value).value_or(0) != 0;
    }
  }
  return row;
}

Result<std::vector<SocketRow>, SysError> tcp_sockets(Kernel& kernel, int family,
                                                     std::uint32_t states) {
  inet_diag_req_v2 header{};
  header.sdiag_family = static_cast<std::uint8_t>(family);
  header.sdiag_protocol = IPPROTO_TCP;
  header.idiag_states = states;
  const NetlinkRequest request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, header);
  const auto answer = netlink_ask(kernel, NETLINK_SOCK_DIAG, request, "TCP sockets");
  if (!answer) return failure(answer.error());
  std::vector<SocketRow> rows;
  std::span<const std::byte> rest = *answer;
  while (const auto message = next_message(rest)) {
    const auto row = parse_socket_row(message->payload);
    if (row && message->type == SOCK_DIAG_BY_FAMILY) rows.push_back(*row);
  }
  return rows;
}

}  // namespace tcptool::sys
