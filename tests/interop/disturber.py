"""disturber.py - something that happens while the client is at work, in a thread of its own.

The client goes on for as long as it takes: it is told to by a file that is there until the disturber is through, so that
no machine is too fast or too slow for a case.
"""

import threading
import time

from lab import LabError
from server import KEEP_DIR

# What only a hang takes.
WAIT_S_MAX = 120


def require(condition, sentence):
    if not condition:
        raise LabError(sentence)


def wait_until(is_true, fault):
    deadline = time.monotonic() + WAIT_S_MAX
    while not is_true():
        require(time.monotonic() < deadline, fault)
        time.sleep(0.05)


class Disturber:
    """Who derives from it says what happens, in disturb(), and what is found afterwards, in look_back(). What either finds
    wrong it tells by a LabError."""

    def __init__(self, lab, server):
        self.lab, self.server = lab, server
        self._fault = None
        KEEP_DIR.mkdir(parents=True, exist_ok=True)
        self._under_way = KEEP_DIR / f"{lab.name}.under_way"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._under_way.touch()
        self.lab.undo.add("forget the disturber", lambda: self._under_way.unlink(missing_ok=True))
        self._thread.start()

    def client_options(self):
        return {"while_exists": self._under_way}

    def wait_for_traffic(self):
        with self.server.telemetry() as telemetry:
            wait_until(lambda: sum(worker["delivered"] for worker in telemetry.workers()) > 100, "no frames come")

    def _run(self):
        try:
            self.disturb()
        except (LabError, OSError, ValueError, KeyError) as error:
            self._fault = f"{type(error).__name__}: {error}"
        finally:
            self._under_way.unlink(missing_ok=True)

    def check(self):
        """To be called when the client has ended."""
        self._thread.join(1)
        require(self._fault is None, self._fault)
        require(not self._thread.is_alive(), "the client gave up before all had happened that was to")
        self.look_back()
