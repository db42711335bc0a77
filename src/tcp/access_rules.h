// SPDX-License-Identifier: MIT
// Who may connect: networks that are allowed and networks that are denied, as the user gave them.
// Pure: the rules know addresses, not sockets.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/address.h"

namespace tcptool::tcp {

struct Network {
  sys::Address base;    // port 0, no bit set behind the prefix, never v4-mapped
  unsigned prefix = 0;  // bits

  [[nodiscard]] std::string text() const;  // "10.0.0.0/8"
};

// "10.0.0.0/8", "2001:db8::/32"; an address alone is itself and no other. A v4-mapped network of 96
// bits or more is the IPv4 network inside it.
// Errors: no numeric network, prefix too long, bits set behind the prefix.
Result<Network, std::string> parse_network(std::string_view text);

struct AccessRule {
  Network network;
  bool allow = false;
};

class AccessRules {
 public:
  struct Verdict {
    bool allowed = true;
    std::optional<AccessRule> rule;  // the one that decided; none: the default
  };

  // Errors: the network has a rule already that says the opposite. The same one twice counts once.
  Result<void, std::string> add(const AccessRule& rule);

  // The rule with the longest prefix that covers the peer decides. Where none does, the peer is
  // allowed, unless there is a rule that allows others. A v4-mapped peer is its IPv4 address.
  [[nodiscard]] Verdict judge(const sys::Address& peer) const;

  [[nodiscard]] bool empty() const { return rules_.empty(); }

 private:
  std::vector<AccessRule> rules_;
};

}  // namespace tcptool::tcp
