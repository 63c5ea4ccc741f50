// Path: the way between a session and its peer. Replies leave by the path that the request came in on, tags included.
#pragma once

#include <cstdint>

#include "net/address.hpp"

namespace penstock::net {

struct Path {
  Endpoint local;
  Endpoint remote;
  std::uint16_t interface = 0;      // index into StackConfig::interfaces: port and tag stack
  std::uint32_t next_hop_hint = 0;  // where the stack found the next hop last; a hint it checks, never a promise
  // The hint is not part of a path's identity.
  constexpr bool operator==(const Path& o) const {
    return local == o.local && remote == o.remote && interface == o.interface;
  }
};

}  // namespace penstock::net
