// SPDX-License-Identifier: MIT
#include "diagnose/cause.h"

namespace tcptool::diagnose {
namespace {

constexpr std::array table{
    CauseInfo{Cause::name_not_found, "name-not-found", Layer::name},
    CauseInfo{Cause::name_without_address, "name-without-address", Layer::name},
    CauseInfo{Cause::name_server_failed, "name-server-failed", Layer::name},
    CauseInfo{Cause::name_server_silent, "name-server-silent", Layer::name},
    CauseInfo{Cause::name_server_unreachable, "name-server-unreachable", Layer::name},
    CauseInfo{Cause::no_name_server, "no-name-server", Layer::name},
    CauseInfo{Cause::port_in_use, "port-in-use", Layer::this_host},
    CauseInfo{Cause::source_port_in_use, "source-port-in-use", Layer::this_host},
    CauseInfo{Cause::source_port_in_time_wait, "source-port-in-time-wait", Layer::this_host},
    CauseInfo{Cause::privileged_port, "privileged-port", Layer::this_host},
    CauseInfo{Cause::address_not_local, "address-not-local", Layer::this_host},
    CauseInfo{Cause::source_cannot_reach, "source-cannot-reach", Layer::this_host},
    CauseInfo{Cause::no_free_port, "no-free-port", Layer::this_host},
    CauseInfo{Cause::descriptor_limit, "descriptor-limit", Layer::this_host},
    CauseInfo{Cause::family_not_supported, "family-not-supported", Layer::this_host},
    CauseInfo{Cause::ipv6_disabled, "ipv6-disabled", Layer::this_host},
    CauseInfo{Cause::no_such_interface, "no-such-interface", Layer::this_host},
    CauseInfo{Cause::option_refused, "option-refused", Layer::this_host},
    CauseInfo{Cause::no_memory, "no-memory", Layer::this_host},
    CauseInfo{Cause::refused_by_kernel, "refused-by-kernel", Layer::this_host},
    CauseInfo{Cause::output_filter, "output-filter", Layer::this_host},
    CauseInfo{Cause::stdout_not_read, "stdout-not-read", Layer::this_host},
    CauseInfo{Cause::interface_down, "interface-down", Layer::link},
    CauseInfo{Cause::neighbour_silent, "neighbour-silent", Layer::link},
    CauseInfo{Cause::not_unicast, "not-unicast", Layer::internet},
    CauseInfo{Cause::not_by_interface, "not-by-interface", Layer::internet},
    CauseInfo{Cause::no_route, "no-route", Layer::internet},
    CauseInfo{Cause::route_unreachable, "route-unreachable", Layer::internet},
    CauseInfo{Cause::route_prohibit, "route-prohibit", Layer::internet},
    CauseInfo{Cause::route_blackhole, "route-blackhole", Layer::internet},
    CauseInfo{Cause::rejected_here, "rejected-here", Layer::internet},
    CauseInfo{Cause::rejected_by_host, "rejected-by-host", Layer::internet},
    CauseInfo{Cause::rejected_on_the_way, "rejected-on-the-way", Layer::internet},
    CauseInfo{Cause::unreachable_on_the_way, "unreachable-on-the-way", Layer::internet},
    CauseInfo{Cause::unreachable_soft, "unreachable-soft", Layer::internet},
    CauseInfo{Cause::ttl_exceeded, "ttl-exceeded", Layer::internet},
    CauseInfo{Cause::fragmentation_needed, "fragmentation-needed", Layer::internet},
    CauseInfo{Cause::path_mtu_black_hole, "path-mtu-black-hole", Layer::internet},
    CauseInfo{Cause::segments_lost, "segments-lost", Layer::internet},
    CauseInfo{Cause::nothing_listens, "nothing-listens", Layer::transport},
    CauseInfo{Cause::listens_elsewhere, "listens-elsewhere", Layer::transport},
    CauseInfo{Cause::met_itself, "met-itself", Layer::transport},
    CauseInfo{Cause::filtered_by_host, "filtered-by-host", Layer::transport},
    CauseInfo{Cause::filtered_or_down, "filtered-or-down", Layer::transport},
    CauseInfo{Cause::accept_queue_full, "accept-queue-full", Layer::transport},
    CauseInfo{Cause::stale_connection, "stale-connection", Layer::transport},
    CauseInfo{Cause::filtered_here, "filtered-here", Layer::transport},
    CauseInfo{Cause::reset_at_once, "reset-at-once", Layer::transport},
    CauseInfo{Cause::reset_after_data, "reset-after-data", Layer::transport},
    CauseInfo{Cause::peer_vanished, "peer-vanished", Layer::transport},
    CauseInfo{Cause::keepalive_unanswered, "keepalive-unanswered", Layer::transport},
    CauseInfo{Cause::zero_window, "zero-window", Layer::transport},
    CauseInfo{Cause::not_accepted, "not-accepted", Layer::application},
    CauseInfo{Cause::peer_silent, "peer-silent", Layer::application},
    CauseInfo{Cause::peer_silent_after_data, "peer-silent-after-data", Layer::application},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].cause != static_cast<Cause>(i)) return false;
  }
  return table.back().cause == Cause::peer_silent_after_data;
}
static_assert(in_order());

}  // namespace

std::string_view layer_name(Layer layer) {
  constexpr std::array<std::string_view, 6> names{"name",     "this host", "link",
                                                  "internet", "transport", "application"};
  return names[static_cast<std::size_t>(layer)];
}

const CauseInfo& info_of(Cause cause) {
  return table[static_cast<std::size_t>(cause)];
}

std::size_t cause_count() {
  return table.size();
}

}  // namespace tcptool::diagnose
