#include "load/roster.hpp"

namespace penstock::load {

void Roster::connect(std::uint32_t session, SessionId id) {
  PENSTOCK_ASSERT(!connected(session));
  entries_[session].id = id;
  ++connected_;
}

std::uint32_t Roster::disconnect(std::uint32_t session) {
  PENSTOCK_ASSERT(connected(session));
  const std::uint32_t given_up = outstanding(session);
  if (requests_.capacity() == 0) acknowledge(session, given_up);
  while (outstanding(session) > 0) answer(session);
  entries_[session].id = SessionId();
  --connected_;
  return given_up;
}

void Roster::send(std::uint32_t session, std::uint64_t due_ns) {
  Entry& entry = entries_[session];
  const auto request = requests_.take(Request{.due_ns = due_ns});
  PENSTOCK_ASSERT(request != Slab<Request>::none);
  if (entry.sent == entry.answered) entry.oldest = request;
  else requests_[entry.latest].next = request;
  entry.latest = request;
  ++entry.sent;
}

std::uint64_t Roster::answer(std::uint32_t session) {
  Entry& entry = entries_[session];
  PENSTOCK_ASSERT(entry.sent != entry.answered);
  const auto request = entry.oldest;
  const std::uint64_t due_ns = requests_[request].due_ns;
  entry.oldest = requests_[request].next;
  requests_.give(request);
  ++entry.answered;
  return due_ns;
}

void Roster::post(std::uint32_t session) {
  PENSTOCK_ASSERT(requests_.capacity() == 0);
  ++entries_[session].sent;
  ++posted_;
}

void Roster::acknowledge(std::uint32_t session, std::uint32_t count) {
  PENSTOCK_ASSERT(requests_.capacity() == 0 && count <= outstanding(session));
  entries_[session].answered += count;
  posted_ -= count;
}

}  // namespace penstock::load
