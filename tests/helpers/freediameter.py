"""freeDiameter as Debian packages it (freediameterd, freediameter-extensions), one daemon to a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Final

from diameter.security.pki import Pki
from helpers.live import AT, REALM, THEIRS
from helpers.programs import Program

ROOT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final = ROOT / "interop" / "freediameter" / "freeDiameter.conf"
TW_MINIMUM_S: Final = 6
"""The shortest TwTimer and TcTimer that freeDiameter takes."""


def connect_to(host: str, *, clear: bool, tw_s: int = 3600) -> str:
    """A ConnectPeer line: freeDiameter dials `host` at its port of Diameter in clear, or over TLS."""
    port, way = (3868, "No_TLS; ") if clear else (5868, "")
    words = f'ConnectTo = "{AT[host]}"; Port = {port}; No_SCTP; TcTimer = {TW_MINIMUM_S}; TwTimer = {tw_s}; {way}'
    return f'ConnectPeer = "{host}" {{ {words}}};'


def connect_by_sctp(host: str, *addresses: str, tw_s: int = 3600) -> str:
    """The same by SCTP, in clear, to a host with several addresses."""
    to = " ".join(f'ConnectTo = "{address}";' for address in addresses)
    return (
        f'ConnectPeer = "{host}" {{ {to} Port = 3868; No_TCP; TcTimer = {TW_MINIMUM_S}; TwTimer = {tw_s}; No_TLS; }};'
    )


def configure(
    folder: Path,
    pki: Pki,
    *more: str,
    clear: bool,
    tw_s: int = 3600,
    admits: str = REALM,
    sctp: Sequence[str] = (),
) -> Path:
    """Write the configuration of the daemon `helpers.live.THEIRS`; the path of it.

    `clear`: whether hosts of `admits` may connect in clear; else they must by TLS.  `more`: further lines.  `tw_s`:
    watchdog time for those who connect.  `sctp`: addresses of ours in its place on TCP's, where it speaks SCTP only.
    """
    mine = pki.issue(THEIRS)
    (folder / "acl.conf").write_text(f"{'ALLOW_IPSEC ' if clear else ''}*.{admits}\n")
    listen = [f'ListenOn = "{address}";' for address in sctp or (AT[THEIRS],)]
    listen += ["No_TCP;", "SCTP_streams = 6;"] if sctp else ["No_SCTP;"]
    filled = Template(TEMPLATE.read_text()).substitute(
        identity=THEIRS, realm=REALM, listen="\n".join(listen), tc_s=TW_MINIMUM_S, tw_s=tw_s,
        certificate=mine.certificate, key=mine.key, trust=pki.ca_path, acl=folder / "acl.conf", more="\n".join(more),
    )  # fmt: skip
    path = folder / "freeDiameter.conf"
    path.write_text(filled)
    return path


async def started(configuration: Path) -> Program:
    """The daemon, listening."""
    program = Program(["freeDiameterd", "-c", configuration], configuration.parent / "freeDiameter.log")
    try:
        await program.said("freeDiameterd daemon initialized")
    except AssertionError:
        program.release()
        raise
    return program


async def open_to(daemon: Program, *hosts: str) -> None:
    """Wait until the daemon holds these peers for open: one that it dials is open for us a little earlier."""
    for host in hosts:
        await daemon.said(rf"-> 'STATE_OPEN'\s+'{host}'")
