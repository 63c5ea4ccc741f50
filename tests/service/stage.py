"""stage.py - a penstock installed into a folder of the test's own, as a distribution's package would hold it.

    with Stage("build-install") as stage: stage.folder / "usr/bin/penstock"

The build must be configured with --prefix=/usr and have its programs built.
"""

import pathlib
import subprocess
import tempfile

from manager import ServiceError

PROGRAMS = ("penstock", "penstock-load", "penstock-top")


class Stage:
    def __init__(self, build):
        self.build = pathlib.Path(build)

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="penstock-stage-")
        self.folder = pathlib.Path(self._folder.name)
        self.folder.chmod(0o755)
        done = subprocess.run(["meson", "install", "-C", str(self.build), "--no-rebuild", "--quiet",
                               "--destdir", str(self.folder)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self._folder.cleanup()
            raise ServiceError(f"meson install failed: {done.stdout}{done.stderr}")
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def files(self):
        """Of what is installed, the paths as they will be: /usr/bin/penstock, …"""
        return sorted("/" + str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir())
