"""port_changer.py - takes the port's link down, or its interface's MTU, and puts it back when penstock has noticed."""

from disturber import Disturber, require, wait_until

# What is set on the interface, and what penstock then says.
STEPS = {"link": ((("down",), "link down"), (("up",), "link up")),
         "mtu": ((("mtu", "1424"), "its MTU is 1424 now"), (("mtu", "1500"), "its MTU is 1500 again"))}


class PortChanger(Disturber):
    def __init__(self, lab, server, kind):
        super().__init__(lab, server)
        self._kind = kind

    def disturb(self):
        self.wait_for_traffic()
        for words, sentence in STEPS[self._kind]:
            # A tap's interface is the client's end as well.
            self.lab.run_in(self.lab.server_ns, ["ip", "link", "set", self.lab.server_interface, *words])
            # At the start the link was reported up, too; only what comes after it counts.
            wait_until(lambda said=sentence: said in self.server.log_text().rpartition("serving")[2],
                       f"the log does not say '{sentence}'")
            self._wait_for_count()

    def _wait_for_count(self):
        """While the MTU is low, what is too long must come to be counted."""
        if self._kind != "mtu":
            return
        with self.server.telemetry() as telemetry:
            wait_until(lambda: telemetry.drops().get("mtu_exceeded", 0) > 0, "nothing is counted as mtu_exceeded")

    def look_back(self):
        """The client outlived it, so that what it got came around it; and it is counted."""
        with self.server.telemetry() as telemetry:
            port = telemetry.ask("/penstock/port,0") or {}
        require(port.get(f"{self._kind}_changes", 0) >= 2, f"/penstock/port does not count both changes: {port}")
        require(port.get("link_up") == 1 and port.get("mtu") == 1500, f"the port is not itself again: {port}")
