"""Which applications use an AVP: by their own file, by re-use, and by what their commands hold."""

from __future__ import annotations

from diameter.dictionary import Definitions
from diameter.dictionary.survey import uses

TEXT = """@id 9
@name Toy
@avp_types 1
Box 1 Grouped M
Size 2 Unsigned32 M
@reuse_types
Session-Id -
@grouped
Box ::= < AVP Header: 1 1 > [ Deep ]
@messages
A-Request AR ::= < Diameter Header: 7, REQ > { Box }
@inherits common
"""
COMMON = """@avp_types 2
Deep 1 Grouped ?
Deeper 2 OctetString -
Unused 3 OctetString -
@grouped
Deep ::= < AVP Header: 1 2 > [ Deeper ] [ Deep ]
"""
READ_ONLY = "@id 10\n@name Read\n@decode\n@inherits common"


def test_uses() -> None:
    definitions = Definitions.from_text(toy=TEXT, common=COMMON, read=READ_ONLY)
    found = uses(definitions)
    assert found[1 << 32 | 1] == {"Toy": "M"}
    assert found[1 << 32 | 2] == {"Toy": "M"}
    assert found[2 << 32 | 1] == {"Toy": "?", "Read": "?"}
    assert found[2 << 32 | 2] == {"Toy": "-", "Read": "-"}
    assert found[2 << 32 | 3] == {"Read": "-"}
    assert found[263] == {"Base": "M", "Toy": "-"}


def test_applications_come_in_order_of_their_ids() -> None:
    definitions = Definitions.load(cache=False)
    order = [a.name for _, a in sorted(definitions.applications.items())]
    for applications in uses(definitions).values():
        assert sorted(applications, key=order.index) == list(applications)
