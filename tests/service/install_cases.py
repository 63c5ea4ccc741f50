"""install_cases.py - what `meson install` puts where, what it must not, and that `ninja uninstall` takes all of it back."""

import os
import pathlib
import re
import subprocess

from manager import WAIT_S_MAX, require
from stage import PROGRAMS, Stage

REPO = pathlib.Path(__file__).resolve().parents[2]
DOC = "/usr/share/doc/penstock"
SHARE = "/usr/share/penstock"
# The places that a distribution has for each kind, and what must lie there.
REQUIRED = (
    *(f"/usr/bin/{program}" for program in PROGRAMS),
    "/usr/lib/systemd/system/penstock@.service",
    "/usr/lib/sysusers.d/penstock.conf",
    "/usr/share/man/man8/penstock.8", "/usr/share/man/man5/penstock.toml.5",
    "/usr/share/man/man1/penstock-load.1", "/usr/share/man/man1/penstock-top.1",
    *(f"/usr/share/bash-completion/completions/{program}" for program in PROGRAMS),
    "/usr/lib/tmpfiles.d/penstock.conf",
    "/usr/lib/udev/rules.d/60-penstock-vfio.rules",
    "/usr/sbin/penstock-bind", "/usr/sbin/penstock-unbind", "/usr/sbin/penstock-nics", "/usr/sbin/penstock-hugepages",
    "/usr/sbin/penstock-hugepages-verify",
    f"{DOC}/LICENSE", f"{DOC}/CHANGELOG.md", f"{DOC}/SECURITY.md",
)
# Whole folders of the checkout: whatever is added there must be listed in its meson.build.
FOLDERS = {"docs": DOC, "docs/examples": f"{DOC}/examples", "docs/decisions": f"{DOC}/decisions",
           "app/penstock/service/examples": f"{DOC}/examples/service",
           "drivers-config": f"{SHARE}/drivers-config", "drivers-config/profiles": f"{SHARE}/drivers-config/profiles",
           "hugepages-setup": f"{SHARE}/hugepages-setup"}
# … but for what goes elsewhere.
ELSEWHERE = {"meson.build": None, "penstock-hugepages.service.in": "/usr/lib/systemd/system/penstock-hugepages.service",
             "penstock-hugepages.default": f"{DOC}/examples/service/penstock-hugepages.default"}


def expected():
    """Each path that must be installed, and the file of the checkout that it is; None when it is made."""
    wanted = dict.fromkeys(REQUIRED)
    for folder, target in FOLDERS.items():
        for path in sorted((REPO / folder).iterdir()):
            if path.is_dir():
                continue
            place = ELSEWHERE.get(path.name, f"{target}/{path.name}")
            if place is not None:
                wanted[place] = None if path.suffix == ".in" else path
    return wanted


def places(stage):
    """Everything that is there is expected, and the other way round; scripts can be run."""
    wanted, found = expected(), stage.files()
    missing, strange = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    require(not missing, f"not installed: {' '.join(missing)}")
    require(not strange, f"installed, and nobody expects it: {' '.join(strange)}")
    for path, source in wanted.items():
        installed = stage.folder / path[1:]
        if source is not None:
            require(installed.read_bytes() == source.read_bytes(), f"{path} is not what lies in the checkout")
            require(os.access(installed, os.X_OK) == os.access(source, os.X_OK), f"{path}: {installed.stat().st_mode:o}")
    return f"{len(found)} files"


def no_build_paths(stage):
    """Nothing knows where it was built."""
    own = [str(REPO).encode(), str(stage.build.resolve()).encode(), str(stage.folder).encode()]
    for path in stage.files():
        content = (stage.folder / path[1:]).read_bytes()
        require(not any(folder in content for folder in own), f"{path} names a folder of the build")
        # Configured files have no gap left.
        require(not re.search(rb"@\w*dir@", content) or path.startswith("/usr/bin"), f"{path} has an unfilled @…dir@")
    return f"{len(stage.files())} files"


def runs(stage):
    """Programs tell their version; the scripts find their folder through the links."""
    told = []
    for program in PROGRAMS:
        done = subprocess.run([stage.folder / "usr/bin" / program, "--version"], capture_output=True, text=True, timeout=WAIT_S_MAX,
                              check=False)
        require(done.returncode == 0 and re.match(r"penstock\S* \d+\.\d+\.\d+", done.stdout),
                f"{program} --version: status {done.returncode}: {done.stdout}{done.stderr}")
        told.append(done.stdout.split("\n")[0])
    for link in ("penstock-bind", "penstock-unbind", "penstock-nics", "penstock-hugepages", "penstock-hugepages-verify"):
        done = subprocess.run([stage.folder / "usr/sbin" / link, "--help"], capture_output=True, text=True, timeout=WAIT_S_MAX,
                              check=False)
        require(done.returncode == 0 and "Usage:" in done.stdout, f"{link} --help: {done.stdout}{done.stderr}")
    return ", ".join(told)


def uninstalled(stage):
    with Stage(stage.build) as another:
        before = len(another.files())
        done = subprocess.run(["ninja", "-C", str(another.build), "uninstall"], capture_output=True, text=True, check=False)
        require(done.returncode == 0, f"ninja uninstall: {done.stdout}{done.stderr}")
        left = another.files()
        require(before > 0 and not left, f"of {before} files it left {' '.join(left)}")
        return f"{before} files, none left"


def cases(stage):
    return {
        "install-places": lambda: places(stage),
        "install-no-build-paths": lambda: no_build_paths(stage),
        "install-runs": lambda: runs(stage),
        "install-uninstalled": lambda: uninstalled(stage),
    }
