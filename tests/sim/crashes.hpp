// Crashes: processes that end without a word and begin anew, and what a client's application does then.
//
// KCP has no word for the end of a conversation and numbers each from 0, so two conversations of one number, address and port
// cannot be told apart by anybody. A client that crashed has three ways to go on, and this draws one for each conversation:
//   another number         from the same port, at once: what the server still says of the old one must not get into it
//   the same number later  when the server has forgotten it and nothing of it is under way: whole, with other bytes
//   the same number now    while the server may know it: nothing is promised of its bytes, but all that counts, ends and bounds
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/rng.hpp"
#include "sim/book.hpp"
#include "sim/host.hpp"

namespace penstock::sim {

class Crashes {
 public:
  Crashes(const Plan& plan, Book& book, const std::vector<std::unique_ptr<Host>>& hosts);

  // A host's process ends; `back_at` is when it begins anew.
  void crash(std::uint32_t host, Instant back_at, Instant now);
  // Begins what is to be begun again; true when something was.
  bool act(Instant now);
  Instant next_deadline() const;
  // Nothing is waiting to be begun again.
  bool quiet() const { return waiting_.empty(); }

 private:
  struct Waiting {
    Record* record;
    Instant at;       // not before …
    Instant give_up;  // … and not after
  };
  void go_on(Record& record, Instant back_at);
  Duration forgotten_after(const Record& record) const;
  bool is_forgotten(const Record& record) const;

  const Plan& plan_;
  Book& book_;
  const std::vector<std::unique_ptr<Host>>& hosts_;
  Rng rng_;
  std::vector<Waiting> waiting_;
};

}  // namespace penstock::sim
