#!/usr/bin/env python3
"""run.py - penstock-top on real penstocks: in terminals of several sizes by tmux, over ssh, as text, as JSON, and where it must refuse.

    tests/top/run.py [--only TEXT] [--build DIR]

One penstock serves a load over memif, two others are quiet. One line a case, and a closing `top: N passed, N failed`. Needs
root, as the sockets are looked for where root's are. Files stay in build/top and build/load.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from node import Load, Node, NodeError, REPO, SESSIONS
from screen import Screen, ScreenError, wait_until
from ssh import SshServer

from pair import Pair, PairError  # node.py knows where
from telemetry import RUNTIME_DIR, Telemetry

RUN_S_MAX = 180
CLIENTS_MAX = 64
IDLE_S = 1.2  # after which a client may be sent away for another
PAGES = ("Workers", "Listeners", "Sessions", "Drops", "Histograms", "Instances")


class Failure(Exception):
    """What was not as it should be."""


def check(good, sentence):
    if not good:
        raise Failure(sentence)


class World:
    """What the cases look at."""

    def __init__(self, build_dir, pair, quiet, other):
        self.top = str(pathlib.Path(build_dir).resolve() / "app/top/penstock-top")
        self.busy = f"{pair.name}-server"
        self.quiet = quiet
        self.other = other

    def run(self, *words, around=(), top=None):
        """Status, what was printed, and what was complained of."""
        done = subprocess.run([*around, top or self.top, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=RUN_S_MAX)
        return done.returncode, done.stdout, done.stderr

    def screen(self, *words, **more):
        return Screen([self.top, *words], **more)

    def documents(self, *words):
        status, out, err = self.run("--json", *words)
        check(status == 0 and not err, f"ended with status {status}: {err}")
        return [json.loads(line) for line in out.splitlines()]


def refused(world, status, said, *words, **more):
    got, out, err = world.run(*words, **more)
    check(got == status, f"{words} ended with status {got}, not {status}: {err}")
    check(not out and err.count("\n") == 1, f"{words} printed {out!r} and complained of {err!r}")
    check(err.startswith("penstock-top: ") and re.search(said, err), f"{words} complained of {err!r}")


def case_words(world):
    status, out, err = world.run("--help")
    check(status == 0 and out.startswith("Usage: penstock-top") and not err, f"--help gave {status} {err}")
    status, out, _ = world.run("--version")
    check(status == 0 and re.fullmatch(r"penstock-top \d+\.\d+\.\d+\n", out), f"--version printed {out!r}")
    refused(world, 2, "--interval", "--interval", "0")
    refused(world, 2, "--batch", "--batch", "none")
    refused(world, 2, "--nosuch", "--nosuch")
    refused(world, 2, "no terminal here, try --batch", "-f", world.quiet.prefix)


def case_nobody_there(world):
    missing = f"{world.quiet.prefix}x"
    known = rf"these prefixes exist: .*{re.escape(world.quiet.prefix)}"
    path = re.escape(f"{RUNTIME_DIR}/{missing}/dpdk_telemetry.v2")
    refused(world, 1, f"{path}.*{known}", "-f", missing)
    refused(world, 1, f"{path}.*{known}", "--batch", "1", "-f", missing)
    refused(world, 1, "there is no socket /nobody/here", "--batch", "1", "-f", "/nobody/here")


def case_permission(world):
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with tempfile.TemporaryDirectory(prefix="penstock-top-") as folder:
        # Who may not look into root's directories may not be able to run what lies there either.
        os.chmod(folder, 0o755)
        ours = {"around": nobody, "top": shutil.copy(world.top, folder)}
        refused(world, 1, "no permission: run penstock-top as", "--batch", "1", "-f", world.quiet.prefix, **ours)
        refused(world, 1, "no penstock runs here.*be its user or root", "--batch", "1", **ours)


def hang_up(listener):
    """What a socket does to clients for which it has no place."""
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


def case_no_place(world):
    with tempfile.TemporaryDirectory(prefix="penstock-top-") as folder, \
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        path = f"{folder}/dpdk_telemetry.v2"
        listener.bind(path)
        listener.listen()
        threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        refused(world, 1, "all places at .* are taken", "--batch", "1", "-f", path)
        with world.screen("-f", world.other.prefix, "-f", path, "-i", "0.2") as screen:
            screen.wait_for(r"\[1 Workers\](.|\n)*\n +0 +")
            screen.keys("n")
            screen.wait_for(r"all places at(.|\n)*trying again")
        listener.shutdown(socket.SHUT_RDWR)


def case_sent_away(world):
    """Who is idle makes room for newcomers, and comes back with its next sample."""
    with world.screen("-f", world.quiet.prefix, "-i", "60") as screen:
        screen.wait_for(r"\[1 Workers\](.|\n)*\n +0 +")
        time.sleep(IDLE_S)
        clients = [Telemetry(world.quiet.prefix) for _ in range(CLIENTS_MAX)]
        try:
            time.sleep(IDLE_S)
            screen.keys("5")
            lines = screen.wait_for(r"\[5 Histograms\](.|\n)*rtt_us +0|trying again")
            check("trying again" not in "\n".join(lines), f"it did not come back: {lines}")
        finally:
            for client in clients:
                client.close()


def case_batch_text(world):
    status, out, err = world.run("--batch", "3", "-f", world.busy, "--interval", "0.5")
    check(status == 0 and not err, f"ended with status {status}: {err}")
    first = rf"^{re.escape(world.busy)} \d{{4}}-\d\d-\d\dT\S+Z over [\d.]+ s: {SESSIONS} of {SESSIONS} sessions$"
    check(len(re.findall(first, out, re.M)) == 3, f"printed not three samples: {out}")
    check(out.count("\nworker ") == 3 and out.count("\nlistener ") == 3, f"tables are missing: {out}")
    check(re.search(rf"^echo +{SESSIONS} ", out, re.M), f"the listener is missing: {out}")
    check(all(line.isprintable() for line in out.splitlines()), "what was printed is not plain")


def case_json(world):
    # The first round through the sessions takes a second and more; then it is there.
    found = world.documents("--batch", "6", "-f", world.busy, "--by", "rtt", "--addresses")
    check(len(found) == 6, f"{len(found)} documents of 6")
    last = found[-1]
    worker = last["workers"][0]
    counters = worker["counters"]
    check(counters["rx_packets"] + counters["handed_in"] == counters["delivered"] + counters["handed_out"]
          + counters["held"] + counters["dropped"], f"the counters do not add up: {counters}")
    check(worker["per_s"]["rx_packets"] > 0 and 0 < worker["busy_percent"] <= 100, f"no rates: {worker}")
    check(all(name in counters for name in ("sessions_waiting", "tx_frames_waiting", "handed_in_waiting")),
          "queue depths are missing")
    check(last["listeners"][0]["counters"]["sessions"] == SESSIONS, f"the listener is wrong: {last['listeners']}")
    told = [one for one in found if one["survey"]["ready"]]
    check(told and told[-1]["survey"]["looked_at"] == SESSIONS, f"the sessions were not looked at: {last['survey']}")
    sessions = told[-1]["sessions"]
    check(len(sessions) == 32, f"{len(sessions)} sessions at the top, not 32")
    check(all(re.search(r"^(10\.128\.|\[fd99::)", session["remote"]) for session in sessions), "peers are not told")
    check(any(session["segments_per_s"] > 0 for session in sessions), "no session has a rate")
    names = {histogram["name"] for histogram in last["histograms"]}
    check(names == {"rtt_us", "burst_packets", "turn_gap_us"}, f"histograms are {names}")
    hidden = world.documents("--batch", "1", "-f", world.busy)[0]
    check(not any("remote" in session for session in hidden["sessions"]), "peers are told unasked")


def case_two_instances(world):
    both = [world.quiet.prefix, world.other.prefix]
    found = world.documents("--batch", "2", "-f", both[0], "-f", both[1], "-i", "0.3")
    check([one["instance"] for one in found] == both * 2, f"the documents are of {[one['instance'] for one in found]}")
    everyone = {one["instance"] for one in world.documents("--batch", "1", "--all", "-i", "0.3")}
    check({*both, world.busy} <= everyone, f"--all found only {everyone}")
    with world.screen("-f", both[0], "-f", both[1]) as screen:
        screen.wait_for(re.escape(f"{both[0]} (1/2)"))
        screen.keys("n")
        screen.wait_for(re.escape(f"{both[1]} (2/2)"))
        screen.keys("N")
        screen.wait_for(re.escape(f"{both[0]} (1/2)"))
        screen.keys("6", "Down", "Enter")
        screen.wait_for(re.escape(f"{both[1]} (2/2)"))
        screen.keys("q")
        check(screen.wait_for_end()[0] == 0, "q did not end it well")


def whole(lines, columns, rows):
    """The screen is one picture: a title, one row of pages, nothing too long, and nothing left of another size."""
    titles = [number for number, line in enumerate(lines) if line.startswith("penstock-top ")]
    if titles != [0] or len(lines) > rows or any(len(line) > columns for line in lines):
        return False
    return sum("?:help" in line for line in lines) <= 1 and all(line.isprintable() for line in lines)


def walk_pages(screen, columns, rows):
    for number, name in enumerate(PAGES, 1):
        screen.keys(str(number))
        screen.wait_until(lambda lines, number=number, name=name: f"[{number} {name}]" in "\n".join(lines)
                          and whole(lines, columns, rows), f"a whole page {name} of {columns}x{rows}")


def size_case(columns, rows, term=None):
    def case(world):
        with world.screen("-f", world.busy, columns=columns, rows=rows, term=term) as screen:
            screen.wait_for(r"\[1 Workers\]")
            walk_pages(screen, columns, rows)
            screen.keys("?")
            screen.wait_for("Keys")
            screen.keys("q")
            status, lines = screen.wait_for_end()
            check(status == 0, f"ended with status {status}")
            check(not any("[6 Instances]" in line for line in lines) or term == "vt100", "left its picture on the screen")
    return case


def case_resize(world):
    with world.screen("-f", world.busy, "--interval", "0.2") as screen:
        screen.wait_for(r"\[1 Workers\]")
        for columns, rows in ((132, 43), (40, 10), (80, 24), (20, 6), (200, 50), (7, 3), (80, 24)):
            screen.resize(columns, rows)
            screen.wait_until(lambda lines, c=columns, r=rows: lines[0].startswith("penstock-top "[:c])
                              and len(lines) <= r and all(len(line) <= c for line in lines)
                              and (c < 40 or whole(lines, c, r)), f"a whole picture of {columns}x{rows}")
        walk_pages(screen, 80, 24)


def case_over_ssh(world):
    with SshServer() as server, Screen(server.command([world.top, "-f", world.busy])) as screen:
        screen.wait_for(r"\[1 Workers\](.|\n)*\n +0 +\d")
        walk_pages(screen, 80, 24)
        screen.resize(132, 43)
        screen.keys("1")
        screen.wait_until(lambda lines: any(len(line) > 80 for line in lines) and whole(lines, 132, 43), "a whole wide picture")
        screen.keys("q")
        status, lines = screen.wait_for_end()
        check(status == 0, f"ended with status {status}: {lines}\n{server.said()}")


def case_keys(world):
    with world.screen("-f", world.busy, "--interval", "0.5") as screen:
        screen.wait_for(r"worker +busy%.*\n +0 +\d")
        screen.keys("Enter")
        screen.wait_for(r"Worker 0(.|\n)*rtt_us +\d+(.|\n)*counter +value +per s(.|\n)*turns +\d")
        screen.keys("End")
        screen.wait_for("_waiting")
        screen.keys("Escape")
        screen.wait_for(r"\*worker")
        screen.keys("2", "Enter")
        screen.wait_for(r"Listener 0 echo(.|\n)*closed_idle")
        screen.keys("3")
        screen.wait_for(rf"{SESSIONS} sessions looked at(.|\n)*\*seg/s(.|\n)*\n\d{{10}} ")
        for title in ("srtt", "retr/s"):
            screen.keys("s")
            screen.wait_for(rf"\*{title}")
        screen.resize(132, 24)
        screen.keys("a")
        screen.wait_for(r"10\.128\.\d+\.\d+:5000|\[fd99::")
        screen.keys("Enter")
        screen.wait_for(r"Session \d+(.|\n)*remote +\S+(.|\n)*conv +\d")
        screen.keys("End")
        screen.wait_for(r"Session \d+(.|\n)*segments_received +\d+")
        screen.keys("4", "u")
        screen.wait_for(r"\n\S+ +0 +0 +0\.0")
        screen.keys("5", "d")
        screen.wait_for(r"since the sample before(.|\n)*<= +\S+ +\d+ .*#")
        screen.keys("+")
        screen.wait_for("every 1s")


def case_pause(world):
    with world.screen("-f", world.busy, "--interval", "0.2") as screen:
        screen.wait_for(r"\n +0 +\d")
        screen.keys("Enter")
        screen.wait_for(r"snapshot +\d")
        screen.keys("p")
        held = screen.wait_for("PAUSED")
        # A key draws anew, and the picture is the same: nothing was asked.
        screen.keys("Down", "Up")
        screen.wait_until(lambda lines: lines == held, "the picture that was held")
        screen.keys("p")
        screen.wait_until(lambda lines: "PAUSED" not in lines[0] and lines[8:] != held[8:], "another picture")


def case_signals(world):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with world.screen("-f", world.quiet.prefix) as screen:
            screen.wait_for(r"\[1 Workers\]")
            subprocess.run(["kill", f"-{number.value}", str(screen.process_id())], check=True)
            check(screen.wait_for_end()[0] == 0, f"{number.name} did not end it well")


def case_terminals(world):
    for term in ("nosuchterminal", "dumb"):
        with world.screen("-f", world.quiet.prefix, term=term) as screen:
            status, lines = screen.wait_for_end()
            check(status == 2 and f'TERM: the terminal "{term}"' in " ".join(lines), f"{term} ended with {status}: {lines}")


def case_ended_and_back(world):
    with world.screen("-f", world.quiet.prefix, "--interval", "0.2") as screen:
        screen.wait_for(r"\[1 Workers\](.|\n)*\n +0 +")
        world.quiet.stop()
        screen.wait_for(r"(there is no socket|penstock has ended)(.|\n)*trying again")
        world.quiet.start()
        screen.wait_until(lambda lines: "trying again" not in "\n".join(lines) and re.search(r"\n +0 +\d", "\n".join(lines)),
                          "the penstock that came back")


def case_ended_in_a_batch(world):
    process = subprocess.Popen([world.top, "--json", "-f", world.quiet.prefix, "-i", "0.2"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        before = json.loads(process.stdout.readline())["penstock"]["pid"]
        world.quiet.stop()
        complaint = process.stderr.readline()
        check("penstock has ended" in complaint or "no penstock with the file prefix" in complaint, f"it said {complaint!r}")
        world.quiet.start()
        # Some from before may still be in the pipe.
        while json.loads(process.stdout.readline())["penstock"]["pid"] == before:
            pass
    finally:
        process.terminate()
        process.communicate(timeout=RUN_S_MAX)


CASES = {
    "words": case_words,
    "nobody-there": case_nobody_there,
    "permission": case_permission,
    "no-place": case_no_place,
    "sent-away": case_sent_away,
    "terminals": case_terminals,
    "batch-text": case_batch_text,
    "json": case_json,
    "two-instances": case_two_instances,
    "80x24": size_case(80, 24),
    "132x43": size_case(132, 43),
    "40x10": size_case(40, 10),
    "vt100": size_case(80, 24, "vt100"),
    "resize": case_resize,
    "over-ssh": case_over_ssh,
    "keys": case_keys,
    "pause": case_pause,
    "signals": case_signals,
    "ended-and-back": case_ended_and_back,
    "ended-in-a-batch": case_ended_in_a_batch,
}


def run_case(name, world):
    started = time.monotonic()
    try:
        CASES[name](world)
    except (Failure, ScreenError, NodeError, OSError, KeyError, ValueError, subprocess.TimeoutExpired) as error:
        print(f"FAIL {name}: {error}", flush=True)
        return False
    print(f"ok {name} ({time.monotonic() - started:.1f} s)", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="TEXT", default="", help="cases whose name holds TEXT")
    parser.add_argument("--build", metavar="DIR", default=str(REPO / "build"), help="where everything was built")
    options = parser.parse_args()
    # Whoever ends us ends what we started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    names = [name for name in CASES if options.only in name]
    passed = 0
    try:
        with Node(options.build, "quiet") as quiet, Node(options.build, "other") as other, \
                Pair(options.build, sessions=SESSIONS, memory_mb=512, workers={"client": {"poll": "adaptive"}}) as pair, \
                Load(pair):
            with pair.telemetry() as telemetry:
                wait_until(lambda: telemetry.totals().get("sessions"), lambda count: count == SESSIONS, "all sessions")
            world = World(options.build, pair, quiet, other)
            passed = sum(run_case(name, world) for name in names)
    except (NodeError, PairError, ScreenError, OSError) as error:
        print(f"FAIL: {error}")
    print(f"top: {passed} passed, {len(names) - passed if names else 1} failed")
    return 0 if names and passed == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
