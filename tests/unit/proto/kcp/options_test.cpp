// Shows that the defaults are ikcp's, that each field is refused one step outside its range under its own name, and that a
// small receive window acts as 128.
// How: every bound of every field from both sides.
#include "proto/kcp/options.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace penstock::kcp;

namespace {

template <class Field, class Value>
std::string fault_of(Field Options::*field, Value value, Options options = {}) {
  options.*field = static_cast<Field>(value);
  const auto fault = options.validate();
  if (!fault) return "";
  CHECK(fault->sentence.find(fault->field) != std::string_view::npos);
  return std::string(fault->field);
}

}  // namespace

TEST_CASE("the defaults are those of ikcp 1.7") {
  // rule: 4.A defaults
  const Options options;
  CHECK(!options.validate());
  CHECK(options.snd_wnd == 32);
  CHECK(options.receive_window() == 128);
  CHECK(options.mtu == 1400);
  CHECK(options.mss() == 1376);
  CHECK(options.interval_ms == 100);
  CHECK(options.ack_delay_ms == 0);
  CHECK(options.dead_link == 20);
  CHECK(options.rto_initial_ms == 200);
  CHECK(options.rto_floor_ms() == 100);
  CHECK(options.rto_max_ms == 60'000);
  CHECK(options.probe_initial_ms == 7'000);
  CHECK(options.probe_max_ms == 120'000);
  CHECK(options.fastack_limit == 5);
  CHECK(options.nodelay == 0);
  CHECK(options.resend == 0);
  CHECK(!options.stream);
  CHECK(!options.no_congestion_window);
  CHECK(!options.fastack_conserve);
}

TEST_CASE("nodelay lowers the floor of the RTO") {
  Options options;
  options.nodelay = 1;
  CHECK(options.rto_floor_ms() == 30);
  options.nodelay = 2;
  CHECK(options.rto_floor_ms() == 30);
}

TEST_CASE("each field is bounded under its own name") {
  CHECK(fault_of(&Options::nodelay, 2) == "");
  CHECK(fault_of(&Options::nodelay, 3) == "nodelay");
  CHECK(fault_of(&Options::loss_percent, 0) == "loss_percent");
  CHECK(fault_of(&Options::loss_percent, 50) == "");
  CHECK(fault_of(&Options::loss_percent, 51) == "loss_percent");
  CHECK(fault_of(&Options::dead_link, 1) == "dead_link");
  CHECK(fault_of(&Options::dead_link, 2) == "");
  CHECK(fault_of(&Options::dead_link, 255) == "");
  CHECK(fault_of(&Options::mtu, 49) == "mtu");
  CHECK(fault_of(&Options::mtu, 50) == "");
  CHECK(fault_of(&Options::mtu, 9000) == "");
  CHECK(fault_of(&Options::mtu, 9001) == "mtu");
  CHECK(fault_of(&Options::interval_ms, 9) == "interval_ms");
  CHECK(fault_of(&Options::interval_ms, 10) == "");
  CHECK(fault_of(&Options::interval_ms, 5000) == "");
  CHECK(fault_of(&Options::interval_ms, 5001) == "interval_ms");
  CHECK(fault_of(&Options::ack_delay_ms, 1000) == "");
  CHECK(fault_of(&Options::ack_delay_ms, 1001) == "ack_delay_ms");
  CHECK(fault_of(&Options::snd_wnd, 0) == "snd_wnd");
  CHECK(fault_of(&Options::snd_wnd, 1) == "");
  CHECK(fault_of(&Options::snd_wnd, 32'768) == "");
  CHECK(fault_of(&Options::snd_wnd, 32'769) == "snd_wnd");
  CHECK(fault_of(&Options::rcv_wnd, 0) == "rcv_wnd");
  CHECK(fault_of(&Options::rcv_wnd, 1) == "");
  CHECK(fault_of(&Options::rcv_wnd, 32'769) == "rcv_wnd");
  CHECK(fault_of(&Options::send_queue_segments_max, 255) == "send_queue_segments_max");
  CHECK(fault_of(&Options::send_queue_segments_max, 256) == "");
  CHECK(fault_of(&Options::send_queue_segments_max, 32'769) == "send_queue_segments_max");
  CHECK(fault_of(&Options::rto_min_ms, 0) == "rto_min_ms");
  CHECK(fault_of(&Options::rto_min_nodelay_ms, 0) == "rto_min_nodelay_ms");
  CHECK(fault_of(&Options::rto_max_ms, 99) == "rto_max_ms");
  CHECK(fault_of(&Options::rto_max_ms, 60'001) == "rto_max_ms");
  CHECK(fault_of(&Options::rto_initial_ms, 0) == "rto_initial_ms");
  CHECK(fault_of(&Options::rto_initial_ms, 60'001) == "rto_initial_ms");
  CHECK(fault_of(&Options::probe_initial_ms, 0) == "probe_initial_ms");
  CHECK(fault_of(&Options::probe_initial_ms, 120'001) == "probe_initial_ms");
  CHECK(fault_of(&Options::probe_max_ms, 3'600'001) == "probe_max_ms");
  CHECK(fault_of(&Options::stall_timeout_ms, 0) == "stall_timeout_ms");
  CHECK(fault_of(&Options::linger_ms, 3'600'001) == "linger_ms");
  CHECK(fault_of(&Options::linger_ms, 0) == "");
}

TEST_CASE("a receive window below 128 acts as 128, so that the fragments of a message fit") {
  Options options;
  options.rcv_wnd = 1;
  CHECK(options.receive_window() == 128);
  options.rcv_wnd = 129;
  CHECK(options.receive_window() == 129);
}
