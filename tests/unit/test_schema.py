"""What the verbs print with --json is what docs/schema says, to the last key.

Reports, audit lines and the demonstration are held against their schemas where processes run: tests/link, tests/demo.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from diameter import Dictionary, decode
from diameter.errors import ConfigError
from diameter.message.json import as_dict, from_dict
from diameter.routing.refusal import Refused
from helpers.schemas import NAMES, assert_fits, complaints, schema
from nfs.cli import mtc
from nfs.cli._load import Tally
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.hss import provisioning
from nfs.scs.form import report_to, request_from
from nfs.scs.logic import Report
from nfs.scs.logic import Stage as Progress

ROOT: Final = Path(__file__).resolve().parents[2]
DWR: Final = (
    "010000408000011800000000000000010000000200000108400000177363732e6578616d706c652e6f72670000000128400000136578616d"
    "706c652e6f726700"
)


def mtc_json(*words: str, status: int = 0) -> Any:
    """What the verb prints, parsed."""
    result = CliRunner().invoke(mtc, words, catch_exceptions=False)
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def objects(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in a schema that has `properties`."""
    if isinstance(node, dict):
        if "properties" in node:
            yield node
        for each in node.values():
            yield from objects(each)
    elif isinstance(node, list):
        for each in node:
            yield from objects(each)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one(name: str) -> None:
    document = schema(name)
    Draft202012Validator.check_schema(document)
    assert document["$id"].endswith(f"/{name}.json")
    assert document["title"]
    assert document["description"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_may_be_added_unnoticed(name: str) -> None:
    """Each object names its keys, but for conditions on them (without a type) and what another object is built on."""
    for one in objects(schema(name)):
        closed = one.get("additionalProperties", one.get("unevaluatedProperties")) is False
        assert closed or "type" not in one or "imsi" in one["properties"], one


def test_every_schema_is_on_the_page() -> None:
    page = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"\(schema/([a-z0-9-]+)\.json\)", page))) == list(NAMES)


def test_messages() -> None:
    dictionary = Dictionary.load()
    for path in sorted((ROOT / "tests" / "corpus" / "decode").iterdir()):
        assert_fits("message", as_dict(decode(path.read_bytes(), dictionary)))
    document = mtc_json("decode", "--json", DWR)
    assert_fits("message", document)
    assert from_dict(document, dictionary).octets.hex() == DWR
    wanted = "command command_code application application_id request hop_by_hop end_to_end length avps faults"
    assert set(wanted.split()) < set(schema("message")["required"])


def test_faults() -> None:
    document = mtc_json("decode", "--json", DWR[:88], status=1)
    assert_fits("message", document)
    assert document["faults"]


def test_a_key_too_many_or_too_few_is_noticed() -> None:
    document = mtc_json("decode", "--json", DWR)
    more, fewer = copy.deepcopy(document), copy.deepcopy(document)
    more["avps"][0]["colour"] = "red"
    del fewer["length"]
    assert [len(complaints("message", each)) for each in (document, more, fewer)] == [0, 1, 1]


def test_dictionaries(tmp_path: Path) -> None:
    rows = mtc_json("dict", "list", "--json")
    assert_fits("dict-list", rows)
    assert len(rows) > 1000
    assert_fits("dict-show", mtc_json("dict", "show", "--json", "Device-Action", "DAR", "Tsp", "264", "ULR-Flags"))
    assert_fits("dict-check", mtc_json("dict", "check", "--json"))
    wrong = tmp_path / "wrong.dia"
    wrong.write_text("nonsense\n", encoding="utf-8")
    assert_fits("dict-check", mtc_json("dict", "check", "--json", str(wrong), status=1))
    xml = tmp_path / "more.xml"
    xml.write_text(
        '<diameter><application id="4242" type="auth" name="More"><avp name="A-New-One" code="64000"><data'
        ' type="UTF8String"/></avp></application></diameter>',
        encoding="utf-8",
    )
    assert_fits("dict-import", mtc_json("dict", "import", "--json", str(xml), "-o", str(tmp_path / "out")))


