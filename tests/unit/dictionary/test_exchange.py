"""Foreign dictionaries in: Wireshark XML, go-diameter XML, freeDiameter JSON; hostile ones refused by name."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.dictionary import AvpDef, Definitions
from diameter.dictionary.exchange import read_foreign, read_json
from diameter.errors import DictionaryError

WIRESHARK = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE dictionary SYSTEM "dictionary.dtd" [ <!ENTITY more SYSTEM "more.xml"> ]>
<dictionary>
  <base uri="x">
    <typedefn type-name="OctetString"/>
    <typedefn type-name="Colour" type-parent="Unsigned32"/>
    <avp name="User-Name" code="1" mandatory="must"><type type-name="UTF8String"/></avp>
    <avp name="Toy Address" code="9000" mandatory="mustnot" vendor-id="None"><type type-name="IPAddress"/></avp>
    <avp name="Toy-Colour" code="9001" vendor-id="ACME"><type type-name="Colour"/>
      <enum name="RED; dark" code="1"/><enum name="twice" code="1"/><enum name="BLUE" code="-2"/></avp>
    <avp name="Toy-Odd" code="9002"><type type-name="NoSuchType"/></avp>
  </base>
  <vendor vendor-id="ACME" code="4711" name="Acme"/>
  &more;
</dictionary>
"""
MORE = """<application id="7001" name="Acme Toys"><command name="Play Toy" code="9999"/>
  <avp name="Toy-Box" code="9003" mandatory="must" vendor-id="ACME"><grouped>
    <gavp name="User-Name"/><gavp name="Toy-Colour"/><gavp name="Toy-Colour"/><gavp name="Unheard-Of"/></grouped></avp>
</application>
"""


def write(folder: Path, **files: str) -> Path:
    for stem, text in files.items():
        (folder / f"{stem}.xml").write_text(text)
    return folder / "main.xml"


def names(path: Path, application_id: int = 0) -> dict[str, AvpDef]:
    return dict(Definitions.load("rfc6733_base", path).scope(application_id).names)


def test_wireshark_xml_with_the_files_it_includes(tmp_path: Path) -> None:
    found = names(write(tmp_path, main=WIRESHARK, more=MORE))
    assert (found["Toy-Address"].type, found["Toy-Address"].mandatory, found["Toy-Address"].vendor) == (
        "Address",
        "-",
        0,
    )
    colour = found["Toy-Colour"]
    assert (colour.key, colour.type, colour.mandatory) == (4711 << 32 | 9001, "Unsigned32", "?")
    assert dict(colour.values) == {1: "RED, dark", -2: "BLUE"}
    assert found["Toy-Odd"].type == "OctetString"
    box = found["Toy-Box"].grammar
    assert box is not None
    assert [(rule.name, rule.minimum, rule.maximum) for rule in box.rules] == [
        ("User-Name", 0, None),
        ("Toy-Colour", 0, None),
    ]
    assert box.wildcard
    assert found["User-Name"].stem == "rfc6733_base"


def test_wireshark_commands_have_no_arity_and_are_not_built(tmp_path: Path) -> None:
    definitions = Definitions.load("rfc6733_base", write(tmp_path, main=WIRESHARK, more=MORE))
    assert definitions.application(7001).name == "Acme-Toys"
    request = definitions.scope(7001).commands[9999 << 1 | 1]
    assert (request.name, request.short, request.decode_only, request.grammar.wildcard) == (
        "Play-Toy-Request",
        "PTR",
        True,
        True,
    )


def test_what_we_know_already_stays_ours(tmp_path: Path) -> None:
    text = '<dictionary><application id="0" name="x"><command name="y" code="257"/></application></dictionary>'
    definitions = Definitions.load("rfc6733_base", write(tmp_path, main=text))
    assert definitions.scope(0).commands[257 << 1 | 1].name == "Capabilities-Exchange-Request"


BOMB = '<!DOCTYPE dictionary [ <!ENTITY a "lol"> <!ENTITY b "&a;&a;&a;"> ]><dictionary>&b;</dictionary>'
TWICE = '<!DOCTYPE dictionary [ <!ENTITY m SYSTEM "more.xml"> ]><dictionary>&m;&m;</dictionary>'
AWAY = '<!DOCTYPE dictionary [ <!ENTITY m SYSTEM "../more.xml"> ]><dictionary>&m;</dictionary>'
WEB = '<!DOCTYPE dictionary [ <!ENTITY m SYSTEM "http://example.org/more.xml"> ]><dictionary>&m;</dictionary>'
PARAMETER = '<!DOCTYPE dictionary [ <!ENTITY % m SYSTEM "more.xml"> %m; ]><dictionary/>'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (BOMB, "main.xml:1: expected no entities but those for files, found 'a'"),
        (TWICE, "main.xml:1: expected each entity used once, in the main file, found 'm'"),
        (AWAY, "main.xml:1: expected an entity for a file beside this one, found '../more.xml'"),
        (WEB, "main.xml:1: expected an entity for a file beside this one"),
        (PARAMETER, "main.xml:1: expected no entities but those for files"),
        ("<dictionary>", "main.xml:1: expected XML, found no element found"),
        ("", "main.xml:1: expected XML"),
        ("<html/>", "main.xml:1: expected <dictionary> of Wireshark or <diameter> of go-diameter, found '<html>'"),
        ('<dictionary>\n<avp name="a" code="x"/></dictionary>', "main.xml:2: expected a number in code=, found 'x'"),
        ('<dictionary><avp code="1"/></dictionary>', "main.xml:1: expected name=, found 'code'"),
        ('<dictionary><avp name="a" code="1" vendor-id="V"/></dictionary>', "main.xml:1: expected a vendor named in"),
    ],
)
def test_bad_xml_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(DictionaryError) as caught:
        read_foreign(write(tmp_path, main=text, more="<x/>"))
    assert complaint in str(caught.value)


