#include "bench/callgrind_profile.hpp"

#include <charconv>
#include <optional>

namespace penstock::bench {

namespace {

constexpr std::string_view our_namespace = "penstock::";

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "(12) name" teaches the name of 12, "(12)" recalls it, also one that an earlier dump of the file taught.
class Names {
 public:
  std::string of(std::string_view text) {
    const std::size_t close = text.find(')');
    if (text.empty() || text.front() != '(' || close == std::string_view::npos) return std::string(text);
    std::string& name = known_[std::string(text.substr(1, close - 1))];
    if (text.size() > close + 2) name = text.substr(close + 2);
    return name;
  }

 private:
  std::map<std::string, std::string> known_;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::expected<std::vector<Dump>, std::string> run() {
    while (const auto line = next_line()) {
      if (!take(*line))
        return std::unexpected("callgrind's line " + std::to_string(number_) + ": " + std::string(*line));
    }
    return std::move(dumps_);
  }

 private:
  std::optional<std::string_view> next_line() {
    if (rest_.empty()) return std::nullopt;
    ++number_;
    const std::size_t end = rest_.find('\n');
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return line;
  }

  bool take(std::string_view line) {
    if (line.empty() || line.front() == '#') return true;
    if (line.starts_with("part:")) {
      dumps_.emplace_back();
      return true;
    }
    if (line.starts_with("desc: Trigger:")) return take_trigger(line);
    if (line.starts_with("summary:") || line.starts_with("totals:")) return take_total(line);
    if (line.starts_with("fn=")) return take_function(line.substr(3));
    if (line.starts_with("cfn=")) {
      callee_ = names_.of(line.substr(4));
      return true;
    }
    if (line.starts_with("calls=")) return take_calls(line.substr(6));
    const bool is_cost = line.front() == '+' || line.front() == '-' || line.front() == '*' ||
                         (line.front() >= '0' && line.front() <= '9');
    // Everything else places code in files and objects, or is a heading.
    return is_cost ? take_cost(line) : true;
  }

  bool take_trigger(std::string_view line) {
    static constexpr std::string_view asked = "desc: Trigger: Client Request: ";
    if (line.starts_with(asked) && !dumps_.empty()) dumps_.back().label = line.substr(asked.size());
    return !dumps_.empty();
  }

  bool take_total(std::string_view line) {
    const auto value = number_of(line.substr(line.find(' ') + 1));
    if (dumps_.empty() || !value) return false;
    dumps_.back().instructions = *value;
    return true;
  }

  bool take_function(std::string_view text) {
    if (dumps_.empty()) return false;
    function_ = names_.of(text);
    return true;
  }

  bool take_calls(std::string_view text) {
    const auto count = number_of(text.substr(0, text.find(' ')));
    if (!count || dumps_.empty()) return false;
    dumps_.back().functions[callee_].calls += *count;
    in_call_ = true;
    return true;
  }

  // "position cost"; behind calls= it is the callee's inclusive cost.
  bool take_cost(std::string_view line) {
    const std::size_t space = line.find(' ');
    const auto cost =
        space == std::string_view::npos ? std::optional<std::uint64_t>(0) : number_of(line.substr(space + 1));
    if (!cost || dumps_.empty()) return false;
    FunctionCost& own = dumps_.back().functions[function_];
    own.inclusive += *cost;
    if (!in_call_) own.self += *cost;
    in_call_ = false;
    return true;
  }

  std::string_view rest_;
  std::uint64_t number_ = 0;
  std::vector<Dump> dumps_;
  Names names_;
  std::string function_;
  std::string callee_;
  bool in_call_ = false;
};

}  // namespace

FunctionCost Dump::of(std::string_view prefix) const {
  FunctionCost sum;
  for (const auto& [name, cost] : functions) {
    std::string_view rest = name;
    if (rest.starts_with(our_namespace)) rest.remove_prefix(our_namespace.size());
    if (!rest.starts_with(prefix) && !name.starts_with(prefix)) continue;
    sum.self += cost.self;
    sum.inclusive += cost.inclusive;
    sum.calls += cost.calls;
  }
  return sum;
}

std::expected<std::vector<Dump>, std::string> parse_callgrind(std::string_view text) { return Parser(text).run(); }

}  // namespace penstock::bench
