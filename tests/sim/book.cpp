#include "sim/book.hpp"

#include "sim/broken.hpp"

namespace penstock::sim {

Record& Book::add(const Conversation& conversation) {
  Record& record = records_.emplace_back();
  record.plan = conversation;
  record.try_at = conversation.start;
  ++changes_;
  require(by_conv_.emplace(conversation.conv, &record).second, "two conversations were planned with one number");
  return record;
}

Record* Book::find(std::uint32_t conv) {
  const auto at = by_conv_.find(conv);
  return at == by_conv_.end() ? nullptr : at->second;
}

void Book::close(Record& record, CloseReason reason) {
  closed_ += record.closed ? 0u : 1u;
  record.closed = reason;
}

void Book::begin_again(Record& record, Instant at, bool mixed) {
  require(record.closed.has_value(), "a conversation that is under way was begun again");
  --closed_;
  record.closed.reset();
  record.opened = record.completed = record.torn = false;
  record.echoed = record.taken = 0;
  record.plan.key ^= 0x5bd1e9955bd1e995;
  record.mixed = mixed;
  retry(record, 0, at);
}

void Book::tear(Record& record) {
  record.torn = true;
  ++changes_;
}

void Book::retry(Record& record, std::uint32_t worker, Instant at) {
  record.try_worker = worker;
  record.try_at = at;
  ++changes_;
}

}  // namespace penstock::sim
