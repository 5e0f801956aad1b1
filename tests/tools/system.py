"""The system packages that parts of the test run need: which are missing, and how they get installed.

As root on Debian or Ubuntu they are installed after one line that says so (`SYSTEM=no` turns that off); elsewhere the
line to run is printed.  A policy-rc.d keeps daemons of those packages from starting, and what stood there before is
put back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PACKAGES: Final = (
    "charon-systemd", "chromium", "erlang-base", "erlang-dev", "erlang-diameter", "fonts-dejavu-core",
    "freediameter-extensions", "freediameterd", "iproute2", "kmod", "libcharon-extra-plugins", "libfreediameter-dev",
    "libstrongswan-standard-plugins", "libusrsctp2", "libwireshark-data", "postgresql", "strongswan-swanctl", "tshark",
    "user-mode-linux",
)  # fmt: skip
POLICY: Final = Path("/usr/sbin/policy-rc.d")
NO_DAEMONS: Final = "#!/bin/sh\nexit 101\n"


def missing() -> list[str]:
    """Those of PACKAGES that dpkg does not have; all of them where there is no dpkg."""
    if not shutil.which("dpkg-query"):
        return list(PACKAGES)
    query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *PACKAGES]
    listed = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    there = {line.split()[0] for line in listed.splitlines() if line.endswith(" installed")}
    return [name for name in PACKAGES if name not in there]


@contextmanager
def no_daemons() -> Iterator[None]:
    """While inside, packages being installed start no daemon."""
    before = POLICY.read_bytes() if POLICY.exists() else None
    mode = POLICY.stat().st_mode if before is not None else 0o755
    POLICY.write_text(NO_DAEMONS)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        if before is None:
            POLICY.unlink()
        else:
            POLICY.write_bytes(before)
            POLICY.chmod(mode)


def prepare() -> None:
    """Install what is missing, or print the line that would.  Never fails: a part without its tools says so itself."""
    wanted = missing()
    if not wanted:
        return
    line = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(wanted)}"
    allowed = os.environ.get("SYSTEM", "yes") != "no"
    if not (allowed and os.geteuid() == 0 and shutil.which("apt-get")):
        print(f"Some parts need system packages; to have them run: {line}", flush=True)
        return
    print(f"Installing system packages ({', '.join(wanted)}); SYSTEM=no turns this off", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with no_daemons():
        for command in (["update"], ["install", "-y", "--no-install-recommends", *wanted]):
            done = subprocess.run(
                ["apt-get", "-q", *command], env=environment, capture_output=True, text=True, timeout=900, check=False
            )
            if done.returncode:
                print(f"apt-get {command[0]} failed:\n{done.stderr[-2000:]}", file=sys.stderr, flush=True)
