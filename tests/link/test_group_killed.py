"""A group trigger through real processes and a gateway of its own; the SCS is killed while members are reported.

Every member is delivered to once, and whoever asks the SCS sees each of them once, in the order of the reports.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from helpers.fronted import SGW, audited, links, put_in_front
from helpers.processes import Started
from helpers.schemas import assert_fits
from nfs.cli import _demo_lab as demo
from nfs.cli._lab import prepare
from nfs.common.database import database_url, open_engine
from nfs.hss.groups import tables
from nfs.hss.groups.logic import Group
from nfs.hss.logic import Service

pytestmark = [pytest.mark.link, pytest.mark.timeout(600)]
FLEET: Final = f"fleet@{demo.CUSTOMER}"
MEMBERS: Final = 6
REFERENCE: Final = 7
REFUSED: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("INVEXTID", {"external_identifier": "fleet@foreign.example", "reference": 8}),
    ("INVPAYLOAD", {"external_identifier": FLEET, "reference": 9, "payload": "78" * 2000}),
    ("INVEXTID", {"external_identifier": f"others@{demo.CUSTOMER}", "reference": 10}),
)
"""By the gateway, the MTC-IWF and the HSS, and how."""
NEVER_S: Final = 300
"""How long a report is waited for at most; it is there long before."""
OFTEN: Final = "group_rate = { per_s = 100, burst = 1000 }\n"
BUSY: Final = """
[[ues]]
first_imsi = "{imsi}"
count = 3
behaviour = "busy"
failures = 2
"""
"""The last three members take the trigger at the third attempt, two or three seconds later."""


class Lab:
    """The functions of the demonstration, with groups and a gateway, and an SMS-SC that asks the HSS for members."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        prepare(folder)
        self.token = demo.make(folder, MEMBERS)
        self._change(
            "mtc-iwf", ("[hss]\n", "[hss]\ngroups = true\n"), ("commands = [", f'{OFTEN}commands = ["group", ')
        )
        self._change("scs", ("[scs]\n", '[scs]\ndatabase = "scs.db"\n'))
        asked = f'[hss]\nrealm = "{demo.REALM}"\n[sms_sc]\nretry_s = [1]\n'
        self._change("sms-sc", ("[sms_sc]\n", _peer("hss", self._place("hss")) + asked))
        self._change("hss", ("[hss]\n", f"{_peer('sms-sc', None)}[hss]\n"))
        mme = folder / "mme.toml"
        text = mme.read_text(encoding="utf-8")
        found = tomllib.loads(text)["ues"][0]
        assert found["count"] == MEMBERS
        busy = BUSY.format(imsi=str(int(found["first_imsi"]) + 3).zfill(15))
        mme.write_text(text.replace(f"count = {MEMBERS}", "count = 3") + busy, encoding="utf-8")
        self._group()
        put_in_front(folder)
        self.running: dict[str, Started] = {}
        self.url = ""

    def _change(self, name: str, *pairs: tuple[str, str]) -> None:
        path = self.folder / f"{name}.toml"
        text = path.read_text(encoding="utf-8")
        for old, new in pairs:
            assert old in text, (name, old)
            text = text.replace(old, new, 1)
        path.write_text(text, encoding="utf-8")

    def _place(self, name: str) -> tuple[str, int]:
        listen = tomllib.loads((self.folder / f"{name}.toml").read_text(encoding="utf-8"))["node"]["listen"][0]
        return listen["host"], listen["port"]

    def _group(self) -> None:
        engine = open_engine(database_url("hss.db", self.folder), migrations="nfs.hss:migrations", name="hss")
        group = Group(
            external_id=FLEET,
            members=tuple(each.external_id for each in demo.devices(MEMBERS)),
            rights=frozenset({(demo.NUMBERS["scs"], Service.DEVICE_TRIGGER)}),
        )
        with engine.begin() as connection:
            tables.make(connection, group)
        engine.dispose()

    def start(self, *names: str) -> None:
        for name in names:
            self.running[name] = Started(name, self.folder / f"{name}.toml")
        for name in names:
            ready = self.running[name].ready()
            if name == "scs":
                self.url = f"http://{ready.rpartition('http ')[2]}/v1"

    def ask(self, path: str, form: dict[str, Any] | None = None) -> dict[str, Any]:
        request = Request(f"{self.url}/{path}", headers={"authorization": f"Bearer {self.token}"})
        if form is not None:
            request.data = json.dumps(form).encode()
        try:
            with urlopen(request, timeout=300) as answer:
                found: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            with error:
                found = json.load(error)
        return found

    def answered(self, form: dict[str, Any], status: str) -> str:
        """Ask until the Request-Status is that, and everybody has found everybody; the stage.

        Under the same number it is the same trigger.
        """
        ticking, found = Event(), {}
        for _ in range(NEVER_S):
            found = self.ask("groups", form)
            if found["request_status"] == status:
                return str(found["stage"])
            ticking.wait(1)
        raise AssertionError(found)

    def reported(self, reference: int, members: int) -> dict[str, Any]:
        """The report of a group, once it has so many members."""
        for _ in range(NEVER_S // 20):
            report = self.ask(f"groups/{reference}?members={members}&wait_s=20")
            assert_fits("scs-group-answer", report)
            if report["reported"] >= members:
                return report
        raise AssertionError(report)

    def stop(self) -> list[str]:
        ended = {name: each.end() for name, each in reversed(self.running.items())}
        return [f"{name}: {code}: {text}" for name, (code, text) in ended.items() if code]


def _peer(name: str, place: tuple[str, int] | None) -> str:
    dial = "" if place is None else f'connect = true\naddresses = ["{place[0]}"]\nport = {place[1]}\n'
    return (
        f'[[peer]]\nhost = "{demo.HOSTS[name]}"\nrealm = "{demo.REALM}"\nplacement = "inside"\ntransport = "tcp"\n'
        f'{dial}applications = ["S6c"]\nphysical_protection = true\nphysical_protection_reason = "loopback"\n\n'
    )


@dataclass(frozen=True, kw_only=True)
class Story:
    """What is left when all is over."""

    folder: Path
    before: list[dict[str, Any]]
    report: dict[str, Any]
    listed: list[dict[str, Any]]
    stages: list[str]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    lab = Lab(tmp_path_factory.mktemp("group") / "lab")
    form = {"payload": "77616b65", "port": demo.APPLICATION_PORT, "validity_s": 3600}
    try:
        lab.start("hss", "mme", "sms-sc", "mtc-iwf", "mtc-sgw", "scs")
        asked = lab.answered({**form, "external_identifier": FLEET, "reference": REFERENCE}, "SUCCESS")
        stages = [asked, *(lab.answered(form | wrong, status) for status, wrong in REFUSED)]
        before = lab.reported(REFERENCE, 1)["members"]
        scs = lab.running.pop("scs")
        scs.process.kill()
        scs.ended()
        lab.start("scs")
        report = lab.reported(REFERENCE, MEMBERS)
        listed = lab.ask("reports")["reports"]
    finally:
        bad = lab.stop()
    assert bad == []
    return Story(
        folder=lab.folder,
        before=before,
        report=report,
        listed=[each for each in listed if each["report"]["reference"] == REFERENCE],
        stages=stages,
    )


@pytest.mark.requirement("S-GRP-42")
def test_what_an_scs_has_acknowledged_outlives_its_kill(story: Story) -> None:
    members = story.report["members"]
    assert members[: len(story.before)] == story.before
    names = {each.external_id for each in demo.devices(MEMBERS)}
    assert {each["external_identifier"] for each in members} == names
    assert (story.report["stage"], story.report["delivered"]) == ("accepted", MEMBERS)
    assert [each["member"] for each in story.listed] == [each["external_identifier"] for each in members]
    assert [each["seq"] for each in story.listed] == sorted({each["seq"] for each in story.listed})
    received = [json.loads(line) for line in (story.folder / "received.jsonl").read_text().splitlines()]
    assert sorted(each["imsi"] for each in received) == sorted(each.imsi for each in demo.devices(MEMBERS))
    assert {each["group"] for each in received} == {FLEET}


@pytest.mark.requirement("R-GRP-07", "R-GRP-08")
def test_what_is_refused_for_a_group_is_audited_by_whoever_refused_it(story: Story) -> None:
    assert story.stages == ["accepted", "refused", "refused", "refused"]
    by = {
        (line["check"], name, line["reference"])
        for name in ("mtc-sgw", "mtc-iwf")
        for line in audited(story.folder, name)
        if line.get("reference") in (8, 9, 10) and line["check"] != "destination"  # somebody was away
    }
    assert by == {
        ("external-identifier", "mtc-sgw", 8),
        ("limits", "mtc-iwf", 9),
        ("association", "mtc-iwf", 10),
    }


@pytest.mark.requirement("R-IP-04", "R-ID-05")
def test_nothing_of_the_inside_is_on_the_link_of_the_scs(story: Story) -> None:
    """Names and IMSIs of members as text: no header can hold so many octets by chance."""
    outside, inside = links(story.folder)
    assert [each.command for each in outside].count("Device-Notification-Request") >= MEMBERS
    hosts = [demo.HOSTS[name].encode() for name in ("mtc-iwf", "hss", "sms-sc", "mme")]
    private = [*hosts, *(each.imsi.encode() for each in demo.devices(MEMBERS))]
    assert [each for message in outside for each in private if each in message.octets] == []
    shown = {each for message in inside for each in private if each in message.octets}
    assert shown == {demo.HOSTS["mtc-iwf"].encode()}  # so the search finds what there is, and no IMSI is there either
    assert {message["Origin-Host"] for message in outside} == {demo.HOSTS["scs"], SGW}
