"""mover.py - clients whose addresses change under way, beside somebody who copies what they send."""

from disturber import Disturber, require, wait_until
from nat import OUTSIDE, Copier, Home

# So many copies at least come before each move.
COPIES_MIN = 50
EVERY_MS = 20
# Behind the segments of which a copy would begin a session.
SEGMENTS_MIN = 20


class Mover(Disturber):
    """Puts the clients behind a NAT and has it forget them, each time that all of them have come through; beside a copier that
    sends all that they send from elsewhere as well."""

    def __init__(self, lab, server, sessions):
        super().__init__(lab, server)
        self._home, self._copier = Home(lab), Copier(lab)
        self._sessions, self._copies = sessions, 0

    def client_options(self):
        # A client that waits for an echo which its router let fall has nothing to send, and nobody can find it: these send each
        # EVERY_MS, whatever they wait for.
        return {**super().client_options(), "namespace": self._home.namespace, "every_ms": EVERY_MS}

    def disturb(self):
        wait_until(lambda: self._count("sessions") - self._count("sessions_unproven") == self._sessions,
                   "the clients did not connect")
        # A copy of a first segment would begin a session with the same number, and so keep both where they are.
        wait_until(self._have_begun, "the first segments do not pass")
        self._copier.start()
        for move in range(1, len(OUTSIDE)):
            wait_until(lambda want=move * COPIES_MIN: self._unproven() >= want, "hardly any copies come")
            self._home.rebind()
            wait_until(lambda want=move * self._sessions: self._count("sessions_roamed") >= want,
                       f"after move {move} not every session followed its client")
        self._copies = self._copier.stop()

    def _have_begun(self):
        with self.server.telemetry() as telemetry:
            return all(told["segments_received"] >= SEGMENTS_MIN for told in telemetry.each_session())

    def _count(self, name):
        with self.server.telemetry() as telemetry:
            return sum(worker[name] for worker in telemetry.workers())

    def _unproven(self):
        with self.server.telemetry() as telemetry:
            return telemetry.drops().get("path_unproven", 0)

    def look_back(self):
        """Each session went along each time, and nobody else's way."""
        require(self._copies > COPIES_MIN, f"the copier sent only {self._copies} copies")
        roamed, asked = self._count("sessions_roamed"), self._count("path_challenges_sent")
        moves = (len(OUTSIDE) - 1) * self._sessions
        require(roamed == moves, f"{roamed} moves are counted, the clients made {moves}")
        require(asked > moves, f"{asked} paths were asked, though {self._copies} copies came from elsewhere")
        unproven = self._unproven()
        require(unproven >= asked, f"path_unproven tells of {unproven} of {asked} paths")