def test_an_included_file_includes_nothing(tmp_path: Path) -> None:
    with pytest.raises(DictionaryError, match=r"more\.xml|main\.xml"):
        read_foreign(write(tmp_path, main=WIRESHARK, more="<a>&more;</a>"))


def test_an_included_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DictionaryError, match=r"more\.xml:1: expected a readable file"):
        read_foreign(write(tmp_path, main=WIRESHARK))


GO = """<diameter><application id="7002" type="auth" name="Go Toys">
  <vendor id="4711" name="ACME"/>
  <command code="9998" short="PT" name="Play-Toy">
    <request><rule avp="User-Name" required="true" max="1"/><rule avp="Toy-Box" required="false"/></request>
    <answer><rule avp="Result-Code" required="true" min="1" max="2"/></answer>
  </command>
  <avp name="Toy-Box" code="1" must="M,V" may="P" must-not="-" vendor-id="4711"><data type="Grouped">
    <rule avp="Toy-Colour" required="true" max="1"/></data></avp>
  <avp name="Toy-Colour" code="2" must="V" must-not="M" vendor-id="4711"><data type="Enumerated">
    <item code="0" name="RED"/></data></avp>
</application></diameter>
"""


def test_go_diameter_xml_brings_arity(tmp_path: Path) -> None:
    definitions = Definitions.load("rfc6733_base", write(tmp_path, main=GO))
    scope = definitions.scope(7002)
    request, answer = scope.commands[9998 << 1 | 1], scope.commands[9998 << 1]
    assert (request.short, request.decode_only) == ("PTR", False)
    assert [(r.name, r.minimum, r.maximum) for r in request.grammar.rules] == [
        ("User-Name", 1, 1),
        ("Toy-Box", 0, None),
    ]
    assert [(r.name, r.minimum, r.maximum) for r in answer.grammar.rules] == [("Result-Code", 1, 2)]
    assert (scope.names["Toy-Box"].mandatory, scope.names["Toy-Colour"].mandatory) == ("M", "-")
    assert dict(scope.names["Toy-Colour"].values) == {0: "RED"}
    assert scope.names["Toy-Box"].grammar is not None
    assert scope.names["Toy-Box"].grammar.rules[0].minimum == 1


JSON: dict[str, Any] = {
    "Vendors": [{"Code": 4711, "Name": "Acme"}],
    "Types": [{"Name": "Colour", "Base": "Enumerated"}],
    "AVPs": [
        {"Code": 1, "Vendor": 4711, "Name": "Toy-Box", "Type": "Grouped", "Flags": {"Must": "MV", "MustNot": "P"}},
        {
            "Code": 2,
            "Vendor": 4711,
            "Name": "Toy-Colour",
            "Type": "Colour",
            "Flags": {"Must": "V", "MustNot": "M"},
            "EnumValues": [{"Code": 0, "Name": "RED"}, {"Code": "zero", "Name": "?"}],
        },
    ],
    "Applications": [{"Code": 7003, "Name": "Free Toys"}],
    "Commands": [
        {"Code": 9997, "Name": "Play-Toy-Request", "Application": "Free Toys", "Flags": {"Must": "RP"}},
        {"Code": 9997, "Name": "Play-Toy-Answer", "Application": "Free Toys", "Flags": {"Must": "P", "MustNot": "R"}},
        {"Code": 9996, "Name": "Lost-Request", "Flags": {"Must": "R"}},
    ],
    "CommandRules": [
        {
            "Command": "Play-Toy-Request",
            "Content": [
                {"AVP": "Session-Id", "First": True, "Min": 1, "Max": 1},
                {"AVP": "Toy-Box", "Vendor": 4711, "Min": 0, "Max": "unbounded"},
                {"AVP": "User-Name", "Min": 2, "Max": 1},
            ],
        }
    ],
    "AVPRules": [{"AVP": "Toy-Box", "Vendor": 4711, "Content": [{"AVP": "Toy-Colour", "Min": 1, "Max": 1}]}],
}


