"""A group trigger from an SCS to the SMS-SC and back, over a gateway in the MTC-IWF and one in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import Dictionary, Message, decode
from diameter.errors import ErrorAnswer
from helpers.groups import (
    AREA,
    FLEET,
    GROUPED_TOML,
    LOCAL,
    NORTH,
    OFTEN,
    OTHERS,
    GroupNetwork,
    fleet,
    imsi,
    meter,
    name,
    status,
)
from helpers.network import FORMS, Form
from nfs.common.identities import encode_number, encode_tbcd
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.hss import tables as subscribers
from nfs.hss.groups import tables


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    found: Form = request.param
    return found


@pytest.fixture
def network(tmp_path: Path, dictionary: Dictionary, form: Form) -> Iterator[GroupNetwork]:
    network = GroupNetwork(tmp_path, dictionary, form=form)
    network.open()
    yield network
    network.close()


def messages(network: GroupNetwork, command: str) -> list[Message]:
    found = (decode(octets, network.dictionary) for _, octets in network.wire.passed)
    return [each for each in found if each.command == command]


@pytest.mark.requirement("S-GRP-42", "R-GRP-08", "C-GEN-04")
def test_a_group_becomes_a_trigger_for_each_member(network: GroupNetwork) -> None:
    answer = network.ask()
    assert status(answer) == RequestStatus.SUCCESS
    notification = answer["Device-Notification"]
    assert (notification["External-Identifier"], notification["Type-Of-External-Identifier"]) == (FLEET, 1)
    assert network.handed(3) == [imsi(1), imsi(2), imsi(3)]
    for number, trigger in enumerate(network.sms_sc.triggers, 1):
        assert trigger["User-Identifier"]["External-Identifier"] == name(number)
        assert (trigger["Reference-Number"], trigger["Payload"]) == (7, b"wake")
        assert trigger["Application-Port-Identifier"] == 8000
        assert "Serving-Node" not in trigger
        assert (trigger["External-Identifier"], trigger["Type-Of-External-Identifier"]) == (FLEET, 1)
    for trigger, outcome in zip(network.sms_sc.triggers, (2, 0, 3), strict=True):
        assert network.wait(network.sms_sc.report(trigger, outcome)).result == (0, 2001)
    assert network.told() == [
        (7, name(1), DeliveryOutcome.SUCCESS),
        (7, name(2), DeliveryOutcome.UNDELIVERABLE),
        (7, name(3), DeliveryOutcome.EXPIRED),
    ]
    assert network.audit() == []
    counts = [(each.name, each.labels["outcome"], each.value) for each in network.iwf_parts.standing.counts()]
    assert counts == [
        ("mtc_group_requests", "SUCCESS", 1),
        ("mtc_group_members", "EXPIRED", 1),
        ("mtc_group_members", "SUCCESS", 1),
        ("mtc_group_members", "UNDELIVERABLE", 1),
        ("mtc_group_members", "handed over", 3),
    ]


@pytest.mark.requirement("S-GRP-42")
def test_nothing_internal_is_seen_outside(network: GroupNetwork) -> None:
    network.ask()
    network.handed(3)
    for trigger in network.sms_sc.triggers:
        network.wait(network.sms_sc.report(trigger, 2))
    outside = network.seen_outside
    assert name(3).encode() in outside
    for number in (1, 2, 3):
        assert imsi(number).encode() not in outside
        assert encode_tbcd(imsi(number)) not in outside
    every = b"".join(octets for _, octets in network.wire.passed)
    assert LOCAL.encode() not in every
    assert imsi(1).encode() in every  # the test can see one


@pytest.mark.requirement("R-GRP-45")
def test_no_trigger_leaves_before_both_have_said_yes(network: GroupNetwork) -> None:
    """The order on the wires: the gateway lets the request in, the HSS answers, the SCS hears, and then the SMS-SC."""
    network.ask()
    network.handed(3)
    order = [
        (each.command, each.result)
        for each in (decode(octets, network.dictionary) for _, octets in network.wire.passed)
        if each.application in ("S6m", "T4")
    ]
    assert order[0] == ("Subscriber-Information-Request", None)
    assert order[1] == ("Subscriber-Information-Answer", (0, 2001))
    assert {command for command, _ in order[2:]} == {"Device-Trigger-Request", "Device-Trigger-Answer"}
    assert len(network.sms_sc.triggers) == 3


@pytest.mark.requirement("R-GRP-44", "R-GRP-07")
def test_the_mtc_iwf_says_no_although_the_hss_would_say_yes(network: GroupNetwork) -> None:
    """SCS 2 has no right to groups in its profile; the HSS, which gives it one, is not even asked."""
    answer = network.ask(OTHERS, scs=network.scs2, SCS_Identity=encode_number("15550002"))
    assert status(answer) == RequestStatus.NOTAUTHORIZED
    network.clock.advance(10)
    assert messages(network, "Subscriber-Information-Request") == []
    assert network.sms_sc.triggers == []
    (line,) = network.audit()
    assert (line["check"], line["reason"]) == ("command-rights", "the profile of the SCS does not list groups")


@pytest.mark.requirement("R-GRP-44", "R-GRP-07")
def test_the_hss_says_no_although_the_mtc_iwf_has_said_yes(network: GroupNetwork) -> None:
    answer = network.ask(OTHERS)
    assert status(answer) == RequestStatus.INVEXTID
    network.clock.advance(10)
    assert len(messages(network, "Subscriber-Information-Request")) == 1
    assert network.sms_sc.triggers == []
    (line,) = network.audit()
    assert (line["check"], line["reason"]) == ("association", "the HSS refused with 5510")


def test_a_group_of_others_looks_like_none_in_words_and_in_time(network: GroupNetwork) -> None:
    took: dict[str, float] = {}
    for group in (OTHERS, "nobody@customer.example"):
        before = network.clock.seconds()
        assert status(network.ask(group, Reference_Number=len(group))) == RequestStatus.INVEXTID
        took[group] = round(network.clock.seconds() - before, 2)
    assert len(set(took.values())) == 1
    assert [line["reason"] for line in network.audit()] == [f"the HSS refused with {code}" for code in (5510, 5001)]


@pytest.mark.requirement("R-GRP-46")
def test_who_belongs_to_a_group_is_asked_at_each_request(network: GroupNetwork) -> None:
    network.ask(AREA)
    assert network.handed(2) == [imsi(2), imsi(5)]
    network.hss_do(lambda connection: tables.give(connection, name(1), NORTH))
    network.hss_do(lambda connection: tables.give(connection, name(5), ()))
    network.ask(AREA, Reference_Number=8)
    assert network.handed(4)[2:] == [imsi(1), imsi(2)]
    resolved = [line for line in network.audit("hss") if line["event"] == "member"]
    assert [line["group"] for line in resolved] == [AREA] * 4


@pytest.mark.requirement("R-GRP-08")
@pytest.mark.parametrize(
    ("changed", "result", "failed"),
    [
        ({"External_Identifier": None}, 5005, "External-Identifier"),
        ({"MSISDN": encode_number("15550100001")}, 5008, "MSISDN"),
        ({"Type_Of_External_Identifier": 2}, 5004, "Type-Of-External-Identifier"),
        ({"Trigger_Data": None}, 5005, "Trigger-Data"),
    ],
)
def test_what_names_no_group_and_asks_for_nothing(
    network: GroupNetwork, changed: dict[str, Any], result: int, failed: str
) -> None:
    answer = network.ask(**changed)
    assert answer.result == (0, result)
    assert failed in answer["Failed-AVP"]["Device-Action"]
    network.clock.advance(10)
    assert network.asked == 0


@pytest.mark.requirement("R-TRIG-13", "R-GRP-08")
def test_a_group_without_its_marker_is_a_device_that_nobody_has(network: GroupNetwork) -> None:
    assert status(network.ask(Type_Of_External_Identifier=None)) == RequestStatus.INVEXTID
    assert status(network.ask(Type_Of_External_Identifier=0, Reference_Number=8)) == RequestStatus.INVEXTID
    network.clock.advance(10)
    assert network.sms_sc.triggers == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"Trigger_Data": {"Payload": b"x" * 2000}}, RequestStatus.INVPAYLOAD),
        ({"Validity_Time": 10**9}, RequestStatus.INVPERIOD),
        ({"Action_Type": 3, "Old_Reference_Number": 1}, RequestStatus.RECALLFAIL),
        ({"Action_Type": 4, "Old_Reference_Number": 1}, RequestStatus.NOTAUTHORIZED),
        ({"SCS_Identity": encode_number("15550002")}, RequestStatus.INVSCSID),
        ({"External_Identifier": "fleet@foreign.example"}, RequestStatus.INVEXTID),
    ],
)
def test_what_the_limits_and_checks_refuse(
    network: GroupNetwork, changed: dict[str, Any], expected: RequestStatus
) -> None:
    assert status(network.ask(**changed)) == expected
    network.clock.advance(10)
    assert network.asked == 0


def test_a_reference_number_is_of_one_trigger_of_a_device_or_a_group(network: GroupNetwork) -> None:
    network.hss_do(lambda connection: subscribers.save(connection, meter(4, rights=frozenset(fleet().rights))))
    device: dict[str, Any] = {"group": name(4), "Type_Of_External_Identifier": None}
    assert status(network.ask()) == RequestStatus.SUCCESS
    assert status(network.ask()) == RequestStatus.SUCCESS  # the same once more
    assert network.handed(3) == [imsi(1), imsi(2), imsi(3)]
    assert status(network.ask(AREA)) == RequestStatus.PERMANENTERROR
    assert status(network.ask(**device)) == RequestStatus.PERMANENTERROR
    for trigger in list(network.sms_sc.triggers):
        network.wait(network.sms_sc.report(trigger, 2))
    assert status(network.ask(**device)) == RequestStatus.SUCCESS
    assert status(network.ask()) == RequestStatus.PERMANENTERROR
    assert [line["check"] for line in network.audit()] == ["reference"] * 3


def test_reports_that_come_again_or_for_nobody(network: GroupNetwork) -> None:
    network.ask()
    network.handed(3)
    first = network.sms_sc.triggers[0]
    for _ in range(2):
        assert network.wait(network.sms_sc.report(first, 2)).result == (0, 2001)
    assert len(network.told()) == 1
    other = {"User-Identifier": {"User-Name": imsi(9)}}
    assert network.wait(network.sms_sc.report(first, 2, **other)).result == (10415, 5001)
    by_name = {"User-Identifier": {"External-Identifier": name(2)}}
    assert network.wait(network.sms_sc.report(first, 2, **by_name)).result == (0, 2001)
    by_number = {"User-Identifier": {"MSISDN": encode_number("15550100001")}}
    assert network.wait(network.sms_sc.report(first, 2, **by_number)).result == (10415, 5001)
    network.scs1.answer_with = 3004
    with pytest.raises(ErrorAnswer, match="3002"):
        network.wait(network.sms_sc.report(network.sms_sc.triggers[2], 2))
    network.scs1.answer_with = 2001
    assert network.wait(network.sms_sc.report(network.sms_sc.triggers[2], 2)).result == (0, 2001)
    assert [one[1] for one in network.told()] == [name(1), name(2), name(3), name(3)]


def test_a_member_that_the_sms_sc_refuses_is_reported_by_itself(network: GroupNetwork) -> None:
    network.sms_sc.answer_with = (10415, 5532)
    assert status(network.ask()) == RequestStatus.SUCCESS
    network.handed(3)
    assert network.told() == [(7, name(number), DeliveryOutcome.UNDELIVERABLE) for number in (1, 2, 3)]


def with_setting(old: str, new: str) -> str:
    assert old in GROUPED_TOML
    return GROUPED_TOML.replace(old, new, 1)


@pytest.mark.requirement("R-GRP-07")
def test_a_profile_may_name_the_groups(tmp_path: Path, dictionary: Dictionary, form: Form) -> None:
    iwf = with_setting('"recall", "group"]', '"recall", "group"]\ngroups = ["north*"]')
    network = GroupNetwork(tmp_path, dictionary, iwf, form)
    network.open()
    assert status(network.ask()) == RequestStatus.INVEXTID
    assert messages(network, "Subscriber-Information-Request") == []
    assert status(network.ask(AREA)) == RequestStatus.SUCCESS
    assert [line["check"] for line in network.audit()] == ["group"]
    network.close()


@pytest.mark.parametrize("setting", ["iwf", "hss"])
def test_an_hss_that_knows_no_groups(tmp_path: Path, dictionary: Dictionary, form: Form, setting: str) -> None:
    """By the setting for this HSS it is not asked; one that answers as for a device has shown it; the SCS is told."""
    iwf = GROUPED_TOML if setting == "hss" else with_setting("groups = true\n", "")
    network = GroupNetwork(tmp_path, dictionary, iwf, form)
    network.open()
    if setting == "hss":
        network.hss_parts.applications[0]._groups = None  # type: ignore[attr-defined]
        device = meter(9, rights=frozenset(fleet().rights))
        network.hss_do(lambda connection: subscribers.save(connection, device))
    answer = network.ask(name(9) if setting == "hss" else FLEET)
    assert status(answer) == RequestStatus.SERVICEUNAVAILABLE
    assert answer["Error-Message"] == "the HSS does not know groups"
    network.clock.advance(10)
    assert network.sms_sc.triggers == []
    network.close()


@pytest.mark.requirement("R-GRP-08")
def test_groups_have_a_lower_limit_of_their_own(tmp_path: Path, dictionary: Dictionary, form: Form) -> None:
    iwf = with_setting("group_rate = {per_s = 100, burst = 100}", "")
    network = GroupNetwork(tmp_path, dictionary, iwf, form)
    network.open()
    found = [status(network.ask(AREA, Reference_Number=number)) for number in range(4)]
    assert found == [RequestStatus.SUCCESS] * 3 + [RequestStatus.RATEEXCEEDED]
    device: dict[str, Any] = {"Type_Of_External_Identifier": None, "Reference_Number": 9}
    assert status(network.ask(name(1), **device)) == RequestStatus.INVEXTID  # not the limit of groups
    assert network.audit()[0]["reason"] == "the rate of this SCS for groups is used up"
    network.clock.advance(10)
    assert status(network.ask(AREA, Reference_Number=5)) == RequestStatus.SUCCESS
    network.close()


@pytest.mark.parametrize(
    ("table", "told"), [("max_members = 2", "too many members"), ("min_members = 4", "too few members")]
)
def test_groups_of_the_wrong_size(tmp_path: Path, dictionary: Dictionary, table: str, told: str) -> None:
    network = GroupNetwork(tmp_path, dictionary, with_setting("retry_s = 1", f"retry_s = 1\n{table}"))
    network.open()
    answer = network.ask()
    assert (status(answer), answer["Error-Message"]) == (RequestStatus.PERMANENTERROR, told)
    network.clock.advance(10)
    assert network.sms_sc.triggers == []
    network.close()


@pytest.mark.requirement("R-GRP-08")
def test_each_member_counts_in_the_quotas(tmp_path: Path, dictionary: Dictionary) -> None:
    iwf = with_setting(OFTEN, f"{OFTEN}\nquota = {{triggers = 7}}").replace(
        'home_plmns = ["00101"]', 'home_plmns = ["00101"]\ndevice_quota = {triggers = 1}'
    )
    network = GroupNetwork(tmp_path, dictionary, iwf)
    network.open()
    assert status(network.ask()) == RequestStatus.SUCCESS
    assert network.handed(3) == [imsi(1), imsi(2), imsi(3)]
    assert status(network.ask(AREA, Reference_Number=8)) == RequestStatus.SUCCESS  # 2 has had its trigger, 5 has not
    assert network.handed(4)[3:] == [imsi(5)]
    assert network.told() == [(8, name(2), DeliveryOutcome.TEMPORARYERROR)]
    assert status(network.ask(Reference_Number=9)) == RequestStatus.QUOTAEXCEEDED
    assert status(network.ask(AREA, Reference_Number=9)) == RequestStatus.SUCCESS  # for two there is room
    network.close()


def test_what_owners_do_not_want_is_left_out_or_reported(tmp_path: Path, dictionary: Dictionary) -> None:
    wishes = f"""
