"""Erlang's diameter as Debian packages it (erlang-diameter, erlang-base, erlang-dev): one virtual machine a peer."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from helpers.live import REALM
from helpers.programs import Program, until
from tools.environment import ROOT, safe_environment

SOURCES: Final = ROOT / "interop" / "otp"


def environment(folder: Path) -> dict[str, str]:
    """Keeps its cookie and its crash dumps out of the way."""
    return safe_environment(HOME=str(folder), ERL_CRASH_DUMP="/dev/null", ERL_FLAGS="+S 1:1")


def compiled(folder: Path) -> Path:
    """`folder` with the peer and its dictionary as BEAM files."""
    make = f'ok = diameter_make:codec("{SOURCES / "lab.dia"}", [{{outdir, "{folder}"}}]), halt().'
    for command in (
        ["erl", "-noshell", "-eval", make],
        ["erlc", "-Werror", "-I", str(folder), "-o", str(folder), str(folder / "lab.erl")],
        ["erlc", "-Werror", "-I", str(folder), "-o", str(folder), str(SOURCES / "live_peer.erl")],
    ):
        subprocess.run(command, check=True, timeout=300, env=environment(folder))
    return folder


def erlang(
    code: Path, log: Path, mode: str, application: str, host: str, at: str, *more: str, tw_s: int = 60
) -> Program:
    """One peer, see live_peer.erl; `at`: "ADDRESS:PORT".  `more`: files for TLS."""
    words = [mode, application, host, REALM, *at.split(":"), str(tw_s * 1000), *more]
    command = ["erl", "-noshell", "-pa", str(code), "-s", "live_peer", "main", *words]
    return Program(command, log, environment(code))


async def ready_for(program: Program, peers: int) -> None:
    """Wait until its service has so many peers: a request that comes between its CEA and that may be lost."""
    await until(lambda: program.text.count("event up") >= peers, f"{peers} x event up")
