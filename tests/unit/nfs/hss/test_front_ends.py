"""Several HSS on one database, as several front ends of an operator are: none undoes what another one did."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy.exc import DBAPIError

from diameter import Message
from helpers.mobility import CARD, IMSI, MME, Rig
from nfs.common.database import database_url, open_engine, passing
from nfs.hss import cards, registrations
from nfs.hss.sqn import Block

OTHER = "mme2.visited.example"


@pytest.fixture
def front_ends(database: str, tmp_path: Path) -> Iterator[tuple[Rig, Rig]]:
    one = Rig(tmp_path, database=database)
    other = Rig(tmp_path, beside=one)
    yield one, other
    for each in (other, one):
        _ = each.store.close()


def sqn_of(answer: Message) -> int:
    """SQN of the one vector of an answer."""
    vector = answer.group("Authentication-Info")["E-UTRAN-Vector"]
    out = CARD.functions().outputs(vector["RAND"], bytes(6), bytes(2))
    return int.from_bytes(vector["AUTN"][:6]) ^ int.from_bytes(out.ak)


def test_no_sequence_number_is_given_twice_whoever_is_killed_and_begins_again(front_ends: tuple[Rig, Rig]) -> None:
    """Killed with -9 is: what was in memory is gone, and nothing was written down at the end."""
    given: list[int] = []
    for round_ in range(12):
        for each in front_ends:
            given += [sqn_of(each.air()), sqn_of(each.air())]
        front_ends[round_ % 2].restart()
        if round_ % 3 == 2:  # blocks end, and clocks do not agree
            front_ends[0].clock.advance(4)
            front_ends[1].clock.advance(11)
    assert len(set(given)) == len(given) == 48


def test_blocks_reserved_at_the_same_moment_do_not_overlap(database: str, tmp_path: Path) -> None:
    """Four processes that begin on an empty database, each of them killed after every block."""
    engine = open_engine(database_url(database, tmp_path), migrations="nfs.hss:migrations", name="hss")
    together = Barrier(4)

    def process(number: int) -> list[Block]:
        together.wait(30)
        found: list[Block] = []
        while len(found) < 6:
            own = found[-1] if found and number % 2 else None
            try:
                with engine.begin() as connection:
                    block = cards.reserve(connection, 1000, 0, own)
            except DBAPIError as error:  # as `Store` does it
                if not passing(error):
                    raise
            else:
                found.append(block)
        return found

    with ThreadPoolExecutor(4) as pool:
        blocks = [block for found in pool.map(process, range(4)) for block in found]
    engine.dispose()
    taken = [(block.slot, seq) for block in blocks for seq in range(block.start, block.end)]
    assert len(set(taken)) == len(taken)


def test_the_front_end_that_is_told_of_a_new_place_cancels_the_old_one(front_ends: tuple[Rig, Rig]) -> None:
    """ULR at one, then at the other: that one asks the first MME to let go, and both know where the device is."""
    one, other = front_ends
    assert one.ulr().result == (0, 2001)
    assert other.ulr(host=OTHER).result == (0, 2001)
    other.fake.settle()
    assert [(each.command, each.text("Destination-Host")) for each in other.fake.requests] == [
        ("Cancel-Location-Request", MME)
    ]
    assert one.fake.requests == []
    with one.engine.connect() as connection:
        assert registrations.of(connection, IMSI)["mme"].host == OTHER
    assert one.ask("Purge-UE", {"User-Name": IMSI}, MME).result == (10415, 5423)
    assert one.ask("Purge-UE", {"User-Name": IMSI}, OTHER).result == (0, 2001)
