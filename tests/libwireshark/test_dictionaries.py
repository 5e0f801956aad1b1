"""The dictionaries against Debian's libwireshark-data, AVP by AVP; `differences.csv` lists and explains what differs.

M: what that dictionary leaves open ("may") agrees with anything, and so does "?" here.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest

from diameter.dictionary import AvpDef, Definitions
from diameter.dictionary.collected import Avp, Collected
from diameter.dictionary.xmlread import XmlReader

WIRESHARK: Final = Path("/usr/share/wireshark/diameter/dictionary.xml")
LISTED: Final = Path(__file__).parent / "differences.csv"
MADE_FROM: Final = 2729
"""AVPs in the release the list was made from (4.0.17); another release may lack some of the differences."""
UNASSIGNED: Final = re.compile(r"Reserved-|Experimental-Use-|Implementation-Specific-")

Difference = tuple[int, int, str, str, str, str]


@pytest.fixture(scope="module")
def theirs() -> Collected:
    return XmlReader(WIRESHARK).collected


@pytest.fixture(scope="module")
def ours() -> Definitions:
    return Definitions.load(cache=False)


def listed() -> dict[Difference, str]:
    with LISTED.open(newline="", encoding="utf-8") as file:
        return {
            (int(r["vendor"]), int(r["code"]), r["name"], r["what"], r["ours"], r["theirs"]): r["reason"]
            for r in csv.DictReader(file)
        }


def compare(avp: AvpDef, other: Avp | None, theirs: Collected) -> list[Difference]:
    where = (avp.vendor, avp.code, avp.name)
    if other is None:
        return [(*where, "absent", "present", "absent")]
    found: list[Difference] = []
    if other.name != avp.name:
        found.append((*where, "name", avp.name, other.name))
    if theirs.base_type(other.type) != avp.type:
        found.append((*where, "type", avp.type, other.type))
    if "?" not in (other.flag, avp.mandatory) and other.flag != avp.mandatory:
        found.append((*where, "mandatory", avp.mandatory, other.flag))
    return found


def test_every_difference_is_listed_with_its_reason(theirs: Collected, ours: Definitions) -> None:
    by_code: dict[tuple[int, int], list[Avp]] = defaultdict(list)
    for avp in theirs.avps:
        by_code[avp.vendor, avp.code].append(avp)
    found = {d for avp in ours.avps() for d in compare(avp, next(iter(by_code[avp.vendor, avp.code]), None), theirs)}
    accepted = listed()
    assert sorted(found - set(accepted)) == []
    assert all(accepted.values())
    if len(theirs.avps) == MADE_FROM:
        assert sorted(set(accepted) - found) == []


def test_what_captures_of_real_cores_hold_reads_by_name(theirs: Collected, ours: Definitions) -> None:
    known = {avp.key for avp in ours.avps()}
    missing = [
        (avp.vendor, avp.code, avp.name)
        for avp in theirs.avps
        if avp.vendor in (0, 10415) and avp.vendor << 32 | avp.code not in known and not UNASSIGNED.match(avp.name)
    ]
    # 80 is the RADIUS Message-Authenticator, never a Diameter AVP; 1000 and up without a vendor are one vendor's own.
    assert [avp for avp in missing if avp[0] or avp[1] < 1000] == [(0, 80, "Signature")]


def test_its_spellings_are_aliases(ours: Definitions) -> None:
    names = ours.scope(0).names
    for (vendor, code, _, what, _, spelling), _ in listed().items():
        if what == "name":
            assert names[spelling.strip()].key == vendor << 32 | code


def test_its_other_vendors_load_beside_ours(theirs: Collected) -> None:
    both = Definitions.load(WIRESHARK)
    assert len(list(both.avps())) > len(theirs.avps)
    assert both.scope(16777309).names["Reference-Number"].stem == "ts29368_tsp"
    assert both.scope(16777309).names["Starent-Subscriber-Permission"].vendor == 8164
