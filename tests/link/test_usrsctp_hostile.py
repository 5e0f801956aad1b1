"""Whatever a stranger sends to the UDP port: the process lives, associations go on, and little is remembered of it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from diameter.transport.usrsctp_ends import _wires
from diameter.transport.usrsctp_wires import STRANGERS
from helpers.hostile_sctp import chunk, init, packet
from helpers.loop import drive, turn
from helpers.sctp import FIRST, PORT, Ends
from helpers.udp import OneSocket

pytestmark = pytest.mark.link
PACKETS = 400


def some(chance: Random) -> bytes:
    """One packet: octets of no meaning, or chunks that are nearly right."""
    if chance.random() < 0.2:
        return chance.randbytes(chance.randrange(0, 200))
    chunks = []
    for _ in range(chance.randrange(0, 4)):
        if chance.random() < 0.3:
            chunks.append(
                init(
                    tag=chance.getrandbits(32),
                    window=chance.getrandbits(20),
                    outbound=chance.randrange(5),
                    inbound=chance.randrange(5),
                    rest=chance.randbytes(chance.randrange(0, 60)),
                )
            )
        else:
            value = chance.randbytes(chance.randrange(0, 120))
            lie = chance.choice((None, None, None, 0, 3, 4, 5, 65_535, len(value)))
            chunks.append(
                chunk(
                    chance.choice((*range(16), 0x40, 0x80, 0x81, 0x82, 0x84, 0xC0, 0xC1)),
                    chance.getrandbits(8),
                    value,
                    lie,
                )
            )
    tag = chance.choice((0, 1, chance.getrandbits(32)))
    return packet(chance.randrange(65_536), chance.choice((PORT, PORT, 0, 9)), tag, chunks, right=chance.random() < 0.9)


def mutated(chance: Random, real: bytes) -> bytes:
    """A packet that was sent, changed in a few octets."""
    octets = bytearray(real)
    for _ in range(chance.randrange(1, 6)):
        octets[chance.randrange(len(octets))] = chance.getrandbits(8)
    return bytes(octets[: chance.randrange(len(octets)) if chance.random() < 0.2 else len(octets)])


@pytest.mark.parametrize("seed", range(4))
def test_strangers_do_no_harm(seed: int) -> None:
    """Packets with right and wrong sums, from many ports, among the packets of a real association."""
    chance, way = Random(seed), OneSocket()

    async def scenario() -> None:
        async with Ends(way.listening(), react=lambda link, data: link.write(data)) as ends:
            ours, _ = await ends.connect(way.dialling(udp_port=0))
            strangers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
            for number in range(PACKETS):
                chance.choice(strangers).sendto(some(chance), (FIRST, way.udp_port))
                if number % 8 == 0:
                    ours.write(b"%06d" % number)
                    turn(0.001)
            await ends.client_owner.until(lambda: len(ends.client_owner.pieces) == PACKETS // 8)
            assert ends.client_owner.lost == ends.server_owner.lost == []
            assert len(ends.server_owner.links) == 1
            for stranger in strangers:
                stranger.close()

    drive(scenario())


def test_strangers_are_forgotten() -> None:
    """Handshakes that are begun from ever other ports take a bounded table, and a real peer still gets in."""
    way = OneSocket()

    async def scenario() -> None:
        async with Ends(way.listening()) as ends:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                for port in range(1, 2 * STRANGERS):
                    stranger.sendto(packet(port, PORT, 0, [init(tag=port)]), (FIRST, way.udp_port))
                    if port % 32 == 0:
                        turn(0.001)
            peers = _wires["usrsctp-udp", FIRST, way.udp_port, False].peers
            assert len(peers._outside) <= STRANGERS
            await ends.connect(way.dialling(udp_port=0))

    drive(scenario())


CHANGED = """
import sys
from random import Random
sys.path[:0] = {path!r}
from diameter.errors import NotOpen
from diameter.transport import usrsctp_wires
from diameter.transport.link import ConnectFailed
from helpers.loop import drive
from helpers.sctp import Ends
from helpers.udp import OneSocket
from test_usrsctp_hostile import mutated
from helpers.hostile_sctp import summed

chance, way, real = Random({seed}), OneSocket(), usrsctp_wires.Wire._input
def spoiled(self, library, at, size, place):
    real(self, library, at, size, place)
    for _ in range(3):
        octets = mutated(chance, bytes(self._octets[at:size]))
        octets = summed(octets) if len(octets) > 12 else octets
        self._octets[at : at + len(octets)] = octets
        real(self, library, at, at + len(octets), place)
usrsctp_wires.Wire._input = spoiled

async def scenario():
    async with Ends(way.listening(), react=lambda link, data: None if link.congested else link.write(data)) as ends:
        for _ in range(20):
            try:
                ours, _ = await ends.connect(way.dialling(udp_port=0, init_attempts=2, init_timeout_ms=100))
                for number in range(50):
                    ours.write(b"x" * 500, ordered=bool(number % 2))
                ours.close()
            except (ConnectFailed, NotOpen) as error:
                print(error, file=sys.stderr)

try:
    drive(scenario())
except TimeoutError:
    pass
print("alive")
"""


@pytest.mark.parametrize("seed", range(2))
def test_packets_that_are_changed_on_their_way_do_not_end_the_process(seed: int) -> None:
    """Every packet comes again with some octets changed and the sum put right: worse than a line can do."""
    program = CHANGED.format(path=[*sys.path, str(Path(__file__).parent)], seed=seed)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr
