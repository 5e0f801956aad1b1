"""Discovery by DNS: NAPTR, SRV and addresses, order and chance, TTLs, and what a certificate has to confirm."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.routing.discovery import (
    Discovery,
    Found,
    HostAddress,
    LookupFailed,
    Naptr,
    Query,
    Srv,
    discover,
    domain_of,
    in_srv_order,
    protocols,
)
from helpers.zones import ADDRESSES, IWF1, IWF2, REALM, TSP, Zone, at, hosts, low, naptr, run, srv


def test_naptr_leads_by_srv_to_addresses() -> None:
    zone: Zone = {
        ("NAPTR", REALM): [naptr(10, 10, "s", f"aaa+ap{TSP}:diameter.tls.tcp", f"_diameters._tcp.{REALM}")],
        ("SRV", f"_diameters._tcp.{REALM}"): [srv(f"{IWF1}.", 5868, ttl_s=60)],
        **ADDRESSES,
    }
    assert run(zone).found == (
        Found(
            host=IWF1,
            addresses=("192.0.2.1",),
            port=5868,
            transport="tls",
            must_carry=(REALM, IWF1),
            ttl_s=60,
        ),
    )


def test_flag_a_leads_to_addresses_and_the_registered_port() -> None:
    zone: Zone = {("NAPTR", REALM): [naptr(1, 1, "A", "AAA:Diameter.TLS.TCP", IWF2.upper())], **ADDRESSES}
    (found,) = run(zone).found
    assert (found.host, found.port, found.addresses, found.must_carry) == (IWF2, None, ("2001:db8::2",), (REALM, IWF2))


def test_no_flag_leads_to_further_naptr_records() -> None:
    zone: Zone = {
        ("NAPTR", REALM): [naptr(1, 1, "", "aaa:diameter.tls.tcp", "aaa.hub.example")],
        ("NAPTR", "aaa.hub.example"): [naptr(1, 1, "s", "aaa:diameter.tls.tcp", "_diameters._tcp.hub.example")],
        ("SRV", "_diameters._tcp.hub.example"): [srv("dra.hub.example")],
        ("A", "dra.hub.example"): [at("192.0.2.9")],
    }
    (found,) = run(zone).found
    assert found.must_carry == (REALM, "aaa.hub.example", "hub.example", "dra.hub.example")


def test_a_circle_of_naptr_records_ends() -> None:
    zone: Zone = {
        ("NAPTR", REALM): [naptr(1, 1, "", "aaa:diameter.tls.tcp", "a.example")],
        ("NAPTR", "a.example"): [naptr(1, 1, "", "aaa:diameter.tls.tcp", "b.example")],
        ("NAPTR", "b.example"): [naptr(1, 1, "", "aaa:diameter.tls.tcp", "a.example")],
    }
    result = run(zone)
    assert result.found == ()
    assert "loop" in result.notes[-1]


def test_order_comes_before_preference_and_a_higher_order_only_when_the_lower_leads_nowhere() -> None:
    def zone(first_has_address: bool) -> Zone:
        found: Zone = {
            ("NAPTR", REALM): [
                naptr(20, 1, "a", "aaa:diameter.tls.tcp", f"c.{REALM}"),
                naptr(10, 9, "a", "aaa:diameter.tls.tcp", f"b.{REALM}"),
                naptr(10, 5, "a", "aaa:diameter.tls.tcp", f"a.{REALM}"),
            ],
            ("A", f"c.{REALM}"): [at("192.0.2.3")],
        }
        if first_has_address:
            found |= {("A", f"a.{REALM}"): [at("192.0.2.1")], ("A", f"b.{REALM}"): [at("192.0.2.2")]}
        return found

    assert hosts(run(zone(True))) == [f"a.{REALM}", f"b.{REALM}"]
    assert hosts(run(zone(False))) == [f"c.{REALM}"]


@pytest.mark.parametrize(
    ("service", "offered"),
    [
        (f"aaa+ap{TSP}:diameter.tls.tcp", ("tls",)),
        ("aaa:diameter.tcp:diameter.sctp", ("tcp", "sctp")),
        ("AAA+AP16777309:DIAMETER.TCP", ("tcp",)),
        ("aaa:diameter.dtls.sctp", ("dtls",)),
        ("aaa:diameter.dtls:diameter.dtls.sctp", ("dtls",)),
        ("aaa+ap4294967295:diameter.tls.tcp", ("tls",)),
        ("aaa+ap16777251:diameter.tls.tcp", ()),
        ("aaa+ap:diameter.tls.tcp", ()),
        ("aaa+apx:diameter.tls.tcp", ()),
        ("aaa+ap\u0661:diameter.tls.tcp", ()),
        ("sip+d2t:diameter.tls.tcp", ()),
        ("AAA+D2T", ()),
        ("aaa", ()),
        ("", ()),
        ("aaa:radius.udp", ()),
    ],
)
def test_service_fields(service: str, offered: tuple[str, ...]) -> None:
    assert protocols(service, frozenset({TSP})) == offered


@given(st.text())
def test_any_service_field_is_read(service: str) -> None:
    assert set(protocols(service, frozenset({TSP}))) <= {"tls", "tcp", "dtls", "sctp"}


def test_only_allowed_transports_are_followed() -> None:
    zone: Zone = {
        ("NAPTR", REALM): [
            naptr(1, 1, "a", "aaa:diameter.tcp", IWF1),
            naptr(2, 1, "a", "aaa:diameter.tls.tcp", IWF2),
        ],
        **ADDRESSES,
    }
    assert hosts(run(zone, ("tls",))) == [IWF2]
    assert hosts(run(zone, ("tcp",))) == [IWF1]


def test_without_naptr_the_srv_names_of_the_realm_are_asked() -> None:
    zone: Zone = {
        ("SRV", f"_diameters._tcp.{REALM}"): [srv(IWF2, 5000)],
        ("SRV", f"_diameter._tcp.{REALM}"): [srv(IWF1, 3868)],
        **ADDRESSES,
    }
    assert [(f.host, f.port, f.transport) for f in run(zone, ("tls", "tcp")).found] == [
        (IWF2, 5000, "tls"),
        (IWF1, 3868, "tcp"),
    ]
    assert run(zone, ("sctp", "dtls")).found == ()


def test_with_naptr_records_of_other_services_the_srv_names_are_not_asked() -> None:
    zone: Zone = {
        ("NAPTR", REALM): [naptr(1, 1, "s", "sip+d2t", f"_sip._tcp.{REALM}")],
        ("SRV", f"_diameters._tcp.{REALM}"): [srv(IWF1)],
        **ADDRESSES,
    }
    assert run(zone).found == ()


def test_a_realm_without_records_has_no_peers() -> None:
    assert run({}) == Discovery(found=(), notes=())


def test_records_with_a_regular_expression_or_another_flag_are_passed_over() -> None:
    zone: Zone = {
        ("NAPTR", REALM): [
            naptr(1, 1, "s", "aaa:diameter.tls.tcp", IWF1, regexp="!^.*$!x!"),
            naptr(1, 2, "u", "aaa:diameter.tls.tcp", IWF1),
        ]
    }
    result = run(zone)
    assert result.found == ()
    assert len(result.notes) == 2


def test_a_clear_link_is_not_led_out_of_the_realm() -> None:
    zone: Zone = {
        ("NAPTR", REALM): [
            naptr(1, 1, "a", "aaa:diameter.tcp", "attacker.example"),
            naptr(1, 2, "s", "aaa:diameter.tcp", f"_diameter._tcp.{REALM}"),
        ],
        ("SRV", f"_diameter._tcp.{REALM}"): [srv("attacker.example", 3868), srv(IWF1, 3868)],
        ("A", "attacker.example"): [at("192.0.2.66")],
        **ADDRESSES,
    }
    result = run(zone, ("tcp",))
    assert hosts(result) == [IWF1]
    assert result.found[0].must_carry == ()
    assert [note for note in result.notes if "outside" in note] != []


def test_a_protected_link_may_lead_out_of_the_realm_when_the_certificate_says_so() -> None:
    zone: Zone = {
        ("NAPTR", REALM): [naptr(1, 1, "s", "aaa:diameter.tls.tcp", "_diameters._tcp.hub.example")],
        ("SRV", "_diameters._tcp.hub.example"): [srv("dra.hub.example")],
        ("A", "dra.hub.example"): [at("192.0.2.9")],
    }
    assert run(zone).found[0].must_carry == (REALM, "hub.example", "dra.hub.example")


def test_who_serves_every_application_takes_peers_of_any() -> None:
    zone: Zone = {("NAPTR", REALM): [naptr(1, 1, "a", "aaa+ap16777251:diameter.tls.tcp", IWF1)], **ADDRESSES}
    assert hosts(run(zone)) == []
    assert hosts(run(zone, applications=None)) == [IWF1]


def test_a_target_of_a_dot_offers_nothing() -> None:
    result = run({("SRV", f"_diameters._tcp.{REALM}"): [srv(".")]})
    assert (result.found, result.notes) == ((), (f"SRV _diameters._tcp.{REALM}: the service is not offered",))


def test_the_shortest_ttl_counts() -> None:
    zone: Zone = {
        ("NAPTR", REALM): [naptr(1, 1, "s", "aaa:diameter.tls.tcp", f"_diameters._tcp.{REALM}", ttl_s=100)],
        ("SRV", f"_diameters._tcp.{REALM}"): [srv(IWF1, ttl_s=200), srv(IWF2, ttl_s=50)],
        ("A", IWF1): [at("192.0.2.1", 30), at("192.0.2.2", 20)],
        ("A", IWF2): [at("192.0.2.3", 500)],
    }
    assert {each.host: each.ttl_s for each in run(zone).found} == {IWF1: 20, IWF2: 50}


def test_both_families_are_dialled_and_one_of_them_may_fail() -> None:
    zone: Zone = {
        ("SRV", f"_diameters._tcp.{REALM}"): [srv(IWF1)],
        ("A", IWF1): [at("192.0.2.1")],
        ("AAAA", IWF1): [at("2001:db8::1")],
    }
    assert run(zone).found[0].addresses == ("2001:db8::1", "192.0.2.1")
    zone["AAAA", IWF1] = LookupFailed("timeout")
    assert run(zone).found[0].addresses == ("192.0.2.1",)
    zone["A", IWF1] = LookupFailed("timeout")
    with pytest.raises(LookupFailed):
        run(zone)


@pytest.mark.parametrize("name", [("NAPTR", REALM), ("SRV", f"_diameters._tcp.{REALM}")])
def test_what_could_not_be_told_is_no_empty_answer(name: tuple[str, str]) -> None:
    with pytest.raises(LookupFailed):
        run({name: LookupFailed("server failure")})


def test_a_host_found_twice_is_one_peer() -> None:
    zone: Zone = {("SRV", f"_diameters._tcp.{REALM}"): [srv(IWF1), srv(IWF1, priority=5)], **ADDRESSES}
    assert hosts(run(zone)) == [IWF1]


def test_srv_priorities_are_kept_and_weights_are_drawn() -> None:
    records = [srv("c", priority=1), srv("a", weight=3), srv("b", weight=1), srv("z", weight=0)]
    chance = random.Random(1)
    draws = [[one.target for one in in_srv_order(records, chance.uniform)] for _ in range(4000)]
    assert {tuple(sorted(order)) for order in draws} == {("a", "b", "c", "z")}
    assert {order[-1] for order in draws} == {"c"}
    first = Counter(order[0] for order in draws)
    assert 2.6 < first["a"] / first["b"] < 3.5
    assert first["z"] < 40


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 65535))), st.randoms(use_true_random=False))
def test_any_srv_records_are_put_in_order_of_priority(pairs: list[tuple[int, int]], chance: random.Random) -> None:
    records = [srv(f"h{at}", priority=p, weight=w) for at, (p, w) in enumerate(pairs)]
    ordered = in_srv_order(records, chance.uniform)
    assert sorted(ordered, key=lambda one: one.target) == sorted(records, key=lambda one: one.target)
    assert [one.priority for one in ordered] == sorted(one.priority for one in ordered)


def test_the_domain_of_a_service_name() -> None:
    assert domain_of("_diameters._tcp.Example.COM.") == "example.com"
    assert domain_of("iwf.example.com") == "iwf.example.com"


def test_the_first_question_is_for_naptr_of_the_realm() -> None:
    assert next(discover("Operator.Example.", (TSP,), ("tls",), low)) == Query("NAPTR", REALM)


NAMES = st.sampled_from(["", ".", REALM, "a.example", f"_diameters._tcp.{REALM}", "_a._b", "x" * 300])
RECORDS = st.one_of(
    st.builds(
        Naptr,
        order=st.integers(0, 3),
        preference=st.integers(0, 3),
        flags=st.sampled_from(["", "s", "a", "S", "u", "?"]),
        service=st.sampled_from(["aaa:diameter.tls.tcp", f"AAA+AP{TSP}:diameter.tcp:diameter.tls.tcp", "x", ""]),
        replacement=NAMES,
        ttl_s=st.integers(0, 9),
        regexp=st.sampled_from(["", "!"]),
    ),
    st.builds(
        Srv,
        priority=st.integers(0, 3),
        weight=st.integers(0, 65535),
        port=st.integers(0, 65535),
        target=NAMES,
        ttl_s=st.integers(0, 9),
    ),
    st.builds(HostAddress, address=st.just("192.0.2.1"), ttl_s=st.integers(0, 9)),
)


@given(st.dictionaries(st.tuples(st.sampled_from(["NAPTR", "SRV", "A", "AAAA"]), NAMES), st.lists(RECORDS, max_size=5)))
def test_whatever_name_servers_say_the_search_ends_and_confirms_its_way(zone: dict[tuple[str, str], Any]) -> None:
    for found in run(zone, ("tls", "tcp")).found:
        assert found.addresses
        if found.transport == "tls":
            assert found.must_carry[0] == REALM
            assert found.must_carry[-1] == found.host
        else:
            assert found.host == REALM or found.host.endswith(f".{REALM}")
