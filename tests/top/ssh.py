"""ssh.py - an ssh server of the test's own, for a program that is looked at from another machine.

    with SshServer() as server:
        with Screen(server.command(["penstock-top", "-f", "edge1"])) as screen: …

It listens on the loopback device of a network namespace that nobody else sees, with keys made for it; root's home has the key
that it admits in a mount namespace only. Root and the package dropbear-bin are needed, which has no service; the client is
OpenSSH's.
"""

import os
import pathlib
import pwd
import shlex
import subprocess
import tempfile
import time

from node import NodeError, WAIT_S_MAX, end

PORT = 22
# With a folder of the test, root's home, and the port.
SERVE = r"""
set -e
mount -t tmpfs tmpfs "$1/upper"
mkdir -m 700 "$1/upper/home" "$1/upper/work" "$1/upper/home/.ssh"
cp "$1/key.pub" "$1/upper/home/.ssh/authorized_keys"
chmod 700 "$1/upper/home" && chmod 600 "$1/upper/home/.ssh/authorized_keys"
mount -t overlay -o "lowerdir=$2,upperdir=$1/upper/home,workdir=$1/upper/work" overlay "$2"
ip link set lo up
exec dropbear -F -E -s -r "$1/host" -p "127.0.0.1:$3" -P "$1/pid"
"""


class SshServer:
    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="penstock-ssh-")
        self._path = pathlib.Path(self._folder.name)
        (self._path / "upper").mkdir()
        for command in (["dropbearkey", "-t", "ed25519", "-f", str(self._path / "host")],
                        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._path / "key")]):
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        with open(self._path / "log", "wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--net", "bash", "-c", SERVE, "serve", str(self._path), pwd.getpwuid(0).pw_dir, str(PORT)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + WAIT_S_MAX
        # The file is there when it listens.
        while not (self._path / "pid").exists():
            if self._process.poll() is not None or time.monotonic() > until:
                said = self.said()
                self.__exit__()
                raise NodeError(f"dropbear does not listen: {said}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        end(self._process)
        self._folder.cleanup()

    def said(self):
        return (self._path / "log").read_text(errors="replace")

    def command(self, words):
        """What runs these on the other machine, in a terminal there."""
        options = ("IdentitiesOnly=yes", "IdentityAgent=none", "StrictHostKeyChecking=no", "LogLevel=ERROR",
                   f"UserKnownHostsFile={self._path}/known", f"IdentityFile={self._path}/key")
        return ["nsenter", "-t", str(self._process.pid), "--net", "ssh", "-tt", "-F", os.devnull,
                *(word for option in options for word in ("-o", option)), "-p", str(PORT), "root@127.0.0.1", shlex.join(words)]
