"""An HSS with S6t that is killed in the middle: what a SCEF was acknowledged holds, and what was seen is reported.

`MTC_KILLS=200 pytest tests/link/test_exposure_killed.py` makes a longer run; MTC_SEED is the seed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from threading import Event
from typing import Any, Final

import pytest

from diameter import Message
from helpers.exposure import FLEET, METER, REALM, ROW, SCEF, event
from helpers.kills import asked_for
from helpers.messages import dictionary
from helpers.mobility import IMSI, MME, MONTE
from helpers.processes import Started
from helpers.workers import CLEAR, DWR, RawPeer
from nfs.common.database import database_url, open_engine, snapshot
from nfs.hss import tables as subscribers
from nfs.hss.groups import tables as groups
from nfs.hss.groups.logic import Group
from nfs.hss.logic import ExternalId, Subscriber
from nfs.hss.monitoring import access, outbox_tables, tables

KILLS, SEED = asked_for(8)
pytestmark = [pytest.mark.link, pytest.mark.timeout(600 + 60 * KILLS)]
LOSS, IMEI = 0, 3
IDR, CIR, RIR = 319, 8388718, 8388719
PATIENCE_S: Final = 180.0
WATCHED: Final = 1
"""Reference of the event that the HSS itself watches for."""
EVER: Final = datetime(2099, 1, 1, tzinfo=UTC)
TOML: Final = f"""
audit = "audit"
[node]
origin_host = "hss.core.example"
origin_realm = "core.example"
[[node.listen]]
port = 0
{CLEAR}
[[peer]]
host = "{SCEF}"
realm = "{REALM}"
{CLEAR}
[[peer]]
host = "{MME}"
realm = "visited.example"
{CLEAR}
[hss]
database = "hss.db"
[monitoring]
poll_s = 0.2
[[scef]]
host = "{SCEF}"
services = ["loss-of-connectivity", "imei-change"]
[[profile]]
name = "iot"
[[profile.apn]]
name = "internet"
"""


class End:
    """A SCEF or an MME as one connection: what it is not waiting for is taken as it comes."""

    def __init__(self, host: str, port: int) -> None:
        self.peer = RawPeer.opened(host, port)
        self.peer.connection.settimeout(120)
        self._asked = 100

    def ask(self, command: str, application: str, avps: Mapping[str, Any]) -> None:
        self._asked += 1
        host, realm = self.peer.host, self.peer.host.partition(".")[2]
        base = {
            "Session-Id": f"{host};1;{self._asked}", "Auth-Session-State": 1, "Origin-Host": host,
            "Origin-Realm": realm, "Destination-Realm": "core.example",
        }  # fmt: skip
        number = self._asked
        asked = dictionary().request(
            command, {**base, **avps}, application=application, hop_by_hop=number, end_to_end=number
        )
        self.peer.send(asked)

    def hear(self, code: int, reference: int = 0, *, request: bool = True) -> Message:
        """The next message of this command, of this event; others before it are answered."""
        late = time.monotonic() + PATIENCE_S
        while True:
            message = self.peer.hear(silent=False)
            assert time.monotonic() < late, f"{self.peer.host} does not hear {code} of {reference}"
            if message.request and message.command_code == DWR:
                self.peer.answer(message)
                continue
            about = not reference or reference in references(message)
            if (message.command_code, message.request) == (code, request) and about:
                return message
            if message.request:
                self.take(message)

    def take(self, request: Message) -> None:
        """Answer a request with success, and say that an event is watched for."""
        statuses = [
            {
                "SCEF-Reference-ID": number,
                "SCEF-ID": SCEF,
                "Service-Report": {"Service-Result": {"Vendor-Id": 0, "Service-Result-Code": 2001}, "Node-Type": 1},
            }
            for number in references(request)
            if request.command_code == IDR
        ]
        avps: dict[str, Any] = {"Monitoring-Event-Config-Status": statuses} if statuses else {}
        host = self.peer.host
        ends = {"Origin-Host": host, "Origin-Realm": host.partition(".")[2], "Auth-Session-State": 1}
        self.peer.send(request.answer(2001, {**ends, **avps}))


def references(message: Message) -> list[int]:
    """The events that an IDR or RIR is about."""
    if message.command_code == IDR and "Subscription-Data" in message:
        groups_of = message["Subscription-Data"].all("Monitoring-Event-Configuration")
    elif message.command_code == RIR:
        groups_of = (*message.all("Monitoring-Event-Report"), *message.all("Group-Report"))
    else:
        return []
    names = ("SCEF-Reference-ID", "SCEF-Reference-ID-for-Deletion")
    return [each[name] for each in groups_of for name in names if name in each]


class Lab:
    """The HSS as a process, which `kill` ends without a word and starts again, with a SCEF and an MME."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "hss.toml"
        self._path.write_text(TOML, encoding="utf-8")
        self.engine = open_engine(database_url("hss.db", folder), migrations="nfs.hss:migrations", name="hss")
        with self.engine.begin() as connection:
            named = (ExternalId(identifier=METER),)
            subscribers.save(connection, Subscriber(imsi=IMSI, external_ids=named, profile="iot"))
            groups.make(connection, Group(external_id=FLEET, members=(METER,)))
            for subject in (IMSI, FLEET):
                access.change(connection, subject, ROW)
        self._phones = 0
        self._start()

    def _start(self) -> None:
        self.started = Started("hss", self._path)
        found = re.search(r":(\d+)", self.started.ready())
        assert found is not None
        self.scef, self.mme = (End(host, int(found[1])) for host in (SCEF, MME))

    def stop(self) -> None:
        self.started.process.kill()
        self.started.ended()
        for end in (self.scef, self.mme):
            end.peer.close()

    def kill(self) -> None:
        """kill -9, and a new process that has no need to wait until the lease of the old one is over."""
        self.stop()
        with self.engine.begin() as connection:
            connection.execute(outbox_tables.OUTBOX.update().values(leased=0, due=0))
        self._start()

    def configure(self, reference: int, kind: int, *, group: bool = False) -> None:
        named = {"Type-Of-External-Identifier": 1} if group else {}
        user = {"External-Identifier": FLEET if group else METER, **named}
        asked = {"SCEF-ID": SCEF, **event(reference, kind, Monitoring_Duration=EVER)}
        self.scef.ask(
            "Configuration-Information",
            "S6t",
            {"User-Identifier": user, "Monitoring-Event-Configuration": [asked]},
        )

    def delete(self, reference: int) -> None:
        gone = {"SCEF-ID": SCEF, "Monitoring-Type": LOSS, "SCEF-Reference-ID-for-Deletion": reference}
        user = {"User-Identifier": {"External-Identifier": METER}}
        self.scef.ask("Configuration-Information", "S6t", {**user, "Monitoring-Event-Configuration": gone})

    def acknowledged(self) -> None:
        assert self.scef.hear(CIR, request=False).result == (0, 2001)

    def attach(self) -> None:
        """The device comes with another phone, which is an event."""
        self._phones += 1
        phone = {"IMEI": f"{35299708000000 + self._phones}", "Software-Version": "78"}
        told = {"User-Name": IMSI, "RAT-Type": 1004, "ULR-Flags": 0x22, "Visited-PLMN-Id": b"\x00\xf1\x10"}
        self.mme.ask("Update-Location", "S6a", {**told, "Supported-Features": [MONTE], "Terminal-Information": phone})
        assert self.mme.hear(316, request=False).result == (0, 2001)

    def settle(self) -> set[int]:
        """The events that are kept, once all is written down that was said; nothing waits to be said any more.

        What the HSS is asked behind the answers to its reports is answered after these are written down; what the MME
        answered may be written down later.
        """
        self.configure(WATCHED, IMEI)
        self.acknowledged()
        late, ticking = time.monotonic() + PATIENCE_S, Event()
        while True:
            with snapshot(self.engine) as connection:
                waits = outbox_tables.waiting(connection)
                found = {item.reference for item in tables.of(connection, IMSI, 0)}
            if not any(note.what == "tell" for note in waits):
                assert waits == []
                return found
            assert time.monotonic() < late, waits
            ticking.wait(0.05)


