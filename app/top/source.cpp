#include "top/source.hpp"

namespace penstock::top {

std::expected<Sample, Fault> Source::take(const Wish& wish) {
  const bool kept = connection_.has_value();
  auto sample = try_take(wish);
  if (sample || !kept) return sample;
  // Who asks seldom may have been sent away for another client: only a new connection tells whether penstock is there.
  const bool closed = sample.error().kind == Fault::Kind::ended || sample.error().kind == Fault::Kind::hung_up;
  return closed ? try_take(wish) : sample;
}

std::expected<Sample, Fault> Source::try_take(const Wish& wish) {
  if (!connection_) {
    auto opened = Connection::open(instance_.path, patience);
    if (!opened) return std::unexpected(opened.error());
    connection_.emplace(std::move(*opened));
  }
  auto sample = collect([this](std::string_view command) { return connection_->ask(command); }, wish);
  if (sample) sample->process_id = connection_->greeting().process_id;
  else let_go();
  return sample;
}

std::vector<Instance> penstocks_among(std::span<const Instance> found) {
  std::vector<Instance> penstocks;
  for (const Instance& instance : found) {
    auto connection = Connection::open(instance.path, Source::patience);
    const auto info = connection ? connection->ask("/penstock/info") : std::unexpected(connection.error());
    const bool other =
        !info && (info.error().kind == Fault::Kind::no_socket || info.error().kind == Fault::Kind::ended ||
                  info.error().kind == Fault::Kind::hung_up || info.error().kind == Fault::Kind::unknown ||
                  info.error().kind == Fault::Kind::strange);
    if (!other) penstocks.push_back(instance);
  }
  return penstocks;
}

}  // namespace penstock::top
