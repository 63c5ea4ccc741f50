"""rehearsal.py - makes the network bad and good again through the admin socket,
while the client is at work.

    rehearsal = Rehearsal(lab, server)
    rehearsal.start()
    run_client(...)
    rehearsal.check()                  # what was found under way

Nothing here is decided by time: each fault stays until the statistics socket
tells that frames have met it.
"""

import json
import os
import socket
import stat
import time

from disturber import WAIT_S_MAX, Disturber, require, wait_until
from telemetry import RUNTIME_DIR

REPLY_BYTES_MAX = 1 << 17
# So many frames meet each fault before it is switched off.
FRAMES_MIN = 20
# 10 % of all frames, in bursts of 5.5 on average.
BURSTS = "burst_begin=2%,burst_end=18%"
HOLD = "hold_every_ms=200,hold_ms=100"
# Each fault, and the counters that must move while it is there.
STEPS = ((BURSTS, ("receive_burst_lost", "send_burst_lost")),
         ("off", ()),
         (HOLD, ("receive_held_back", "send_held_back")),
         ("off", ()),
         ("partition=send,delay_ms=1", ("send_partitioned",)),
         ("off", ()))
# What must be refused, and a word of the sentence.
REFUSED = (("0,loss=2", "loss"), ("0,delay_ms=5,lossy=1", "lossy"), ("0,hold_ms=5", "hold_every_ms"), ("1,off", "port"),
           ("0,queue_packets=1048576", "queue_packets"), ("0,loss=1%,loss=2%", "twice"), ("0,", "key=value"))


class AdminSocket:
    def __init__(self, file_prefix):
        self.path = f"{RUNTIME_DIR}/{file_prefix}/penstock_admin"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(WAIT_S_MAX)
        self._socket.connect(self.path)
        self.greeting = json.loads(self._socket.recv(REPLY_BYTES_MAX))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def ask(self, command):
        """Asks again while a worker is busy, as Telemetry does."""
        deadline = time.monotonic() + WAIT_S_MAX
        while True:
            self._socket.send(command.encode())
            reply = json.loads(self._socket.recv(REPLY_BYTES_MAX))
            if not reply.get("error", "").startswith("busy"):
                return reply
            require(time.monotonic() < deadline, f"a worker never answers: {reply}")


def impairment(telemetry):
    told = telemetry.ask("/penstock/impair,0")
    require("error" not in told, f"/penstock/impair,0 was answered by {told}")
    return told


class Rehearsal(Disturber):
    def disturb(self):
        with AdminSocket(self.server.file_prefix) as admin, self.server.telemetry() as telemetry:
            self._look_at_socket(admin)
            self.wait_for_traffic()
            self._refuse(admin, telemetry)
            for words, counters in STEPS:
                self._switch(admin, telemetry, words, counters)

    def _look_at_socket(self, admin):
        mode = stat.S_IMODE(os.stat(admin.path).st_mode)
        require(mode == 0o600, f"the admin socket's mode is {mode:o}")
        require(admin.greeting["pid"] == self.server.process_id(), f"the admin socket greets with {admin.greeting}")

    @staticmethod
    def _refuse(admin, telemetry):
        """A bad command changes nothing, and the statistics socket nothing at all."""
        before = faults_of(telemetry)
        for parameters, word in REFUSED:
            reply = admin.ask(f"/penstock/impair,{parameters}")
            require(word in reply.get("error", ""), f"'{parameters}' was answered by {reply}")
        require("error" in telemetry.ask("/penstock/impair,0,loss=1%"), "the statistics socket took a change")
        require(faults_of(telemetry) == before, f"a bad command left {faults_of(telemetry)}, before it was {before}")

    def _switch(self, admin, telemetry, words, counters):
        before = impairment(telemetry)
        reply = admin.ask(f"/penstock/impair,0,{words}")
        require("/penstock/impair" in reply, f"'{words}' was answered by {reply}")
        said = f"admin: uid 0, process {os.getpid()}, changed the impairment of port 0: {words}"
        wait_until(lambda: said in self.server.log_text(), f"the log does not say '{said}'")
        now = impairment(telemetry)
        require(now["workers_that_differ"] == 0, "the workers' faults differ")
        require((words == "off") == (faults_of(telemetry) == NO_FAULTS), f"after '{words}' there are {faults_of(telemetry)}")
        for counter in counters:
            wait_until(lambda name=counter: impairment(telemetry)[name] >= before[name] + FRAMES_MIN,
                       f"after '{words}' hardly anything counts as {counter}")

    def look_back(self):
        with self.server.telemetry() as telemetry:
            drops = telemetry.drops()
        for reason in ("impair_burst_lost", "impair_tx_burst_lost", "impair_tx_partition"):
            require(drops.get(reason, 0) > 0, f"nothing was dropped as {reason}: {drops}")
        require("impair_partition" not in drops, "a cut of the send direction cut the other one")


NO_FAULTS = {"burst_begin_ppm": 0, "hold_ms": 0, "partition": "none", "delay_ms": 0, "loss_ppm": 0}


def faults_of(telemetry):
    told = impairment(telemetry)
    return {name: told[name] for name in NO_FAULTS}
