"""strongSwan, driven over VICI: protection comes up, is proved, followed, and refused where something is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from diameter.errors import ConfigError
from diameter.security.pki import Pki
from diameter.transport.ipsec.hook import Flow, Protection
from diameter.transport.ipsec.vici import Vici
from helpers.loop import drive, reactor
from helpers.network_spaces import Cables
from helpers.programs import until
from helpers.strongswan import Charon, Daemons, Owner, flow, issued, listener

pytestmark = pytest.mark.rig
A, B, OTHER = "a.example", "b.example", "other.example"


class Ends:
    """A hook at each end, and what they are asked for."""

    def __init__(self, daemons: Daemons, pki: Pki) -> None:
        self.daemons = daemons
        self.left, self.right = Vici(reactor), Vici(reactor)
        self.pki = pki
        self.owner, self.other = Owner(), Owner()
        self.held: list[Protection] = []

    def options(self, charon: Charon, host: str, pki: Pki | None = None, **more: Any) -> dict[str, Any]:
        ike = {**issued(pki or self.pki, host), "socket": str(charon.socket), "dpd_s": 2.0, **more.pop("ike", {})}
        return {"ike": ike, **more}

    def listen(self, host: str = B, pki: Pki | None = None, **more: Any) -> Flow:
        options = self.options(self.daemons.right, host, pki, **more.pop("options", {}))
        wanted = listener(host, options=options, **more)
        self.held.append(self.right.listen(wanted))
        return wanted

    def dial(self, host: str = A, peer: str = B, pki: Pki | None = None, **more: Any) -> Protection:
        options = self.options(self.daemons.left, host, pki, **more.pop("options", {}))
        made = self.left.protect(flow(host, peer, options=options, **more), self.owner)
        self.held.append(made)
        return made

    def accept(self, identity: str = "", **more: Any) -> None:
        """Ask for the protection of a link that came to the listener."""
        options = self.options(self.daemons.right, B, **more.pop("options", {}))
        wanted = listener(B, identity=identity, remote=("10.1.1.1",), remote_port=40000, options=options, **more)
        self.held.append(self.right.protect(wanted, self.other))

    def let_go(self) -> None:
        """Release all."""
        while self.held:
            self.held.pop().release()

    async def close(self) -> None:
        self.let_go()
        await self.left.stop()
        await self.right.stop()


@asynccontextmanager
async def ends(cables: Cables, folder: Path, **options: Any) -> AsyncIterator[Ends]:
    async with Daemons(cables, folder, **options) as daemons:
        made = Ends(daemons, Pki.init(folder / "pki"))
        try:
            yield made
        finally:
            await made.close()


def test_it_comes_up_is_followed_and_leaves_nothing(cables: Cables, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ends(cables, tmp_path) as both:
            both.listen()
            both.accept()
            assert "no child SA covers 10.1.1.2 to 10.1.1.1" in await both.other.until("failed")
            dialled = both.dial()
            security = await both.owner.until("up")
            assert (security.mechanism, security.version, security.peer_names) == ("ipsec", "IKEv2", (B,))
            assert (security.cipher, security.group) == ("AES_GCM_16_128", "ECP_256")
            both.accept()
            assert (await both.other.until("up")).peer_names == (A,)
            dialled.release()
            await both.other.until("down")
            both.dial()
            await both.owner.until("up", 2)
            await both.other.until("rekeyed")
            await both.close()
            for charon in (both.daemons.left, both.daemons.right):
                assert await charon.knows() == ([], [])

    drive(scenario())


def test_rekeying_is_no_loss(cables: Cables, tmp_path: Path) -> None:
    """A child SA and an IKE SA that are replaced: the flow is protected all the time."""

    async def scenario() -> None:
        async with ends(cables, tmp_path) as both:
            both.listen()
            both.dial()
            await both.owner.until("up")
            both.accept()
            await both.other.until("up")
            await both.daemons.left.tell("rekey", child=await both.daemons.left.child())
            await both.owner.until("rekeyed")
            await both.other.until("rekeyed")
            before = await both.daemons.right.child()
            await both.daemons.right.tell("rekey", ike=before)
            await until(
                lambda: "IKE_SA" in both.daemons.right.log and "rekeyed between" in both.daemons.right.log, "it"
            )
            await both.daemons.right.tell("rekey", child=before)
            await both.owner.until("rekeyed", 2)
            assert both.owner.of("down") == both.other.of("down") == []

    drive(scenario())


def test_what_is_ended_by_others_is_brought_up_again(cables: Cables, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ends(cables, tmp_path) as both:
            both.listen()
            both.dial()
            await both.owner.until("up")
            both.accept()
            await both.other.until("up")
            name = await both.daemons.right.child()
            await both.daemons.right.tell("terminate", ike=name)
            await both.owner.until("down")
            await both.owner.until("rekeyed")
            await both.other.until("rekeyed")
            assert len(both.other.of("down")) == 1
            await both.daemons.right.tell("unload-conn", name=name)
            await both.daemons.right.tell("terminate", ike=name)
            assert "IKE" in await both.owner.until("down", 2) or "no child SA" in both.owner.of("down")[1]
            await both.other.until("down", 2)
            assert len(both.owner.of("rekeyed")) == 1

    drive(scenario())


@pytest.mark.requirement("S-TSP-31")
def test_an_identity_that_is_not_the_expected_one(cables: Cables, tmp_path: Path) -> None:
    """The other end has a certificate of the same PKI, for another name."""

    async def scenario() -> None:
        async with ends(cables, tmp_path) as both:
            both.listen(OTHER)
            both.dial()
            assert "AUTHENTICATION_FAILED" in await both.owner.until("failed")
            both.dial(peer=OTHER)
            await both.owner.until("up")
            both.accept(identity="c.example")
            assert "the other end is a.example, not c.example" in await both.other.until("failed")

    drive(scenario())


@pytest.mark.requirement("S-TSP-31")
def test_certificates_that_nobody_vouches_for(cables: Cables, tmp_path: Path) -> None:
    """Of another CA, and revoked by a list."""

    async def scenario() -> None:
        async with ends(cables, tmp_path) as both:
            both.listen()
            both.dial(pki=Pki.init(tmp_path / "stranger"))
            assert "AUTHENTICATION_FAILED" in await both.owner.until("failed")
            assert await both.daemons.right.children() == []
            both.let_go()
            both.listen(options={"ike": {"crl": [both.pki.crl_path]}})
            both.dial()
            await both.owner.until("up")
            both.let_go()
            both.pki.revoke(A)
            both.listen(options={"ike": {"crl": [both.pki.crl_path]}})
            both.dial()
            assert "AUTHENTICATION_FAILED" in await both.owner.until("failed", 2)
            assert "certificate was revoked" in both.daemons.right.log

    drive(scenario())


WEAK = {
    "no encryption": ("aes128-sha256-ecp256", "null-sha256"),
    "SHA-1": ("aes128-sha256-ecp256", "aes128-sha1"),
    "group 2": ("aes128-sha256-modp1024", "aes128-sha256"),
}


@pytest.mark.requirement("S-TSP-31")
@pytest.mark.parametrize("what", WEAK)
def test_something_weaker_than_the_profile(cables: Cables, tmp_path: Path, what: str) -> None:
    """The other daemon offers less: nothing comes up.  Both daemons were told so by their operators: seen, refused."""
    ike, esp = WEAK[what]

    async def scenario() -> None:
        async with ends(cables, tmp_path) as both:
            left, right = both.daemons.left, both.daemons.right
            await right.load("weak", both.pki, B, A, ("10.1.1.2", "10.1.1.1"), ike, esp)
            both.dial()
            assert "NO_PROPOSAL_CHOSEN" in await both.owner.until("failed")
            await left.load("weak", both.pki, A, B, ("10.1.1.1", "10.1.1.2"), ike, esp)
            await left.tell("initiate", child="weak", ike="weak", timeout="5000")
            for owner, ask in ((both.owner, both.dial), (both.other, both.accept)):
                owner.told.clear()
                ask()
                assert "weaker than the profile ts33210" in await owner.until("failed")

    drive(scenario())


def test_another_mode(cables: Cables, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ends(cables, tmp_path) as both:
            both.listen(options={"mode": "tunnel"})
            both.dial()
            assert "in tunnel mode, not transport" in await both.owner.until("failed")

    drive(scenario())


def test_a_daemon_that_is_not_there_or_dies(cables: Cables, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ends(cables, tmp_path, again_s=0.3) as both:
            both.listen()
            both.dial()
            await both.owner.until("up")
            both.accept()
            await both.other.until("up")
            await both.daemons.left.kill()
            assert "closed the connection; is charon running?" in await both.owner.until("down")
            await both.daemons.left.again()
            await both.owner.until("rekeyed")
            assert len(both.owner.of("down")) == 1
            await both.daemons.right.kill()
            await both.other.until("down")
            await both.owner.until("down", 2)  # by dead peer detection
            with pytest.raises(ConfigError, match="is charon running"):
                both.listen()
            both.accept()
            assert "is charon running" in await both.other.until("failed")

    drive(scenario())
