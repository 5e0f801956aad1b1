"""The configuration of an MTC-IWF: what must hold between its tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from diameter.config import parse
from diameter.errors import ConfigError
from nfs.common.tsp import ActionType
from nfs.mtc_iwf.__main__ import limits
from nfs.mtc_iwf.config import IwfConfig
from nfs.mtc_iwf.guards import core_hosts
from nfs.mtc_sgw.scs_tables import profiles

HEAD = """
[node]
origin_host = "iwf.core.example"
origin_realm = "core.example"
[hss]
realm = "core.example"
[sms_sc]
realm = "core.example"
[sgw]
home_plmns = ["00101"]
"""
SCS = """
[[scs]]
name = "one"
hosts = ["SCS1.customer.example"]
isdn = "+15550001"
domains = ["Customer.Example"]
commands = ["trigger", "recall"]
"""
OTHER = SCS.replace("one", "two").replace("SCS1", "scs2").replace("0001", "0002")
PEER = """
[[peer]]
host = "{host}"
realm = "core.example"
placement = "{placement}"
transport = "tcp"
physical_protection = true
physical_protection_reason = "test"
"""


def load(text: str) -> IwfConfig:
    return parse(text, IwfConfig, source="iwf.toml", base=Path())


def test_a_profile_as_the_checks_take_it() -> None:
    config = load(HEAD + SCS + OTHER)
    profile = profiles(config.scs).by_host["scs1.customer.example"]
    assert (profile.name, profile.isdn, profile.placement) == ("one", "15550001", "outside")
    assert profile.domains == {"customer.example"}
    assert profile.commands == {ActionType.TRIGGER, ActionType.RECALL}
    assert limits(config).max_payload_octets == 1024


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (SCS + OTHER.replace("0002", "0001"), "scs.1.isdn: same as scs.0.isdn: an SCS has its own"),
        (SCS + OTHER.replace("two", "one"), "scs.1.name: same as scs.0.name: an SCS has its own"),
        (SCS + OTHER.replace("scs2", "scs1"), "scs.1.hosts: same as scs.0.hosts: an SCS has its own"),
        (SCS.replace("+1555", "x1555"), "scs.0.isdn: ISDN number: international number of 3 to 15 decimal digits"),
        (SCS.replace("Customer.Example", "localhost"), "scs.0.domains.0: domain: a domain name"),
        (SCS.replace("Customer.Example", "mnc001.3gppnetwork.org"), "scs.0.domains.0: 3gppnetwork.org is for"),
        (SCS.replace('"recall"', '"report"'), "scs.0.commands.1: "),
        (SCS.replace("commands", "command"), 'scs.0.command: unknown key (did you mean "commands"?)'),
        (SCS.replace('hosts = ["SCS1.customer.example"]', "hosts = []"), "scs.0.hosts: must not be empty"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(HEAD + text)
    assert any(line.startswith(f"iwf.toml: {complaint}") for line in caught.value.lines), caught.value.lines


def test_a_home_network_must_be_named() -> None:
    with pytest.raises(ConfigError, match="sgw.home_plmns.0: PLMN: MCC and MNC"):
        load(HEAD.replace("00101", "1"))


@pytest.mark.requirement("R-TSP-28", "C-GEN-01")
def test_the_core_are_the_peers_inside_that_are_no_scs() -> None:
    inside = PEER.format(host="HSS.core.example", placement="inside")
    outside = PEER.format(host="other.example", placement="outside")
    scs_inside = PEER.format(host="scs1.customer.example", placement="inside")
    config = load(HEAD + inside + outside + scs_inside + SCS)
    assert core_hosts(config) == {"hss.core.example"}


@pytest.mark.parametrize(
    ("device", "complaint"),
    [
        ('quiet = ["22:00"]', "sgw.device.0.quiet.0: quiet hours: HH:MM-HH:MM in UTC"),
        ('quiet = ["24:00-06:00"]', "sgw.device.0.quiet.0: quiet hours: HH:MM-HH:MM in UTC"),
        ('quiet = ["06:00-06:00"]', "sgw.device.0.quiet.0: quiet hours: HH:MM-HH:MM in UTC"),
        ('blocked = ["scs1"]', "sgw.device.0.blocked.0: ISDN number"),
        ("per_hour = -1", "sgw.device.0.per_hour: "),
    ],
)
def test_a_wish_that_says_nothing_is_named(device: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(HEAD + f'[[sgw.device]]\ndevices = ["*"]\n{device}\n')
    assert any(line.startswith(f"iwf.toml: {complaint}") for line in caught.value.lines), caught.value.lines


def test_a_wish_as_the_check_takes_it() -> None:
    text = 'quiet = ["22:30-06:00"]\nblocked = ["*", "+15550002"]\ngranted = ["15550001"]\nper_hour = 4\n'
    (wish,) = load(HEAD + f'[[sgw.device]]\ndevices = ["meter-*"]\n{text}').sgw.wishes()
    assert wish.quiet == ((81_000, 21_600),)
    assert wish.blocked == {"*", "15550002"}
    assert wish.granted == frozenset({"15550001"})
    assert wish.per_hour == 4
    (wish,) = load(HEAD + '[[sgw.device]]\ndevices = ["Meter-*@Customer.EXAMPLE", "+15550100001"]\n').sgw.wishes()
    assert wish.devices == ("Meter-*@customer.example", "15550100001")  # as requests are looked up


@pytest.mark.requirement("R-IP-04", "T-IP-02")
def test_whoever_is_not_of_the_core_is_offered_tsp_alone_unless_his_row_says_otherwise(tmp_path: Path) -> None:
    rows = "".join(
        PEER.format(host=host, placement=placement) + more
        for host, placement, more in (
            ("hss.core.example", "inside", ""),
            ("scs1.customer.example", "outside", ""),
            ("agent.else.example", "outside", ""),
            ("inner.core.example", "inside", ""),
            ("own.else.example", "outside", 'applications = ["Tsp", "S6a"]\n'),
        )
    )
    scs = SCS.replace("hosts = [", 'agents = ["Inner.core.example"]\nhosts = [')
    config = parse(HEAD + rows + scs, IwfConfig, source="iwf.toml", base=tmp_path)
    assert {peer.host: peer.applications for peer in config.node_config.peer} == {
        "hss.core.example": (),
        "scs1.customer.example": ("Tsp",),
        "agent.else.example": ("Tsp",),
        "inner.core.example": ("Tsp",),
        "own.else.example": ("Tsp", "S6a"),
    }
