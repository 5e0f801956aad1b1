"""Somebody in the middle of every link in clear text: reads, drops, repeats and changes, on Tsp, S6m, T4 and SGd.

Under TLS and DTLS the record layer refuses all of it (tests/link/test_tampering.py).  In clear text, which a
configuration only has with a reason written beside it, what is read is read; whatever else is done, a device is
triggered at most once for a trigger, the SCS hears of it at most once, nothing falls over, and nothing leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from diameter import Dictionary, decode
from helpers.attack import IMSIS, Field
from helpers.attack_wire import INNER, S6M, SGD, T4, TSP
from helpers.network import FORMS, SCS1
from helpers.nodes import dictionary
from nfs.common.identities import encode_number
from nfs.common.tsp import RequestStatus
from nfs.scs.api import Report, Stage

STEPS = [
    (TSP, "Device-Action"),
    (S6M, "Subscriber-Information"),
    (T4, "Device-Trigger"),
    (SGD, "MT-Forward-Short-Message"),
    (T4, "Delivery-Report"),
    (TSP, "Device-Notification"),
]
IN_FRONT = [(point, command) for point in (TSP, INNER) for command in ("Device-Action", "Device-Notification")]
MESSAGES = [
    (form, point, f"{command}-{kind}")
    for form, steps in (("embedded", STEPS), ("separate", IN_FRONT))
    for point, command in steps
    for kind in ("Request", "Answer")
]
"""Each message of a trigger, in each form of the gateway where that has anything to do with it."""


@pytest.fixture(params=FORMS)
def field(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Field]:
    field = Field(tmp_path, dictionary(), form=request.param).open()
    yield field
    assert field.leaked() == []
    field.close()


def named(known: Dictionary, command: str, then: Callable[[bytes], tuple[bytes, ...]]) -> Callable[[bytes], object]:
    """Does `then` with the first message of this command, and lets all others by."""
    met: list[bytes] = []

    def change(octets: bytes) -> tuple[bytes, ...]:
        if met or decode(octets, known).command != command:
            return (octets,)
        met.append(octets)
        return then(octets)

    return change


def settled(field: Field, report: Report) -> Report:
    """The trigger once everybody has tried again as often as he does."""
    field.pass_time(300)
    return field.scs.progress(report.reference)


@pytest.mark.requirement("T-TSP-01", "T-TSP-04")
def test_who_reads_clear_text_inside_reads_imsis_and_outside_none(field: Field) -> None:
    assert field.ask(payload=b"open the valve").delivered
    for point in (S6M, T4, SGD):
        seen = b"".join(octets for _, octets in field.middle(point).seen)
        assert f"IMSI {IMSIS[0]} as text" in field.leaks(seen)  # and so the search can find one
    seen = b"".join(octets for _, octets in field.middle(TSP).seen)
    assert field.leaks(seen) == []
    assert b"open the valve" in seen
    assert b"meter-1@customer.example" in seen


@pytest.mark.requirement("T-TSP-01")
@pytest.mark.parametrize(("field", "point", "command"), MESSAGES, indirect=["field"])
def test_a_dropped_message_never_makes_two_of_one(field: Field, point: str, command: str) -> None:
    field.middle(point).change = named(field.dictionary, command, lambda octets: ())  # type: ignore[assignment]
    report = settled(field, field.ask())
    assert len(field.deliveries()) <= 1
    assert report.stage in (Stage.REPORTED, Stage.ACCEPTED, Stage.REFUSED, Stage.FAILED)
    if report.stage is Stage.REPORTED:
        assert field.deliveries() == [(IMSIS[0], b"wake")]
    before = len(field.deliveries())
    assert field.ask(payload=b"next").delivered
    assert field.deliveries()[before:] == [(IMSIS[0], b"next")]
    assert field.bugs() == 0


@pytest.mark.requirement("T-TSP-01", "R-TSP-10")
@pytest.mark.parametrize(("field", "point", "command"), MESSAGES, indirect=["field"])
def test_a_repeated_message_is_carried_out_once(field: Field, point: str, command: str) -> None:
    """At once, and again after a minute."""
    met: list[bytes] = []

    def thrice(octets: bytes) -> tuple[bytes, ...]:
        met.append(octets)
        return octets, octets, octets

    field.middle(point).change = named(field.dictionary, command, thrice)  # type: ignore[assignment]
    report = field.ask()
    field.pass_time(60)
    assert (report.delivered, len(met)) == (True, 1)
    assert field.deliveries() == [(IMSIS[0], b"wake")]
    assert (len(field.scs.ledger.finished), field.scs.ledger.unknown) == (1, 0)
    assert field.ask(payload=b"next").delivered
    assert field.bugs() == 0


@pytest.mark.requirement("T-TSP-01", "R-TSP-10")
def test_a_repeat_under_new_identifiers_is_refused_counted_and_audited(field: Field) -> None:
    """A recorded Device-Action-Request with another End-to-End Identifier, so that no duplicate cache knows it."""
    assert field.ask().delivered
    (heard,) = field.heard(TSP, "Device-Action-Request")
    again = heard.edit(hop_by_hop=77).octets[:16] + b"\1\2\3\4" + heard.octets[20:]
    (answer,) = field.say(again, by=SCS1)
    assert answer["Device-Notification"]["Request-Status"] == RequestStatus.PERMANENTERROR
    (line,) = field.refusals()
    assert (line["check"], line["profile"], line["target"] == "") == ("replay", "customer", False)
    assert len(field.deliveries()) == 1


@pytest.mark.requirement("T-TSP-01")
def test_the_core_knows_its_own_messages_again(field: Field) -> None:
    """Recorded on S6m, T4 and SGd and sent again as new ones: the device and the SCS notice nothing."""
    assert field.ask().delivered
    for point, command, by in (
        (S6M, "Subscriber-Information-Request", "iwf.core.example"),
        (T4, "Device-Trigger-Request", "iwf.core.example"),
        (SGD, "MT-Forward-Short-Message-Request", "smssc.core.example"),
    ):
        (heard,) = field.heard(point, command)
        for number in (b"\1\2\3\4", b"\1\2\3\5"):
            field.middle(point).inject(heard.octets[:12] + number * 2 + heard.octets[20:], by=by)
            field.pass_time(60)
    (heard,) = field.heard(T4, "Delivery-Report-Request")[:1]
    field.middle(T4).answered(heard.octets[:12] + b"\1\2\3\6" * 2 + heard.octets[20:], to="iwf.core.example")
    field.pass_time(60)
    assert field.deliveries() == [(IMSIS[0], b"wake")]
    assert len(field.heard(TSP, "Device-Notification-Request")) == 1
    assert field.bugs() == 0


@pytest.mark.requirement("T-TSP-01", "R-TSP-35")
@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        (b"meter-1@customer.example", b"meter-1@else-one.example", "external-identifier"),
        (b"meter-1@customer.example", b"theirs1@customer.example", "association"),
        (b"meter-1@customer.example", IMSIS[0].encode() + b"@core.exa", "inbound-imsi"),
        (encode_number("15550001"), encode_number("15550002"), "scs-identity"),
        (SCS1.encode(), b"scs9.customer.example", "destination"),
    ],
)
def test_a_request_changed_to_what_its_sender_may_not_is_refused_counted_and_audited(
    field: Field, old: bytes, new: bytes, check: str
) -> None:
    assert len(old) == len(new)

    def change(octets: bytes) -> tuple[bytes, ...]:
        if decode(octets, field.dictionary).command != "Device-Action-Request":
            return (octets,)
        at = octets.rindex(old)
        return (octets[:at] + new + octets[at + len(old) :],)

    field.middle(TSP).change = change
    assert field.ask().stage in (Stage.REFUSED, Stage.FAILED)
    (line,) = field.refusals()
    assert (line["check"], line["stage"], line["area"]) == (check, "authorisation", "B1")
    assert field.deliveries() == []


@pytest.mark.requirement("T-TSP-01")
@pytest.mark.parametrize(("field", "point", "command"), MESSAGES, indirect=["field"])
def test_a_flipped_bit_anywhere_brings_nothing_down(field: Field, point: str, command: str) -> None:
    """One bit of each eleventh octet, another one each time; what becomes of this one trigger is anybody's guess.

    One message is not as long as another (a Session-Id has numbers in it): past the end it is a bit of the last octet.
    """
    assert field.ask().delivered
    length = len(field.heard(point, command)[0].octets)
    for at in range(3, length, 11):

        def flip(octets: bytes, at: int = at) -> tuple[bytes, ...]:
            at = min(at, len(octets) - 1)
            return (octets[:at] + bytes([octets[at] ^ 1 << at % 8]) + octets[at + 1 :],)

        field.middle(point).change = named(field.dictionary, command, flip)  # type: ignore[assignment]
        before = len(field.deliveries())
        field.ask(payload=b"flip")
        field.middle(point).change = lambda octets: (octets,)
        field.pass_time(120)
        assert len(field.deliveries()) <= before + 1
        assert {imsi for imsi, _ in field.deliveries()} <= set(IMSIS[:3])
    assert field.ask(payload=b"last").delivered
    assert field.bugs() == 0


def test_every_link_has_somebody_in_the_middle(field: Field) -> None:
    assert field.ask().delivered
    assert field.points == [TSP, *([INNER] if field.form == "separate" else []), S6M, T4, SGD]
    assert [point for point in field.points if not field.middle(point).seen] == []
