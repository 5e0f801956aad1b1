"""Recall and replace from the SCS to the store of the SMS-SC, all nodes in memory, with every race."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import Dictionary
from diameter.app import Later
from helpers.asking import METER, ask, recall, replace, status
from helpers.network import SMS_SC, Network
from helpers.whole import EVERYTHING, Whole
from nfs.common.sms import decode_deliver
from nfs.common.store import StoreError
from nfs.common.tsp import RequestStatus
from nfs.sms_sc.t4 import T4

ABSENT = (10415, 5550, {"Absent-User-Diagnostic-SM": 1})


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture
def network(tmp_path: Path, dictionary: Dictionary) -> Iterator[Whole]:
    network = Whole(tmp_path, dictionary, (METER,)).open()
    yield network
    network.close()


def keep(network: Whole) -> Any:
    """The SMS-SC's rows; its methods may be replaced."""
    t4 = network.sms_sc_parts.applications[0]
    assert isinstance(t4, T4)
    return t4._keep


def broken(*_: object) -> Any:
    raise StoreError("disk full")


def pass_by(network: Whole) -> None:
    """A minute, in which every retry comes."""
    end = network.clock.seconds() + 60
    network.settle(lambda: network.clock.seconds() > end, 61)


def payloads(network: Whole) -> list[bytes]:
    return [decode_deliver(each.raw("SM-RP-UI")).user_data.data for each in network.mme.messages]


def waiting(network: Whole, **changed: Any) -> None:
    """A trigger whose first attempt has failed: it waits 30 seconds for the next."""
    network.mme.answers_with = [ABSENT]
    assert status(ask(network, **changed)) == RequestStatus.SUCCESS
    network.clock.advance(1)
    assert len(network.mme.messages) == 1


def test_what_was_recalled_is_never_sent_and_never_reported(network: Whole) -> None:
    waiting(network)
    answer = recall(network)
    assert status(answer) == RequestStatus.SUCCESS
    assert answer["Feature-Supported-In-Final-Target"] == 1
    (row,) = network.wait(keep(network).load())
    assert (row.reference, row.outcome, row.withdrawn) == (7, None, True)
    pass_by(network)
    assert (len(network.mme.messages), network.outcomes) == (1, [])


def test_what_was_replaced_is_not_sent_and_the_new_trigger_is(network: Whole) -> None:
    waiting(network)
    assert status(replace(network)) == RequestStatus.SUCCESS
    network.settle(lambda: len(network.outcomes) == 1)
    assert payloads(network) == [b"wake", b"sleep"]
    assert network.outcomes == [(9, 0)]
    pass_by(network)
    assert network.outcomes == [(9, 0)]


@pytest.mark.parametrize(("order", "expected"), [(recall, [(7, 0)]), (replace, [(7, 0), (9, 0)])])
def test_a_trigger_that_was_delivered_cannot_be_taken_back(network: Whole, order: Any, expected: Any) -> None:
    ask(network)
    network.settle(lambda: network.outcomes == [(7, 0)])
    assert status(order(network)) == RequestStatus.ORIGINALMESSAGESENT
    network.settle(lambda: network.outcomes == expected)


@pytest.mark.parametrize(("order", "expected"), [(recall, 111), (replace, 110)])
def test_a_trigger_on_its_way_cannot_be_deleted(network: Whole, order: Any, expected: int) -> None:
    network.mme.held = Later()
    ask(network)
    network.settle(lambda: len(network.mme.messages) == 1)
    answer = order(network)
    assert status(answer) == expected
    diagnostic = answer["Device-Notification"].get("MTC-Error-Diagnostic")
    assert diagnostic == (None if order is recall else 0)
    network.mme.held.resolve(None)
    network.settle(lambda: network.outcomes == [(7, 0)])
    assert payloads(network) == [b"wake"]


def test_between_two_segments_a_recall_stops_the_second(network: Whole) -> None:
    network.mme.answers_with = [(0, 2001, {}), ABSENT]
    ask(network, Trigger_Data={"Payload": b"x" * 200})
    network.settle(lambda: len(network.mme.messages) == 2)
    assert status(recall(network)) == RequestStatus.SUCCESS
    pass_by(network)
    assert (len(network.mme.messages), network.outcomes) == (2, [])


@pytest.mark.parametrize(("order", "expected"), [(recall, 111), (replace, 110)])
def test_what_cannot_be_written_did_not_happen(
    network: Whole, monkeypatch: pytest.MonkeyPatch, order: Any, expected: int
) -> None:
    waiting(network)
    with monkeypatch.context() as patch:
        patch.setattr(keep(network), "settle", broken)
        patch.setattr(keep(network), "swap", broken)
        answer = order(network)
    assert status(answer) == expected
    assert answer["Device-Notification"].get("MTC-Error-Diagnostic") == (None if order is recall else 1)
    pass_by(network)
    assert payloads(network) == [b"wake", b"wake"]
    assert network.outcomes == [(7, 0)]


def test_over_a_restart_of_the_sms_sc_what_was_recalled_stays_recalled(network: Whole) -> None:
    waiting(network)
    recall(network)
    t4 = network.sms_sc_parts.applications[0]
    assert isinstance(t4, T4)
    centre = t4._centre
    rows = network.wait(keep(network).load())
    centre.pending.clear()
    centre.finished.clear()
    centre._queues.clear()
    centre.restore(rows)
    assert (centre.pending, centre.owed, len(centre.finished)) == ({}, {}, 1)
    network.forget_withdrawn()
    assert status(recall(network)) == RequestStatus.SUCCESS


def test_a_number_is_free_again_after_a_recall(network: Whole) -> None:
    waiting(network)
    recall(network)
    assert status(ask(network)) == RequestStatus.SUCCESS
    network.settle(lambda: network.outcomes == [(7, 0)])
    assert len(network.mme.messages) == 2


def test_the_answer_to_a_replace_was_lost_and_it_is_asked_again(network: Whole) -> None:
    """The MTC-IWF died before it had written the answer down: its ledger has both triggers open."""
    waiting(network)
    network.mme.answers_with = [ABSENT]
    assert status(replace(network)) == RequestStatus.SUCCESS
    network.forget_withdrawn()
    assert status(replace(network)) == RequestStatus.SUCCESS
    pass_by(network)
    assert network.outcomes == [(9, 0)]
    assert payloads(network) == [b"wake", b"sleep", b"sleep"]


def test_the_answer_to_a_recall_was_lost_and_it_is_asked_again(network: Whole) -> None:
    waiting(network)
    recall(network)
    network.forget_withdrawn()
    assert status(recall(network)) == RequestStatus.SUCCESS
    assert len(network.wait(keep(network).load())) == 1


def test_after_a_restart_the_mtc_iwf_knows_trigger_and_sms_sc(tmp_path: Path, dictionary: Dictionary) -> None:
    """A process that never took a trigger finds in the store which SMS-SC has it, and that it takes recalls."""
    first = Network(tmp_path, dictionary, (METER,), EVERYTHING).open()
    assert status(ask(first)) == RequestStatus.SUCCESS
    second = Network(tmp_path, dictionary, (), EVERYTHING).open()  # and the first never stopped: it was killed
    assert status(recall(second)) == RequestStatus.SUCCESS
    (sent,) = second.sms_sc.triggers
    assert (sent["Trigger-Action"], sent["Old-Reference-Number"], sent["Destination-Host"]) == (1, 7, SMS_SC)
    assert status(recall(first)) == RequestStatus.SUCCESS
    second.close()
    first.close()
