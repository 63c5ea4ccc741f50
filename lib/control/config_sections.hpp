// The sections of the configuration, one function each: it asks a TableReader for the keys and fills the struct.
//
// What concerns one value alone is checked here; what several say together is checked by config_check.
#pragma once

#include "control/config.hpp"
#include "control/config_reader.hpp"

namespace penstock::control {

void read_limits(TableReader& table, LimitsConfig& limits);        // [limits]
void read_workers(TableReader& table, WorkersConfig& workers);     // [workers]
void read_impair(TableReader& table, ImpairConfig& impair);        // [port.impair]
void read_port(TableReader& table, PortConfig& port);              // [[port]]
void read_listener(TableReader& table, ListenerConfig& listener);  // [[listener]]
void read_document(TableReader& document, Config& config);         // all of it

}  // namespace penstock::control
