"""Discovery with a hostile name server: what is no name, floods of records."""

from __future__ import annotations

import pytest

from diameter.routing.discovery import ADDRESSES as ADDRESSES_KEPT
from diameter.routing.discovery import NOTES, Query, is_name
from helpers.zones import ADDRESSES, IWF1, REALM, Zone, at, hosts, naptr, run, srv


def test_a_flood_of_records_asks_a_bounded_number_of_questions() -> None:
    many = [srv(f"h{number}.{REALM}") for number in range(500)]
    result = run({("SRV", f"_diameters._tcp.{REALM}"): many})
    assert "no address" in result.notes[0]
    assert (len(result.notes), result.notes[-1]) == (NOTES + 1, "and more of the kind")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "." * 300,
        f".{'x' * 300}",
        f"{'x' * 64}.example",
        ".".join(["x" * 60] * 5),
        "a..b",
        "-a.b",
        "a b",
        "a\nb",
        "*.b",
    ],
)
def test_what_is_no_domain_name_is_not_asked_for(name: str) -> None:
    zone: Zone = {
        ("NAPTR", REALM): [
            naptr(1, at, flags, "aaa:diameter.tls.tcp", name) for at, flags in enumerate(("s", "a", ""))
        ] + [naptr(1, 9, "s", "aaa:diameter.tls.tcp", f"_diameters._tcp.{REALM}")],
        ("SRV", f"_diameters._tcp.{REALM}"): [srv(name), srv(IWF1)],
        **ADDRESSES,
    }  # fmt: skip
    asked: list[Query] = []
    result = run(zone, asked=asked)
    assert hosts(result) == [IWF1]
    assert all(is_name(query.name) for query in asked)
    assert [note for note in result.notes if "\n" in note] == []
    assert sum("is no domain name" in note for note in result.notes) == (4 if name.strip(".") else 3)


def test_records_addresses_and_notes_are_bounded() -> None:
    name = f"_diameters._tcp.{REALM}"
    zone: Zone = {
        ("SRV", name): [srv(f"h{at}.{REALM}", priority=5000 - at) for at in range(5000)],
        ("A", f"h4999.{REALM}"): [at(f"192.0.2.{number}") for number in range(256)],
    }
    (found,) = run(zone).found
    assert (found.host, len(found.addresses)) == (f"h4999.{REALM}", ADDRESSES_KEPT)
    zone = {("NAPTR", REALM): [naptr(1, 1, "u", "", "x") for _ in range(5000)]}
    assert run(zone).notes[-1] == "and more of the kind"
    assert len(run(zone).notes) == NOTES + 1