def killed_before_the_mme_answers(lab: Lab, reference: int) -> None:
    """Nothing is acknowledged; the MME is told again of what is kept, whether the SCEF asks again or not."""
    lab.configure(reference, LOSS)
    lab.mme.hear(IDR, reference)
    lab.kill()
    lab.mme.take(lab.mme.hear(IDR, reference))


def killed_before_the_mme_has_heard_of_a_deletion(lab: Lab, reference: int) -> None:
    """The event is gone here: the MME is told again, although nobody asks again."""
    lab.configure(reference, LOSS)
    lab.mme.take(lab.mme.hear(IDR, reference))
    lab.acknowledged()
    lab.delete(reference)
    lab.mme.hear(IDR, reference)
    lab.kill()
    told = lab.mme.hear(IDR, reference)
    assert told["Subscription-Data"]["Monitoring-Event-Configuration"]["SCEF-Reference-ID-for-Deletion"] == reference
    lab.mme.take(told)


def killed_before_the_mme_is_told_of_a_group(lab: Lab, reference: int) -> None:
    """What is acknowledged for a group at once is done after the restart: nobody asks again."""
    lab.configure(reference, LOSS, group=True)
    lab.acknowledged()
    lab.kill()
    lab.mme.take(lab.mme.hear(IDR, reference))
    lab.scef.take(lab.scef.hear(RIR, reference))


def killed_before_the_report(lab: Lab, _: int) -> None:
    """The MME has its answer, the SCEF does not know yet."""
    lab.attach()
    lab.kill()
    lab.scef.take(lab.scef.hear(RIR, WATCHED))


def killed_before_the_report_is_taken(lab: Lab, _: int) -> None:
    """The SCEF was told, but what it said did not come through: it is told again."""
    lab.attach()
    lab.scef.hear(RIR, WATCHED)
    lab.kill()
    lab.scef.take(lab.scef.hear(RIR, WATCHED))


WAYS: Final = (
    killed_before_the_mme_answers,
    killed_before_the_mme_is_told_of_a_group,
    killed_before_the_mme_has_heard_of_a_deletion,
    killed_before_the_report,
    killed_before_the_report_is_taken,
)


def test_what_a_scef_was_promised_outlives_the_process(tmp_path: Path) -> None:
    chance = Random(SEED)
    lab = Lab(tmp_path)
    try:
        lab.attach()
        lab.configure(WATCHED, IMEI)
        lab.acknowledged()
        promised = {WATCHED}
        for number in range(KILLS):
            way = WAYS[number % len(WAYS)] if number < 2 * len(WAYS) else chance.choice(WAYS)
            reference = 100 + number
            way(lab, reference)
            promised |= {reference} if way in WAYS[:2] else set()
            assert lab.settle() == promised
    finally:
        lab.stop()
        lab.engine.dispose()
