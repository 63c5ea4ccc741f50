"""senders.py - T10: our KCP sender toward an unmodified ikcp over a path in virtual time, with ikcp and the oracle beside it.

Ours recovers by time and has no congestion control, as ikcp's turbo mode has none; `classic` is ours by ikcp's law.

Nothing here reads a clock: the same code brings the same figures, on a busy machine too."""

import json
import pathlib
import subprocess

from line import Line
from processes import MeasureError, REPO

SEEDS = 20
# 1,024 datagrams of 1,400 bytes in 20 ms, which carry 563.6 Mbit/s of payload.
LINK_MBIT = 573.44
NARROW, WIDE = 1024, 4096
# By name: the sender of penstock-path, and its settings.
SENDERS = {"ours": ("ours", "recovery=rack", "congestion=none"), "ikcp": ("ikcp",), "classic": ("ours",), "oracle": ("oracle",),
           "ticked-oracle": ("ticked-oracle",), "spare-oracle": ("spare-oracle",)}
BESIDE = tuple(SENDERS)[2:]
SHARE_MIN = {0.01: 0.92, 0.05: 0.85}
ORACLE_SHARE_MIN = 0.97
RESENT_MAX = 1.1
P99_RTT_MAX = 2.6
GAME_MINUTES = 10


def prepare(build):
    """The same ikcp as the differential tests have, since that one is in the rig."""
    library = pathlib.Path(build) / "diff/libikcp.so"
    if not library.exists():
        done = subprocess.run([REPO / "tests/diff/build_ikcp.sh", library], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MeasureError(f"ikcp cannot be built: {done.stderr.strip()}")


def trial(bench, name, **options):
    """What penstock-path tells of one sender, all seeds together."""
    sender, *settings = SENDERS[name]
    words = [bench.build / "tests/path/penstock-path", "--json", "--sender", sender, "--seeds", SEEDS]
    for setting in settings:
        words += ["--set", setting]
    for name, value in options.items():
        words += ["--" + name.replace("_", "-"), value]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MeasureError(done.stderr.strip())
    return json.loads(done.stdout)


def trials(bench, **options):
    """The same for each sender, by its name."""
    return {name: trial(bench, name, **options) for name in SENDERS}


def line(what, unit, target, value_of, found, holds=None, **extra):
    """A line of ours; ikcp is the rival, classic and the oracles stand behind."""
    ours, ikcp = value_of(found["ours"]), value_of(found["ikcp"])
    beside = {name.replace("-", "_"): value_of(found[name]) for name in BESIDE}
    return Line("T10", what, ours, unit, target, None if holds is None else holds(ours), rival="ikcp", rival_value=ikcp,
                ratio=ours / ikcp if ikcp else None, runs=SEEDS, extra={**beside, **extra})


def words_of(window, loss):
    return f"window {window:,}, {loss:.0%} lost"


def goodputs(found):
    return {f"{name.replace('-', '_')}_mbit": found[name]["goodput_mbit"] for name in SENDERS}


def oracle_line(found, loss, judged):
    """Held against the oracle of the same path, which knows all a round trip later."""
    best = found["oracle"]["goodput_mbit"]
    where = "share of the oracle, " + words_of(NARROW, loss)
    extra = goodputs(found)
    if not judged:
        where += ", no rate, ticks in phase"
        extra |= {"resent_per_lost": found["ours"]["resent_per_lost"], "p99_rtt": found["ours"]["p99_rtt"]}
    return line(where, "of the oracle", f"≥ {ORACLE_SHARE_MIN}", lambda one: one["goodput_mbit"] / best, found,
                (lambda value: value >= ORACLE_SHARE_MIN) if judged else None, **extra)


def recovery_lines(found, window, loss):
    """What was sent for nothing, and how long what came waited for what did not."""
    yield line("resent for each byte lost, " + words_of(window, loss), "B/B", f"≤ {RESENT_MAX}",
               lambda one: one["resent_per_lost"], found, lambda value: value <= RESENT_MAX,
               spurious_of_resends=found["ours"]["spurious_share"])
    judged = loss == 0.01
    yield line("p99 from first copy to delivery, " + words_of(window, loss), "RTT",
               f"≤ {P99_RTT_MAX}" if judged else "of 1 % only", lambda one: one["p99_rtt"], found,
               (lambda value: value <= P99_RTT_MAX) if judged else None, p50=found["ours"]["p50_rtt"])


def game_line(bench, loss):
    """A message of 64 B each 20 ms; losses both ways."""
    found = trials(bench, work="game", window=128, minutes=GAME_MINUTES, loss=loss, back_loss=loss)
    return line(f"game, 64 B each 20 ms: p99 of delivery, {loss:.0%} lost both ways", "RTT", "none",
                lambda one: one["p99_rtt"], found, None, most=found["ours"]["most_rtt"],
                ikcp_most=found["ikcp"]["most_rtt"], resent_per_lost=found["ours"]["resent_per_lost"],
                ikcp_resent_per_lost=found["ikcp"]["resent_per_lost"])


def t10(bench):
    """The sender on the old wire."""
    prepare(bench.build)
    for loss, least in SHARE_MIN.items():
        found = trials(bench, rate=LINK_MBIT, window=WIDE, loss=loss)
        yield line("share of the link, " + words_of(WIDE, loss), "of the link", f"≥ {least}",
                   lambda one: one["link_share"], found, lambda value, least=least: value >= least, **goodputs(found))
        yield from recovery_lines(found, WIDE, loss)
    for loss in (0, *SHARE_MIN):
        found = trials(bench, rate=LINK_MBIT, window=NARROW, loss=loss)
        yield oracle_line(found, loss, True)
        if loss > 0:
            yield from recovery_lines(found, NARROW, loss)
    for loss in (0, *SHARE_MIN):
        yield oracle_line(trials(bench, window=NARROW, loss=loss), loss, False)
    for loss in SHARE_MIN:
        yield game_line(bench, loss)
