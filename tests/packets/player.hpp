// Player: lives one packet script through: its first lines set the node up, the others are played in virtual time.
//
// Throws ScriptError with file and line for what it does not understand and for what did not happen as the script says, and
// NodeFault for what no script may bring about.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "packets/bench.hpp"
#include "packets/frame_spec.hpp"
#include "packets/words.hpp"

namespace penstock::packets {

// What a script declares that it shows, by kind: rule, drop, close, attack.
using Claims = std::map<std::string, std::set<std::string>>;

class Player {
 public:
  // `name` is for messages, `text` the script, `setup` the node as the script finds it.
  Player(std::string name, const std::string& text, BenchSetup setup = BenchSetup::standard());
  void play();
  const Claims& claims() const { return claims_; }

 private:
  using Words = std::span<const Word>;
  // When a line happens.
  struct When {
    Duration at;
    bool exact = true;  // else any time from now on until `at`
  };
  void play_line(const std::string& line);
  void declare(std::string_view comment);
  bool set_up(Words words);
  void add_listener(Words words);
  void set_node(Words words);
  void set_impair(Words words);
  When take_time(Words& words);
  void act(Words words, const When& when);
  void arrive(Words words);
  void expect(Words words, const When& when);
  void expect_none(Words words, const When& when);
  void expect_count(Words words);
  void connect(Words words);
  bool answer_for(const net::Endpoint& client, std::uint32_t conv);
  void app(Words words);
  void app_read(Words words);
  void app_send(Words words);
  void switch_node(Words words);
  void stall(std::uint32_t worker, bool on);
  void finish();
  void finish_counts() const;
  std::uint64_t counter(const std::string& kind, const std::string& name) const;
  std::uint32_t number_of(const Word& word) const { return number(word.value, variables_); }

  std::string name_;
  std::string text_;
  std::uint32_t line_ = 0;
  Claims claims_;
  BenchSetup setup_;
  std::unique_ptr<Bench> bench_;
  Variables variables_;
  Duration time_;                                 // when the last line happened
  std::map<std::string, std::uint64_t> counted_;  // "drop name" and the like: how far lines have accounted for it
};

}  // namespace penstock::packets
