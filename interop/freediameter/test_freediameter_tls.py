"""freeDiameter over TLS, which is GnuTLS there: both directions, both versions, and certificates that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from diameter.security.pki import Pki
from diameter.trace import Point
from helpers.freediameter import configure, connect_to, started
from helpers.live import CLEAR, LEFT, REALM, RIGHT, SECURE, THEIRS, Ours, certified, dialled, peer, up
from helpers.loop import drive
from helpers.nodes import Answering, Asking
from helpers.programs import running, until

pytestmark = pytest.mark.interop
NOT_FOUND_OUT = "closed without close_notify"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_both_directions(tmp_path: Path, pki: Pki, version: str) -> None:
    async def scenario() -> None:
        tls = [certified(host, pki, maximum_version=version, crl=(pki.crl_path,)) for host in (LEFT, RIGHT)]
        left = Ours(LEFT, [Asking()], [dialled(THEIRS, SECURE)], tls=tls[0])
        right = Ours(RIGHT, [Answering()], [peer(THEIRS, SECURE)], listen=SECURE, tls=tls[1])
        config = configure(tmp_path, pki, connect_to(RIGHT, clear=False), clear=False)
        async with up(right), running(await started(config)) as daemon, up(left):
            for one in (left, right):
                neighbour = await one.node.when_open(THEIRS)
                assert (neighbour.transport, neighbour.secure) == ("tls", True)
                assert neighbour.security.version == f"TLSv{version}"  # type: ignore[attr-defined]  # a LinkSecurity
                assert neighbour.security.peer_names == (THEIRS,)  # type: ignore[attr-defined]  # the same
            for host in (LEFT, RIGHT):
                await daemon.said(rf"Connected to '{host}' \(TCP,TLS,")

    drive(scenario())


def test_a_certificate_of_a_ca_it_does_not_trust(tmp_path: Path, pki: Pki) -> None:
    """It closes without a word, after our handshake is done under TLS 1.3: no alert tells us why."""

    async def scenario() -> None:
        tls = certified(LEFT, Pki.init(tmp_path / "other"), trusting=pki)
        left = Ours(LEFT, [Asking()], [dialled(THEIRS, SECURE)], tls=tls)
        async with running(await started(configure(tmp_path, pki, clear=False))) as daemon, up(left):
            await daemon.said("The certificate hasn't got a known issuer")
            await until(lambda: left.said.of(Point.CONNECTING_FAILED), "Left gives up this attempt")
            assert NOT_FOUND_OUT in left.said.of(Point.CONNECTING_FAILED)[0]["reason"]
            assert "<CEA" not in left.tape.names()

    drive(scenario())


def test_whoever_it_trusts_may_claim_any_name_to_it(tmp_path: Path, pki: Pki) -> None:
    """Accepting, it does not hold the Origin-Host against the certificate; a reason to check on our side."""

    async def scenario() -> None:
        left = Ours(LEFT, [Asking()], [dialled(THEIRS, SECURE)], tls=certified(f"somebody.{REALM}", pki))
        async with running(await started(configure(tmp_path, pki, clear=False))), up(left):
            assert (await left.node.when_open(THEIRS)).host == THEIRS

    drive(scenario())


def test_dialling_it_wants_the_name_in_our_certificate(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        tls = certified(f"somebody.{REALM}", pki)
        right = Ours(RIGHT, [Answering()], [peer(THEIRS, SECURE)], listen=SECURE, tls=tls)
        config = configure(tmp_path, pki, connect_to(RIGHT, clear=False), clear=False)
        async with up(right), running(await started(config)) as daemon:
            await daemon.said("The certificate hostname does not match 'right.example.net'")
            assert right.tape.names() == []

    drive(scenario())


def test_it_refuses_clear_text_where_its_list_says_tls(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        left = Ours(LEFT, [Asking()], [dialled(THEIRS, CLEAR)])
        async with running(await started(configure(tmp_path, pki, clear=False))) as daemon, up(left):
            assert (await left.tape.until("<CEA")).result == (0, 3010)
            await daemon.said("only TLS-protected connection is whitelisted")

    drive(scenario())
