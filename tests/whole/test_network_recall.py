"""Recall and replace between two SCSs, gateway, MTC-IWF, HSS and a scripted SMS-SC, all nodes in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import Dictionary
from helpers.asking import IMSI, METER, NODE, OTHER_METER, SHARED, ask, recall, replace, status
from helpers.network import FORMS, SMS_SC, Network
from helpers.whole import EVERYTHING
from nfs.common.features import Feature
from nfs.common.identities import encode_number
from nfs.common.tsp import RequestStatus
from nfs.hss.logic import Subscriber


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture(params=FORMS)
def network(request: pytest.FixtureRequest, tmp_path: Path, dictionary: Dictionary) -> Iterator[Network]:
    network = Network(tmp_path, dictionary, (METER, OTHER_METER), EVERYTHING, form=request.param).open()
    yield network
    network.close()


@pytest.mark.requirement("R-TRIG-17")
def test_a_recall_goes_where_the_trigger_went_and_ends_it(network: Network) -> None:
    assert status(ask(network)) == RequestStatus.SUCCESS
    answer = recall(network)
    assert status(answer) == RequestStatus.SUCCESS
    assert (answer["Device-Notification"]["Action-Type"], answer["Device-Notification"]["Reference-Number"]) == (3, 8)
    trigger, sent = network.sms_sc.triggers
    assert (sent["Trigger-Action"], sent["Old-Reference-Number"], sent["Payload"]) == (1, 7, b"")
    assert (sent["User-Identifier"]["User-Name"], sent["SM-RP-SMEA"]) == (IMSI, trigger["SM-RP-SMEA"])
    assert sent["Destination-Host"] == SMS_SC
    assert "Serving-Node" not in sent
    assert network.wait(network.sms_sc.report(trigger, 2)).result == (0, 2001)  # too late: it is over
    assert network.scs1.reports == []
    assert status(recall(network)) == RequestStatus.SUCCESS  # asked again: told again, and nobody is asked
    assert len(network.sms_sc.triggers) == 2


def test_a_replace_brings_the_new_trigger_where_the_old_one_went(network: Network) -> None:
    ask(network)
    answer = replace(network)
    assert status(answer) == RequestStatus.SUCCESS
    old, new = network.sms_sc.triggers
    assert (new["Trigger-Action"], new["Old-Reference-Number"], new["Reference-Number"]) == (2, 7, 9)
    assert (new["Payload"], new["Destination-Host"]) == (b"sleep", SMS_SC)
    assert new["Serving-Node"]["MME-Name"] == NODE.name
    network.wait(network.sms_sc.report(old, 2))
    assert network.scs1.reports == []
    network.wait(network.sms_sc.report(new, 2))
    (report,) = network.scs1.reports
    assert report["Device-Notification"]["Reference-Number"] == 9


@pytest.mark.requirement("R-TRIG-17")
@pytest.mark.parametrize(("order", "expected"), [(recall, 111), (replace, 110)])
def test_nobody_takes_back_what_another_scs_sent(network: Network, order: Any, expected: int) -> None:
    ask(network)
    assert status(order(network, scs=network.scs2)) == expected
    assert status(order(network, old=6)) == expected  # and nobody learns which numbers others use
    assert len(network.sms_sc.triggers) == 1
    first, second = network.audit()
    assert (first["check"], first["profile"], second["check"]) == ("creator", "other", "creator")
    assert first["reason"] == second["reason"]


@pytest.mark.parametrize(("order", "expected"), [(recall, 111), (replace, 110)])
def test_the_old_trigger_was_for_the_same_device(network: Network, order: Any, expected: int) -> None:
    ask(network)
    assert status(order(network, External_Identifier="meter-2@customer.example")) == expected
    assert len(network.sms_sc.triggers) == 1
    by_number = order(network, External_Identifier=None, MSISDN=encode_number("15550100001"))
    assert status(by_number) == RequestStatus.SUCCESS


@pytest.mark.parametrize(("order", "expected"), [(recall, 111), (replace, 110)])
@pytest.mark.parametrize("features", [None, Feature(0), Feature.MO_SMS])
def test_an_sms_sc_without_the_feature_is_not_asked(
    network: Network, order: Any, expected: int, features: Feature | None
) -> None:
    network.sms_sc.features = features
    answer = ask(network)
    assert "Feature-Supported-In-Final-Target" not in answer
    assert status(order(network)) == expected
    assert len(network.sms_sc.triggers) == 1
    assert network.audit() == []


@pytest.mark.parametrize("asked", [None, Feature(0), Feature.RECALL_REPLACE])
def test_features_are_told_to_who_tells(network: Network, asked: Feature | None) -> None:
    answer = ask(network, features=asked)
    assert answer["Feature-Supported-In-Final-Target"] == 1
    told = [group["Feature-List"] & 1 for group in answer.all("Supported-Features")]
    assert told == ([] if asked is None else [1])
    assert network.sms_sc.triggers[0]["Supported-Features"]["Feature-List"] == 1


@pytest.mark.parametrize(
    ("order", "result", "expected"),
    [
        (recall, (10415, 5534), 111),
        (recall, (10415, 5535), 112),
        (replace, (10415, 5533), 110),
        (recall, (0, 5012), 107),
        (replace, (0, 5012), 107),
    ],
)
def test_what_the_sms_sc_refuses_leaves_the_old_trigger(
    network: Network, order: Any, result: tuple[int, int], expected: int
) -> None:
    ask(network)
    network.sms_sc.answer_with, network.sms_sc.diagnostic = result, 0
    answer = order(network)
    assert status(answer) == expected
    assert answer["Device-Notification"]["MTC-Error-Diagnostic"] == 0
    network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 2))
    (report,) = network.scs1.reports
    assert report["Device-Notification"]["Reference-Number"] == 7


def test_a_replace_that_comes_too_late_is_a_trigger_of_its_own(network: Network) -> None:
    ask(network)
    network.sms_sc.answer_with = (10415, 5535)
    assert status(replace(network)) == RequestStatus.ORIGINALMESSAGESENT
    for trigger in network.sms_sc.triggers:
        network.wait(network.sms_sc.report(trigger, 2))
    assert [each["Device-Notification"]["Reference-Number"] for each in network.scs1.reports] == [7, 9]
    assert status(recall(network)) == RequestStatus.ORIGINALMESSAGESENT  # by its report, without asking
    assert len(network.sms_sc.triggers) == 2


def test_an_sms_sc_that_is_away_is_a_temporary_error(network: Network) -> None:
    ask(network)
    network.wait(network.nodes[1].stop())
    assert status(recall(network)) == RequestStatus.TEMPORARYERROR
    assert status(replace(network)) == RequestStatus.TEMPORARYERROR


def test_a_recall_needs_no_serving_node_and_no_service_of_the_moment(network: Network) -> None:
    """Only the right to the device counts (TS 23.682 5.2.3.3); a replace is a trigger like any other."""
    ask(network)
    network.provision(Subscriber(imsi=IMSI, external_ids=METER.external_ids, services=METER.services, rights=SHARED))
    assert status(recall(network)) == RequestStatus.SUCCESS


def test_a_recall_needs_the_right_to_the_device(network: Network) -> None:
    ask(network)
    network.provision(Subscriber(imsi=IMSI, external_ids=METER.external_ids, services=METER.services))
    assert status(recall(network)) == RequestStatus.INVEXTID
    assert len(network.sms_sc.triggers) == 1
