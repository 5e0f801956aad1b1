"""The recall of a group's trigger: who still waits will not have it, and the SCS hears of each member."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import Dictionary
from helpers.groups import FLEET, GROUPED_TOML, OTHERS, GroupNetwork, imsi, name, status
from helpers.network import FORMS, Form
from nfs.common.identities import encode_number
from nfs.common.tsp import ActionType, DeliveryOutcome, RequestStatus

RECALL: dict[str, Any] = {
    "Action_Type": int(ActionType.RECALL),
    "Old_Reference_Number": 7,
    "Reference_Number": 8,
    "Trigger_Data": None,
    "Validity_Time": None,
}


@pytest.fixture
def network(tmp_path: Path) -> Iterator[GroupNetwork]:
    network = GroupNetwork(tmp_path, Dictionary.load())
    network.open()
    yield network
    network.close()


def recalled(network: GroupNetwork, count: int) -> dict[str, str]:
    """What the SCS was told of the recall, member by member, once it was so much."""

    def told() -> list[Any]:
        found = [each["Device-Notification"] for each in network.scs1.reports]
        return [each for each in found if each["Action-Type"] == ActionType.RECALL]

    network.settle(lambda: len(told()) >= count, 60)
    for each in told():
        assert each["Reference-Number"] == 8
        assert "Delivery-Outcome" not in each
    return {each["External-Identifier"]: RequestStatus(each["Request-Status"]).name for each in told()}


def test_the_sms_sc_deletes_what_it_has_and_each_member_is_told(network: GroupNetwork) -> None:
    network.ask()
    network.handed(3)
    network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 2))
    assert status(network.ask(**RECALL)) == RequestStatus.SUCCESS
    expected = {name(1): "ORIGINALMESSAGESENT", name(2): "SUCCESS", name(3): "SUCCESS"}
    assert recalled(network, 3) == expected
    asked = network.sms_sc.triggers[3:]
    assert [each["User-Identifier"]["User-Name"] for each in asked] == [imsi(2), imsi(3)]
    for each in asked:
        assert (each["Trigger-Action"], each["Reference-Number"], each["Old-Reference-Number"]) == (1, 8, 7)
    assert network.told_outcomes() == [(7, name(1), DeliveryOutcome.SUCCESS)]
    late = network.wait(network.sms_sc.report(network.sms_sc.triggers[1], 2))
    assert late.result == (0, 2001)  # and the SCS, which was told that it is recalled, hears nothing of it
    assert len(network.scs1.reports) == 4
    assert status(network.ask(**RECALL | {"Reference_Number": 9})) == RequestStatus.ORIGINALMESSAGESENT
    assert status(network.ask()) == RequestStatus.SUCCESS  # the number is free again
    network.handed(8)
    counts = [each for each in network.iwf_parts.standing.counts() if each.name == "mtc_group_recalls"]
    assert {each.labels["outcome"]: each.value for each in counts} == {"ORIGINALMESSAGESENT": 1, "SUCCESS": 2}


def test_who_was_not_handed_over_never_will_be(network: GroupNetwork) -> None:
    network.sms_sc.answer_with = (0, 3004)
    network.ask()
    network.handed(3)
    network.sms_sc.answer_with = (0, 2001)
    assert status(network.ask(**RECALL)) == RequestStatus.SUCCESS
    assert recalled(network, 3) == {name(each): "SUCCESS" for each in (1, 2, 3)}
    network.clock.advance(60)
    assert len(network.sms_sc.triggers) == 3


def test_what_is_no_group_of_this_scs(network: GroupNetwork) -> None:
    network.ask()
    network.handed(3)
    for changed in ({"Old_Reference_Number": 6}, {"group": OTHERS}, {"Old_Reference_Number": 8}):
        arguments = {"group": FLEET, **RECALL} | changed
        assert status(network.ask(**arguments)) == RequestStatus.RECALLFAIL
    assert [line["check"] for line in network.audit()] == ["creator"] * 3


@pytest.mark.requirement("R-GRP-08")
@pytest.mark.parametrize("form", FORMS)
def test_recall_and_replace_are_rights_of_their_own(tmp_path: Path, form: Form) -> None:
    only = GROUPED_TOML.replace('"recall", "group"', '"group"')
    network = GroupNetwork(tmp_path, Dictionary.load(), only, form)
    network.open()
    for action in (ActionType.RECALL, ActionType.REPLACE):
        assert status(network.ask(**RECALL | {"Action_Type": int(action)})) == RequestStatus.NOTAUTHORIZED
    assert [(line["check"], line["reason"]) for line in network.audit()] == [
        ("command-rights", "the profile of the SCS does not list the action")
    ] * 2
    assert network.asked == 0
    network.close()


@pytest.mark.requirement("R-GRP-08")
@pytest.mark.parametrize("form", FORMS)
def test_a_replace_goes_through_every_check_and_is_refused_audited_and_counted(tmp_path: Path, form: Form) -> None:
    rights = GROUPED_TOML.replace('"recall", "group"', '"recall", "replace", "group"')
    network = GroupNetwork(tmp_path, Dictionary.load(), rights, form)
    network.open()
    network.ask()
    network.handed(3)
    replace = RECALL | {"Action_Type": int(ActionType.REPLACE), "Trigger_Data": {"Payload": b"open"}}
    for other, refused in (
        ({"SCS_Identity": encode_number("15550002")}, RequestStatus.INVSCSID),
        ({"External_Identifier": "fleet@foreign.example"}, RequestStatus.INVEXTID),
        ({}, RequestStatus.REPLACEFAIL),
    ):
        assert status(network.ask(**replace | other)) == refused
    assert [line["check"] for line in network.audit()] == ["scs-identity", "external-identifier", "group-replace"]
    line = network.audit()[-1]
    assert (line["reference"], line["result"]) == (8, "REPLACEFAIL")
    counts = [each for each in network.iwf_parts.standing.counts() if each.name == "mtc_group_requests"]
    assert {each.labels["outcome"]: each.value for each in counts} == {"SUCCESS": 1, "REPLACEFAIL": 1}
    assert len(network.sms_sc.triggers) == 3
    network.close()


def test_a_recall_that_comes_again_is_the_same(network: GroupNetwork) -> None:
    network.ask()
    network.handed(3)
    assert [status(network.ask(**RECALL)) for _ in range(2)] == [RequestStatus.SUCCESS] * 2
    assert len(recalled(network, 3)) == 3
    for _ in range(20):
        network.clock.advance(1)
    assert len(network.scs1.reports) == 3
    assert status(network.ask(**RECALL | {"group": OTHERS, "Old_Reference_Number": 7})) == RequestStatus.RECALLFAIL


def test_the_next_process_goes_on_with_a_recall(tmp_path: Path) -> None:
    first = GroupNetwork(tmp_path, Dictionary.load())
    first.open()
    first.ask()
    first.handed(3)
    assert status(first.ask(**RECALL)) == RequestStatus.SUCCESS
    first.close()
    before = [each for each in first.scs1.reports if each["Device-Notification"]["Action-Type"] == 3]
    assert len(before) < 3
    second = GroupNetwork(tmp_path, Dictionary.load())
    second.open()
    assert second.iwf_parts.started is not None
    second.wait(second.iwf_parts.started(second.nodes[2]))
    assert len(recalled(second, 3 - len(before))) >= 3 - len(before)
    second.close()
