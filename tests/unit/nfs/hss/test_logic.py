"""Subscriber Information Retrieval, check by check (TS 29.336 5.2.1.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nfs.common.identities import IdentityError
from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss.logic import Cause, Error, ExternalId, Information, Question, Refused, Service, Subscriber, UserId, inform

SCS, OTHER_SCS = "15550001", "15550002"
MME = ServingNode(kind=NodeKind.MME, number="15559001", name="mme1.example", realm="example")
MSC = ServingNode(kind=NodeKind.MSC, number="15559002")
SGSN = ServingNode(kind=NodeKind.SGSN, number="15559003")
GATEWAY = ServingNode(kind=NodeKind.IP_SM_GW, number="15559004")

METER = Subscriber(
    imsi="001010000000001",
    msisdn="15550100001",
    external_ids=(
        ExternalId(identifier="meter-1@customer.example"),
        ExternalId(identifier="alarm-1@customer.example", port=9000),
    ),
    services=frozenset({Service.DEVICE_TRIGGER, Service.SMS_MO}),
    rights=frozenset({(SCS, Service.DEVICE_TRIGGER), (SCS, Service.SMS_MO)}),
    nodes=(MME,),
)
TRIGGER = Question(
    user=UserId(external_id="meter-1@customer.example"), from_iwf=True, service=Service.DEVICE_TRIGGER, scs=SCS
)
MO_SMS = Question(user=UserId(imsi=METER.imsi), from_iwf=True, service=Service.SMS_MO, scs=SCS, port=9000)
INSIDE = UserId(imsi=METER.imsi, msisdn=METER.msisdn)


def test_a_trigger_gets_imsi_msisdn_and_the_serving_node() -> None:
    assert inform(TRIGGER, METER) == Information(users=(INSIDE,), cause=Cause.NONE, nodes=(MME,))


def test_a_user_without_msisdn_is_named_by_imsi_alone() -> None:
    assert inform(TRIGGER, replace(METER, msisdn=None)).users == (UserId(imsi=METER.imsi),)


@pytest.mark.requirement("R-TRIG-09", "R-TRIG-12")
@pytest.mark.parametrize(
    ("question", "subscriber", "error"),
    [
        (TRIGGER, None, Error.USER_UNKNOWN),
        (replace(TRIGGER, scs=OTHER_SCS), METER, Error.UNAUTHORIZED_REQUESTING_ENTITY),
        (replace(TRIGGER, scs=None), METER, Error.UNAUTHORIZED_REQUESTING_ENTITY),
        (replace(TRIGGER, scs=OTHER_SCS, service=None), METER, Error.UNAUTHORIZED_REQUESTING_ENTITY),
        (TRIGGER, replace(METER, rights=frozenset({(SCS, Service.SMS_MO)})), Error.UNAUTHORIZED_REQUESTING_ENTITY),
        (replace(TRIGGER, service=7), METER, Error.UNAUTHORIZED_REQUESTING_ENTITY),
        (TRIGGER, replace(METER, services=frozenset({Service.SMS_MO})), Error.UNAUTHORIZED_SERVICE),
        (replace(MO_SMS, port=None), METER, Error.MISSING_APPLICATION_DATA),
        (replace(MO_SMS, user=UserId(msisdn=METER.msisdn)), METER, Error.MISSING_APPLICATION_DATA),
        (replace(MO_SMS, port=9001), METER, Error.UNAUTHORIZED_SERVICE),
    ],
)
def test_the_first_check_that_fails_is_the_answer(
    question: Question, subscriber: Subscriber | None, error: Error
) -> None:
    with pytest.raises(Refused, match=error.name) as caught:
        inform(question, subscriber)
    assert caught.value.error is error


@pytest.mark.requirement("R-GEN-11", "T-ACC-01")
def test_a_subscription_without_the_trigger_service_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        inform(TRIGGER, replace(METER, services=frozenset()))
    assert caught.value.error is Error.UNAUTHORIZED_SERVICE


def test_the_right_is_looked_at_before_the_service() -> None:
    with pytest.raises(Refused) as caught:
        inform(replace(TRIGGER, scs=OTHER_SCS), replace(METER, services=frozenset()))
    assert caught.value.error is Error.UNAUTHORIZED_REQUESTING_ENTITY


def test_without_a_service_only_the_identity_is_translated() -> None:
    assert inform(replace(TRIGGER, service=None), METER) == Information(users=(INSIDE,), cause=None)


AWAY = replace(MME, reachable=False)


@pytest.mark.parametrize(
    ("changed", "priority", "cause", "nodes"),
    [
        ({"nodes": ()}, False, Cause.ABSENT_SUBSCRIBER, ()),
        ({"nodes": ()}, True, Cause.ABSENT_SUBSCRIBER, ()),
        ({"nodes": (AWAY,)}, False, Cause.ABSENT_SUBSCRIBER, ()),
        ({"nodes": (AWAY,)}, True, Cause.NONE, (AWAY,)),
        ({"sms": False}, False, Cause.TELESERVICE_NOT_PROVISIONED, ()),
        ({"barred": True}, False, Cause.CALL_BARRED, ()),
        (
            {"barred": True, "sms": False, "nodes": ()},
            False,
            Cause.CALL_BARRED | Cause.TELESERVICE_NOT_PROVISIONED | Cause.ABSENT_SUBSCRIBER,
            (),
        ),
        ({"nodes": (SGSN, MSC, MME)}, False, Cause.NONE, (MME, SGSN)),
        ({"nodes": (SGSN, MSC)}, False, Cause.NONE, (MSC, SGSN)),
        ({"nodes": (SGSN, MSC, AWAY)}, False, Cause.NONE, (MSC, SGSN)),
        ({"nodes": (MME, GATEWAY, SGSN)}, False, Cause.NONE, (GATEWAY, MME, SGSN)),
    ],
)
def test_cause_and_serving_nodes_of_a_trigger(
    changed: dict[str, Any], priority: bool, cause: Cause, nodes: tuple[ServingNode, ...]
) -> None:
    found = inform(replace(TRIGGER, priority=priority), replace(METER, **changed))
    assert (found.cause, found.nodes) == (cause, nodes)


def test_mo_sms_translates_imsi_and_port() -> None:
    assert inform(MO_SMS, METER) == Information(users=(UserId(external_id="alarm-1@customer.example"),))


@pytest.mark.parametrize(
    ("changed", "users"),
    [
        (
            {},
            (
                UserId(external_id="meter-1@customer.example"),
                UserId(external_id="alarm-1@customer.example"),
                UserId(msisdn="15550100001"),
            ),
        ),
        ({"external_ids": (), "msisdn": None}, (UserId(imsi=METER.imsi),)),
    ],
)
def test_s6n_translates_the_imsi_to_everything_known(changed: dict[str, Any], users: tuple[UserId, ...]) -> None:
    question = Question(user=UserId(imsi=METER.imsi), from_iwf=False, scs=OTHER_SCS, service=99)
    assert inform(question, replace(METER, **changed)) == Information(users=users, cause=None)


def test_s6n_needs_an_imsi() -> None:
    with pytest.raises(Refused) as caught:
        inform(Question(user=UserId(msisdn=METER.msisdn), from_iwf=False), METER)
    assert caught.value.error is Error.USER_UNKNOWN


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (ServingNode, {"kind": NodeKind.MME, "number": "15559001"}),
        (ServingNode, {"kind": NodeKind.MSC, "number": "15559001", "name": "mme1.example"}),
        (ServingNode, {"kind": NodeKind.SGSN, "number": "x"}),
        (ExternalId, {"identifier": "meter-1"}),
        (ExternalId, {"identifier": "meter-1@customer.example", "port": 65536}),
        (Subscriber, {"imsi": "12"}),
        (Subscriber, {"imsi": METER.imsi, "msisdn": "12"}),
        (Subscriber, {"imsi": METER.imsi, "rights": frozenset({("scs", Service.SMS_MO)})}),
        (Subscriber, {"imsi": METER.imsi, "nodes": (SGSN, replace(SGSN, number="15559009"))}),
        (Subscriber, {"imsi": METER.imsi, "external_ids": METER.external_ids[:1] * 2}),
    ],
)
def test_records_that_cannot_be(kind: type, fields: dict[str, Any]) -> None:
    with pytest.raises(IdentityError):
        kind(**fields)


def test_a_question_names_one_user() -> None:
    assert (INSIDE.count, TRIGGER.user.count, UserId().count) == (2, 1, 0)
    assert Service.SMS_MO.label == "sms-mo"


def test_every_name_is_said_when_that_is_wanted_and_only_of_a_trigger() -> None:
    names = tuple(UserId(external_id=each.identifier) for each in METER.external_ids)
    assert names
    found = inform(TRIGGER, METER, every_name=True)
    assert found == replace(inform(TRIGGER, METER), users=(INSIDE, *names))
    assert inform(MO_SMS, METER, every_name=True) == inform(MO_SMS, METER)
    assert inform(replace(TRIGGER, service=None), METER, every_name=True).users == (INSIDE,)
