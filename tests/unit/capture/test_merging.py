"""Several nodes' captures as one: each message once, in order, always the same."""

from pathlib import Path

import pytest

from diameter.capture import Captured, CaptureError, CaptureReader, CaptureWriter, merge
from diameter.capture.merging import WINDOW_NS, merged
from helpers.captures import START_NS, Traffic, both_ends, link
from helpers.messages import dictionary


def one(time_ns: int, octets: bytes = b"x" * 20, port: int = 1) -> Captured:
    return Captured(time_ns, ("10.0.0.1", port), ("10.0.0.2", 3868), octets)


def test_both_ends_of_every_link_make_one_message(tmp_path: Path) -> None:
    messages = Traffic(dictionary()).run(20)
    paths = [tmp_path / "sent.pcapng", tmp_path / "received.pcapng"]
    with CaptureWriter(paths[0]) as sent, CaptureWriter(paths[1]) as received:
        for mine, theirs in both_ends(messages):
            sent.record(mine)
            received.record(theirs)
        sent.event(START_NS / 1e9, link("tls", ("127.0.0.1", 1), ("127.0.0.1", 2)), "LINK_UP", "up")
    assert merge(paths, tmp_path / "all.pcapng") == len(messages)
    reader = CaptureReader(tmp_path / "all.pcapng")
    found = list(reader)
    assert [(each.time_ns, each.octets, each.source, each.transport) for each in found] == [
        (each.time_ns, each.octets, each.source, each.transport) for each in messages
    ]
    assert {each.outgoing for each in found} == {True}
    assert [event.name for event in reader.events] == ["LINK_UP"]
    merge(paths[::-1], tmp_path / "again.pcapng")
    assert (tmp_path / "again.pcapng").read_bytes() == (tmp_path / "all.pcapng").read_bytes()


def test_a_repetition_on_the_wire_stays() -> None:
    assert len(list(merged([[one(1), one(5)], [one(2), one(6)]]))) == 2
    assert len(list(merged([[one(1), one(5)], [one(2)]]))) == 2
    assert len(list(merged([[one(1)], [one(2)], [one(3)]]))) == 1


def test_equal_octets_on_two_links_are_two_messages() -> None:
    assert len(list(merged([[one(1)], [one(1, port=2)]]))) == 2


def test_copies_are_told_within_a_window() -> None:
    assert len(list(merged([[one(0)], [one(WINDOW_NS + 1)]]))) == 2
    assert len(list(merged([[one(0)], [one(WINDOW_NS)]]))) == 1


def test_a_source_out_of_order_is_put_in_order() -> None:
    assert [each.time_ns for each in merged([[one(5, b"a" * 20), one(1, b"b" * 20)], [one(3, b"c" * 20)]])] == [1, 3, 5]


def test_the_receivers_clock_may_be_ahead() -> None:
    mine, theirs = one(10)._replace(outgoing=True), one(5)._replace(outgoing=False)
    (kept,) = merged([[mine], [theirs]])
    assert kept.outgoing is False


def test_a_capture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"missing.pcapng: No such file"):
        merge([tmp_path / "missing.pcapng"], tmp_path / "out.pcapng")


def test_a_connection_and_an_association_may_have_the_same_ports(tmp_path: Path) -> None:
    first = one(START_NS, bytes.fromhex("010000148000011800000000") + bytes(8))
    second = first._replace(time_ns=START_NS + 1000, transport="sctp")
    with CaptureWriter(tmp_path / "both.pcapng") as writer:
        for each in (first, second):
            writer.record(each)
    assert [each.transport for each in CaptureReader(tmp_path / "both.pcapng")] == ["tcp", "sctp"]
