// Help page: what `?` shows: the keys, and what the columns mean.
#pragma once

#include <array>
#include <string_view>

namespace penstock::top {

// At most 78 characters a line.
inline constexpr std::array<std::string_view, 42> help_lines = {
    "Keys",
    "  1-6, Tab    pages: workers, listeners, sessions, drops, histograms,",
    "              instances",
    "  up, down    select a row (also j, k); page up, page down, home, end",
    "  Enter       look into the worker, listener or session; on the page of",
    "              instances: go to it",
    "  Esc         back (also Backspace)",
    "  s           order by the next column; sessions: by rate, round trip time,",
    "              retransmissions. The column's title gets a star",
    "  r           the other way round",
    "  left, right the worker before or behind, of histograms and counters",
    "  d           histograms since the start, or since the sample before",
    "  u           drop reasons that never happened, too",
    "  a           addresses of peers, or not",
    "  n, N        the next penstock, the one before",
    "  + , -       longer or shorter pauses between samples",
    "  p, space    hold the picture, go on",
    "  ?           this page; q: quit",
    "",
    "Workers",
    "  busy%       share of its core's time in turns that found work",
    "  rx/s, tx/s  frames a second; rxbit/s, txbit/s: bits of them",
    "  drop/s      frames and datagrams dropped, in and out; page 4 tells why",
    "  retr/s      segments sent again",
    "  wait        sessions with something to send that found no room",
    "  txq, inq    frames that wait for a port; datagrams from other workers",
    "  mem%, win%  buffers in use; memory of windows in use",
    "  hand/s      datagrams handed to the worker that owns their flow",
    "  stalls      times that the core was away for more than 5 ms",
    "  overload    1: unproven peers stand back, 2: new sessions as well",
    "",
    "Sessions",
    "  seg/s       segments a second, sent for the first time or taken in order",
    "  srtt        smoothed round trip time",
    "  retr/s      segments sent again a second; retr: since it was opened",
    "  flight      segments sent and not acknowledged",
    "  silent      since the last datagram of its peer; age: since it was opened",
    "  Each worker goes through its sessions a few at a time, so a list is as",
    "  old as the line above it tells.",
    "",
    "Colours: yellow: something was dropped or refused since the last sample,",
    "or a worker stands back or tells nothing. All names: docs/telemetry.md",
};

}  // namespace penstock::top
