"""Every row of tests/data/avps.csv is in the dictionaries, as that table has it, and what they hold fits together."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import pytest

from diameter.dictionary import AvpDef, Definitions, key_of
from diameter.dictionary.plain import PlainFile

TABLE: Final = Path(__file__).parents[2] / "data" / "avps.csv"


def rows() -> list[dict[str, str]]:
    with TABLE.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def everything() -> Definitions:
    return Definitions.load(cache=False)


@pytest.fixture(scope="module")
def by_key(everything: Definitions) -> dict[int, AvpDef]:
    return {avp.key: avp for avp in everything.avps()}


def test_every_row_of_the_table(by_key: dict[int, AvpDef]) -> None:
    assert len(rows()) == 703
    wrong = []
    for row in rows():
        avp = by_key.get(key_of(int(row["vendor"]), int(row["code"])))
        wanted = (row["name"], row["type"], row["mandatory"])
        if avp is None or (avp.name, avp.type, avp.mandatory) != wanted:
            wrong.append((row["vendor"], row["code"], wanted, avp))
    assert wrong == []


def test_every_row_names_its_clause(by_key: dict[int, AvpDef]) -> None:
    for row in rows():
        reference = by_key[key_of(int(row["vendor"]), int(row["code"]))].reference
        assert reference.endswith(row["clause"].removeprefix("RFC 8583 ").rpartition(" / ")[2])
        if row["specification"]:
            assert any(word in reference for word in row["specification"].split(" / "))


def test_a_name_stands_for_one_avp_in_a_scope(everything: Definitions) -> None:
    for application in everything.applications:
        scope = everything.scope(application)
        assert all(scope.avps[avp.key] is avp for avp in scope.names.values())


def test_every_member_of_every_grammar_is_an_avp_of_its_scope(everything: Definitions) -> None:
    for application in everything.applications:
        scope = everything.scope(application)
        grammars = [c.grammar for c in scope.commands.values()] + [a.grammar for a in scope.avps.values() if a.grammar]
        for grammar in grammars:
            for rule in grammar.rules:
                assert scope.avps[rule.key].name == rule.name
                assert rule.maximum is None or rule.minimum <= rule.maximum


def test_every_command_goes_both_ways(everything: Definitions) -> None:
    for application in everything.applications:
        for command in everything.scope(application).commands.values():
            other = everything.scope(application).commands[command.code << 1 | (not command.request)]
            assert other.name.rpartition("-")[0] == command.name.rpartition("-")[0]
            assert (other.short[:-1], other.short[-1]) == (command.short[:-1], "A" if command.request else "R")
            assert other.proxiable == command.proxiable


def test_3gpp_commands_start_with_the_session(everything: Definitions) -> None:
    for command in everything.commands():
        if command.application_id > 0xFFFFFF and not command.decode_only:
            first = command.grammar.rules[0]
            assert (first.name, first.minimum, first.maximum, first.fixed) == ("Session-Id", 1, 1, True)
            assert command.proxiable
            required = {rule.name for rule in command.grammar.rules if rule.minimum}
            assert required >= {"Origin-Host", "Origin-Realm"}
            assert ("Destination-Realm" in required) == command.request


def test_a_group_is_of_type_grouped_and_the_other_way_round(by_key: dict[int, AvpDef]) -> None:
    for avp in by_key.values():
        assert (avp.grammar is not None) == (avp.type == "Grouped")


def test_update_location_takes_what_a_real_mme_sends(everything: Definitions) -> None:
    scope = everything.scope(16777251)
    grammar = scope.commands[316 << 1 | 1].grammar
    names = {rule.name for rule in grammar.rules}
    assert names >= {
        "Session-Id", "Vendor-Specific-Application-Id", "Auth-Session-State", "Origin-Host", "Origin-Realm",
        "Destination-Host", "Destination-Realm", "User-Name", "Supported-Features", "Terminal-Information", "RAT-Type",
        "ULR-Flags", "Visited-PLMN-Id", "UE-SRVCC-Capability", "Route-Record",
    }  # fmt: skip
    assert grammar.wildcard


@pytest.mark.parametrize(
    ("application", "command", "required"),
    [
        (
            16777309,
            8388639 << 1 | 1,
            "Session-Id Auth-Application-Id Auth-Session-State Origin-Host Origin-Realm Destination-Realm",
        ),
        (
            16777309,
            8388639 << 1,
            "Session-Id Auth-Application-Id Auth-Session-State Origin-Host Origin-Realm Device-Notification",
        ),
        (
            16777311,
            8388644 << 1,
            "Session-Id Auth-Session-State Origin-Host Origin-Realm",
        ),
        (0, 257 << 1 | 1, "Origin-Host Origin-Realm Host-IP-Address Vendor-Id Product-Name"),
        (
            0,
            271 << 1 | 1,
            "Session-Id Origin-Host Origin-Realm Destination-Realm Accounting-Record-Type Accounting-Record-Number",
        ),
    ],
)
def test_required_members(everything: Definitions, application: int, command: int, required: str) -> None:
    grammar = everything.scope(application).commands[command].grammar
    assert [rule.name for rule in grammar.rules if rule.minimum] == required.split()


def test_files_say_where_they_come_from(everything: Definitions) -> None:
    def complete(file: PlainFile) -> bool:
        return bool(file.title) and file.path.endswith(".dia")

    assert [file.stem for file in everything.files() if not complete(file)] == []
    assert [avp.name for avp in everything.avps() if not avp.reference] == []
