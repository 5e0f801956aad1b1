"""Sequence numbers: never the same twice, whatever is killed, however the clock goes; USIMs are followed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from nfs.common.database import database_url, open_engine
from nfs.hss import cards
from nfs.hss.sqn import AHEAD, IND_BITS, JUMP, MARGIN, SLOTS, Block, Sequence, extend, number, offset_after, units

NOW = 17_000_000_000


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_engine(
        database_url("hss.db", tmp_path_factory.mktemp("sqn")), migrations="nfs.hss:migrations", name="hss"
    )
    yield engine
    engine.dispose()


@pytest.fixture
def engine(database: Engine) -> Engine:
    with database.begin() as connection:
        connection.execute(cards.SQN_BLOCK.delete())
    return database


def take(connection: Connection, sequence: Sequence, imsi: str, now: int) -> tuple[int, int]:
    """(slot, SEQ), reserving where it must, as the application does."""
    while True:
        seq = sequence.take(imsi, now)
        if seq is not None:
            assert sequence.block is not None
            return sequence.block.slot, seq
        sequence.renew(cards.reserve(connection, now, sequence.wanted(imsi), sequence.block))


def test_the_clock_counts_tenths() -> None:
    assert (units(0.0), units(1.25), units(-5.0)) == (0, 12, 0)


def test_a_subscriber_gets_one_after_the_other_within_a_tenth_of_a_second() -> None:
    sequence = Sequence()
    sequence.renew(extend(0, 0, NOW))
    assert [sequence.take("1", NOW) for _ in range(3)] == [NOW, NOW + 1, NOW + 2]
    assert sequence.take("2", NOW) == NOW
    assert sequence.take("1", NOW + 50) == NOW + 50


def test_a_block_that_is_used_up_gives_nothing_until_the_next() -> None:
    sequence = Sequence()
    assert sequence.take("1", NOW) is None
    sequence.renew(Block(slot=0, start=NOW, end=NOW + 2))
    assert [sequence.take("1", NOW) for _ in range(3)] == [NOW, NOW + 1, None]
    sequence.renew(extend(0, NOW + 2, NOW, sequence.wanted("1")))
    assert sequence.take("1", NOW) == NOW + 2


def test_a_clock_that_goes_back_repeats_nothing() -> None:
    sequence = Sequence()
    sequence.renew(extend(0, 0, NOW))
    assert sequence.take("1", NOW + 5) == NOW + 5
    assert sequence.take("2", NOW + 9) == NOW + 9
    assert sequence.take("1", NOW - 5000) == NOW + 9


def test_what_the_clock_has_passed_is_forgotten() -> None:
    sequence = Sequence()
    sequence.renew(extend(0, 0, NOW))
    for step in range(50):
        for imsi in range(100):
            assert sequence.take(str(imsi), NOW + step) is not None
    assert len(sequence) <= 200


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc"), st.integers(-300, 300)), max_size=60))
def test_nothing_is_given_twice_in_a_slot(database: Engine, steps: list[tuple[int, str, int]]) -> None:
    """Four processes by turns, clocks that jump; process 3 is killed and begins anew each time."""
    processes, had, now = [Sequence() for _ in range(4)], set(), NOW
    with database.begin() as connection:
        connection.execute(cards.SQN_BLOCK.delete())
        for process, imsi, jump in steps:
            now += jump
            if process == 3:
                processes[3] = Sequence()
            slot, seq = take(connection, processes[process], imsi, now)
            assert (slot, imsi, seq) not in had
            had.add((slot, imsi, seq))


def test_a_killed_process_never_comes_back_to_what_it_gave(engine: Engine) -> None:
    given: list[tuple[int, int]] = []
    with engine.begin() as connection:
        for _ in range(3 * SLOTS):  # each one killed in the middle of a burst, in the same tenth of a second
            sequence = Sequence()
            given += [take(connection, sequence, "1", NOW) for _ in range(10)]
    assert len(set(given)) == len(given)
    assert all(seq < NOW + 4 * AHEAD for _, seq in given)


def test_no_write_for_a_vector(engine: Engine) -> None:
    sequence, reserved = Sequence(), 0
    with engine.begin() as connection:
        for step in range(10 * AHEAD):
            if sequence.take("1", NOW + step) is None:
                reserved += 1
                sequence.renew(cards.reserve(connection, NOW + step, sequence.wanted("1"), sequence.block))
                assert sequence.take("1", NOW + step) is not None
    assert reserved == 10


def test_processes_beside_each_other_have_slots_of_their_own(engine: Engine) -> None:
    with engine.begin() as connection:
        blocks = [cards.reserve(connection, NOW, 0, None) for _ in range(SLOTS + 1)]
        assert sorted(block.slot for block in blocks[:SLOTS]) == list(range(SLOTS))
        assert (blocks[SLOTS].slot, blocks[SLOTS].start) == (blocks[0].slot, blocks[0].end)
        again = cards.reserve(connection, NOW + 5 * AHEAD, 0, blocks[0])  # somebody else has its slot: another one
        assert again.start >= NOW + 5 * AHEAD
        assert again.slot != blocks[0].slot


def test_the_number_has_seq_slot_and_node() -> None:
    assert int.from_bytes(number(5, 2, 3, 9)) == 7 << IND_BITS | 3 << 3 | 1
    assert len(number(1 << 43, 0, 0, 0)) == 6


def test_a_usim_behind_us_needs_no_other_offset() -> None:
    assert offset_after(number(NOW - 100, 0, 0, 0), 0, NOW) is None


@pytest.mark.parametrize("seq_ms", [NOW, NOW + 12345, 0, NOW - JUMP])
def test_a_usim_ahead_of_us_or_far_behind_is_followed(seq_ms: int) -> None:
    offset = offset_after(number(seq_ms, 0, 0, 0), 0, NOW)
    assert offset is not None
    assert NOW + offset == seq_ms + MARGIN
    assert offset_after(number(seq_ms, 0, 0, 0), offset, NOW) is None