def test_configurations(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text('[node]\norigin_host = "a.example"\norigin_realm = "example"\n', encoding="utf-8")
    good = mtc_json("config", "check", "--json", str(file))
    file.write_text("[node]\nwrong = 1\n", encoding="utf-8")
    bad = mtc_json("config", "check", "--json", str(file), status=1)
    missing = mtc_json("config", "check", "--json", str(tmp_path / "none.toml"), status=2)
    for document in (good, bad, missing):
        assert_fits("config-check", document)
    assert [document["ok"] for document in (good, bad, missing)] == [True, False, False]


def test_pki(tmp_path: Path) -> None:
    folder = ("--json", "-d", str(tmp_path / "pki"))
    assert_fits("pki", mtc_json("pki", "init", *folder))
    assert_fits("pki", mtc_json("pki", "issue", "hss.example.org", *folder))
    assert_fits("pki", mtc_json("pki", "revoke", "hss.example.org", *folder))
    shown = mtc_json("pki", "show", *folder)
    assert_fits("pki", shown)
    assert len(shown["certificates"]) == 1


def test_subscribers(tmp_path: Path) -> None:
    where = ("--json", "-d", str(tmp_path / "hss.db"))
    words = ["--imsi", "001010000000001", "--msisdn", "15560000001", "--external-id", "meter-1@customer.example:16000"]
    words += ["--scs", "15550000100:device-trigger", "--node", "mme:15550000300:mme.example:example"]
    assert_fits("subscriber-change", mtc_json("subscriber", "add", *words, *where))
    assert_fits("subscriber-change", mtc_json("subscriber", "add", "--imsi", "001010000000002", *where))
    listed = mtc_json("subscriber", "list", *where)
    assert_fits("subscribers", listed)
    assert mtc_json("subscriber", "export", *where) == listed
    for row in listed["subscribers"]:
        shown = mtc_json("subscriber", "show", row["imsi"], *where)
        assert_fits("subscriber", shown)
        assert shown == {"schema": 1, **row}
    file = tmp_path / "all.json"
    file.write_text(json.dumps(listed), encoding="utf-8")
    assert_fits("subscriber-change", mtc_json("subscriber", "import", str(file), *where))
    assert_fits("subscriber-change", mtc_json("subscriber", "remove", "001010000000002", *where))


@pytest.mark.parametrize(
    "row",
    [
        {"imsi": "001010000000001"},
        {"imsi": "001010000000001", "msisdn": None, "services": ["sms-mo"]},
        {"imsi": "001010000000001", "msisdn": "+15560000001", "nodes": [{"kind": "msc", "number": "+15550000300"}]},
        {"imsi": "001010000000001", "nodes": [{"kind": "msc", "number": "15550000300", "name": 7}]},
        {"imsi": "001010000000001", "nodes": [{"kind": "ship", "number": "15550000300"}]},
        {"imsi": "001010000000001", "external_ids": [{"identifier": "a@b.example"}], "rights": [{"scs": "1555"}]},
        {"imsi": "x"},
        {"imsi": "001010000000001", "colour": "red"},
        {"imsi": "001010000000001", "services": ["telepathy"]},
        {"imsi": "001010000000001", "sms": "yes"},
        {"msisdn": "15560000001"},
    ],
)
def test_the_import_takes_what_the_schema_takes(row: dict[str, Any]) -> None:
    for document in ([row], {"schema": 1, "subscribers": [row]}):
        try:
            provisioning.read(json.dumps(document), "file")
            taken = True
        except ConfigError:
            taken = False
        assert taken == (not complaints("subscribers", document)), complaints("subscribers", document)


@pytest.mark.parametrize(
    "form",
    [
        {"msisdn": "15560000001"},
        {"external_identifier": "a@b.example", "payload": "00ff", "port": 0, "priority": True, "validity_s": 0},
        {"external_identifier": "a@b.example", "msisdn": None, "reference": 0xFFFF_FFFF},
        {"external_identifier": "a@b.example", "msisdn": "15560000001"},
        {"payload": "00"},
        {"msisdn": "15560000001", "payload": "0"},
        {"msisdn": "15560000001", "port": 65536},
        {"msisdn": "15560000001", "port": True},
        {"msisdn": "15560000001", "colour": "red"},
        {"msisdn": 15560000001},
        [],
    ],
)
def test_the_scs_takes_what_the_schema_takes(form: Any) -> None:
    try:
        request_from(form)
        taken = True
    except ValueError:
        taken = False
    assert taken == (not complaints("scs-request", form)), complaints("scs-request", form)


def test_reports_and_load_runs() -> None:
    tally = Tally()
    assert_fits("trigger-load", tally.summary())
    for report in (
        Report(reference=7, stage=Progress.REPORTED, status=0, result=(0, 2001), outcome=0, took_s=0.25),
        Report(reference=8, stage=Progress.REFUSED, status=102, result=(10415, 5001)),
        Report(reference=9, stage=Progress.FAILED, error="no answer in 5 s"),
        Report(reference=0, stage=Progress.ACCEPTED, status=999),
    ):
        assert_fits("trigger", report_to(report))
        assert_fits("scs-answer", report_to(report))
        tally.note(report_to(report))
    tally.elapsed_s = 1.5
    assert_fits("trigger-load", tally.summary())


def test_audit_lines(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit", "iwf.example", clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    for target in ("meter-1@customer.example", "15560000001", "123", ""):
        log.refuse(
            Refusal(
                check="association",
                stage=Stage.AUTHORISATION,
                area=Area.B1,
                peer="scs.example",
                reason="no right",
                target=target,
                reference=0,
                alarm=not target,
            )
        )
    for stage in ("link", "protection", "capabilities", "fault", "destination", "bug"):
        log.node_refused(Refused(stage=stage, peer="192.0.2.1:1234", code=5001, text="why"))
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "audit").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 10
    for line in lines:
        assert_fits("audit", line)


def test_every_measurement_has_the_keys_that_scripts_rely_on() -> None:
    wanted = "stack scenario transport window rate_per_s cpu_us_server cpu_us_client p50_us p99_us rss_kb"
    assert schema("bench")["properties"]["measurements"]["items"]["required"] == wanted.split()
