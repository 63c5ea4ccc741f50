// Tables: the pictures of penstock as tables, made from rates: for the screens, and for batches. Pure.
#pragma once

#include <cstdint>

#include "top/rates.hpp"
#include "top/sample.hpp"
#include "top/table.hpp"

namespace penstock::top {

// A row a worker; its id is the worker's number.
Table worker_table(const Rates& rates);
// A row a port: its link and MTU, how often they changed, what the device could not take.
Table port_table(const Rates& rates);
// Every counter of a worker, its value and how it changes; column 0 is the name.
Table worker_counters(const Rates& rates, std::size_t worker);
// A row a listener; its id is the listener's number.
Table listener_table(const Rates& rates);
// Why a listener's sessions ended, with the rest that it counts.
Table listener_counters(const Rates& rates, std::size_t listener);
// A row a session at the top; its id is the session's. A column tells peers when a session has one.
Table session_table(const Rates& rates);
// Why that table is empty.
std::string_view survey_text(const Survey& survey);
// Everything that is told of the one session.
Table session_fields(const Rates& rates);
// A row a reason; those that dropped nothing only when `unused` is set.
Table drop_table(const Rates& rates, bool unused);
// A row a histogram: percentiles since start, or of what came since the sample before.
Table histogram_table(const Rates& rates, bool since_start);

// The column of each By in session_table().
std::size_t session_column(By by);

}  // namespace penstock::top
