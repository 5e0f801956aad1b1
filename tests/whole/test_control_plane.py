"""The control plane as the way to a device: it needs no address, it is open by policy alone, and opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diameter.config import parse
from helpers.attack import IMSIS, Field
from helpers.network import IWF_TOML
from helpers.nodes import dictionary
from nfs.common.tsp import RequestStatus
from nfs.mtc_iwf.config import IwfConfig
from nfs.scs.api import Stage

HOSTILE = (
    b"http://evil.example/claim?me=1 coap://198.51.100.7:5683 tcp://[2001:db8::7]:22 "
    b'AT+CGDCONT=1,"IP","evil"\r\n; nc -l 4444 &\n$(id)\x00\xff' + bytes(range(32))
)


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    field = Field(tmp_path, dictionary()).open()
    yield field
    assert field.leaked() == []
    field.close()


@pytest.mark.requirement("R-IP-08")
def test_a_device_without_any_address_is_reached_unless_policy_is_against_it(field: Field) -> None:
    """Nothing on any link names an address of the device, and a reload closes the way for one SCS."""
    assert field.ask(payload=b"come out").delivered
    named = [
        avp.name
        for point in field.points
        for message in field.messages(point)
        for avp in message
        if "Address" in avp.name and avp.name not in ("Host-IP-Address", "SC-Address")
    ]
    assert named == []
    assert field.iwf_parts.reload is not None
    closed = IWF_TOML.replace('commands = ["trigger"]', "commands = []")
    field.iwf_parts.reload(parse(closed, IwfConfig, source="test.toml", base=field.folder))
    report = field.ask(payload=b"come out")
    assert (report.stage, report.status) == (Stage.REFUSED, RequestStatus.NOTAUTHORIZED)
    assert [line["check"] for line in field.refusals()] == ["command-rights"]
    assert len(field.deliveries()) == 1


@pytest.mark.requirement("R-IP-09")
def test_a_hostile_payload_is_handed_to_the_application_and_moves_nothing(field: Field) -> None:
    """The device answers the short message, and says nothing else to anybody."""
    links = len(field.wire.links)
    assert field.ask(payload=HOSTILE, port=16000).delivered
    field.pass_time(60)
    assert field.deliveries() == [(IMSIS[0], HOSTILE)]
    (trigger,) = field.mme.inbox.triggers
    assert (trigger.port, trigger.originator.digits) == (16000, "15550001")
    assert len(field.wire.links) == links
    commands = {message.command for message in field.messages("SGd")}
    assert commands <= {
        "Capabilities-Exchange-Request", "Capabilities-Exchange-Answer", "Device-Watchdog-Request",
        "Device-Watchdog-Answer", "MT-Forward-Short-Message-Request", "MT-Forward-Short-Message-Answer",
    }  # fmt: skip
