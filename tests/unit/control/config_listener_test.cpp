// Shows how [[listener]] is read: each value by itself, the ends of each range, and that nc wins over congestion.
// What several keys say together is in config_check_test.cpp.
#include "config_text.hpp"
#include "control/config_sections.hpp"

namespace penstock::control {

namespace {

// A port on which every listener.mtu fits; the listener's first line is 5.
const std::string wide_port = port_text + "mtu = 9000\n";

ListenerConfig listener_of(std::string_view lines) {
  return config_of(wide_port + listener_text + std::string(lines)).listeners.at(0);
}

std::string refused(std::string_view line) { return sentence_of(wide_port + listener_text + std::string(line) + "\n"); }

}  // namespace

TEST_CASE("every key of a listener is taken") {
  const ListenerConfig listener = listener_of(
      "protocol = \"kcp\"\naddress = \"10.77.0.2\"\nkey = \"conv\"\nmode = \"stream\"\nnodelay = 2\ninterval_ms = 20\n"
      "ack_delay_ms = 25\nresend = 3\nnc = false\nsnd_wnd = 4\nrcv_wnd = 5\nmtu = 600\ndead_link = 7\nprobe_ms = 800\n"
      "fastack_conserve = true\nroaming = true\ncongestion = \"none\"\nrecovery = \"rack\"\nloss_percent = "
      "9\npath_mtu = \"search\"\nsessions_max = 90\nhalf_open_max = "
      "10\nper_prefix_max = 11\nchallenge = false\nhalf_open_per_prefix_max = 9\n"
      "idle_timeout_s = 12\nliveness_probes = 2\nhalf_open_timeout_s = 13\nstall_timeout_s = 14\nquarantine_s = 15\n");
  CHECK(listener.name == "echo");
  CHECK(listener.protocol == Protocol::kcp);
  CHECK(listener.address == net::IpAddress::v4(10, 77, 0, 2));
  CHECK(listener.port == 4'000);
  CHECK(listener.service == Service::echo);
  CHECK(listener.key == SessionKey::conv);
  CHECK(listener.mode == Mode::stream);
  CHECK(listener.nodelay == 2);
  CHECK(listener.interval_ms == 20);
  CHECK(listener.ack_delay_ms == 25);
  CHECK(listener.resend == 3);
  CHECK_FALSE(listener.nc);
  CHECK(listener.snd_wnd == 4);
  CHECK(listener.rcv_wnd == 5);
  CHECK(listener.mtu == 600);
  CHECK(listener.dead_link == 7);
  CHECK(listener.probe_ms == 800);
  CHECK(listener.fastack_conserve);
  CHECK(listener.congestion == Congestion::none);
  CHECK(listener.recovery == Recovery::rack);
  CHECK(listener.loss_percent == 9);
  CHECK(listener.search_mtu);
  CHECK(listener.roaming);
  CHECK(listener.sessions_max == 90);
  CHECK_FALSE(listener.challenge);
  CHECK(listener.half_open_max == 10);
  CHECK(listener.half_open_per_prefix_max == 9);
  CHECK(listener.per_prefix_max == 11);
  CHECK(listener.idle_timeout_s == 12);
  CHECK(listener.liveness_probes == 2);
  CHECK(listener.half_open_timeout_s == 13);
  CHECK(listener.stall_timeout_s == 14);
  CHECK(listener.quarantine_s == 15);
}

TEST_CASE("recovery by time has each controller, and bbr when none is named") {
  CHECK(listener_of("").recovery == Recovery::ikcp);
  CHECK(listener_of("recovery = \"rack\"\n").congestion == Congestion::bbr);
  CHECK(listener_of("recovery = \"rack\"\n").snd_wnd == 1024);
  CHECK(listener_of("snd_wnd = 50\nrecovery = \"rack\"\n").snd_wnd == 50);
  CHECK(listener_of("recovery = \"rack\"\nnc = true\n").congestion == Congestion::none);
  const std::pair<const char*, Congestion> all[] = {{"none", Congestion::none},
                                                    {"kcp", Congestion::kcp},
                                                    {"newreno", Congestion::newreno},
                                                    {"cubic", Congestion::cubic},
                                                    {"bbr", Congestion::bbr}};
  for (const auto& [name, congestion] : all) {
    const ListenerConfig listener = listener_of("recovery = \"rack\"\ncongestion = \"" + std::string(name) + "\"\n");
    CHECK(listener.recovery == Recovery::rack);
    CHECK(listener.congestion == congestion);
  }
  CHECK_FALSE(refused("recovery = \"tcp\"").empty());
  CHECK_FALSE(refused("congestion = \"vegas\"").empty());
}

TEST_CASE("without congestion control there is none, whatever congestion says") {
  CHECK(listener_of("nc = true\n").congestion == Congestion::none);
  CHECK(listener_of("nc = true\ncongestion = \"kcp\"\n").congestion == Congestion::none);
  CHECK(listener_of("nc = false\n").congestion == Congestion::kcp);
  CHECK_FALSE(listener_of("path_mtu = \"fixed\"\n").search_mtu);
  CHECK(refused("path_mtu = \"search\"") ==
        "t.toml:9: listener.path_mtu: \"search\" goes with recovery by time; set recovery = \"rack\"");
}

TEST_CASE("both ends of each range are in it, and what is beyond is not") {
  struct Range {
    const char* key;
    std::int64_t min;
    std::int64_t max;
  };
  for (const Range& range :
       {Range{"nodelay", 0, 2}, Range{"interval_ms", 10, 5'000}, Range{"ack_delay_ms", 0, 1'000},
        Range{"resend", 0, 255}, Range{"loss_percent", 1, 50}, Range{"snd_wnd", 1, 32'768}, Range{"rcv_wnd", 1, 32'768},
        Range{"dead_link", 2, 255}, Range{"probe_ms", 100, 120'000}, Range{"idle_timeout_s", 1, 86'400},
        Range{"liveness_probes", 0, 8}, Range{"half_open_timeout_s", 1, 3'600},
        Range{"half_open_per_prefix_max", 0, 16'777'216}, Range{"stall_timeout_s", 1, 3'600},
        Range{"quarantine_s", 0, 300}, Range{"sessions_max", 0, 65'536}}) {
    const std::string key = range.key;
    INFO(key);
    CHECK(refused(key + " = " + std::to_string(range.min)).empty());
    CHECK(refused(key + " = " + std::to_string(range.max)).empty());
    CHECK(refused(key + " = " + std::to_string(range.min - 1)).starts_with("t.toml:9: listener." + key + ": "));
    CHECK(refused(key + " = " + std::to_string(range.max + 1)).starts_with("t.toml:9: listener." + key + ": "));
  }
  CHECK(refused("mtu = 50").empty());
  CHECK(refused("mtu = 49") == "t.toml:9: listener.mtu: 49 is below 50");
  CHECK(refused("mtu = 9001") == "t.toml:9: listener.mtu: 9001 is above 9000");
}

TEST_CASE("a name is made of letters, digits, _ and -") {
  const auto named = [](std::string_view name) {
    return sentence_of(port_text + "[[listener]]\nname = \"" + std::string(name) +
                       "\"\nport = 1\nservice = \"echo\"\n");
  };
  CHECK(named("A-z_09").empty());
  CHECK(named(std::string(32, 'n')).empty());
  CHECK(named(std::string(33, 'n')) == "t.toml:5: listener.name: 33 bytes are more than 32");
  for (const char* wrong : {"", "a b", "a.b", "é", "a/b", "a\\u0000b"}) {
    INFO(wrong);
    CHECK(named(wrong).starts_with("t.toml:5: listener.name: "));
  }
}

TEST_CASE("name, port and service must be named") {
  CHECK(sentence_of(port_text + "[[listener]]\nport = 1\nservice = \"echo\"\n") ==
        "t.toml:4: listener.name: is missing");
  CHECK(sentence_of(port_text + "[[listener]]\nname = \"a\"\nservice = \"echo\"\n") ==
        "t.toml:4: listener.port: is missing");
  CHECK(sentence_of(port_text + "[[listener]]\nname = \"a\"\nport = 1\n") == "t.toml:4: listener.service: is missing");
}

TEST_CASE("a load configuration has one listener, of the service load, in message mode") {
  const auto sentence = [](std::string_view listener, Role role) {
    const auto config = parse_config(port_text + std::string(listener), "t.toml", role);
    return config ? std::string() : config.error().sentence();
  };
  const std::string load = "[[listener]]\nname = \"a\"\nport = 1\nservice = \"load\"\n";
  CHECK(sentence(load, Role::load).empty());
  CHECK(sentence(load, Role::server) ==
        "t.toml:7: listener.service: must be \"echo\" or \"discard\" or \"sink\", not \"load\"");
  CHECK(sentence(listener_text, Role::load) == "t.toml:7: listener.service: must be \"load\", not \"echo\"");
  CHECK(sentence(load + "mode = \"stream\"\n", Role::load) ==
        "t.toml:8: listener.mode: must be \"message\", not \"stream\"");
  CHECK(sentence(load + "[[listener]]\nname = \"b\"\nport = 2\nservice = \"load\"\n", Role::load) ==
        "t.toml:8: listener: 2 entries are more than 1");
  CHECK(parse_config(port_text + load, "t.toml", Role::load)->listeners[0].service == Service::load);
  // It is the first and only service that penstock-load makes.
  CHECK(static_cast<int>(Service::load) == 0);
}

}  // namespace penstock::control
