"""attackers.py - clients of the statistics socket that mean no good, or know no
better. Each is a function of the socket's path; deadlines are guards."""

import json
import os
import socket
import threading
import time

REPLY_BYTES_MAX = 1 << 17
PATIENCE_S = 180


def connect(path, *, greeted=True):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(PATIENCE_S)
    give_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.connect(path)
            break
        except BlockingIOError:  # too many newcomers wait; a socket with a timeout does not wait with them
            if time.monotonic() > give_up:
                raise
            time.sleep(0.001)
    if greeted:
        json.loads(client.recv(REPLY_BYTES_MAX))
    return client


def ask(client, command):
    client.send(command if isinstance(command, bytes) else command.encode())
    return client.recv(REPLY_BYTES_MAX)


def is_answered(client, command="/penstock/info"):
    """The reply is JSON about this command, and no error."""
    reply = json.loads(ask(client, command))
    return "error" not in reply and "error" not in next(iter(reply.values()))


def leave_in_the_middle(path, times):
    """Goes away with its question asked: before the reply, or half through several."""
    for turn in range(times):
        client = connect(path, greeted=turn % 3 != 0)
        for _ in range(1 + turn % 4):
            client.send(b"/penstock/drops")
        client.close()


def fill_and_not_read(path):
    """As many questions as the kernel takes, none of the replies read; gives back the client and their number."""
    client = connect(path)
    client.setblocking(False)
    asked = 0
    give_up = time.monotonic() + 1
    while time.monotonic() < give_up:
        try:
            client.send(b"/penstock/drops")
            asked += 1
            give_up = time.monotonic() + 1
        except BlockingIOError:
            time.sleep(0.01)
    client.settimeout(PATIENCE_S)
    return client, asked


STRANGE = [b"\0", b"\x00/penstock/info", b"/penstock/worker\n", bytes(range(256)), b"\xff" * 50, b"x" * 50_000, b",", b",,,",
           b"/", b"/help", b"/help,/nothing", b"/nothing", b"/nothing,1", b"/penstock/worker,", b"/penstock/worker,-1",
           b"/penstock/worker,99999999999999999999", b"/penstock/session,0", b"/penstock/sessions,0,4294967296",
           b"/penstock/histogram,0,", b"/penstock/port,1", b"/ethdev/stats,77", b"A" * 255, b"/" + b"a" * 54, b"%s%n%x",
           b"/penstock/info" + b"," * 200]


COMMANDS = ["/penstock/worker,0", "/penstock/sessions,0,0", "/ethdev/stats,0", "/penstock/histogram,0,rtt_us",
            "/penstock/drops", "/penstock/info", "/penstock/listener,0", "/ethdev/xstats,0"]


class Flood:
    """Clients that ask as fast as they can, in a `with` block: eight that wait for each answer, two that keep their
    sockets full and read what comes, and eight that fill theirs, go away and come again. `offered` counts what they tried
    to send, `taken` what the kernel took, `answered` the replies; `wrong` holds replies to another question."""

    ASKERS, PIPELINERS, PASSERS_BY = 8, 2, 8
    # Behind clients and penstock: what they cannot do for want of the CPU shows nothing of the socket.
    NICE = 19

    def __init__(self, path):
        self.path, self.ended, self.wrong, self.failed = path, False, [], []
        kinds = [self._ask] * self.ASKERS + [self._pipeline] * self.PIPELINERS + [self._pass_by] * self.PASSERS_BY
        # A row of counts for each thread, so that none is lost between two.
        self.counts = [[0, 0, 0] for _ in kinds]
        self.threads = [threading.Thread(target=self._run, args=(kind, COMMANDS[number % len(COMMANDS)], counts), daemon=True)
                        for number, (kind, counts) in enumerate(zip(kinds, self.counts))]

    offered = property(lambda self: sum(counts[0] for counts in self.counts))
    taken = property(lambda self: sum(counts[1] for counts in self.counts))
    answered = property(lambda self: sum(counts[2] for counts in self.counts))

    def __enter__(self):
        self.started = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        for thread in self.threads:
            thread.join(PATIENCE_S)
        self.seconds = time.monotonic() - self.started

    def _run(self, kind, command, counts):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self.NICE)
        try:
            kind(command.encode(), f'{{"{command.partition(",")[0]}":'.encode(), counts)
        except OSError as error:
            self.failed.append(f"{kind.__name__}: {error}")

    def _ask(self, command, name, counts):
        with connect(self.path) as client:
            while not self.ended:
                counts[0] += 1
                counts[1] += 1
                self._judge(ask(client, command), name, counts)

    def _judge(self, reply, name, counts):
        counts[2] += 1
        if not reply.startswith(name):
            self.wrong.append((name, reply[:100]))

    def _fill(self, client, command, counts):
        """Sends until the kernel takes no more, which is soon. With a timeout, Python would wait whatever the flag says."""
        client.settimeout(None)
        send, taken = client.send, 0
        try:
            while True:
                send(command, socket.MSG_DONTWAIT)
                taken += 1
        except BlockingIOError:
            counts[0] += taken + 1
            counts[1] += taken

    def _pipeline(self, command, name, counts):
        with connect(self.path) as client:
            while not self.ended:
                self._fill(client, command, counts)
                try:
                    while not self.ended:
                        self._judge(client.recv(REPLY_BYTES_MAX, socket.MSG_DONTWAIT), name, counts)
                except BlockingIOError:
                    pass

    def _pass_by(self, command, _, counts):
        while not self.ended:
            with connect(self.path) as client:
                self._fill(client, command, counts)
