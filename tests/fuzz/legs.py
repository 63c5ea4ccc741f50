"""A search for number: so many executions in all, in legs of some time that the harnesses take in turn.

Turns of time and not of executions, since one execution of a session costs as much as a hundred of a command. What a leg
finds is where the next leg of its harness begins. A harness that broke goes no further; the others go on."""

import concurrent.futures
import time


class Legs:
    """`searches`: a Search for each harness, which outlives its legs; `jobs` of them work at a time."""

    def __init__(self, searches, executions, leg_seconds, seconds_max, jobs):
        self.left = {search.name: search for search in searches}
        self.totals = {search.name: [0, 0.0] for search in searches}  # executions, seconds
        self.broken = []
        self.executions, self.leg_seconds, self.jobs = executions, leg_seconds, jobs
        self.end = time.monotonic() + seconds_max

    def done(self):
        return sum(executions for executions, _ in self.totals.values())

    def run(self, tell_crash):
        """True when nothing broke. `tell_crash` is called with a search and its output."""
        leg = 0
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            while self.left and not self.over():
                searches = list(self.left.values())
                for search, (status, output) in zip(searches, pool.map(lambda one, leg=leg: self.one(one, leg), searches)):
                    if status != 0:
                        tell_crash(search, output)
                        self.broken.append(search.name)
                        del self.left[search.name]
                leg += 1
                self.tell()
        return not self.broken

    def over(self):
        return self.done() >= self.executions or time.monotonic() >= self.end

    def one(self, search, leg):
        if self.over():
            return 0, ""
        seconds = max(1, min(self.leg_seconds, int(self.end - time.monotonic())))
        started = time.monotonic()
        status, output, executions = search.leg(leg, seconds, self.executions - self.done())
        total = self.totals[search.name]
        total[0], total[1] = total[0] + executions, total[1] + time.monotonic() - started
        return status, output

    def tell(self):
        seconds = sum(seconds for _, seconds in self.totals.values())
        each = ", ".join(f"{name} {executions:,} at {executions / max(seconds, 0.1):,.0f}/s"
                         for name, (executions, seconds) in self.totals.items())
        print(f"{time.strftime('%H:%M:%S')} {self.done():,} of {self.executions:,} executions in {seconds:,.0f} s: {each}",
              flush=True)
