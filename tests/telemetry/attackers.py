"""attackers.py - clients of the statistics socket that mean no good, or know no
better. Each is a function of the socket's path; deadlines are guards."""

import json
import socket
import threading
import time

REPLY_BYTES_MAX = 1 << 17
PATIENCE_S = 60


def connect(path, *, greeted=True):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(PATIENCE_S)
    client.connect(path)
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


class Flood:
    """Threads that ask as fast as they are answered, in a `with` block."""

    COMMANDS = ["/penstock/worker,0", "/penstock/sessions,0,0", "/ethdev/stats,0", "/penstock/histogram,0,rtt_us",
                "/penstock/drops", "/penstock/info", "/penstock/listener,0", "/ethdev/xstats,0"]

    def __init__(self, path):
        self.path, self.ended, self.answered, self.wrong = path, False, 0, []
        self.threads = [threading.Thread(target=self._run, args=(command,), daemon=True) for command in self.COMMANDS]

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

    def _run(self, command):
        name = f'{{"{command.partition(",")[0]}":'.encode()
        with connect(self.path) as client:
            while not self.ended:
                reply = ask(client, command)
                self.answered += 1
                if not reply.startswith(name):
                    self.wrong.append((command, reply[:100]))
