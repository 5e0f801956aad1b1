"""interop/vectors is what the code makes today, its pages are those of the files, and no message has a fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from diameter import Message
from diameter.capture import Captured, CaptureReader
from diameter.capture.avptext import listed
from helpers.messages import dictionary
from helpers.vector_scenes import Vector, vectors
from nfs.common.t4 import T4Result
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.hss.logic import Error
from tools.vectors import FOLDER, index, page, write

NAMES = sorted(path.stem for path in FOLDER.glob("*.pcapng"))


@pytest.fixture(scope="module")
def made() -> dict[str, Vector]:
    return {one.name: one for one in vectors(dictionary())}


def told(one: Captured) -> tuple[object, ...]:
    """A message without what no two runs have in common: time, identifiers, numbers of sessions."""
    message: Message = one.message(dictionary())
    body = listed(message.avps, dictionary().tables(message.application_id))
    body["Session-Id"] = str(body.get("Session-Id", "")).partition(";")[0]
    body.pop("Origin-State-Id", None)
    if "SM-RP-UI" in body:  # the time of the service centre
        body["SM-RP-UI"] = re.sub(r"(?<=^hex:.{26}).{14}", "", body["SM-RP-UI"])
    return message.flags, message.command, message.application, one.transport, one.source, one.destination, str(body)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_what_the_code_makes(name: str, made: dict[str, Vector]) -> None:
    kept = [told(one) for one in CaptureReader(FOLDER / f"{name}.pcapng")]
    assert kept == [told(one) for one in made[name].messages], "meant? then: python tests/tools/vectors.py"


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_that_of_the_file(name: str, made: dict[str, Vector]) -> None:
    messages = tuple(CaptureReader(FOLDER / f"{name}.pcapng"))
    vector = made[name]
    kept = Vector(vector.name, vector.title, vector.shows, vector.scripted, messages)
    assert (FOLDER / f"{name}.md").read_text(encoding="utf-8") == page(kept, dictionary())


@pytest.mark.parametrize("name", NAMES)
def test_no_message_has_a_fault(name: str) -> None:
    for one in CaptureReader(FOLDER / f"{name}.pcapng"):
        assert one.message(dictionary()).faults == ()


def test_every_command_of_the_device_trigger_is_there(made: dict[str, Vector]) -> None:
    assert set(made) == set(NAMES)
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == index(list(made.values()))
    shown = {one.message(dictionary()).command for vector in made.values() for one in vector.messages}
    names = [
        "Device-Action",
        "Device-Notification",
        "Subscriber-Information",
        "Device-Trigger",
        "Delivery-Report",
        "Send-Routing-Info-for-SM",
        "Report-SM-Delivery-Status",
        "MT-Forward-Short-Message",
        "MO-Forward-Short-Message",
        "Configuration-Information",
        "Reporting-Information",
        "NIDD-Information",
        "Update-Location",
        "Insert-Subscriber-Data",
        "Connection-Management",
        "MO-Data",
        "MT-Data",
        "Capabilities-Exchange",
    ]
    assert shown == {f"{name}-{kind}" for name in names for kind in ("Request", "Answer")}
    captures = len(list(FOLDER.glob("*.pcapng")))
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 16_000 * captures


def test_every_request_status_and_delivery_outcome_is_there(made: dict[str, Vector]) -> None:
    said: dict[str, set[int]] = {"Request-Status": set(), "Delivery-Outcome": set()}
    for vector in made.values():
        for one in vector.messages:
            notification = one.message(dictionary()).get("Device-Notification")
            for name, values in said.items():
                if notification is not None and name in notification:
                    values.add(notification.number(name))
    assert said == {"Request-Status": set(RequestStatus), "Delivery-Outcome": set(DeliveryOutcome)}


def test_every_result_of_s6m_and_t4_is_there(made: dict[str, Vector]) -> None:
    said: dict[str, set[int]] = {"S6m": set(), "T4": set()}
    for vector in made.values():
        for one in vector.messages:
            message = one.message(dictionary())
            if message.application in said and "Experimental-Result" in message:
                said[message.application].add(message["Experimental-Result"].number("Experimental-Result-Code"))
    assert said == {"S6m": set(Error), "T4": set(T4Result)}


def test_the_same_octets_each_time(tmp_path: Path, made: dict[str, Vector]) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert write(tmp_path / "one", list(made.values())) == write(tmp_path / "two") == len(NAMES)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
