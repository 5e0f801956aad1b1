"""`.dia` text to trees: what is read, and what a bad line is told."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.dictionary.grammar import Tree, parse
from diameter.errors import DictionaryError

TEXT = """; a comment
@id       16777999
@name     Toy
@title    A toy application
@vendor   10415 3GPP
@specification TS 99.999
@inherits tgpp_common ts29368_tsp
@inherits ts29272_s6a
@decode
@accounting

@avp_types
   Toy-Box          9001  Grouped     M  6.4.2      ; the clause is of TS 99.999
   Toy-Colour       9002  Enumerated  ?  TS 29.061 17.7
@avp_types 0
   Toy-Flags         999  Unsigned32  -

@reuse_types
   User-Name    -   6.5.1
   Session-Id   M
@enum Toy-Colour
   0   RED
   -1  NO COLOUR AT ALL
@bits Toy-Flags
   31  Highest
@alias
   Toybox = Toy-Box
@grouped
   Toy-Box ::= < AVP Header: 9001 10415 > < Toy-Flags >
        { Toy-Colour } 1* { User-Name } *2[Session-Id] 0*1< Origin-Host > 2*3{ Origin-Realm }
        * [ AVP ]
@messages
   Toy-Play-Request TPR 7.1 ::= < Diameter Header: 8399999, REQ, PXY, 16777999 >
        < Session-Id > [ Toy-Box ]
   Toy-Play-Answer TPA ::= < Diameter Header: 8399999 >
