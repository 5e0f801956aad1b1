"""The ladder's files: what is in them, and that strangers' data stay data."""

import base64
import dataclasses
import json
import re
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from diameter import encode
from diameter.capture import Captured, CaptureError, CaptureWriter, LinkEvent, ladder
from diameter.capture.timeline import Timeline
from helpers.captures import SCS, Traffic
from helpers.messages import dictionary, request
from helpers.trouble import DRA, HSS, IWF, NOBODY, trouble

A, B = ("10.0.0.1", 40_000), ("10.0.0.2", 3868)


def page(path: Path) -> tuple[dict[str, Any], bytes, str]:
    text = path.read_text(encoding="utf-8")
    data = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    octets = re.search(r'id="octets">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert octets is not None
    return json.loads(data[1]), zlib.decompress(base64.b64decode(octets[1])), text


def capture(path: Path, messages: list[Captured]) -> Path:
    with CaptureWriter(path) as writer:
        for one in messages:
            writer.record(one)
    return path


def test_the_page_holds_every_message(tmp_path: Path) -> None:
    messages = Traffic(dictionary()).run(10)
    assert ladder.write(capture(tmp_path / "a.pcapng", messages), tmp_path / "a.html", dictionary()) == len(messages)
    data, octets, text = page(tmp_path / "a.html")
    assert octets == b"".join(one.octets for one in messages)
    assert {len(column) for column in data["columns"].values()} == {len(messages)}
    assert sum(data["columns"]["time"]) == messages[-1].time_ns // 1000 - messages[0].time_ns // 1000
    assert data["participants"][0] == SCS
    assert data["links"][0][0] == "tls"
    assert data["avps"]["all"]["10415:3007"] == ["Reference-Number", "Unsigned32"]
    assert data["avps"]["all"]["10415:701"] == ["MSISDN", "TBCD"]
    assert "<title>a.pcapng · Diameter ladder</title>" in text


def test_nothing_is_fetched(tmp_path: Path) -> None:
    ladder.write(Traffic(dictionary()).run(1), tmp_path / "a.html", dictionary(), title="T")
    text = page(tmp_path / "a.html")[2]
    assert "default-src 'none'" in text
    assert not re.search(r"\b(?:src|href|url|import)\s*[=(]", text.partition('id="data"')[0])
    assert not re.search(r"https?://", text)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    hostile = "</script><img/onerror=alert(1)>"
    message = Captured(1, A, B, encode(request(Origin_Host=hostile, Session_Id=hostile + "{{7*7}}")))
    ladder.write([message], tmp_path / "a.html", dictionary(), title="</title><b>{{ 7*7 }}")
    data, _, text = page(tmp_path / "a.html")
    assert data["participants"][0] == hostile
    assert "<img" not in text
    assert "&lt;/title&gt;&lt;b&gt;{{ 7*7 }}" in text


def test_masking_reaches_the_octets(tmp_path: Path) -> None:
    ladder.write(Traffic(dictionary()).run(2), tmp_path / "a.html", dictionary(), mask=True)
    _, octets, text = page(tmp_path / "a.html")
    for secret in ("meter-0001", "001010000000001"):
        assert secret.encode() not in octets
        assert secret not in text


def test_findings_stand_at_their_messages(tmp_path: Path) -> None:
    ladder.write(Traffic(dictionary()).run(3), tmp_path / "a.html", dictionary())
    data = page(tmp_path / "a.html")[0]
    ((_, found),) = data["findings"].items()
    rules = [data["rules"][rule][:3] for _, _, rule in found]
    assert rules == [["avp-length", "error", "RFC 6733 section 4.1"], ["padding", "warning", "RFC 6733 section 4"]]
    assert found[0][1].startswith("Result-Code: ")
    assert found[0][0] > 20


def test_what_the_wire_shows_has_two_ends() -> None:
    one = ladder.page_data(Timeline([r for r in trouble() if isinstance(r, Captured)], dictionary(), events()))
    assert one["participants"] == [IWF, DRA, HSS, NOBODY[0]]
    assert [[event[1], *event[6:8]] for event in one["events"]] == [
        ["TCP_SYN", 0, 3],
        ["TCP_RST", 3, 0],
        ["TCP_SYN", 0, 1],
        ["SCTP_INIT", 1, 2],
        ["SCTP_INIT_ACK", 2, 1],
        ["TCP_RETRANSMISSION", 0, 1],
        ["TLS_ALERT", 1, 0],
        ["TCP_RST", 1, 0],
    ]


def events() -> list[LinkEvent]:
    return [one for one in trouble() if isinstance(one, LinkEvent)]


def test_transactions_hold_what_agents_and_repetitions_made() -> None:
    one = Timeline([r for r in trouble() if isinstance(r, Captured)], dictionary(), events())
    first = next(step for step in one.steps if step.short == "SIR")
    assert [step.short for step in one.steps if step.exchange == first.exchange] == ["SIR", "SIR", "SIA", "SIA"]
    repeated = [step for step in one.steps if step.repeated]
    assert [(step.short, step.retransmitted) for step in repeated] == [("SIR", True), ("SIR", False)]
    original = next(step for step in one.steps if step.end_to_end == repeated[0].end_to_end)
    assert original.pair == repeated[0].pair >= 0


def test_strangers_are_few() -> None:
    syns = [LinkEvent(1, "TCP_SYN", "", "tcp", ("10.9.9.9", n), (f"10.1.{n >> 8}.{n & 255}", 3868)) for n in range(900)]
    one = Timeline([], dictionary(), syns)
    assert len(one.participants) <= 13
    assert len(one.event_ends) == 900


def test_a_damaged_capture_is_drawn_as_far_as_it_goes(tmp_path: Path) -> None:
    path = capture(tmp_path / "a.pcapng", Traffic(dictionary()).run(2))
    octets = path.read_bytes()
    path.write_bytes(octets[:-10])
    ladder.write(path, tmp_path / "a.html", dictionary())
    assert "ends inside the record at offset" in page(tmp_path / "a.html")[2]
    path.write_bytes(octets + bytes(12))
    ladder.write(path, tmp_path / "a.html", dictionary())
    told = f"could not be read: {path}: at offset {len(octets)}: a block length of 0 octets"
    assert told in page(tmp_path / "a.html")[2]


def test_what_cannot_be_drawn_is_told(tmp_path: Path) -> None:
    CaptureWriter(tmp_path / "empty.pcapng").close()
    with pytest.raises(CaptureError, match=r"empty.pcapng: no Diameter found: saw no packets"):
        ladder.write(tmp_path / "empty.pcapng", tmp_path / "a.html", dictionary())
    (tmp_path / "none.pcapng").write_bytes(b"hello world")
    with pytest.raises(CaptureError, match="not a capture"):
        ladder.write(tmp_path / "none.pcapng", tmp_path / "a.html", dictionary())
    with pytest.raises(CaptureError, match="cannot write .*a.html: No such file"):
        ladder.write(Traffic(dictionary()).run(1), tmp_path / "missing" / "a.html", dictionary())


def test_no_messages_make_an_empty_page(tmp_path: Path) -> None:
    assert ladder.write([], tmp_path / "a.html", dictionary()) == 0
    assert page(tmp_path / "a.html")[0]["participants"] == []


def test_an_application_of_its_own_keeps_its_definitions() -> None:
    one = Timeline(Traffic(dictionary()).run(1), dictionary())
    other = dataclasses.replace(one.definitions[16777309][263], name="Session-Number", values={1: "ONE"})
    one.definitions[16777311][263] = other
    avps = ladder.page_data(one)["avps"]
    assert avps["all"]["0:263"] == ["Session-Id", "UTF8String"]
    assert avps["own"] == {16777311: {"0:263": ["Session-Number", "UTF8String", {1: "ONE"}, False]}}


def test_the_svg_of_one_device(tmp_path: Path) -> None:
    messages = Traffic(dictionary()).run(3)
    for device in ("meter-0002@meters.example", "001010000000002"):
        assert ladder.write_svg(messages, tmp_path / "a.svg", dictionary(), device=device) == 12
    assert ladder.write_svg(messages, tmp_path / "a.svg", dictionary(), device="nobody@meters.example") == 0


def test_the_svg_shows_what_was_selected(tmp_path: Path) -> None:
    messages = Traffic(dictionary()).run(60)
    drawn = ladder.write_svg(messages, tmp_path / "a.svg", dictionary(), title="T", limit=30)
    root = ElementTree.fromstring((tmp_path / "a.svg").read_text(encoding="utf-8"))
    words = " ".join(root.itertext())
    assert drawn == 30
    assert "scs" in words
    assert "CER" not in words
    every = ladder.write_svg(messages, tmp_path / "b.svg", dictionary(), select=lambda step: bool(step), limit=999)
    words = " ".join(ElementTree.fromstring((tmp_path / "b.svg").read_text(encoding="utf-8")).itertext())
    assert every == len(messages)
    for found in ("5001 USER UNKNOWN", "no answer", "3004 TOO BUSY", "2.50 s later"):
        assert found in words, found


def test_the_svg_shows_events_findings_and_long_names(tmp_path: Path) -> None:
    drawn = ladder.write_svg(trouble(), tmp_path / "a.svg", dictionary(), select=lambda _: True, events=True)
    root = ElementTree.fromstring((tmp_path / "a.svg").read_text(encoding="utf-8"))
    words = [text.strip() for text in root.itertext() if text.strip()]
    assert drawn == 22
    assert {"SYN", "RST", "INIT", "TLS alert".partition(" ")[2], "(T)", "(again)", "!"} & set(words) >= {
        "SYN",
        "INIT",
        "(T)",
    }
    assert any("repeat-without-t-flag: " in word for word in words)
    assert "mtc-interworking-f…" in words
    assert max(len(word) for word in words if word.endswith("…")) < 40
