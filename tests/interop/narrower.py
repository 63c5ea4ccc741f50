"""narrower.py - a link on the way to the clients that becomes narrow under way, and says so as routers do."""

from disturber import Disturber, require, wait_until
from nat import Home

WIDE_BYTES, NARROW_BYTES = 1400, 1000 - 28
# Of the search: a narrower range is not worth a question.
STEP_BYTES = 16
# What the clients send must pass the narrow link whole, as penstock puts no fragments together.
CLIENT_MTU = 900
EVERY_MS = 20


class Narrower(Disturber):
    """Clients behind a router. Once every session has found out that the path carries all, the router's link to them carries
    less: it drops what is too long and may not be cut, with a word back to the sender, and cuts what may be."""

    def __init__(self, lab, server, sessions):
        super().__init__(lab, server)
        self._home, self._sessions = Home(lab), sessions

    def client_options(self):
        return {**super().client_options(), "namespace": self._home.namespace, "every_ms": EVERY_MS, "mtu": CLIENT_MTU}

    def disturb(self):
        wait_until(lambda: self._paths() == [WIDE_BYTES] * self._sessions, "not every session finds the path wide")
        self._home.set_mtu(NARROW_BYTES + 28)
        wait_until(lambda: all(NARROW_BYTES - STEP_BYTES <= found <= NARROW_BYTES for found in self._paths()),
                   f"not every session finds out that the path carries {NARROW_BYTES}")

    def _paths(self):
        with self.server.telemetry() as telemetry:
            return [told.get("path_mtu") for told in telemetry.each_session()]

    def look_back(self):
        with self.server.telemetry() as telemetry:
            workers = telemetry.workers()
        sent, answered = (sum(worker[f"path_probes_{what}"] for worker in workers) for what in ("sent", "answered"))
        require(sent > answered >= 2 * self._sessions, f"{answered} of {sent} questions to paths were answered")
