// SPDX-License-Identifier: MIT
#include "tcp/resolve.h"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "base/text.h"
#include "sys/lookup.h"
#include "sys/names.h"

namespace tcptool::tcp {
namespace {

using Kind = ResolveFailure::Kind;

ResolveFailure system_failure(std::string_view subject, sys::Syscall call, int error) {
  ResolveFailure failed;
  failed.kind = Kind::system;
  failed.subject = subject;
  failed.error = {call, error, std::string(subject)};
  return failed;
}

// One question to the resolver, awaited until `deadline`.
Result<sys::LookupResult, ResolveFailure> look_up(sys::Waiter& waiter,
                                                  const sys::LookupRequest& request,
                                                  std::string_view subject,
                                                  sys::Deadline deadline) {
  auto lookup = sys::PendingLookup::start(waiter.kernel(), request);
  if (!lookup) {
    return failure(system_failure(subject, lookup.error().call, lookup.error().error));
  }
  std::array<pollfd, 1> fds{{{lookup->fd(), POLLIN, 0}}};
  const sys::TimePoint begun = waiter.kernel().now();
  const auto wake = waiter.wait(fds, deadline);
  if (!wake) return failure(system_failure(subject, wake.error().call, wake.error().error));
  ResolveFailure failed;
  failed.subject = subject;
  failed.after = waiter.kernel().now() - begun;
  if (wake->interrupted()) {
    failed.kind = Kind::interrupted;
    failed.wake = *wake;
    return failure(failed);
  }
  if (wake->reason == sys::Wake::Reason::deadline) {
    failed.kind = Kind::timed_out;
    return failure(failed);
  }
  auto result = lookup->finish();
  if (!result) {
    return failure(system_failure(subject, result.error().call, result.error().error));
  }
  if (result->status == 0) return std::move(*result);
  failed.kind = result->status == EAI_SERVICE ? Kind::unknown_service : Kind::name_failed;
  failed.status = result->status;
  failed.error = {sys::Syscall::getaddrinfo, result->error, std::string(subject)};
  return failure(failed);
}

Result<std::uint16_t, ResolveFailure> port_number(sys::Waiter& waiter, const Port& port,
                                                  sys::Deadline deadline) {
  if (port.service.empty()) return port.number;
  const auto found = look_up(waiter, {"", port.service, AF_INET}, port.service, deadline);
  if (!found) return failure(found.error());
  return found->addresses.empty() ? std::uint16_t{0} : found->addresses.front().port();
}

Result<sys::Address, ResolveFailure> with_zone(sys::Kernel& kernel, const Host& host) {
  if (host.zone.empty()) return *host.numeric;
  if (const auto index = parse_unsigned(host.zone, UINT32_MAX)) {
    return host.numeric->with_zone(static_cast<std::uint32_t>(*index), "");
  }
  const sys::Outcome index = kernel.if_nametoindex(host.zone);
  if (index.ok()) {
    return host.numeric->with_zone(static_cast<std::uint32_t>(index.value), host.zone);
  }
  ResolveFailure failed;
  failed.kind = Kind::bad_zone;
  failed.subject = host.zone;
  failed.error = {sys::Syscall::if_nametoindex, index.error, host.zone};
  return failure(failed);
}

std::vector<sys::Address> unique(const std::vector<sys::Address>& addresses) {
  std::vector<sys::Address> out;
  for (const sys::Address& address : addresses) {
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
  }
  return out;
}

// With the number, which holds where /etc/services is missing, too.
std::string service_text(std::string_view name) {
  static constexpr std::array<std::string_view, 10> known{
      "ftp", "ssh", "telnet", "smtp", "domain", "http", "https", "mysql", "postgresql", "mqtt"};
  static constexpr std::array<int, known.size()> ports{21, 22,  23,   25,   53,
                                                       80, 443, 3306, 5432, 1883};
  const auto near = std::find(known.begin(), known.end(), nearest(name, known));
  if (near == known.end()) return "no such service; give the port as a number";
  return fmt::format("no such service; did you mean {} (port {})?", *near,
                     ports.at(static_cast<std::size_t>(near - known.begin())));
}

}  // namespace

std::string ResolveFailure::text() const {
  switch (kind) {
    case Kind::unknown_service:
      return service_text(subject);
    case Kind::timed_out:
      return "no answer from the name service in time";
    case Kind::bad_zone:
      return "no such interface on this host";
    case Kind::interrupted:
      return "interrupted";
    case Kind::system:
      return sys::SysError{error.call, error.error, ""}.text();
    case Kind::name_failed:
      break;
  }
  if (status == EAI_SYSTEM) return fmt::format("the look-up failed: {}", error.text());
  return fmt::format("{} ({})", sys::lookup_status_text(status), sys::lookup_status_name(status));
}

Result<std::vector<sys::Address>, ResolveFailure> resolve(sys::Waiter& waiter,
                                                          const Endpoint& endpoint, int family,
                                                          sys::Deadline deadline) {
  // The service first: a mistyped port must not wait for a name server.
  const auto port = port_number(waiter, endpoint.port, deadline);
  if (!port) return failure(port.error());
  if (endpoint.host.text.empty()) {
    if (family != AF_UNSPEC) return std::vector{sys::Address::any(family, *port)};
    return std::vector{sys::Address::any(AF_INET6, *port), sys::Address::any(AF_INET, *port)};
  }
  if (endpoint.host.numeric) {
    const auto address = with_zone(waiter.kernel(), endpoint.host);
    if (!address) return failure(address.error());
    return std::vector{address->with_port(*port)};
  }
  const auto found =
      look_up(waiter, {endpoint.host.text, "", family}, endpoint.host.text, deadline);
  if (!found) return failure(found.error());
  std::vector<sys::Address> addresses = unique(found->addresses);
  for (sys::Address& address : addresses) address = address.with_port(*port);
  return addresses;
}

std::vector<sys::Address> interleave_families(const std::vector<sys::Address>& addresses) {
  std::vector<sys::Address> first;
  std::vector<sys::Address> other;
  for (const sys::Address& address : addresses) {
    (address.family() == addresses.front().family() ? first : other).push_back(address);
  }
  std::vector<sys::Address> out;
  for (std::size_t i = 0; i < std::max(first.size(), other.size()); ++i) {
    if (i < first.size()) out.push_back(first[i]);
    if (i < other.size()) out.push_back(other[i]);
  }
  return out;
}

}  // namespace tcptool::tcp
