"""The page on IPsec runs as it stands, at two hosts with a charon each."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

import pytest

from helpers.loop import drive
from helpers.network_spaces import Cables, Space
from helpers.pages import carry_out
from helpers.strongswan import Daemons

pytestmark = pytest.mark.rig
PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "ipsec.md"
ENTER: Final = """#!/bin/bash
exec nsenter --net={network} unshare --mount bash -c 'mount --bind {run} /run && exec bash -c "$0"' "$1"
"""


def host(space: Space, folder: Path) -> Path:
    """A program that runs its argument in a network, where charon's socket is at its usual place."""
    path = folder / "enter"
    path.write_text(ENTER.format(network=space.number, run=shlex.quote(str(folder))))
    path.chmod(0o755)
    return path


def test_the_page(cables: Cables, tmp_path: Path) -> None:
    cables.add(cables.left, "192.0.2.1")
    cables.add(cables.right, "192.0.2.2")

    async def ready() -> dict[str, Path]:
        async with Daemons(cables, tmp_path) as daemons:
            hosts = {}
            for name, space, charon in (
                ("left", cables.left, daemons.left),
                ("right", cables.right, daemons.right),
            ):
                (tmp_path / name / "charon.vici").symlink_to("vici")
                assert charon.socket.exists()
                hosts[name] = host(space, tmp_path / name)
            folder = tmp_path / "page"
            folder.mkdir()
            carry_out(PAGE, folder, hosts)
        return hosts

    assert set(drive(ready())) == {"left", "right"}
