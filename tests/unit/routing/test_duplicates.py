"""Duplicates: what makes two requests one, what is remembered and for how long (RFC 6733 section 5.5.4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter import Message, decode, encode
from diameter.routing.duplicates import Duplicates, again
from diameter.routing.marks import marks_of
from helpers.nodes import ACTION, LEFT, REALM, TSP, dictionary


def key_of(message: Message) -> bytes:
    return marks_of(message)[1]


def request(**changes: Any) -> Message:
    identifiers = {"hop_by_hop": changes.pop("hop", 1), "end_to_end": changes.pop("end", 7)}
    filled: dict[str, Any] = {
        "Session-Id": f"{LEFT};1;1",
        "Auth-Application-Id": TSP,
        "Auth-Session-State": 1,
        "Origin-Host": LEFT,
        "Origin-Realm": REALM,
        "Destination-Realm": REALM,
        **ACTION,
        **{name.replace("_", "-"): value for name, value in changes.items() if name != "retransmitted"},
    }
    made = dictionary().request(
        "Device-Action", filled, application="Tsp", retransmitted=changes.get("retransmitted", False), **identifiers
    )
    return decode(encode(made), dictionary())


def kept(**bounds: Any) -> Duplicates[str]:
    return Duplicates(**{"answers": 100, "octets": 10_000, "window_s": 240.0, "held": 3, **bounds})


@pytest.mark.parametrize(
    "changes",
    [
        {"retransmitted": True},
        {"hop": 99},
        {"Route_Record": ["relay.example.org"]},
        {"Proxy_Info": {"Proxy-Host": "p.example.org", "Proxy-State": b"1"}},
        {"Destination_Host": "right.example.org"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_changes_on_the_way_does_not_make_another_request(changes: dict[str, Any]) -> None:
    assert key_of(request(**changes)) == key_of(request())


@pytest.mark.parametrize(
    "changes",
    [{"end": 8}, {"Origin_Host": "other.example.org"}, {"Session_Id": "another;1;1"}],
    ids=lambda changes: next(iter(changes)),
)
def test_what_makes_another_request(changes: dict[str, Any]) -> None:
    assert key_of(request(**changes)) != key_of(request())


def test_another_command_or_application_is_another_request() -> None:
    one = request()
    for start, value in ((5, b"\0\0\1"), (8, b"\0\0\0\1")):
        octets = one.octets[:start] + value + one.octets[start + len(value) :]
        assert key_of(Message(octets, dictionary())) != key_of(one)


def test_without_origin_there_is_no_key() -> None:
    assert key_of(request().edit(remove="Origin-Host")) == b""
    assert not kept().known(b"")


def test_the_copy_gets_its_own_hop_by_hop_identifier() -> None:
    answer = request().answer(5003).octets
    copy = Message(again(answer, request(hop=99)), dictionary())
    assert (copy.hop_by_hop, copy.end_to_end, copy["Result-Code"]) == (99, 7, 5003)
    assert copy.octets[20:] == answer[20:]


def test_the_copy_gets_its_own_proxy_info() -> None:
    first = {"Proxy-Host": "first.example.org", "Proxy-State": b"1"}
    second = {"Proxy-Host": "second.example.org", "Proxy-State": b"22222"}
    answer = request(Proxy_Info=first).answer(5003).octets
    copy = decode(again(answer, request(hop=2, Proxy_Info=[second, first])), dictionary())
    assert copy.framed
    assert [info["Proxy-State"] for info in copy.all("Proxy-Info")] == [b"22222", b"1"]
    plain = decode(again(answer, request()), dictionary())
    assert plain.framed
    assert "Proxy-Info" not in plain
    assert plain["Result-Code"] == 5003


def test_an_answer_is_remembered_for_the_window_at_least() -> None:
    known = kept()
    known.keep(b"a", b"answer", 1000.0)
    for now in (1001.0, 1100.0, 1239.0):
        known.keep(str(now).encode(), b"x", now)
        assert known.answer(b"a") == b"answer"
    known.keep(b"b", b"x", 1479.0)
    known.keep(b"c", b"x", 1479.5)
    assert known.answer(b"a") == b"answer"  # the old generation
    known.keep(b"d", b"x", 1800.0)
    assert not known.known(b"a")


def test_after_a_silence_nothing_old_is_left() -> None:
    known = kept()
    known.keep(b"a", b"x", 0.0)
    known.keep(b"b", b"x", 10_000.0)
    assert (known.known(b"a"), known.known(b"b"), len(known)) == (False, True, 1)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 400)), max_size=300))
def test_number_and_octets_are_bounded(rows: list[tuple[int, int]]) -> None:
    known = kept()
    for at, (key, size) in enumerate(rows):
        known.keep(str(key).encode(), bytes(size), float(at))
        assert known.known(str(key).encode())
    assert len(known) <= 100
    assert sum(len(known.answer(str(key).encode()) or b"") for key, _ in set(rows)) <= 300 * 10_000
    held = {key for key, _ in rows if known.known(str(key).encode())}
    assert sum(len(known.answer(str(key).encode()) or b"") for key in held) <= 10_000 + 2 * 400


def test_nothing_is_remembered_with_zero_answers() -> None:
    known = kept(answers=0)
    known.keep(b"a", b"x", 0.0)
    known.begin(b"b")
    assert not known.known(b"a")
    assert not known.known(b"b")
    assert known.end(b"b") == []


def test_copies_of_a_request_in_work_wait_for_its_end() -> None:
    known = kept()
    known.begin(b"a")
    assert known.known(b"a")
    assert known.answer(b"a") is None
    assert [known.hold(b"a", copy) for copy in ("one", "two", "three", "four")] == [True, True, True, False]
    assert known.held == 3
    assert known.end(b"a") == ["one", "two", "three"]
    assert (known.held, known.known(b"a")) == (0, False)
