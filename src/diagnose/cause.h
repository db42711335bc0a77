// SPDX-License-Identifier: MIT
// The causes that tcptool can name: one row each, as DIAGNOSES of the manual page lists them.
#pragma once

#include <array>
#include <string_view>

namespace tcptool::diagnose {

enum class Layer { name, this_host, link, internet, transport, application };

// "this host", "link", ...: as the rows of a diagnosis are called.
std::string_view layer_name(Layer layer);

enum class Cause {
  // the look-up
  name_not_found,
  name_without_address,
  name_server_failed,
  name_server_silent,
  name_server_unreachable,
  no_name_server,
  // this host
  port_in_use,
  source_port_in_use,
  source_port_in_time_wait,
  privileged_port,
  address_not_local,
  source_cannot_reach,
  no_free_port,
  descriptor_limit,
  family_not_supported,
  ipv6_disabled,
  no_such_interface,
  option_refused,
  no_memory,
  refused_by_kernel,
  output_filter,
  stdout_not_read,
  // link
  interface_down,
  neighbour_silent,
  // internet
  not_unicast,
  not_by_interface,
  no_route,
  route_unreachable,
  route_prohibit,
  route_blackhole,
  rejected_here,
  rejected_by_host,
  rejected_on_the_way,
  unreachable_on_the_way,
  unreachable_soft,
  ttl_exceeded,
  fragmentation_needed,
  path_mtu_black_hole,
  segments_lost,
  // transport
  nothing_listens,
  listens_elsewhere,
  met_itself,
  filtered_by_host,
  filtered_or_down,
  accept_queue_full,
  stale_connection,
  filtered_here,
  reset_at_once,
  reset_after_data,
  peer_vanished,
  keepalive_unanswered,
  zero_window,
  // application
  not_accepted,
  peer_silent,
  peer_silent_after_data,
};

struct CauseInfo {
  Cause cause;
  std::string_view id;  // in JSON, and in the manual page: "name-not-found"
  Layer layer;          // that failed
};

// Of every cause, in the enumeration's order.
const CauseInfo& info_of(Cause cause);
std::size_t cause_count();

}  // namespace tcptool::diagnose
