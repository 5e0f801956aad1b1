"""Dictionaries out: each file as `.dia` that links to the same, and all of them as Wireshark XML that reads back."""

from __future__ import annotations

from pathlib import Path

import pytest

from diameter.dictionary import Definitions
from diameter.dictionary.write import dia_text, wireshark_xml
from diameter.dictionary.xmlread import XmlReader


@pytest.fixture(scope="module")
def everything() -> Definitions:
    return Definitions.load(cache=False)


def test_every_file_written_as_dia_links_to_the_same(everything: Definitions) -> None:
    again = Definitions.from_text(**{file.stem: dia_text(everything, file.stem) for file in everything.files()})
    for file, twin in zip(everything.files(), again.files(), strict=True):
        assert file._replace(path="", order=()) == twin._replace(path="", order=())
    for avp, copy in zip(everything.avps(), again.avps(), strict=True):
        assert (avp.key, avp.name, avp.type, avp.mandatory, avp.bits, avp.reference, avp.decode_only, avp.stem) == (
            (copy.key, copy.name, copy.type, copy.mandatory, copy.bits, copy.reference, copy.decode_only, copy.stem)
        )
        assert dict(avp.values) == dict(copy.values)
    for application in everything.applications:
        one, other = everything.scope(application).avps, again.scope(application).avps
        for key, avp in one.items():
            if avp.grammar:
                theirs = other[key].grammar
                assert theirs is not None
                assert theirs.wildcard == avp.grammar.wildcard
                assert [(r.key, r.minimum, r.maximum, r.fixed) for r in theirs.rules] == [
                    (r.key, r.minimum, r.maximum, r.fixed) for r in avp.grammar.rules
                ]


def test_a_stem_that_is_not_loaded(everything: Definitions) -> None:
    with pytest.raises(KeyError, match="nothing"):
        dia_text(everything, "nothing")


def test_counts_of_members_survive() -> None:
    body = "< A > 0*1< B > { C } 1* { D } 2*3{ E } [ F ] * [ G ] *2 [ H ] 0*0[ I ]"
    avps = "\n".join(f"{letter} {code} OctetString M" for code, letter in enumerate("ABCDEFGHI", 900))
    text = f"@avp_types 9\n{avps}\nBox 999 Grouped M\n@grouped\nBox ::= < AVP Header: 999 9 > {body}\n"
    one = Definitions.from_text(box=text)
    two = Definitions.from_text(box=dia_text(one, "box"))

    def rules(definitions: Definitions) -> list[tuple[str, int, int | None, bool]]:
        grammar = definitions.scope(0).names["Box"].grammar
        assert grammar is not None
        return [(r.name, r.minimum, r.maximum, r.fixed) for r in grammar.rules]

    assert rules(one) == rules(two)
    assert rules(one)[1] == ("B", 0, 1, True)
    assert rules(one)[-1] == ("I", 0, 0, False)


def test_wireshark_xml_reads_back(everything: Definitions, tmp_path: Path) -> None:
    path = tmp_path / "dictionary.xml"
    path.write_text(wireshark_xml(everything), encoding="utf-8")
    read = XmlReader(path).collected
    avps = list(everything.avps())
    assert [(a.vendor, a.code, a.flag) for a in read.avps] == [(a.vendor, a.code, a.mandatory) for a in avps]
    for avp, copy in zip(avps, read.avps, strict=True):
        assert copy.name in (avp.name, f"{avp.name}-{avp.code}")
        assert read.base_type(copy.type) == avp.type
        if not avp.bits:
            assert copy.values == list(avp.values.items())
        if avp.grammar:
            assert len(copy.members) == len(avp.grammar.rules)
    assert {a.id for a in read.applications.values()} == set(everything.applications) - {0}
    tsp = read.applications[16777309]
    assert [(c.name, c.code) for c in tsp.commands] == [("Device-Action", 8388639), ("Device-Notification", 8388640)]


def test_wireshark_xml_loads_beside_ours(everything: Definitions, tmp_path: Path) -> None:
    path = tmp_path / "dictionary.xml"
    path.write_text(wireshark_xml(everything), encoding="utf-8")
    assert len(list(Definitions.load(path).avps())) == len(list(everything.avps()))
    alone = Definitions.load("rfc6733_base", path)
    assert alone.scope(16777309).names["Reference-Number"].key == 10415 << 32 | 3007
    assert alone.scope(16777309).names["SCS-Address"].type == "Address"
