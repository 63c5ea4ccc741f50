"""screen.py - a terminal of any size with a program in it, by tmux: keys go in, lines come out.

    with Screen(["penstock-top", "-f", "edge1"], columns=80, rows=24) as screen:
        screen.wait_for("Workers")
        screen.keys("q")
        print(screen.wait_for_end())

Its tmux server is its own and ends with it. Waiting ends after a time that no working program takes; nothing else is judged
by time.
"""

import itertools
import os
import re
import shlex
import subprocess
import time

WAIT_S_MAX = 120
_numbers = itertools.count(1)


class ScreenError(Exception):
    """A sentence for the person who runs the test, with what the screen showed."""


def wait_until(read, good, what):
    """What read() gives, as soon as it is good."""
    end = time.monotonic() + WAIT_S_MAX
    while True:
        value = read()
        if good(value):
            return value
        if time.monotonic() > end:
            shown = "\n".join(f"  | {line}" for line in value) if isinstance(value, list) else value
            raise ScreenError(f"waited for {what}; there was:\n{shown}")
        time.sleep(0.1)


class Screen:
    def __init__(self, command, *, columns=80, rows=24, term=None):
        self.name = f"penstock-top-{os.getpid()}-{next(_numbers)}"
        self._columns = columns
        self._rows = rows
        words = shlex.join(command)
        if term is not None:
            words = f"TERM={shlex.quote(term)} {words}"
        # The status stands on the screen that the program gave back.
        self._line = f"{words}; echo \"ended with status $?\"; exec sleep 1000"

    def _tmux(self, *words):
        done = subprocess.run(["tmux", "-L", self.name, "-f", "/dev/null", *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=WAIT_S_MAX)
        if done.returncode != 0:
            raise ScreenError(f"tmux {words[0]}: {done.stderr.strip()}")
        return done.stdout

    def __enter__(self):
        self._tmux("new-session", "-d", "-x", str(self._columns), "-y", str(self._rows), self._line)
        return self

    def __exit__(self, *_):
        self._tmux("kill-server")

    def keys(self, *names):
        """Keys as tmux names them: "q", "Enter", "Down", …"""
        self._tmux("send-keys", *names)

    def resize(self, columns, rows):
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def lines(self):
        return self._tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def coloured_lines(self):
        """With the escape sequences that make their attributes."""
        return self._tmux("capture-pane", "-e", "-p").rstrip("\n").split("\n")

    def process_id(self):
        """Of the program in it."""
        shell = self._tmux("display-message", "-p", "#{pane_pid}").strip()
        with open(f"/proc/{shell}/task/{shell}/children", encoding="utf-8") as children:
            return int(children.read().split()[0])

    def wait_until(self, good, what):
        """The lines, as soon as good(lines)."""
        return wait_until(self.lines, good, what)

    def wait_for(self, pattern):
        return self.wait_until(lambda lines: re.search(pattern, "\n".join(lines)), repr(pattern))

    def wait_for_end(self):
        """The status that the program ended with, and the lines."""
        lines = self.wait_for(r"ended with status \d+")
        return int(re.search(r"ended with status (\d+)", "\n".join(lines)).group(1)), lines
