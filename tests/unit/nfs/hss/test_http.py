"""Provisioning by HTTP: what is read and changed, whose change wins, what is said of a mistake, who may ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy.exc import OperationalError

from diameter.config import parse
from diameter.errors import ConfigError
from helpers.provisioned import SEAL, TOKEN, Rig, fits
from nfs.common.cards import Card
from nfs.hss import cards, lookup, ordered, registrations, tables
from nfs.hss.config import HssConfig
from nfs.hss.http.operations import OPERATIONS, description
from nfs.hss.http.requests import BODY_LIMIT
from nfs.hss.logic import ExternalId, Subscriber
from nfs.hss.registrations import Registration

ROOT = Path(__file__).resolve().parents[4]
IMSI = "001010000000001"
K, OPC = "465b5ce8b199b49faa5f0a2ee238a6bc", "cd63cb71954a9f4e48a5994e37a02baf"
KEYS = {"k": K, "opc": OPC}
ONE = f"subscribers/{IMSI}"
METER = {
    "msisdn": "15550100001",
    "external_ids": [{"identifier": "meter-1@Customer.example"}],
    "services": ["device-trigger"],
    "rights": [{"scs": "15550001"}],
}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def test_a_subscriber_is_made_read_changed_and_removed(rig: Rig) -> None:
    assert rig.ask("GET", ONE)[0] == 404
    code, made = rig.ask("PUT", ONE, METER)
    first = rig.tag
    assert (code, made["imsi"], made["rights"]) == (201, IMSI, [{"scs": "15550001", "services": ["device-trigger"]}])
    assert made["external_ids"] == [{"identifier": "meter-1@customer.example", "port": None}]
    assert rig.ask("GET", ONE) == (200, made)
    fits("Subscriber", made)
    assert rig.tag == first
    assert rig.ask("PUT", ONE, made | {"barred": True}, if_match=first) == (200, made | {"barred": True})
    assert rig.tag != first
    assert [(each.before is None, each.after is None) for each in rig.changed] == [(True, False), (False, False)]
    assert rig.ask("DELETE", ONE, if_match=rig.tag) == (204, None)
    assert rig.changed[-1].after is None
    assert rig.ask("GET", ONE)[0] == 404


def test_no_change_of_somebody_else_is_lost(rig: Rig) -> None:
    rig.ask("PUT", ONE, METER, if_none_match="*")
    first = rig.tag
    assert rig.ask("PUT", ONE, METER, if_none_match="*")[0] == 412
    assert rig.ask("PUT", ONE, METER)[0] == 428
    assert rig.ask("PUT", ONE, METER | {"sms": False}, if_match=f'"other", {first}')[0] == 200
    for method, path, body in (
        ("PUT", ONE, METER),
        ("DELETE", ONE, None),
        ("PUT", f"{ONE}/rights", {"rights": []}),
        ("PUT", f"{ONE}/external-ids", {"external_ids": []}),
    ):
        assert rig.ask(method, path, body, if_match=first)[0] == 412
        assert rig.ask(method, path, body)[0] == 428
    assert rig.ask("PUT", "subscribers/001010000000002", {}, if_match="*")[0] == 412
    assert rig.ask("DELETE", ONE, if_match="*")[0] == 204


def test_identifiers_and_rights_are_lists_of_their_own(rig: Rig) -> None:
    rig.ask("PUT", ONE, METER)
    tag = rig.tag
    assert rig.ask("GET", f"{ONE}/rights")[1] == {"rights": [{"scs": "15550001", "services": ["device-trigger"]}]}
    assert rig.tag == tag
    new = {"rights": [{"scs": "15550002", "services": ["sms-mo"]}]}
    assert rig.ask("PUT", f"{ONE}/rights", new, if_match=tag) == (200, new)
    names = {"external_ids": [{"identifier": "b@customer.example", "port": 9000}]}
    assert rig.ask("PUT", f"{ONE}/external-ids", names, if_match=rig.tag) == (200, names)
    fits("ExternalIds", names)
    assert rig.ask("GET", f"{ONE}/external-ids") == (200, names)
    assert rig.ask("GET", ONE)[1] | new | names == rig.ask("GET", ONE)[1]
    assert rig.ask("PUT", f"{ONE}/rights", {"sms": False}, if_match="*")[1]["errors"][0]["field"] == "rights"
    assert rig.ask("PUT", "subscribers/001010000000009/rights", new)[0] == 404


def test_keys_are_written_and_never_read(rig: Rig) -> None:
    assert rig.ask("PUT", f"{ONE}/keys", KEYS)[0] == 404
    rig.ask("PUT", ONE, METER | {"keys": KEYS})
    assert K not in rig.text
    with rig.engine.connect() as connection:
        assert cards.find(connection, IMSI, SEAL) == Card(k=bytes.fromhex(K), top=bytes.fromhex(OPC))
    assert rig.ask("PUT", f"{ONE}/keys", KEYS | {"algorithm": "tuak"})[0] == 422
    assert rig.ask("PUT", f"{ONE}/keys", {"k": "xyz", "opc": OPC})[1]["errors"][0]["field"] == "k"
    assert "xyz" not in rig.text
    other = {"k": OPC, "opc": K}
    assert rig.ask("PUT", f"{ONE}/keys", other) == (204, None)
    with rig.engine.connect() as connection:
        assert cards.find(connection, IMSI, SEAL) == Card(k=bytes.fromhex(OPC), top=bytes.fromhex(K))
    assert rig.ask("GET", f"{ONE}/keys")[0] == 405
    for path in (ONE, "subscribers", f"{ONE}/rights"):
        rig.ask("GET", path)
        assert K not in rig.text
        assert OPC not in rig.text


def test_without_a_seal_no_keys_are_taken(tmp_path: Path) -> None:
    rig = Rig(tmp_path, seal=None)
    rig.ask("PUT", ONE, METER)
    assert rig.ask("PUT", f"{ONE}/keys", KEYS)[0] == 409
    assert rig.ask("PUT", ONE, METER | {"keys": KEYS}, if_match="*")[0] == 409
    rig.close()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"imsi": "001010000000002"}, "imsi"),
        ({"msisdn": "call me"}, "msisdn"),
        ({"external_ids": [{"identifier": "meter"}]}, "external_ids"),
        ({"external_ids": [{"identifier": "a@b.example", "port": "x"}]}, "external_ids.0.port"),
        ({"rights": [{"scs": "x", "services": ["sms-mo"]}]}, "scs"),
        ({"nodes": [{"kind": "mme", "number": "15551"}]}, "nodes"),
        ({"colour": "red"}, "colour"),
        ({"keys": {"k": K}}, "keys"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(rig: Rig, body: dict[str, Any], field: str) -> None:
    code, problem = rig.ask("PUT", ONE, METER | body)
    assert (code, [each["field"] for each in problem["errors"]]) == (422, [field])
    assert rig.changed == []


def test_bodies_and_queries_that_are_none(rig: Rig) -> None:
    assert rig.ask("PUT", ONE, b"{")[0] == 400
    assert rig.ask("PUT", ONE, [])[0] == 422
    assert rig.ask("PUT", ONE, b" " * (BODY_LIMIT + 1))[0] == 413
    assert rig.ask("PUT", "subscribers/1", {})[0] == 422
    assert rig.ask("GET", "subscribers?limit=0")[0] == 400
    assert rig.ask("GET", "subscribers?msisdn=x")[0] == 422


def test_what_is_somebody_elses_is_not_taken(rig: Rig) -> None:
    rig.ask("PUT", ONE, METER)
    rig.ask("PUT", "groups/meters@customer.example", {"rights": []})
    names = ["c@customer.example", "meter-1@customer.example", "meters@customer.example"]
    taken = METER | {"external_ids": [{"identifier": name} for name in names]}
    code, problem = rig.ask("PUT", "subscribers/001010000000002", taken)
    assert code == 409
    assert [each["field"] for each in problem["errors"]] == [
        "msisdn", "external_ids.1.identifier", "external_ids.2.identifier",
    ]  # fmt: skip
    assert rig.ask("PUT", "groups/meter-1@customer.example", {})[0] == 409


def test_pages_and_the_one_with_an_identity(rig: Rig) -> None:
    with rig.engine.begin() as connection:
        many = [
            Subscriber(
                imsi=f"00101000000000{n}", msisdn=f"155501{n}", external_ids=(ExternalId(identifier=f"m{n}@c.example"),)
            )
            for n in range(5)
        ]
        tables.save(connection, *many)
    seen: list[str] = []
    after: str | None = ""
    for length in (2, 2, 1):
        code, page = rig.ask("GET", f"subscribers?limit=2&after={after}")
        fits("Subscribers", page)
        assert (code, len(page["subscribers"])) == (200, length)
        seen += [each["imsi"] for each in page["subscribers"]]
        after = page["next"]
    assert seen == [each.imsi for each in many]
    assert after is None
    assert rig.ask("GET", "subscribers?msisdn=%2B1550003&x=1")[1]["subscribers"] == []
    assert rig.ask("GET", "subscribers?msisdn=%2B1555013")[1]["subscribers"][0]["imsi"] == many[3].imsi
    assert rig.ask("GET", "subscribers?external_id=m4@C.example")[1]["subscribers"][0]["imsi"] == many[4].imsi


def test_groups(rig: Rig) -> None:
    fleet = {"members": ["m@customer.example"], "rules": {"area": ["a1"]}, "rights": [{"scs": "15550001"}]}
    code, made = rig.ask("PUT", "groups/fleet@Customer.example", fleet)
    fits("Group", made)
    tag = rig.tag
    assert (code, made["group"]) == (201, "fleet@customer.example")
    assert rig.ask("GET", "groups/fleet@customer.example") == (200, made)
    assert rig.tag == tag
    assert rig.ask("PUT", "groups/fleet@customer.example", made)[0] == 428
    assert rig.ask("PUT", "groups/fleet@customer.example", made | {"members": []}, if_match=tag)[0] == 200
    assert rig.ask("PUT", "groups/fleet@customer.example", made, if_match=tag)[0] == 412
    rig.ask("PUT", "groups/other@customer.example", {})
    first = rig.ask("GET", "groups?limit=1")[1]
    fits("Groups", first)
    second = rig.ask("GET", f"groups?limit=1&after={first['next']}")[1]
    assert [each["groups"][0]["group"][:5] for each in (first, second)] == ["fleet", "other"]
    assert rig.ask("PUT", "groups/a@b.example", {"group": "c@b.example"})[1]["errors"][0]["field"] == "group"
    assert rig.ask("DELETE", "groups/fleet@customer.example", if_match=tag)[0] == 412
    assert rig.ask("DELETE", "groups/fleet@customer.example", if_match="*")[0] == 204
    assert rig.ask("GET", "groups/fleet@customer.example")[0] == 404
    assert rig.ask("DELETE", "groups/fleet@customer.example", if_match="*")[0] == 404


def test_who_may(rig: Rig) -> None:
    for operation in OPERATIONS:
        path = operation.path.removeprefix("/v1/").replace("{imsi}", IMSI).replace("{name}", "a@b.example")
        assert rig.ask(operation.method, path, {}, token=b"0123456789abcdeg")[0] == 401
    rig.provisioning._clients = frozenset({"desk.example"})
    assert rig.ask("GET", "subscribers")[0] == 403
    stages = {"authentication": len(OPERATIONS), "authorisation": 1}
    assert rig.audit.refusals == {("provisioning", stage): number for stage, number in stages.items()}
    *_, last = (rig.folder / "audit").read_text().splitlines()
    assert (json.loads(last)["command"], json.loads(last)["result"]) == ("subscribers", "403")
    assert IMSI not in (rig.folder / "audit").read_text()


@pytest.mark.parametrize(
    ("token", "octets", "status"),
    [(TOKEN, BODY_LIMIT, 0), (TOKEN, BODY_LIMIT + 1, 413), (b"0123456789abcdeg", 1, 401), (b"", 1 << 40, 401)],
)
def test_who_may_not_is_told_so_before_a_body_is_read(rig: Rig, token: bytes, octets: int, status: int) -> None:
    request: Any = SimpleNamespace(transport=None, getHeader=lambda _name: b"Bearer " + token)
    found = rig.provisioning.gate(request, octets)
    assert (0 if found is None else found.status) == status
    if found is not None:
        fits("Problem", json.loads(found.body))
        assert (("www-authenticate", "Bearer") in found.headers) is (status == 401)
    assert sum(rig.audit.refusals.values()) == int(status == 401)


def test_nodes_are_to_let_go_of_a_subscriber_that_is_removed(rig: Rig) -> None:
    rig.ask("PUT", ONE, METER)
    at = Registration(kind="mme", host="mme.example", realm="example", plmn="00101", rat=1004)
    with rig.engine.begin() as connection:
        registrations.put(connection, IMSI, at, None)
    rig.ask("DELETE", ONE, if_match="*")
    rig.ask("PUT", ONE, METER)
    rig.ask("DELETE", ONE, if_match="*")  # registered nowhere
    with rig.engine.begin() as connection:
        ((_, order),) = ordered.claim(connection, 1)
    assert (order.verb, order.imsi, [each["host"] for each in order.detail["nodes"]]) == (
        "remove",
        IMSI,
        ["mme.example"],
    )


def test_a_database_that_fails(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("SELECT", {}, RuntimeError("disk I/O error"))

    monkeypatch.setattr(lookup, "find_many", gone)
    assert rig.ask("GET", ONE)[0] == 503
    assert rig.ask("PUT", ONE, METER)[0] == 503


def test_the_description_is_of_these_routes_and_no_others(rig: Rig) -> None:
    rules = rig.provisioning.app.url_map.iter_rules()
    routes = {(method, rule.rule.replace("<", "{").replace(">", "}")) for rule in rules for method in rule.methods}
    code, document = rig.ask("GET", "openapi.json")
    described = {(method.upper(), path) for path, ways in document["paths"].items() for method in ways}
    assert (code, described) == (200, {each for each in routes if each[0] != "HEAD"})
    kept = ROOT / "docs" / "schema" / "openapi" / "hss.json"
    assert document == json.loads(kept.read_text(encoding="utf-8")), "tests/tools/openapi.py writes it anew"


def test_the_description_holds_together() -> None:
    document = description()
    found = json.dumps(document)
    for name in {part.partition('"')[0] for part in found.split('"#/components/schemas/')[1:]}:
        Draft202012Validator.check_schema(document["components"]["schemas"][name])
    names = [way["operationId"] for ways in document["paths"].values() for way in ways.values()]
    assert len(set(names)) == len(names) == len(OPERATIONS)
    for path, ways in document["paths"].items():
        for way in ways.values():
            inside = {each["name"] for each in way.get("parameters", []) if each["in"] == "path"}
            assert inside == {part.partition("}")[0] for part in path.split("{")[1:]}
            assert all(answer["description"] for answer in way["responses"].values())


CLEAR = 'physical_protection = true\nphysical_protection_reason = "loopback"\n'


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ('token = "token"', "clear text"),
        (CLEAR, "token: a token, or trust with clients"),
        ('host = "localhost"\ntoken = "token"\n' + CLEAR, "host: not an IPv4"),
        ('trust = "token"\n' + CLEAR, "clients: trust and clients go together"),
        ('trust = "token"\nclients = ["a.example"]\n' + CLEAR, "trust: certificates of clients need one of ours"),
        ('certificate = "token"\ntoken = "token"', "key: certificate and key go together"),
        ('certificate = "token"\nkey = "token"\ntoken = "token"\n' + CLEAR, "physical_protection: means nothing"),
    ],
)
def test_a_table_that_lets_in_whoever_comes(tmp_path: Path, table: str, complaint: str) -> None:
    (tmp_path / "token").write_text("0123456789abcdef\n")
    text = f'[node]\norigin_host = "hss.example"\norigin_realm = "example"\n[provisioning]\nport = 0\n{table}\n'
    with pytest.raises(ConfigError, match=complaint):
        parse(text, HssConfig, source="hss.toml", base=tmp_path)
