"""The gateway's checks one by one, and the walk through them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nfs.common.audit import Stage
from nfs.common.tsp import ActionType, RequestStatus
from nfs.mtc_sgw import (
    association,
    command_rights,
    completeness,
    external_identifier,
    inbound_imsi,
    outbound_imsi,
    peer_identity,
    scs_identity,
)
from nfs.mtc_sgw.gateway import CHECKS
from nfs.mtc_sgw.logic import Offer, Profiles, ScsProfile, run

HOST, AGENT = "scs1.customer.example", "dra.customer.example"
PROFILE = ScsProfile(
    name="customer",
    hosts=frozenset({HOST}),
    isdn="15550001",
    domains=frozenset({"customer.example"}),
    commands=frozenset({ActionType.TRIGGER}),
    agents=frozenset({AGENT}),
)
CHAIN = replace(PROFILE, agents=frozenset({AGENT, "a.example", "b.example"}))
HOME = frozenset({"00101"})
GOOD = Offer(
    peer=HOST,
    origin=HOST,
    profile=PROFILE,
    proven=(HOST,),
    action=ActionType.TRIGGER,
    external_identifier="meter-1@customer.example",
    scs_identity="15550001",
    home_plmns=HOME,
)


def changed(**values: Any) -> Offer:
    return replace(GOOD, **values)


@pytest.mark.requirement("S-TSP-24", "E-GEN-10")
def test_a_request_in_order_passes_every_check() -> None:
    assert run(GOOD, CHECKS) is None
    for name, _ in CHECKS:  # and without any one of them, the others still work
        rest = [check for check in CHECKS if check[0] != name]
        assert run(changed(peer="x.example", scs_identity="1"), rest) is not None


@pytest.mark.requirement("E-GEN-17", "R-TSP-35")
def test_who_is_asked_before_may() -> None:
    """Nobody unproven gets as far as a check of rights."""
    wrong_in_every_way = changed(
        peer="x.example", action=99, external_identifier="1@2.example", scs_identity="1", imsi_avps=("User-Name",)
    )
    for at in range(len(CHECKS)):
        found = run(wrong_in_every_way, CHECKS[at:])
        assert found is not None
        assert (found[1].stage is Stage.AUTHENTICATION) == (at == 0)


@pytest.mark.requirement("R-TSP-35", "T-TSP-02", "R-TSP-29")
@pytest.mark.parametrize(
    ("offer", "stage", "status"),
    [
        (changed(proven=("other.example",)), Stage.AUTHENTICATION, RequestStatus.INVSCSID),
        (changed(proven=()), Stage.AUTHENTICATION, RequestStatus.INVSCSID),
        (changed(peer="x.example", proven=("x.example",)), Stage.AUTHENTICATION, RequestStatus.INVSCSID),
        (changed(origin="x.example", profile=None), Stage.AUTHENTICATION, RequestStatus.INVSCSID),
        (
            changed(peer="x.example", origin="x.example", profile=None, proven=None),
            Stage.AUTHORISATION,
            RequestStatus.NOTAUTHORIZED,
        ),
        (
            changed(peer=AGENT, proven=(AGENT,), route=(HOST, "x.example")),
            Stage.AUTHENTICATION,
            RequestStatus.INVSCSID,
        ),
        (changed(route=("x.example",)), Stage.AUTHENTICATION, RequestStatus.INVSCSID),
        (
            changed(peer=AGENT, proven=(AGENT,), profile=CHAIN, route=(HOST, "a.example", "b.example")),
            Stage.AUTHENTICATION,
            RequestStatus.INVSCSID,
        ),
    ],
)
def test_peer_identity_refuses(offer: Offer, stage: Stage, status: RequestStatus) -> None:
    refused = peer_identity.check(offer)
    assert refused is not None
    assert (refused.stage, refused.status) == (stage, status)


@pytest.mark.parametrize(
    "offer",
    [
        GOOD,
        changed(proven=None),
        changed(peer=AGENT, proven=(AGENT,)),
        changed(peer=AGENT, proven=(AGENT,), route=(HOST,)),
        changed(peer=AGENT, proven=(AGENT,), profile=CHAIN, route=(HOST, "a.example")),
    ],
)
def test_peer_identity_passes(offer: Offer) -> None:
    assert peer_identity.check(offer) is None


@pytest.mark.requirement("R-TSP-07")
@pytest.mark.parametrize(
    ("offer", "result", "status"),
    [
        (changed(action=None), 5005, None),
        (changed(action=2), 5004, None),
        (changed(action=5), 5004, None),
        (changed(action=77), 5004, None),
        (changed(action=ActionType.RECALL), 2001, RequestStatus.NOTAUTHORIZED),
        (changed(action=ActionType.REPLACE), 2001, RequestStatus.NOTAUTHORIZED),
        (changed(profile=None), 2001, RequestStatus.NOTAUTHORIZED),
        (changed(profile=replace(PROFILE, commands=frozenset())), 2001, RequestStatus.NOTAUTHORIZED),
    ],
)
def test_command_rights_refuses(offer: Offer, result: int, status: RequestStatus | None) -> None:
    refused = command_rights.check(offer)
    assert refused is not None
    assert (refused.result, refused.status) == (result, status)


def test_command_rights_passes() -> None:
    assert command_rights.check(GOOD) is None


@pytest.mark.requirement("R-GRP-08")
@pytest.mark.parametrize("action", [ActionType.RECALL, ActionType.REPLACE])
def test_a_group_is_recalled_and_replaced_with_both_rights_only(action: ActionType) -> None:
    group = changed(identifier_type=1, profile=replace(PROFILE, commands=frozenset(), may_groups=True))
    assert command_rights.check(group) is None  # the right to trigger groups is the one to groups
    asked = replace(group, action=action)
    refused = command_rights.check(asked)
    assert refused is not None
    assert (refused.status, refused.reason) == (
        RequestStatus.NOTAUTHORIZED,
        "the profile of the SCS does not list the action",
    )
    alone = replace(asked, profile=replace(PROFILE, commands=frozenset({action})))
    refused = command_rights.check(alone)
    assert refused is not None
    assert refused.reason == "the profile of the SCS does not list groups"
    both = replace(PROFILE, commands=frozenset({action}), may_groups=True)
    assert command_rights.check(replace(asked, profile=both)) is None


@pytest.mark.requirement("R-TRIG-13")
@pytest.mark.parametrize(
    ("offer", "failed"),
    [
        (GOOD, None),
        (changed(external_identifier=None, msisdn="15550100001"), None),
        (changed(scs_identity=None), "SCS-Identity"),
        (changed(external_identifier=None), "External-Identifier"),
    ],
)
def test_completeness(offer: Offer, failed: str | None) -> None:
    refused = completeness.check(offer)
    assert (refused and (refused.result, refused.failed)) == (failed and (5005, failed))


@pytest.mark.requirement("R-ID-01", "R-ID-02", "T-ID-01")
@pytest.mark.parametrize(
    ("offer", "refuses"),
    [
        (GOOD, False),
        (changed(imsi_avps=("User-Name",)), True),
        (changed(external_identifier="001010000000001@customer.example"), True),
        (changed(external_identifier="001010000000001@customer.example", fifteen_digits=True), True),
        (changed(external_identifier="999990000000001@customer.example"), True),
        (changed(external_identifier="999990000000001@customer.example", fifteen_digits=True), False),
        (changed(external_identifier="00101000000001@customer.example"), True),
        (changed(external_identifier="0001010000000001@customer.example"), True),
        (changed(external_identifier="123456789@customer.example"), False),
        (changed(external_identifier="00101000000000X@customer.example"), False),
        (changed(external_identifier="user@ims.mnc001.mcc001.3gppnetwork.org"), True),
        (changed(external_identifier="user@3GPPnetwork.org."), True),
        (changed(external_identifier="user@not3gppnetwork.org"), False),
        (changed(external_identifier=None, msisdn="001010000000001"), True),
        (changed(external_identifier=None, msisdn="467190000000001"), False),
    ],
)
def test_inbound_imsi(offer: Offer, refuses: bool) -> None:
    refused = inbound_imsi.check(offer)
    assert (refused is not None) == refuses
    if refused is not None:
        assert refused.status is RequestStatus.INVEXTID
        assert not any(character.isdigit() for character in refused.reason)


@pytest.mark.requirement("S-TSP-34", "R-TSP-15", "S-ID-03")
@pytest.mark.parametrize(
    ("offer", "refuses"),
    [
        (GOOD, False),
        (changed(external_identifier="Meter@CUSTOMER.example"), False),
        (changed(external_identifier=None, msisdn="15550100001"), False),
        (changed(external_identifier=None, msisdn=""), True),
        (changed(msisdn=""), True),
        (changed(external_identifier="meter"), True),
        (changed(external_identifier="meter@sub.customer.example"), True),
        (changed(external_identifier="meter@other.example"), True),
        (changed(profile=None), True),
    ],
)
def test_external_identifier(offer: Offer, refuses: bool) -> None:
    refused = external_identifier.check(offer)
    assert (refused and refused.status) == (RequestStatus.INVEXTID if refuses else None)


@pytest.mark.requirement("R-TSP-35")
@pytest.mark.parametrize(
    ("offer", "refuses"),
    [
        (GOOD, False),
        (changed(scs_identity="15550002"), True),
        (changed(scs_identity=""), True),
        (changed(profile=None), True),
    ],
)
def test_scs_identity(offer: Offer, refuses: bool) -> None:
    refused = scs_identity.check(offer)
    assert (refused and refused.status) == (RequestStatus.INVSCSID if refuses else None)


@pytest.mark.requirement("R-TSP-15", "R-TRIG-12")
@pytest.mark.parametrize(
    ("error", "outside", "inside"),
    [
        (5001, RequestStatus.INVEXTID, RequestStatus.INVEXTID),
        (5510, RequestStatus.INVEXTID, RequestStatus.NOTAUTHORIZED),
        (5511, RequestStatus.SERVICEUNAVAILABLE, RequestStatus.SERVICEUNAVAILABLE),
        (5598, RequestStatus.TEMPORARYERROR, RequestStatus.TEMPORARYERROR),
    ],
)
def test_association(error: int, outside: RequestStatus, inside: RequestStatus) -> None:
    assert association.status(error, hides=True) is outside
    assert association.status(error, hides=False) is inside
    assert association.hidden(error, hides=True) == (error in (5001, 5510))
    assert not association.hidden(error, hides=False)


@pytest.mark.requirement("R-TSP-14")
@pytest.mark.parametrize(
    ("name", "data", "held"),
    [
        ("User-Name", b"x", True),
        ("LMSI", b"", True),
        ("User-Identifier", b"", True),
        ("Serving-Node", b"", True),
        ("Error-Message", b"subscriber 001010000000001 barred", True),
        ("Error-Message", b"subscriber 262010000000001 barred", False),
        ("SM-RP-UI", b"\x00\xffimsi=001010000000001;", True),
        ("99999", b"0001010000000001@nai.epc.mnc001.mcc001.3gppnetwork.org", True),
        ("MSISDN", bytes.fromhex("001010000000001f"), False),
        ("MSISDN", bytes.fromhex("00010100000000f1"), True),
        ("Payload", b"\x00\x01\x02\x03\xff\x05\x06\x07", False),
        ("External-Identifier", b"meter-1@customer.example", False),
    ],
)
def test_outbound_imsi(name: str, data: bytes, held: bool) -> None:
    reason = outbound_imsi.check([("Session-Id", b"iwf;1;2"), (name, data)], HOME)
    assert (reason is not None) == held
    assert reason is None or reason.startswith(name)


def test_profiles_are_found_by_host_and_by_number() -> None:
    found = Profiles.of([PROFILE])
    assert found.by_host == {HOST: PROFILE}
    assert found.by_isdn == {"15550001": PROFILE}