[[sgw.device]]
devices = ["{name(1)}"]
blocked = ["15550001"]
[[sgw.device]]
devices = ["{name(2)}"]
per_hour = 0
[[scs]]
name = "customer"
"""
    network = GroupNetwork(tmp_path, dictionary, with_setting('[[scs]]\nname = "customer"\n', wishes))
    network.open()
    assert status(network.ask()) == RequestStatus.SUCCESS
    assert network.handed(1) == [imsi(3)]
    assert network.told() == [(7, name(2), DeliveryOutcome.TEMPORARYERROR)]
    (line,) = network.audit()
    assert (line["check"], line["result"], line["reason"]) == (
        "group-member",
        "left out",
        "the owner of the device blocks this SCS",
    )
    network.close()


def test_a_member_of_a_foreign_domain_is_left_out(tmp_path: Path, dictionary: Dictionary) -> None:
    network = GroupNetwork(tmp_path, dictionary, groups=(fleet(1, members=(name(1), "m@foreign.example")),))
    network.open()
    stranger = meter(9)
    names = (type(stranger.external_ids[0])(identifier="m@foreign.example"),)
    network.hss_do(lambda connection: subscribers.save(connection, meter(9, external_ids=names)))
    assert status(network.ask()) == RequestStatus.SUCCESS
    assert network.handed(1) == [imsi(1)]
    assert b"foreign.example" not in network.seen_outside
    network.close()


def test_a_group_without_members(tmp_path: Path, dictionary: Dictionary) -> None:
    network = GroupNetwork(tmp_path, dictionary, groups=(fleet(),))
    network.open()
    assert status(network.ask()) == RequestStatus.PERMANENTERROR
    network.hss_do(lambda connection: tables.make(connection, fleet(1), replace=True))
    assert status(network.ask()) == RequestStatus.SUCCESS
    network.close()


@pytest.mark.requirement("S-GRP-42")
def test_what_was_accepted_is_handed_over_by_the_next_process(tmp_path: Path, dictionary: Dictionary) -> None:
    first = GroupNetwork(tmp_path, dictionary)
    first.open()
    assert status(first.ask()) == RequestStatus.SUCCESS
    first.close()
    before = [each["User-Identifier"]["User-Name"] for each in first.sms_sc.triggers]
    assert len(before) < 3
    second = GroupNetwork(tmp_path, dictionary)
    second.open()
    assert second.iwf_parts.started is not None
    second.wait(second.iwf_parts.started(second.nodes[2]))
    after = second.handed(3 - len(before))
    assert sorted(before + after) == [imsi(1), imsi(2), imsi(3)]
    for trigger in second.sms_sc.triggers:
        assert second.wait(second.sms_sc.report(trigger, 2)).result == (0, 2001)
    assert [one[1] for one in second.told()] == [name(int(each[-1])) for each in after]
    second.close()