"""


def read(text: str) -> Tree:
    return parse(text, "toy", "toy.dia")


def test_the_head_of_a_file() -> None:
    tree = read(TEXT)
    assert (tree.id, tree.name, tree.title, tree.vendor) == (16777999, "Toy", "A toy application", 10415)
    assert (tree.decode_only, tree.accounting, tree.imported) == (True, True, False)
    assert tree.inherits == [("tgpp_common", 7), ("ts29368_tsp", 7), ("ts29272_s6a", 8)]


def test_avps_carry_vendor_and_reference() -> None:
    assert read(TEXT).avps == [
        ("Toy-Box", 9001, 10415, "Grouped", "M", "TS 99.999 6.4.2", 13),
        ("Toy-Colour", 9002, 10415, "Enumerated", "?", "TS 29.061 17.7", 14),
        ("Toy-Flags", 999, 0, "Unsigned32", "-", "TS 99.999", 16),
    ]
    assert read(TEXT).reuse == [("User-Name", "-", "TS 99.999 6.5.1", 19), ("Session-Id", "M", "", 20)]


def test_values_and_bits() -> None:
    tree = read(TEXT)
    assert tree.values["Toy-Colour"] == (False, {0: "RED", -1: "NO COLOUR AT ALL"}, 21)
    assert tree.values["Toy-Flags"] == (True, {31: "Highest"}, 24)
    assert tree.aliases == [("Toybox", "Toy-Box", 27)]


def test_counts_of_members() -> None:
    (group,) = read(TEXT).groups
    assert (group.name, group.code, group.vendor, group.grammar.wildcard) == ("Toy-Box", 9001, 10415, True)
    assert [rule[:4] for rule in group.grammar.rules] == [
        ("Toy-Flags", 1, 1, True),
        ("Toy-Colour", 1, 1, False),
        ("User-Name", 1, None, False),
        ("Session-Id", 0, 2, False),
        ("Origin-Host", 0, 1, True),
        ("Origin-Realm", 2, 3, False),
    ]


def test_commands() -> None:
    request, answer = read(TEXT).commands
    assert (request.name, request.short, request.clause) == ("Toy-Play-Request", "TPR", "TS 99.999 7.1")
    assert (request.code, request.request, request.proxiable, request.application_id) == (8399999, True, True, 16777999)
    assert (answer.request, answer.proxiable, answer.clause, answer.grammar.wildcard) == (
        False,
        False,
        "TS 99.999",
        False,
    )


def test_windows_line_ends_and_a_byte_order_mark() -> None:
    assert read("\ufeff" + TEXT.replace("\n", "\r\n")).avps == read(TEXT).avps


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Origin-Host 264", "1: expected a section such as @avp_types before this line, found 'Origin-Host 264'"),
        ("@colour red", "1: expected one of @accounting @alias @avp_types @bits"),
        ("@id 1\n@id 2", "2: expected @id once in a file, it is on line 1"),
        ("@id 99999999999", "1: expected an application id, a number up to 4294967295"),
        ("@id 4294967296\n", "1: expected an application id, a number up to 4294967295"),
        ("@id 5", "1: expected @name beside @id, found '5'"),
        ("@name two words", "1: expected the application's name, one word"),
        ("@decode yes", "1: expected nothing more on this line, found 'yes'"),
        ("@avp_types\nFoo 1 Unsigned32", "2: expected name, code, type, M rule and clause of an AVP"),
        ("@avp_types\nFoo 1 Integer16 M", "2: expected a data type of RFC 6733 section 4.2 or 4.3, found 'Integer16'"),
        ("@avp_types\nFoo x Unsigned32 M", "2: expected an AVP code, a number"),
        ("@avp_types\nFo,o 1 Unsigned32 M", "2: expected an AVP name, found 'Fo,o'"),
        ("@avp_types\nAVP 1 Unsigned32 M", "2: expected an AVP name, found 'AVP'"),
        ("@avp_types\nFoo 1 Unsigned32 V", "2: expected the M rule: M, - or ?, found 'V'"),
        ("@avp_types x", "1: expected a vendor id, a number"),
        ("@reuse_types\nFoo", "2: expected name and M rule of an inherited AVP"),
        ("@enum", "1: expected the name of one AVP"),
        ("@enum Foo\n1", "2: expected a number and its name, found '1'"),
        ("@enum Foo\n1 A\n1 B", "3: expected each number once, 1 is 'A' already"),
        ("@enum Foo\n4294967296 A", "2: expected a value of 32 bits"),
        ("@enum Foo\n@enum Foo", "2: expected the values of an AVP once in a file, these are on line 1"),
        ("@bits Foo\n64 A", "2: expected a bit number from 0 to 63, found '64'"),
        ("@alias\nFoo Bar", "2: expected other spelling = AVP name"),
        ("@grouped\n{ Foo }", "2: expected Name ::= before its members"),
        ("@grouped\nFoo ::= { Bar }", "2: expected Name ::= < AVP Header: code vendor >"),
        ("@grouped\nFoo ::= < AVP Header: 1 > ( Bar )", "2: expected a member such as { Origin-Host }"),
        ("@grouped\nFoo ::= < AVP Header: 1 > { Bar ]", "2: expected a member such as"),
        ("@grouped\nFoo ::= < AVP Header: 1 > 3{ Bar }", "2: expected a count such as 1*, *2 or 0*1"),
        ("@grouped\nFoo ::= < AVP Header: 1 > 0*2{ Bar }", "2: expected at least one inside { }"),
        ("@grouped\nFoo ::= < AVP Header: 1 > 1*[ Bar ]", "2: expected at least one inside { }"),
        ("@grouped\nFoo ::= < AVP Header: 1 > 3*2{ Bar }", "2: expected a maximum not below the minimum"),
        ("@messages\nFoo-Request ::= < Diameter Header: 1, REQ >", "2: expected Name SHORT clause ::="),
        ("@messages\nFoo FR ::= < Diameter Header: 1, REQ >", "2: expected a name that ends in -Request, found 'Foo'"),
        ("@messages\nFoo-Answer FA ::= < Diameter Header: 1, REQ >", "2: expected a name that ends in -Request"),
        ("@messages\nFoo-Answer FA ::= < Diameter Header: 1, PXY, PXY >", "2: expected REQ, PXY, ERR"),
        (
            "@messages\nFoo-Answer FA ::= < Diameter Header: 1, 2, 3 >",
            "2: expected REQ, PXY, ERR or one application id",
        ),
        ("@messages\nFoo-Answer FA ::= < Diameter Header: 16777216 >", "2: expected a command code, a number up to"),
    ],
)
def test_a_bad_line_is_named(text: str, complaint: str) -> None:
    with pytest.raises(DictionaryError) as caught:
        read(text)
    assert str(caught.value).startswith(f"toy.dia:{complaint}")


words = st.sampled_from(
    [
        "@id",
        "@name",
        "@avp_types",
        "@reuse_types",
        "@enum",
        "@bits",
        "@alias",
        "@grouped",
        "@messages",
        "@decode",
        "@inherits",
        "::=",
        "<",
        ">",
        "{",
        "}",
        "[",
        "]",
        "*",
        "1",
        "264",
        ";",
        "=",
        "AVP",
        "Header:",
        "Diameter",
        ",",
        "REQ",
        "PXY",
        "ERR",
        "Origin-Host",
        "Grouped",
        "Unsigned32",
        "M",
        "-",
        "?",
        "Foo",
        "Foo-Request",
        "FR",
        "code",
        "-1",
        "\n",
        "\n",
        "\n",
    ]
)


@given(st.one_of(st.text(), st.lists(words).map(" ".join)))
def test_any_text_gives_a_tree_or_a_dictionary_error(text: str) -> None:
    with contextlib.suppress(DictionaryError):
        assert read(text).path == "toy.dia"


def test_long_lines_take_no_long_time() -> None:
    for body in ("1" + " " * 100_000 + "x", "A B" + " c" * 50_000 + " : ::= <", "*" * 100_000):
        with pytest.raises(DictionaryError):
            read(f"@messages\nFoo-Request FR ::= < Diameter Header: 1, REQ >\n{body}")


def test_a_text_without_end_is_refused() -> None:
    with pytest.raises(DictionaryError, match="expected at most 8000000 characters"):
        read(";" * 8_000_001)
