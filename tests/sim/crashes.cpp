#include "sim/crashes.hpp"

#include <algorithm>

namespace penstock::sim {

namespace {

// What a freeze, a slow turn and the longest way on a wire add to a server's timeouts.
constexpr Duration slack = Duration::seconds(30);
// What was overheard is said again so much later at the most.
constexpr Duration repeats_last = Duration::seconds(180);
constexpr Duration look_each = Duration::seconds(1);
// Two ends that somebody set on each other may keep a conversation alive for good: then its number is not used again.
constexpr Duration patience = Duration::seconds(600);

}  // namespace

Crashes::Crashes(const Plan& plan, Book& book, const std::vector<std::unique_ptr<Host>>& hosts)
    : plan_(plan), book_(book), hosts_(hosts), rng_(Rng(plan.seed).child(902)) {}

void Crashes::crash(std::uint32_t host, Instant back_at, Instant now) {
  if (hosts_[host]->is_down()) return;
  std::vector<Record*> struck;
  for (Record& record : book_.records()) {
    if (!record.opened || record.closed) continue;
    if (record.plan.client == host || record.plan.server == host) struck.push_back(&record);
  }
  hosts_[host]->crash(now);
  book_.coverage.count(plan_.hosts[host].is_server ? Fault::server_crash : Fault::client_crash);
  for (Record* record : struck) {
    record->crashed = true;
    if (record->plan.client == host) go_on(*record, back_at);
  }
}

void Crashes::go_on(Record& record, Instant back_at) {
  switch (rng_.below(3)) {
    case 0: {
      // The low bits choose the port.
      Conversation other = record.plan;
      do other.conv = (other.conv & 0xffff) | (rng_.next32() & 0x7fff0000);
      while (book_.find(other.conv) != nullptr);
      other.key = rng_.next();
      other.start = back_at;
      book_.add(other);
      book_.coverage.count(Fault::other_number);
      return;
    }
    case 1: {
      const Instant at = back_at + forgotten_after(record);
      waiting_.push_back({&record, at, at + patience});
      return;
    }
    default:
      book_.begin_again(record, back_at, true);
      book_.coverage.count(Fault::same_number_at_once);
      return;
  }
}

Duration Crashes::forgotten_after(const Record& record) const {
  const ListenerConfig& limits = plan_.hosts[record.plan.server].limits;
  const Duration silence = limits.idle_timeout + Duration::us(limits.idle_timeout.count_us() / 4);
  return silence + limits.half_open_timeout + limits.quarantine + slack +
         (plan_.replay_ppm > 0 ? repeats_last : Duration());
}

bool Crashes::is_forgotten(const Record& record) const {
  return !hosts_[record.plan.server]->knows(record.plan.conv) && !hosts_[record.plan.client]->knows(record.plan.conv);
}

bool Crashes::act(Instant now) {
  bool any = false;
  std::erase_if(waiting_, [&](Waiting& waiting) {
    if (waiting.at > now) return false;
    if (waiting.give_up <= now) return true;
    if (!is_forgotten(*waiting.record)) {
      waiting.at = now + look_each;
      return false;
    }
    book_.begin_again(*waiting.record, now, false);
    book_.coverage.count(Fault::same_number_later);
    return any = true;
  });
  return any;
}

Instant Crashes::next_deadline() const {
  Instant next = Instant::never();
  for (const Waiting& waiting : waiting_) next = earlier(next, waiting.at);
  return next;
}

}  // namespace penstock::sim
