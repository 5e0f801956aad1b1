"""Answers counted by peer, application, command and result; whatever their octets are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diameter import encode
from diameter._node.tally import ROWS, Row, Tally
from diameter.errors import ApplicationFault
from helpers.nodes import LEFT, RIGHT, Answering, Bench, dictionary


def rows(tally: Tally) -> list[Row]:
    return list(tally.rows(dictionary()))


def test_both_ends_count_each_answer_once() -> None:
    with Bench() as bench:
        bench.ask()
        bench.ask()
        assert rows(bench.pair.right._core.tally) == [Row(LEFT, True, "Tsp", "Device-Action", "2001", 2)]
        assert rows(bench.pair.left._core.tally) == [Row(RIGHT, False, "Tsp", "Device-Action", "2001", 2)]


def test_an_experimental_result_is_shown_with_its_vendor() -> None:
    with Bench(Answering(lambda request: ApplicationFault(5653, vendor=10415))) as bench:
        bench.inject(bench.request())
        assert [row.result for row in rows(bench.pair.right._core.tally)] == ["10415:5653"]


def test_a_refusal_counts_as_the_answer_it_is() -> None:
    with Bench() as bench:
        bench.inject(bench.request(Destination_Realm="example.net"))
        assert [row.result for row in rows(bench.pair.right._core.tally)] == ["3003"]


def test_unknown_numbers_stay_numbers() -> None:
    tally = Tally()
    tally.count("x", bytes.fromhex("01000014000000630000270f") + bytes(8), False)
    assert rows(tally) == [Row("x", False, "9999", "99", "", 1)]


def test_a_result_is_found_where_its_head_is_unusual() -> None:
    """With the P bit set, behind another AVP; in the vendor's scope it is no Result-Code."""
    head = bytes.fromhex("0100002800000063 0000270f") + bytes(8)
    tally = Tally()
    tally.count("x", head + bytes.fromhex("00000001 40000009 61000000 0000010c 6000000c 00000bba"), False)
    tally.count("x", head + bytes.fromhex("0000010c 80000010 000028af 000007d1"), False)
    assert sorted(row.result for row in rows(tally)) == ["", "3002"]


def test_rows_are_bounded() -> None:
    tally = Tally()
    with Bench() as bench:
        answer = bytearray(encode(bench.ask()))
    for number in range(ROWS + 5):
        answer[8:12] = number.to_bytes(4)
        tally.count("x", bytes(answer), False)
    assert len(tally._counts) == ROWS + 1
    assert Row("x", False, "other", "other", "", 5) in rows(tally)


@given(st.binary(max_size=200))
def test_any_octets_are_counted(octets: bytes) -> None:
    tally = Tally()
    tally.count("x", octets, True)
    assert [row.answers for row in tally.rows(dictionary())] == [1]
