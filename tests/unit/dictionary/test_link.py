"""Files together: names found through inheritance, cross-references checked, complaints with file and line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.dictionary import Definitions
from diameter.dictionary.grammar import Tree
from diameter.dictionary.link import link
from diameter.errors import DictionaryError

BASE = "@id 0\n@name Base\n@avp_types 0\nUser-Name 1 UTF8String M 8.14\nResult-Code 268 Unsigned32 M\n"


def load(**texts: str) -> Definitions:
    return Definitions.from_text(**{"rfc6733_base": BASE, **texts})


def test_the_base_is_inherited_without_a_word() -> None:
    toy = load(toy="@id 9\n@name Toy\n@messages\nA-Request AR ::= < Diameter Header: 7, REQ > { User-Name }\n")
    (rule,) = toy.scope(9).commands[7 << 1 | 1].grammar.rules
    assert (rule.name, rule.key, rule.minimum, rule.maximum) == ("User-Name", 1, 1, 1)


def test_two_files_may_inherit_each_other() -> None:
    one = "@inherits two\n@avp_types 1\nOne 1 Grouped M\n@grouped\nOne ::= < AVP Header: 1 1 > [ Two ]\n"
    two = "@inherits one\n@avp_types 1\nTwo 2 Grouped M\n@grouped\nTwo ::= < AVP Header: 2 1 > [ One ]\n"
    names = load(one=one, two=two).scope(0).names
    assert names["One"].grammar is not None
    assert names["One"].grammar.rules[0].key == names["Two"].key


def test_own_names_come_before_inherited_ones() -> None:
    one = "@avp_types 1\nThing 1 OctetString M\n"
    two = "@id 2\n@name Two\n@inherits one\n@avp_types 1\nThing 2 OctetString M\n"
    definitions = load(one=one, two=two)
    assert definitions.scope(2).names["Thing"].code == 2
    assert definitions.scope(0).names["Thing"].code == 1
    assert definitions.scope(2).avps[1 << 32 | 1].name == "Thing"


def test_what_an_application_says_of_others_holds_in_its_scope_only() -> None:
    common = "@avp_types 1\nBox 1 Grouped M\nSize 2 Unsigned32 M\n@grouped\nBox ::= < AVP Header: 1 1 > { Size }\n"
    own = "@reuse_types\nSize - 5.5\n@enum Size\n1 BIG\n@grouped\nBox ::= < AVP Header: 1 1 > * [ AVP ]\n"
    definitions = load(
        common=common, toy=f"@id 3\n@name Toy\n@inherits common\n{own}", other="@id 4\n@name Other\n@inherits toy"
    )
    toy, other = definitions.scope(3), definitions.scope(4)
    assert (toy.names["Size"].mandatory, toy.names["Size"].values, toy.names["Size"].reference) == (
        "-",
        {1: "BIG"},
        "5.5",
    )
    assert toy.names["Box"].grammar is not None
    assert (toy.names["Box"].grammar.rules, toy.names["Box"].grammar.wildcard) == ((), True)
    assert (other.names["Size"].mandatory, other.names["Size"].values) == ("M", {})
    assert other.names["Box"].grammar is not None
    assert len(other.names["Box"].grammar.rules) == 1


def test_what_a_file_without_application_says_holds_for_all_who_inherit_it() -> None:
    common = "@enum Result-Code\n2001 FINE\n"
    definitions = load(common=common, toy="@id 3\n@name Toy\n@inherits common", far="@id 4\n@name Far")
    assert definitions.scope(3).names["Result-Code"].values == {2001: "FINE"}
    assert definitions.scope(4).names["Result-Code"].values == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("@inherits nowhere", "1: expected the stem of a loaded file, found 'nowhere'"),
        (
            "@avp_types 0\nAnother 1 OctetString M",
            "2: expected an AVP code not taken by User-Name of rfc6733_base.dia:4",
        ),
        ("@avp_types 1\nA 1 OctetString M\nA 2 OctetString M", "3: expected an AVP name once in a file, found 'A'"),
        (
            "@avp_types 1\nA 1 Grouped M",
            "2: expected an entry in @grouped for every Grouped AVP of the file, found 'A'",
        ),
        ("@grouped\nA ::= < AVP Header: 1 >", "2: expected an AVP of toy or of a file it inherits, found 'A'"),
        ("@grouped\nUser-Name ::= < AVP Header: 1 >", "2: expected an AVP of type Grouped, User-Name is UTF8String"),
        ("@grouped\nUser-Name ::= < AVP Header: 2 9 >", "2: expected < AVP Header: 1 > for User-Name, found '2 9'"),
        ("@enum User-Name\n1 A", "1: expected an AVP whose type has named values, not UTF8String, found 'User-Name'"),
        ("@bits Result-Code\n32 A", "1: expected bits up to 31 in Result-Code, found '32'"),
        ("@reuse_types\nUser-Name M\nUser-Name -", "3: expected an AVP once in @reuse_types, found 'User-Name'"),
        ("@avp_types 1\nA 1 Unsigned32 M\n@reuse_types\nA -", "4: expected an AVP of another file in @reuse_types"),
        ("@alias\nA = B", "2: expected an AVP of toy or of a file it inherits, found 'B'"),
        (
            "@avp_types 1\nA 1 Unsigned32 M\n@alias\nA = User-Name",
            "4: expected a spelling that is not a name of this file",
        ),
        ("@messages\nA-Request AR ::= < Diameter Header: 1, REQ >", "2: expected @id in a file with @messages"),
        ("@id 0\n@name Twin", "1: expected an application not defined in rfc6733_base.dia, found '0 Twin'"),
        ("@id 1\n@name Base", "1: expected an application not defined in rfc6733_base.dia, found '1 Base'"),
    ],
)
def test_a_bad_reference_is_named(text: str, complaint: str) -> None:
    with pytest.raises(DictionaryError) as caught:
        load(toy=text)
    assert str(caught.value).startswith(f"toy.dia:{complaint}")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("A-Request AR ::= < Diameter Header: 1, REQ, 8 >", "4: expected this file's application id 9, found '8'"),
        ("A-Request AR ::= < Diameter Header: 1, REQ > [ Nix ]", "4: expected an AVP of toy"),
        (
            "A-Request AR ::= < Diameter Header: 1, REQ > [ User-Name ] { User-Name }",
            "4: expected an AVP once in a definition",
        ),
        (
            "A-Request AR ::= < Diameter Header: 1, REQ >\nB-Request BR ::= < Diameter Header: 1, REQ >",
            "5: expected each command once in each direction, found 'B-Request'",
        ),
    ],
)
def test_a_bad_command_is_named(body: str, complaint: str) -> None:
    with pytest.raises(DictionaryError) as caught:
        load(toy=f"@id 9\n@name Toy\n@messages\n{body}")
    assert str(caught.value).startswith(f"toy.dia:{complaint}")


def test_a_group_is_defined_once() -> None:
    twice = "@avp_types 1\nA 1 Grouped M\n@grouped\nA ::= < AVP Header: 1 1 >\nA ::= < AVP Header: 1 1 >\n"
    with pytest.raises(DictionaryError, match="toy.dia:5: expected a Grouped AVP defined once in a file"):
        load(toy=twice)
    again = "@id 9\n@name Nine\n@inherits toy\n@grouped\nA ::= < AVP Header: 1 1 >\nA ::= < AVP Header: 1 1 >\n"
    with pytest.raises(DictionaryError, match="nine.dia:6: expected a Grouped AVP defined once in a file"):
        load(toy=twice[: twice.rindex("A ::=")], nine=again)


def test_nothing_at_all_links() -> None:
    assert link([]).avps == {}
    assert link([Tree("a", "a.dia")]).files[0].order == (0,)


lines = st.sampled_from(
    [
        "@id 9",
        "@name Nine",
        "@inherits a",
        "@inherits b",
        "@avp_types 1",
        "A 1 Grouped M",
        "B 2 Unsigned32 -",
        "@grouped",
        "A ::= < AVP Header: 1 1 > [ B ] * [ AVP ]",
        "@reuse_types",
        "User-Name -",
        "B M",
        "@alias",
        "C = B",
        "@enum B",
        "1 ONE",
        "@messages",
        "X-Request XR ::= < Diameter Header: 5, REQ > { A }",
    ]
)


@given(st.lists(lines), st.lists(lines))
def test_any_two_files_link_or_say_why_not(a: list[str], b: list[str]) -> None:
    try:
        definitions = load(a="\n".join(a), b="\n".join(b))
    except DictionaryError:
        return
    for application in definitions.applications:
        scope = definitions.scope(application)
        assert all(avp is scope.avps[avp.key] for avp in scope.names.values())
