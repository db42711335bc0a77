// SPDX-License-Identifier: MIT
#include <netdb.h>

#include <cerrno>

#include "support/evidence.h"

namespace tcptool::test {
namespace {

using diagnose::Cause;
using diagnose::Evidence;
using sys::NeighbourState;
using sys::RouteType;
using sys::Syscall;

constexpr unsigned established = 1;
constexpr unsigned time_wait = 6;

Evidence over(RouteType type, int error) {
  Evidence evidence = connect_failed(error);
  evidence.path.route = route("10.99.0.0", 16, type);
  return evidence;
}

Evidence changed(Evidence evidence, auto change) {
  change(evidence);
  return evidence;
}

std::vector<Sample> of_names_and_host() {
  const auto in_use = [](const diagnose::PortHolder& who) {
    return changed(prepare_failed(Syscall::bind, EADDRINUSE),
                   [&](Evidence& evidence) { evidence.host.holders = {who}; });
  };
  return {
      {Cause::name_not_found, look_up_failed(EAI_NONAME, {answered(3)})},
      {Cause::name_without_address, look_up_failed(EAI_NODATA, {answered(0)})},
      {Cause::name_server_failed, look_up_failed(EAI_AGAIN, {answered(2)})},
      {Cause::name_server_silent, look_up_failed(EAI_AGAIN, {not_answered()})},
      {Cause::name_server_unreachable, look_up_failed(EAI_AGAIN, {not_answered(ENETUNREACH)})},
      {Cause::no_name_server, look_up_failed(EAI_AGAIN, {})},
      {Cause::port_in_use, in_use(holder("10.77.0.1", listening))},
      {Cause::source_port_in_use, in_use(holder("10.77.0.1", established, "10.9.9.9"))},
      {Cause::source_port_in_time_wait, in_use(holder("10.77.0.1", time_wait, "10.9.9.9"))},
      {Cause::privileged_port,
       changed(prepare_failed(Syscall::bind, EACCES),
               [](Evidence& evidence) { evidence.host.first_unprivileged_port = 1024; })},
      {Cause::address_not_local,
       changed(prepare_failed(Syscall::bind, EADDRNOTAVAIL),
               [](Evidence& evidence) { evidence.peer = at("10.5.5.5", 80); })},
      {Cause::source_cannot_reach,
       changed(connect_failed(EINVAL),
               [](Evidence& evidence) { evidence.source = at("127.0.0.1"); })},
      {Cause::no_free_port, connect_failed(EADDRNOTAVAIL)},
      {Cause::descriptor_limit, prepare_failed(Syscall::socket, EMFILE)},
      {Cause::family_not_supported, prepare_failed(Syscall::socket, EAFNOSUPPORT, "AF_INET6")},
      {Cause::ipv6_disabled, changed(connect_failed(EADDRNOTAVAIL, "2001:db8:9::9"),
                                     [](Evidence& evidence) {
                                       evidence.path = {};
                                       evidence.path.ipv6_disabled = true;
                                       evidence.path.family_has_address = false;
                                     })},
      {Cause::no_such_interface,
       prepare_failed(Syscall::setsockopt, ENODEV, "SO_BINDTODEVICE=wlan7")},
      {Cause::option_refused, prepare_failed(Syscall::setsockopt, EPERM, "SO_MARK=1")},
      {Cause::no_memory, connect_failed(ENOBUFS)},
      {Cause::refused_by_kernel, connect_failed(EDESTADDRREQ)},
      {Cause::output_filter, connect_failed(EPERM)},
      {Cause::stdout_not_read,
       changed(idle(), [](Evidence& evidence) { evidence.transfer.stdout_stuck = true; })},
  };
}

std::vector<Sample> of_connecting() {
  const auto own = [](Evidence evidence, const diagnose::PortHolder& who) {
    make_own(evidence);
    evidence.host.holders = {who};
    return evidence;
  };
  auto full = holder("0.0.0.0", listening);
  full.socket.rqueue = 2;
  full.socket.wqueue = 1;
  return {
      {Cause::interface_down, changed(connect_failed(ENETUNREACH),
                                      [](Evidence& evidence) {
                                        evidence.path.route.reset();
                                        evidence.path.down_link = evidence.path.link;
                                        evidence.path.down_link->up = false;
                                        evidence.path.link.reset();
                                      })},
      {Cause::neighbour_silent,
       changed(connect_failed(EHOSTUNREACH),
               [](Evidence& evidence) { put_on_link(evidence, NeighbourState::failed); })},
      {Cause::not_unicast, connect_failed(ENETUNREACH, "224.0.0.1")},
      {Cause::not_by_interface,
       changed(connect_failed(ENETUNREACH),
               [](Evidence& evidence) { evidence.path.not_by_interface = true; })},
      {Cause::no_route, changed(connect_failed(ENETUNREACH),
                                [](Evidence& evidence) { evidence.path.route.reset(); })},
      {Cause::route_unreachable, over(RouteType::unreachable, EHOSTUNREACH)},
      {Cause::route_prohibit, over(RouteType::prohibit, EACCES)},
      {Cause::route_blackhole, over(RouteType::blackhole, EINVAL)},
      {Cause::rejected_here, with_icmp(3, 13, "10.77.0.1")},
      {Cause::rejected_by_host, with_icmp(3, 3, "10.99.0.9")},
      {Cause::rejected_on_the_way, with_icmp(3, 13, "10.77.0.254")},
      {Cause::unreachable_on_the_way, with_icmp(3, 0, "10.77.0.254")},
      {Cause::ttl_exceeded, with_icmp(11, 0, "10.77.0.254")},
      {Cause::fragmentation_needed, with_icmp(3, 4, "10.77.0.254")},
      {Cause::nothing_listens, connect_failed(ECONNREFUSED)},
      {Cause::listens_elsewhere, own(connect_failed(ECONNREFUSED), holder("127.0.0.1", listening))},
      {Cause::met_itself, changed(connect_failed(ECONNREFUSED, "127.0.0.1"),
                                  [](Evidence& evidence) { evidence.met_itself = true; })},
      {Cause::filtered_by_host,
       changed(connect_timed_out(),
               [](Evidence& evidence) { put_on_link(evidence, NeighbourState::reachable); })},
      {Cause::filtered_or_down, connect_timed_out()},
      {Cause::accept_queue_full, own(connect_timed_out(), full)},
      {Cause::filtered_here, own(connect_timed_out(), holder("10.5.5.5", listening))},
  };
}

std::vector<Sample> of_transfer() {
  const auto idle_with = [](auto change) { return changed(idle(), change); };
  return {
      {Cause::unreachable_soft, lost(EHOSTUNREACH)},
      {Cause::stale_connection,
       changed(connect_timed_out(), [](Evidence& e) { e.info->segs_in = 3; })},
      {Cause::segments_lost, changed(idle(),
                                     [](Evidence& e) {
                                       e.transfer.gap = true;
                                       e.info->rcv_mss = e.info->advmss = 1448;
                                     })},
      {Cause::path_mtu_black_hole, changed(lost(ETIMEDOUT),
                                           [](Evidence& evidence) {
                                             evidence.info->retransmits = 8;
                                             evidence.info->total_retrans = 8;
                                             evidence.info->bytes_acked = 13;
                                             evidence.transfer.undelivered = 4988;
                                           })},
      {Cause::reset_at_once,
       changed(lost(ECONNRESET), [](Evidence& evidence) { evidence.transfer.received = 0; })},
      {Cause::reset_after_data, lost(ECONNRESET)},
      {Cause::peer_vanished, changed(lost(ETIMEDOUT),
                                     [](Evidence& evidence) {
                                       evidence.info->total_retrans = 8;
                                       evidence.transfer.undelivered = 12;
                                     })},
      {Cause::keepalive_unanswered, lost(ETIMEDOUT)},
      {Cause::zero_window, idle_with([](Evidence& evidence) {
         evidence.info->snd_wnd = 0;
         evidence.transfer.undelivered = 99'000;
       })},
      {Cause::not_accepted, test::here(idle_with([](Evidence& evidence) {
                                         evidence.transfer.peer_end = holder("127.0.0.1", 1);
                                       }),
                                       {holder("0.0.0.0", listening)})},
      {Cause::peer_silent, idle_with([](Evidence& evidence) { evidence.transfer.received = 0; })},
      {Cause::peer_silent_after_data, idle()},
  };
}

}  // namespace

std::vector<Sample> samples() {
  std::vector<Sample> out = of_names_and_host();
  for (auto& sample : of_connecting()) out.push_back(std::move(sample));
  for (auto& sample : of_transfer()) out.push_back(std::move(sample));
  return out;
}

}  // namespace tcptool::test
