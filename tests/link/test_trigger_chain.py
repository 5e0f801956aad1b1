"""Device triggers through five real processes: what arrives, what is refused, and what the core never hears of.

One lab for all tests: the triggers are sent side by side by `mtc trigger`, the processes end, and then the tests read
reports, audit and captures.  Every trigger has a Reference-Number of its own, by which it is found there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from diameter import Dictionary, Message, decode
from diameter.capture import CaptureReader
from helpers.loop import drive, reactor
from helpers.schemas import assert_fits
from nfs.cli import _demo_lab as demo
from nfs.cli._lab import Lab, prepare
from nfs.cli.demo import LINKS

pytestmark = pytest.mark.link

BINARY: Final = bytes(range(256))
SECOND_SCS: Final = "scs2.customer.example"
MUTE_SCS: Final = "mute.customer.example"
PROFILES: Final = """
[[peer]]
host = "{host}"
realm = "customer.example"
transport = "tls"
applications = ["Tsp"]

[[scs]]
name = "{name}"
hosts = ["{host}"]
isdn = "{isdn}"
domains = ["customer.example"]
commands = [{commands}]
"""
ABSENT: Final = """
[[ues]]
first_imsi = "001010000000004"
behaviour = "absent"

[[ues]]
first_imsi = "001010000000005"
behaviour = "busy"
failures = 1
"""

CASES: Final[dict[int, tuple[str, ...]]] = {
    101: ("--external-id", "meter-1@customer.example", "--port", "16000", "--payload", "hex:" + BINARY[:100].hex()),
    102: ("--external-id", "meter-2@customer.example", "--port", "16001", "--payload", "hex:" + (BINARY * 2).hex()),
    103: ("--msisdn", "15560000003", "--payload", "by number", "--validity", "600", "--priority"),
    104: ("--external-id", "meter-4@customer.example", "--validity", "0", "--payload", "nobody there"),
    105: ("--external-id", "meter-5@customer.example", "--validity", "600", "--payload", "busy once"),
    201: ("--external-id", "meter-999@customer.example"),
    202: ("--external-id", "meter-1@stranger.example"),
    203: ("--external-id", "001010000000001@customer.example"),
    204: ("--msisdn", "001010000000001"),
}
OF_OTHERS: Final[dict[int, tuple[str, str]]] = {301: (SECOND_SCS, "15550000101"), 302: (MUTE_SCS, "15550000102")}


@dataclass(slots=True)
class Story:
    """What is left when all is over: reports and exit statuses by reference, and the lab's files."""

    folder: Path
    reports: dict[int, dict[str, Any]]
    statuses: dict[int, int]
    ended_badly: list[str]

    def messages(self, name: str) -> list[Message]:
        dictionary = Dictionary.load()
        return [decode(one.octets, dictionary) for one in CaptureReader(self.folder / f"{name}.pcapng")]

    def audit(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "mtc-iwf.audit").read_text().splitlines()]

    def received(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "received.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("chain") / "lab"
    prepare(folder)
    demo.make(folder, 5)
    _add_others(folder)
    lab = Lab(folder)
    try:
        url = drive(_start(lab))
        reports, statuses = _send(folder, url)
    finally:
        bad = lab.stop()
    return Story(folder, reports, statuses, bad)


async def _start(lab: Lab) -> str:
    """Start all five; the URL of the SCS."""
    functions = [lab.start(name) for name in demo.FUNCTIONS]
    await lab.until_ready(reactor, *functions)
    for function, peer in LINKS:
        await lab.until_open(reactor, function, demo.HOSTS[peer])
    return lab.url()


def _send(folder: Path, url: str) -> tuple[dict[int, dict[str, Any]], dict[int, int]]:
    """One `mtc trigger` for each case, all at once."""
    port = tomllib.loads((folder / "mtc-iwf.toml").read_text())["node"]["listen"][0]
    via = ("--via", url, "--token", str(folder / "scs.token"))
    words = {reference: (*via, *options) for reference, options in CASES.items()}
    for reference, (host, isdn) in OF_OTHERS.items():
        pki = folder / "pki"
        words[reference] = (
            *("--origin-host", host, "--scs-number", isdn, "--mtc-iwf", demo.HOSTS["mtc-iwf"]),
            *("--peer", f"tls:{port['host']}:{port['port']}", "--trust", str(pki / "ca.pem")),
            *("--certificate", str(pki / f"{host}.pem"), "--key", str(pki / f"{host}.key")),
            *("--external-id", "meter-1@customer.example"),
        )
    children = {
        reference: subprocess.Popen(
            [sys.executable, "-m", "nfs.cli", "trigger", *options, "--reference", str(reference), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for reference, options in words.items()
    }
    outputs = {reference: child.communicate(timeout=300)[0] for reference, child in children.items()}
    reports = {reference: json.loads(text) for reference, text in outputs.items() if text.startswith("{")}
    assert set(reports) == set(outputs), outputs
    return reports, {reference: child.returncode for reference, child in children.items()}


def _add_others(folder: Path) -> None:
    """Two more SCSs: one without rights on any device, one that may ask nothing; and UEs that fail."""
    from diameter.security.pki import Pki

    pki = Pki(folder / "pki")
    for host in (SECOND_SCS, MUTE_SCS):
        pki.issue(host, f"aaa://{host}")
    with (folder / "mtc-iwf.toml").open("a", encoding="utf-8") as file:
        file.write(PROFILES.format(host=SECOND_SCS, name="second", isdn="15550000101", commands='"trigger"'))
        file.write(PROFILES.format(host=MUTE_SCS, name="mute", isdn="15550000102", commands=""))
    with (folder / "mme.toml").open("a", encoding="utf-8") as file:
        file.write(ABSENT)
    text = (folder / "sms-sc.toml").read_text(encoding="utf-8")
    (folder / "sms-sc.toml").write_text(text + "retry_s = [1]\n", encoding="utf-8")


def _asked(story: Story, name: str, command: str) -> list[Message]:
    """The requests of this command in the capture of `name`."""
    return [message for message in story.messages(name) if message.command == f"{command}-Request"]


def _submitted(story: Story) -> set[int]:
    """The Reference-Numbers that the SMS-SC was asked to deliver."""
    return {request.number("Reference-Number") for request in _asked(story, "sms-sc", "Device-Trigger")}


@pytest.mark.requirement("C-GEN-03")
@pytest.mark.parametrize("reference", [101, 102, 103, 105])
def test_a_trigger_is_delivered_and_reported(story: Story, reference: int) -> None:
    report = story.reports[reference]
    assert (report["delivered"], report["stage"], report["reference"]) == (True, "reported", reference), report
    assert (report["request_status"], report["delivery_outcome"]) == ("SUCCESS", "SUCCESS")
    assert story.statuses[reference] == 0


@pytest.mark.requirement("C-GEN-14")
def test_the_payload_arrives_octet_for_octet_at_its_port(story: Story) -> None:
    by_imsi = {line["imsi"]: line for line in story.received()}
    assert (by_imsi["001010000000001"]["payload"], by_imsi["001010000000001"]["port"]) == (BINARY[:100].hex(), 16000)
    assert (by_imsi["001010000000002"]["payload"], by_imsi["001010000000002"]["port"]) == ((BINARY * 2).hex(), 16001)
    assert (by_imsi["001010000000003"]["payload"], by_imsi["001010000000003"]["port"]) == (b"by number".hex(), None)
    assert len(story.received()) == 4


def test_a_long_payload_takes_several_short_messages(story: Story) -> None:
    sent = [m for m in _asked(story, "mme", "MT-Forward-Short-Message") if m["User-Name"] == "001010000000002"]
    assert [m.get("TFR-Flags") for m in sent] == [1, 1, 1, None]


def test_an_absent_device_and_one_attempt(story: Story) -> None:
    report = story.reports[104]
    assert (report["stage"], report["delivered"], report["delivery_outcome"]) == ("reported", False, "UNDELIVERABLE")
    assert story.statuses[104] == 1
    (told,) = [m for m in _asked(story, "sms-sc", "Delivery-Report") if m["Reference-Number"] == 104]
    assert (told["SM-Delivery-Outcome-T4"], told["Absent-Subscriber-Diagnostic-T4"]) == (0, 1)


def test_a_busy_device_is_tried_again_with_the_same_octets(story: Story) -> None:
    sent = [m for m in _asked(story, "mme", "MT-Forward-Short-Message") if m["User-Name"] == "001010000000005"]
    assert len(sent) == 2
    assert sent[0].raw("SM-RP-UI") == sent[1].raw("SM-RP-UI")


@pytest.mark.requirement("R-TSP-07", "R-TSP-15", "R-TRIG-12", "R-TRIG-14", "R-ID-01", "S-TSP-34")
@pytest.mark.parametrize(
    ("reference", "status", "check"),
    [
        (201, "INVEXTID", "association"),  # nobody has this External Identifier
        (202, "INVEXTID", "external-identifier"),  # a domain that is not the SCS's
        (203, "INVEXTID", "inbound-imsi"),  # an IMSI dressed as an External Identifier
        (204, "INVEXTID", "inbound-imsi"),  # an IMSI dressed as an MSISDN
        (301, "INVEXTID", "association"),  # no right to this device: no other word than for an unknown one
        (302, "NOTAUTHORIZED", "command-rights"),  # may not trigger at all
    ],
)
def test_a_refusal_reaches_the_scs_and_the_audit_and_nobody_else(
    story: Story, reference: int, status: str, check: str
) -> None:
    report = story.reports[reference]
    assert (report["stage"], report["request_status"]) == ("refused", status), report
    assert story.statuses[reference] == 1
    assert reference not in _submitted(story)
    (line,) = [line for line in story.audit() if line.get("reference") == reference]
    assert (line["check"], line["result"]) == (check, status)


@pytest.mark.requirement("S-TSP-34")
def test_what_the_gateway_refuses_never_reaches_the_hss(story: Story) -> None:
    asked = [
        request["User-Identifier"].get("External-Identifier")
        for request in _asked(story, "hss", "Subscriber-Information")
    ]
    assert sorted(filter(None, asked)) == [
        "meter-1@customer.example",  # 101
        "meter-1@customer.example",  # 301, whom the HSS refuses
        "meter-2@customer.example",
        "meter-4@customer.example",
        "meter-5@customer.example",
        "meter-999@customer.example",
    ]


@pytest.mark.requirement("T-ID-01", "R-TSP-14")
def test_no_imsi_leaves_the_network(story: Story) -> None:
    """Everything that the MTC-IWF sent to an SCS, in clear before it was encrypted."""
    sent = [
        one.octets
        for one in CaptureReader(story.folder / "mtc-iwf.pcapng")
        if decode(one.octets, Dictionary.load()).application == "Tsp"
        and decode(one.octets, Dictionary.load()).get("Origin-Host") == demo.HOSTS["mtc-iwf"]
    ]
    assert len(sent) >= 2 * 5
    for number in range(1, 6):
        assert not [octets for octets in sent if f"00101{number:010}".encode() in octets]


def test_every_process_ended_well_and_no_fault_was_on_the_wire(story: Story) -> None:
    assert story.ended_badly == []
    for name in demo.FUNCTIONS:
        assert [(m.command, m.faults) for m in story.messages(name) if m.faults] == []


def test_reports_audit_and_what_was_received_are_what_the_schemas_say(story: Story) -> None:
    for report in story.reports.values():
        assert_fits("trigger", report)
    for line in story.audit():
        assert_fits("audit", line)
    for line in story.received():
        assert_fits("received", line)
    for name in demo.FUNCTIONS:
        for message in story.messages(name):
            assert_fits("message", json.loads(message.to_json()))
