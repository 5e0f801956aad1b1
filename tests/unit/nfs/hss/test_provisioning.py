"""Subscribers as CSV and JSON: there and back, and every bad row named by file and line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.errors import ConfigError
from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss import provisioning
from nfs.hss.logic import ExternalId, Service, Subscriber

FULL = Subscriber(
    imsi="001010000000001",
    msisdn="15550100001",
    external_ids=(
        ExternalId(identifier="meter-1@customer.example"),
        ExternalId(identifier="alarm@customer.example", port=9000),
    ),
    services=frozenset(Service),
    rights=frozenset({("15550001", Service.DEVICE_TRIGGER), ("15550002", Service.SMS_MO)}),
    sms=False,
    barred=True,
    nodes=(
        ServingNode(kind=NodeKind.MME, number="15559001", name="mme1.example", realm="example"),
        ServingNode(kind=NodeKind.SGSN, number="15559003", reachable=False),
    ),
)
BARE = Subscriber(imsi="001010000000002")
CSV = """imsi, msisdn,external_ids,services,scs,nodes
001010000000001,+15550100001,meter-1@Customer.example:9000;m@b.example,device-trigger;sms-mo,15550001,mme:15559001:mme1.example:example

001010000000002,,,,15550001:sms-mo,sgsn:15559003:unreachable
"""


@pytest.mark.parametrize("write", [provisioning.write_csv, provisioning.write_json, provisioning.write_lines])
@pytest.mark.parametrize("subscribers", [[], [FULL], [FULL, BARE]])
def test_what_is_written_is_read_back(write: object, subscribers: list[Subscriber]) -> None:
    assert callable(write)
    if write is provisioning.write_lines and not subscribers:
        return  # an empty file is nothing
    found = provisioning.read("".join(write(subscribers)), "f")
    assert [placed.subscriber for placed in found] == subscribers


def test_a_table_by_hand() -> None:
    first, second = provisioning.read(CSV, "s.csv")
    assert (first.line, second.line) == (2, 4)
    assert first.subscriber.rights == {("15550001", Service.DEVICE_TRIGGER), ("15550001", Service.SMS_MO)}
    assert first.subscriber.external_ids == (
        ExternalId(identifier="meter-1@customer.example", port=9000),
        ExternalId(identifier="m@b.example"),
    )
    assert second.subscriber.nodes == (ServingNode(kind=NodeKind.SGSN, number="15559003", reachable=False),)
    assert second.subscriber.rights == {("15550001", Service.SMS_MO)}


def test_json_by_hand() -> None:
    text = (
        '{"note": {"subscribers": [1]},\n "schema": 1, "subscribers": [\n'
        '  {"imsi": "001010000000001"}\n,{\n"imsi": "001010000000002"}]}'
    )
    found = provisioning.read(text, "s.json")
    assert [placed.line for placed in found] == [3, 4]
    assert provisioning.read("[]", "s.json") == []
    assert [placed.line for placed in provisioning.read('\n[{"imsi":"001010000000001"}]', "s.json")] == [2]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("msisdn\n1\n", ["f:1: a header with imsi, and each column once, expected"]),
        ("", ["f:1: a header with imsi, and each column once, expected"]),
        ("imsi,imsi\n", ["f:1: a header with imsi, and each column once, expected"]),
        ("imsi,name\n", ["f:1: unknown column 'name'"]),
        ("imsi,sms\n1\n12,yes\n", ["f:2: 2 columns expected, 1 found", "f:3: IMSI: 6 to 15 decimal digits expected"]),
        ("imsi,sms\n001010000000001,perhaps\n", ["f:2: sms: yes or no expected"]),
        (
            "imsi,nodes\n001010000000001,mme:1:2\n",
            ["f:2: nodes: kind:number, or kind:number:name:realm, expected"],
        ),
        (
            "imsi,external_ids\n001010000000001,a@b.example:x\n",
            ["f:2: external_ids: a port number expected behind the colon"],
        ),
        (
            "imsi,services\n001010000000001,all\n",
            ["f:2: services.0: input should be 'device-trigger' or 'sms-mo'"],
        ),
        (
            "imsi,external_ids\n001010000000001,meter\n001010000000002,m@b.example:70000\n",
            [
                "f:2: external_ids: External-Identifier: local-id@domain-id expected",
                "f:3: external_ids: application port: 0 to 65535 expected",
            ],
        ),
        ("imsi,nodes\n001010000000001,mme:15551\n", ["f:2: nodes: mme: name, realm and number expected"]),
        (
            '{"imsi": "001010000000001"}\n{"imsi": 1}\n\n[]\n{',
            [
                "f:2: imsi: input should be a valid string",
                "f:4: an object expected",
                "f:5: not JSON: Expecting property name enclosed in double quotes",
            ],
        ),
        ('{"imsi": "001010000000001"}\n{"imsi": "1", "imsi": "2"}', ["f:2: not JSON: a key twice in one object"]),
        ('{"schema": 1, "schema": 1, "subscribers": []}', ["f:1: not JSON: a key twice in one object"]),
        ('{"schema": 1}', ['f: an array, or {"schema": 1, "subscribers": [...]}, expected']),
        ('[{"imsi": "001010000000001"}\n 1]', ["f:2: not JSON: Expecting ',' delimiter"]),
        ("[]\n[]", ["f:2: not JSON: Extra data"]),
        ("[", ["f:1: not JSON: Expecting value"]),
        ('{"schema" 1}', ["f:1: not JSON: Expecting ':' delimiter"]),
        ("{1: 2}", ["f:1: not JSON: Expecting property name enclosed in double quotes"]),
        ('imsi\n"0010\n', ["f:2: not CSV: unexpected end of data"]),
        ('{"subscribers": [\n{]}', ["f:2: not JSON: Expecting property name enclosed in double quotes"]),
        ('{"subscribers": 1}', ['f: an array, or {"schema": 1, "subscribers": [...]}, expected']),
        ('{"schema": 2, "subscribers": []}', ['f: an array, or {"schema": 1, "subscribers": [...]}, expected']),
        (
            '[1,\n{"imsi": 1},\n{"imsi": "001010000000001", "name": ""}, {}]',
            [
                "f:1: an object expected",
                "f:2: imsi: input should be a valid string",
                "f:3: name: unknown key",
                "f:3: imsi: field required",
            ],
        ),
    ],
)
def test_every_bad_row_is_named(text: str, lines: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        provisioning.read(text, "f")
    assert list(caught.value.lines) == lines


@pytest.mark.parametrize("text", ["[" * 100_000, "[" + "9" * 5000 + "]"], ids=["nested", "long number"])
def test_json_that_python_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="^f.*: not JSON: "):
        provisioning.read(text, "f")


@given(st.text(max_size=60) | st.recursive(st.none() | st.text(max_size=5), st.lists, max_leaves=5).map(json.dumps))
def test_any_text_is_read_or_complained_about(text: str) -> None:
    lines: tuple[str, ...] = ()
    try:
        provisioning.read(text, "f")
    except ConfigError as error:
        lines = error.lines
    assert all(line.startswith("f:") for line in lines)
