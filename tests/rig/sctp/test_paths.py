"""Several paths between two ends: which are used, what happens when one is cut, and lines that lose, delay, reorder and
repeat.  Both ends live in this process, each in its own network, joined by two cables.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
from twisted.internet.task import deferLater

from diameter.config import ListenConfig, PeerConfig
from diameter.transport.link import ConnectFailed, Link
from helpers.loop import drive, reactor
from helpers.network_spaces import Cables, Space
from helpers.sctp import PORT, Ends, association_of, dialling, listening

pytestmark = pytest.mark.rig
QUICK: Final[dict[str, Any]] = {
    "rto_initial_ms": 100, "rto_min_ms": 50, "rto_max_ms": 200, "heartbeat_ms": 100, "path_max_retrans": 2,
    "association_max_retrans": 5,
}  # fmt: skip
HERE, THERE = ("10.1.1.1", "10.1.2.1"), ("10.1.1.2", "10.1.2.2")
HERE_6, THERE_6 = ("fd00:1::1", "fd00:2::1"), ("fd00:1::2", "fd00:2::2")
PATIENT: Final[dict[str, Any]] = {"path_max_retrans": 10, "association_max_retrans": 20}
"""For a machine that is busy: no path is given up for a heartbeat that is answered late."""
COUNT: Final = 1000


def listen(*hosts: str, **options: Any) -> ListenConfig:
    first, *more = hosts or THERE
    return listening(first, *more, **{**QUICK, **options})


def dial(*, to: tuple[str, ...] = THERE, here: tuple[str, ...] = HERE, **options: Any) -> PeerConfig:
    return dialling(*to, bind=here[0], local_addresses=here[1:], **{**QUICK, **options})


async def opened(cables: Cables, ends: Ends, peer: PeerConfig | None = None) -> tuple[Link, Link]:
    """Both ends of a new link: the dialling one lives in the left network, the listening one in the right."""
    with cables.right:
        await ends.server.listen()
    with cables.left:
        return await ends.connect(peer or dial())


def back(link: Link, data: bytes) -> None:
    link.write(data, ordered=False)


class Quiet(Ends):
    """Ends whose listener is opened by the test, in another network."""

    async def __aenter__(self) -> Quiet:
        return self


async def pause(seconds: float) -> None:
    await deferLater(reactor, seconds)


async def exchange(ends: Ends, ours: Link, count: int, window: int = 64) -> None:
    """Send `count` messages, no more than `window` without their echo; each must come back, and once."""
    owner = ends.client_owner
    before, lost = len(owner.pieces), len(owner.lost)
    sent = 0
    while sent < count:
        while sent < count and sent - (len(owner.pieces) - before) < window:
            ours.write(b"%06d" % (before + sent) + b"x" * 200, ordered=False)
            sent += 1
        heard = len(owner.pieces)
        await owner.until(lambda heard=heard: len(owner.pieces) > heard or len(owner.lost) > lost)  # type: ignore[misc]
        assert owner.lost[lost:] == []
    await owner.until(lambda: len(owner.pieces) - before >= count or len(owner.lost) > lost)
    numbers = Counter(int(piece[:6]) for piece in owner.pieces[before:])
    assert numbers == Counter(range(before, before + count))


def test_addresses_of_both_kinds_are_known_at_both_ends(cables: Cables) -> None:
    here, there = (*HERE, *HERE_6), (*THERE, *THERE_6)

    async def scenario() -> None:
        async with Quiet(listen(*there), react=back) as ends:
            ours, theirs = await opened(cables, ends, dial(to=there, here=here))
            for link, near, far in ((ours, here, there), (theirs, there, here)):
                assert {each.host for each in link.local_addresses} == set(near)
                assert {each.host for each in link.remote_addresses} == set(far)
            assert {each.port for each in ours.remote_addresses} == {PORT}
            await exchange(ends, ours, 100)

    drive(scenario())


def test_one_address_of_a_peer_is_enough_to_find_the_others(cables: Cables) -> None:
    async def scenario() -> None:
        async with Quiet(listen()) as ends:
            ours, _ = await opened(cables, ends, dial(to=("10.1.3.2", THERE[1])))  # the first one is nobody's
            assert {each.host for each in ours.remote_addresses} == set(THERE)

    cables.left.ip("route replace 10.1.3.0/24 dev path1")
    drive(scenario())


@pytest.mark.parametrize("primary", THERE)
def test_the_primary_path_is_the_one_wanted(cables: Cables, primary: str) -> None:
    async def scenario() -> None:
        async with Quiet(listen(**PATIENT), react=back) as ends:
            with cables.left:  # on a machine that is busy a path may be late without being given up for the other
                Path("/proc/sys/net/sctp/pf_retrans").write_text("20", encoding="ascii")
            ours, _ = await opened(cables, ends, dial(primary=primary, **PATIENT))
            await exchange(ends, ours, 10)
            await pause(1.0)  # a path is used once its heartbeat was answered
            before = [octets_sent(cables.left, f"path{number}") for number in (1, 2)]
            await exchange(ends, ours, 200)
            assert association_of(ours).remote_addresses[0].host == primary
            wanted = THERE.index(primary)
            after = [octets_sent(cables.left, f"path{number}") for number in (1, 2)]
            counts = [now - then for now, then in zip(after, before, strict=True)]
            assert counts[wanted] > 40_000 > counts[1 - wanted]

    drive(scenario())


def octets_sent(space: Space, interface: str) -> int:
    """What an interface has sent so far."""
    with space:
        from pathlib import Path

        lines = Path("/proc/net/dev").read_text().splitlines()
    row = next(line for line in lines if line.strip().startswith(f"{interface}:"))
    return int(row.split(":")[1].split()[8])


def test_a_cut_path_loses_nothing_and_is_told(cables: Cables) -> None:
    async def scenario() -> None:
        async with Quiet(listen(), react=back) as ends:
            ours, _ = await opened(cables, ends)
            await exchange(ends, ours, 200)
            cables.cut(1)
            await exchange(ends, ours, 200)
            await ends.client_owner.until(lambda: "path 10.1.1.2 is unreachable" in ends.client_owner.notes)
            await exchange(ends, ours, 200)
            cables.mend(1)
            await ends.client_owner.until(lambda: "path 10.1.1.2 is available" in ends.client_owner.notes)
            cables.cut(2)
            await exchange(ends, ours, 200)
            assert ends.client_owner.lost == ends.server_owner.lost == []

    drive(scenario())


def test_a_path_is_cut_while_messages_are_on_it(cables: Cables) -> None:
    """A thousand requests on their way; the answers come by the other path."""

    async def scenario() -> None:
        async with Quiet(listen(), react=back) as ends:
            ours, _ = await opened(cables, ends)
            await exchange(ends, ours, 10)
            reactor.callLater(0.02, cables.cut, 1)
            await exchange(ends, ours, COUNT)

    drive(scenario())


def test_with_every_path_cut_the_peer_is_gone_and_what_was_not_sent_comes_back(cables: Cables) -> None:
    async def scenario() -> None:
        async with Quiet(listen(), send_limit=1 << 26) as ends:
            ours, _ = await opened(cables, ends)
            cables.cut(1)
            cables.cut(2)
            messages = [b"%06d" % number + b"\xff" * 20_000 for number in range(100)]
            for message in messages:
                ours.write(message)
            await ends.client_owner.until(lambda: bool(ends.client_owner.lost))
            assert ends.client_owner.lost == ["association lost: no answer of the peer on any path"]
            unsent = ends.client_owner.unsent
            assert len(unsent) > 50
            assert sorted(unsent) == messages[-len(unsent) :]

    drive(scenario())


def test_a_peer_that_cannot_be_reached(cables: Cables) -> None:
    async def scenario() -> None:
        async with Quiet(listen()) as ends:
            cables.cut(1)
            cables.cut(2)
            with cables.left, pytest.raises(ConnectFailed, match=r"sctp 10\.1\.1\.2:3868, 10\.1\.2\.2:3868: "):
                await ends.client.connect(dial(init_attempts=2, init_timeout_ms=100))

    drive(scenario())


def test_a_peer_that_starts_again_is_another_link(cables: Cables) -> None:
    """The dialling end dies unheard and comes back from the same addresses and port (RFC 9260 section 5.2)."""

    async def scenario() -> None:
        async with Quiet(listen(heartbeat_ms=0), react=back) as ends:
            ours, theirs = await opened(cables, ends)
            port = ours.local.port
            for number in (1, 2):
                cables.cut(number)
            ours.abort("died")
            await ends.client_owner.until(lambda: bool(ends.client_owner.lost))
            for number in (1, 2):
                cables.mend(number)
            assert ends.server_owner.lost == []
            with cables.left:
                again = await ends.client.connect(dial(local_port=port))
            await ends.server_owner.until(lambda: len(ends.server_owner.links) == 2)
            assert ends.server_owner.lost == ["the peer has restarted the association"]
            assert ends.server_owner.links[1].id != theirs.id
            assert again.local.port == port
            await exchange(ends, again, 100)

    drive(scenario())


FAULTS: Final = {
    "loss": "loss 3%",
    "delay": "delay 20ms 10ms",
    "reordering": "delay 5ms reorder 30% 50%",
    "duplication": "duplicate 20%",
    "all of it": "delay 10ms 5ms loss 2% duplicate 5% reorder 20% 50%",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_line_loses_and_doubles_nothing(cables: Cables, fault: str) -> None:
    cables.spoil(FAULTS[fault])

    async def scenario() -> None:
        async with Quiet(listen(**LOSSY), react=back) as ends:
            ours, _ = await opened(cables, ends, dial(**LOSSY))
            await exchange(ends, ours, COUNT)
            await pause(0.1)  # a double would come now
            assert len(ends.client_owner.pieces) == COUNT
            assert ends.server_owner.octets == COUNT * 206

    drive(scenario())


LOSSY: Final[dict[str, Any]] = {"path_max_retrans": 10, "association_max_retrans": 20, "heartbeat_ms": 1000}
