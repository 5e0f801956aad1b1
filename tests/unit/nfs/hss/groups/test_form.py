"""Groups as CSV and JSON: there and back, and every bad row named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.errors import ConfigError
from nfs.hss.groups import form
from nfs.hss.groups.logic import Group, Trait, TraitKind
from nfs.hss.logic import Service

FLEET = Group(
    external_id="fleet@customer.example",
    local_id="local-7",
    members=("meter-2@customer.example", "meter-1@customer.example"),
    rules=frozenset({Trait(TraitKind.AREA, "00101:1"), Trait(TraitKind.OWNER, "acme")}),
    rights=frozenset({("15550001", Service.DEVICE_TRIGGER), ("15550002", Service.SMS_MO)}),
)
CSV = """group,local_id,members,rules,scs
fleet@customer.example,local-7,meter-2@customer.example;meter-1@customer.example,area:00101:1;owner:acme,15550001;15550002:sms-mo

bare@customer.example,,,,
"""


def test_csv_of_groups() -> None:
    first, second = form.read(CSV, "groups.csv")
    assert (first.place, first.group) == ("groups.csv:2", FLEET)
    assert (second.place, second.group) == ("groups.csv:4", Group(external_id="bare@customer.example"))


def test_csv_of_what_devices_have() -> None:
    (placed,) = form.read("device,area,owner\nMeter@Customer.EXAMPLE,a1;a2,acme\n", "t.csv")
    traits = (Trait(TraitKind.AREA, "a1"), Trait(TraitKind.AREA, "a2"), Trait(TraitKind.OWNER, "acme"))
    assert (placed.group, placed.device, placed.traits) == (None, "Meter@customer.example", traits)


def test_json_there_and_back() -> None:
    traits = {"meter-1@customer.example": (Trait(TraitKind.FEATURE, "water"), Trait(TraitKind.OWNER, "acme"))}
    text = form.write([FLEET], traits)
    group, device = form.read(text, "g.json")
    assert group.group == FLEET
    assert {device.device: device.traits} == traits
    assert (group.place, device.place) == ("g.json: groups.0", "g.json: traits.0")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ["f:1: a header with group, or with device, expected"]),
        ("group,colour\n", ["f:1: unknown column 'colour'"]),
        ("group,scs\na@b.example\n", ["f:2: 2 columns expected, 1 found"]),
        ('group\n"a', ["f:2: not CSV: unexpected end of data"]),
        (
            "group,rules,scs\nfleet,,\na@b.example,colour:red,\na@c.example,area:,\na@d.example,,12\n",
            [
                "f:2: External-Identifier: local-id@domain-id expected",
                "f:3: rules.colour: unknown key",
                "f:4: area: 1 to 128 printable characters expected",
                "f:5: SCS: international number of 3 to 15 decimal digits expected",
            ],
        ),
        ("group\na@b.example\na@B.example\n", ["f:3: also at f:2"]),
        ("{", ["f:1: not JSON: Expecting property name enclosed in double quotes"]),
        ('{"schema": 2}', ['f: {"schema": 1, "groups": [...], "traits": [...]} expected']),
        ('{"groups": {}}', ['f: {"schema": 1, "groups": [...], "traits": [...]} expected']),
        ('{"groups": [1]}', ["f: groups.0: an object expected"]),
        ('{"traits": [{}]}', ["f: traits.0: External-Identifier: local-id@domain-id expected"]),
        (
            '{"groups": [{"group": "a@b.example", "members": 1}]}',
            ["f: groups.0: members: input should be a valid tuple"],
        ),
    ],
)
def test_what_is_no_file_of_groups(text: str, lines: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        form.read(text, "f")
    assert list(error.value.lines) == lines


def complaints(text: str) -> tuple[str, ...]:
    try:
        form.read(text, "f")
    except ConfigError as error:
        return tuple(error.lines)
    return ()


LEAVES = st.none() | st.integers() | st.text()
TREES = st.recursive(LEAVES, lambda each: st.lists(each) | st.dictionaries(st.sampled_from(["groups", "traits"]), each))


@given(st.text() | TREES.map(json.dumps))
def test_no_text_does_anything_but_be_read_or_complained_of(text: str) -> None:
    assert all(line.startswith("f:") for line in complaints(text))
