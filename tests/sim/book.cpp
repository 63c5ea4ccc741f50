#include "sim/book.hpp"

#include <algorithm>

#include "sim/broken.hpp"

namespace penstock::sim {

Record& Book::add(const Conversation& conversation) {
  Record& record = records_.emplace_back();
  record.plan = conversation;
  record.try_at = conversation.start;
  require(by_conv_.emplace(conversation.conv, &record).second, "two conversations were planned with one number");
  return record;
}

Record* Book::find(std::uint32_t conv) {
  const auto at = by_conv_.find(conv);
  return at == by_conv_.end() ? nullptr : at->second;
}

bool Book::all_closed() const {
  return std::ranges::all_of(records_, [](const Record& record) { return record.closed.has_value(); });
}

}  // namespace penstock::sim