def test_freediameter_json_brings_arity(tmp_path: Path) -> None:
    path = tmp_path / "toys.json"
    path.write_text(json.dumps(JSON))
    scope = Definitions.load("rfc6733_base", path).scope(7003)
    request = scope.commands[9997 << 1 | 1]
    assert [(r.name, r.minimum, r.maximum, r.fixed) for r in request.grammar.rules] == [
        ("Session-Id", 1, 1, True),
        ("Toy-Box", 0, None, False),
    ]
    assert scope.names["Toy-Colour"].type == "Enumerated"
    assert (scope.names["Toy-Box"].mandatory, scope.names["Toy-Colour"].mandatory) == ("M", "-")
    assert scope.names["Toy-Box"].grammar is not None
    assert scope.names["Toy-Box"].grammar.rules[0].name == "Toy-Colour"
    assert 9996 << 1 not in scope.commands


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "x.json:1: expected JSON, found Expecting property name"),
        ("[" * 100_000, "x.json:1: expected JSON"),
        ("[]", "x.json:1: expected an object with AVPs, Applications or Commands"),
        ('{"AVPs": {}}', "x.json:1: expected a list in AVPs, found {}"),
        ('{"AVPs": [1]}', "x.json:1: expected an object in AVPs[0], found 1"),
        ('{"AVPs": [{"Code": "1", "Name": "a", "Type": "b"}]}', "expected a number as Code in AVPs[0], found '1'"),
        ('{"AVPs": [{"Code": 1, "Name": 5, "Type": "b"}]}', "expected a text as Name in AVPs[0], found 5"),
        ('{"AVPs": [{"Code": 1, "Name": "a", "Type": "b", "Flags": "M"}]}', "expected an object as Flags in AVPs[0]"),
        (
            '{"CommandRules": [{"Command": "a", "Content": [{}]}]}',
            "expected a text as AVP in CommandRules[0].Content[0]",
        ),
    ],
)
def test_bad_json_is_named(text: str, complaint: str) -> None:
    with pytest.raises(DictionaryError) as caught:
        read_json(text, "x.json", "x")
    assert complaint in str(caught.value)


rows: st.SearchStrategy[dict[str, object]] = st.dictionaries(
    st.sampled_from(
        ["Code", "Name", "Type", "Vendor", "Flags", "EnumValues", "Content", "AVP", "Application", "Min", "Max"]
    ),
    st.one_of(st.integers(), st.text(max_size=5), st.just([]), st.just({})),
)
documents = st.dictionaries(
    st.sampled_from(["AVPs", "Applications", "Commands", "CommandRules", "AVPRules", "Types"]),
    st.lists(rows, max_size=3),
)


@given(documents)
def test_any_json_gives_trees_or_a_dictionary_error(document: object) -> None:
    with contextlib.suppress(DictionaryError):
        read_json(json.dumps(document), "x.json", "x").trees()


def test_what_does_not_fit_is_left_out(tmp_path: Path) -> None:
    document = {
        "Types": [{"Name": "Loop", "Base": "Loop"}],
        "AVPs": [
            {"Code": -1, "Name": "Negative", "Type": "Unsigned32"},
            {"Code": 2**32, "Name": "Wide", "Type": "Unsigned32"},
            {"Code": 9001, "Name": "Same", "Type": "Unsigned32"},
            {"Code": 9002, "Name": "Same", "Type": "Unsigned32"},
            {"Code": 9002, "Name": "Same", "Type": "Unsigned32"},
            {"Code": 9003, "Name": "Loose", "Type": "Loop", "EnumValues": [{"Code": 1, "Name": "ONE"}]},
            {"Code": 9004, "Name": "!", "Type": "Enumerated", "EnumValues": [{"Code": 2**40, "Name": "FAR"}]},
        ],
        "Applications": [{"Code": 7004, "Name": "Odd"}],
        "Commands": [
            {"Code": 2**24, "Name": "Wide-Request", "Application": "Odd", "Flags": {"Must": "R"}},
            {"Code": 5, "Name": "Fine-Request", "Application": "Odd", "Flags": {"Must": "R"}},
        ],
    }
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(document))
    definitions = Definitions.load("rfc6733_base", path)
    found = {avp.name: avp for avp in definitions.avps() if avp.code >= 9000}
    assert sorted(found) == ["Loose", "Same", "Same-9002", "Unnamed"]
    assert (found["Loose"].type, dict(found["Loose"].values)) == ("OctetString", {})
    assert dict(found["Unnamed"].values) == {}
    assert [c.name for c in definitions.commands() if c.application_id == 7004] == ["Fine-Request", "Fine-Answer"]


def test_elements_in_odd_places_mean_nothing(tmp_path: Path) -> None:
    text = """<dictionary><type type-name="Unsigned32"/><enum name="A" code="1"/><gavp name="B"/><grouped/>
    <command name="Lost" code="9"/><unheard-of/><application id="1234567" name="Kept"/></dictionary>"""
    (tree,) = read_foreign(write(tmp_path, main=text))
    assert (tree.id, tree.name, tree.commands) == (1234567, "Kept", [])
