"""The SMS-SC's decisions: acceptance, order, one SMS outstanding, retries, expiry, reports, restarts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nfs.common.nodes import NodeKind, ServingNode
from nfs.sms_sc.logic import Acceptance, Attempt, Policy, Refused, ServiceCentre, Trigger
from nfs.sms_sc.outcomes import Delivered, Diagnostic, Failure, Outcome

MME = ServingNode(kind=NodeKind.MME, name="mme.example.org", realm="example.org", number="15550000300")
NOW = 1_767_323_045.5
OK = Delivered()


def trigger(reference: int | None = 1, **more: object) -> Trigger:
    plain = Trigger(
        scs="15550000100",
        reference=reference,
        imsi="001010000000001",
        external_identifier="a@example.com",
        msisdn=None,
        payload=b"wake",
        port=8000,
        priority=False,
        validity_s=3600,
        serving=MME,
        iwf_host="iwf.example.org",
        iwf_realm="example.org",
        submission="iwf.example.org;1;1",
    )
    return replace(plain, **more)  # type: ignore[arg-type]  # fields by name


def centre(**policy: object) -> ServiceCentre:
    return ServiceCentre(Policy(**policy))  # type: ignore[arg-type]  # fields by name


def due(sc: ServiceCentre, now: float = NOW) -> Attempt:
    attempt = sc.next("001010000000001", now)
    assert attempt is not None
    return attempt


def test_a_trigger_is_taken_sent_and_reported() -> None:
    sc = centre()
    acceptance, kept = sc.accept(trigger(), NOW)
    assert (acceptance, kept.accepted_at, kept.expires_at, kept.scts) == (Acceptance.NEW, NOW, NOW + 3600, int(NOW))
    attempt = due(sc)
    assert (attempt.deliver.user_data.data, attempt.deliver.user_data.port) == (b"wake", 8000)
    assert (attempt.deliver.originator.digits, attempt.deliver.more_messages) == ("15550000100", False)
    assert (attempt.deliver.scts.timestamp(), attempt.serving) == (int(NOW), MME)
    settled = sc.ended(attempt, OK, NOW + 1)
    assert settled == replace(kept, outcome=Outcome.SUCCESSFUL_TRANSFER)
    assert sc.owed == {kept.key: settled}
    done = sc.reported(kept.key, NOW + 2)
    assert done.finished_at == NOW + 2
    assert (sc.pending, sc.owed, sc.waiting()) == ({}, {}, ())


def test_one_sms_is_outstanding_to_a_ue() -> None:
    sc = centre()
    sc.accept(trigger(1), NOW)
    sc.accept(trigger(2), NOW)
    sc.accept(trigger(3, imsi="001010000000002"), NOW)
    attempt = due(sc)
    assert sc.next("001010000000001", NOW) is None
    assert sc.next("001010000000002", NOW) is not None  # another UE need not wait
    sc.ended(attempt, OK, NOW)
    assert due(sc).trigger.reference == 2


def test_segments_go_in_order_and_no_two_sms_share_a_time_stamp() -> None:
    sc = centre()
    sc.accept(trigger(1, payload=bytes(300)), NOW)
    sc.accept(trigger(2), NOW)
    seen = []
    for _ in range(4):
        attempt = due(sc)
        part = attempt.deliver.user_data.part
        seen.append((attempt.trigger.reference, part and part.number, attempt.deliver.more_messages))
        sc.ended(attempt, OK, NOW)
    assert seen == [(1, 1, True), (1, 2, True), (1, 3, False), (2, None, False)]


def test_time_stamps_differ_over_many_triggers_in_one_second() -> None:
    sc, stamps = centre(), []
    for reference in range(10):
        sc.accept(trigger(reference, payload=bytes(200)), NOW)
    while (attempt := sc.next("001010000000001", NOW)) is not None:
        stamps.append(attempt.deliver.scts)
        sc.ended(attempt, OK, NOW)
    assert len(set(stamps)) == 20
    assert stamps == sorted(stamps)


def test_priority_goes_first_but_never_between_segments() -> None:
    sc = centre()
    sc.accept(trigger(1, payload=bytes(300)), NOW)
    sc.accept(trigger(2), NOW)
    first = due(sc)
    sc.accept(trigger(3, priority=True), NOW)
    sc.accept(trigger(4, priority=True), NOW)
    sc.ended(first, OK, NOW)
    order = []
    while (attempt := sc.next("001010000000001", NOW)) is not None:
        order.append(attempt.trigger.reference)
        sc.ended(attempt, OK, NOW)
    assert order == [1, 1, 3, 4, 2]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"scs": "15550000199"}, 5530),
        ({"port": 70000}, 5532),
        ({"payload": bytes(128 * 255 + 1)}, 5532),
    ],
)
def test_what_is_not_taken(wrong: dict[str, object], code: int) -> None:
    sc = centre(scs=frozenset({"15550000100"}))
    with pytest.raises(Refused) as refusal:
        sc.accept(trigger(**wrong), NOW)  # type: ignore[arg-type]
    assert refusal.value.code == code
    assert not sc.pending


def test_a_full_store_says_congestion() -> None:
    sc = centre(capacity=1)
    sc.accept(trigger(1), NOW)
    with pytest.raises(Refused) as refusal:
        sc.accept(trigger(2), NOW)
    assert refusal.value.code == 5531


def test_the_same_trigger_again_is_recognised_at_every_stage() -> None:
    sc = centre()
    _, kept = sc.accept(trigger(), NOW)
    assert sc.accept(trigger(submission="another;1;1"), NOW) == (Acceptance.PENDING, kept)
    settled = sc.ended(due(sc), OK, NOW)
    assert sc.accept(trigger(), NOW) == (Acceptance.PENDING, settled)
    sc.reported(kept.key, NOW)
    assert sc.accept(trigger(), NOW) == (Acceptance.REPORT_AGAIN, settled)
    assert list(sc.owed) == [kept.key]
    assert len(sc.pending) == 0


def test_a_reference_that_is_pending_with_another_payload_is_refused() -> None:
    sc = centre()
    sc.accept(trigger(), NOW)
    with pytest.raises(Refused) as refusal:
        sc.accept(trigger(payload=b"other"), NOW)
    assert refusal.value.code == 5532
    sc.ended(due(sc), OK, NOW)
    sc.reported(trigger().key, NOW)
    assert sc.accept(trigger(payload=b"other"), NOW)[0] is Acceptance.RENEWED  # finished: the number is free


def test_triggers_without_a_number_are_told_apart_by_their_session() -> None:
    sc = centre()
    sc.accept(trigger(None), NOW)
    assert sc.accept(trigger(None, submission="iwf.example.org;1;2"), NOW)[0] is Acceptance.NEW
    assert sc.accept(trigger(None), NOW)[0] is Acceptance.PENDING


def test_validity_defaults_and_is_cut() -> None:
    sc = centre(default_validity_s=100, max_validity_s=1000)
    assert sc.accept(trigger(1, validity_s=None), NOW)[1].expires_at == NOW + 100
    assert sc.accept(trigger(2, validity_s=5000), NOW)[1].expires_at == NOW + 1000


def test_a_temporary_failure_is_tried_again_until_validity_ends() -> None:
    sc = centre(retry_s=(10, 50))
    sc.accept(trigger(validity_s=100), NOW)
    assert sc.ended(due(sc), Delivered(failure=Failure.TEMPORARY), NOW) is None
    assert sc.next("001010000000001", NOW + 9) is None
    assert sc.deadline() == NOW + 10
    assert sc.expire(NOW + 10) == ((), ("001010000000001",))
    assert sc.ended(due(sc, NOW + 10), Delivered(failure=Failure.ABSENT), NOW + 10) is None
    assert sc.deadline() == NOW + 60
    sc.expire(NOW + 60)
    assert sc.ended(due(sc, NOW + 60), Delivered(failure=Failure.MEMORY_FULL), NOW + 60) is None
    assert sc.deadline() == NOW + 100  # the next attempt would come too late
    ((over,), again) = sc.expire(NOW + 100)
    assert (over.outcome, over.diagnostic, again) == (Outcome.VALIDITY_TIME_EXPIRED, None, ())
    assert sc.deadline() is None


def test_the_same_octets_are_sent_again() -> None:
    sc = centre(retry_s=(10,))
    sc.accept(trigger(), NOW)
    first = due(sc)
    sc.ended(first, Delivered(failure=Failure.TEMPORARY), NOW)
    sc.expire(NOW + 10)
    assert due(sc, NOW + 10).deliver.encode() == first.deliver.encode()


def test_a_failure_after_the_validity_ended_is_an_expiry() -> None:
    sc = centre()
    sc.accept(trigger(validity_s=10), NOW)
    attempt = due(sc)
    assert sc.expire(NOW + 11) == ((), ())  # it is being delivered: let it end
    settled = sc.ended(attempt, Delivered(failure=Failure.TEMPORARY), NOW + 12)
    assert settled is not None
    assert settled.outcome is Outcome.VALIDITY_TIME_EXPIRED


def test_validity_that_ends_while_another_sms_is_outstanding() -> None:
    sc = centre()
    sc.accept(trigger(1), NOW)
    sc.accept(trigger(2, validity_s=10), NOW)
    attempt = due(sc)
    ((over,), _) = sc.expire(NOW + 10)
    assert (attempt.trigger.reference, over.reference, over.outcome) == (1, 2, Outcome.VALIDITY_TIME_EXPIRED)


@pytest.mark.parametrize(
    ("failure", "diagnostic", "outcome"),
    [
        (Failure.ABSENT, Diagnostic.UE_DETACHED, Outcome.ABSENT_SUBSCRIBER),
        (Failure.MEMORY_FULL, None, Outcome.UE_MEMORY_CAPACITY_EXCEEDED),
        (Failure.TEMPORARY, None, Outcome.ABSENT_SUBSCRIBER),
    ],
)
def test_validity_zero_is_one_attempt(failure: Failure, diagnostic: Diagnostic | None, outcome: Outcome) -> None:
    sc = centre()
    sc.accept(trigger(validity_s=0), NOW)
    assert sc.deadline() is None  # it waits for its turn, however long that takes
    settled = sc.ended(due(sc), Delivered(failure=failure, diagnostic=diagnostic), NOW + 1)
    assert settled is not None
    assert (settled.outcome, settled.diagnostic) == (outcome, diagnostic)


def test_a_permanent_failure_is_reported_at_once() -> None:
    sc = centre()
    sc.accept(trigger(), NOW)
    failed = Delivered(failure=Failure.PERMANENT, diagnostic=Diagnostic.UNIDENTIFIED_SUBSCRIBER)
    settled = sc.ended(due(sc), failed, NOW)
    assert settled is not None
    assert (settled.outcome, settled.diagnostic) == (Outcome.ABSENT_SUBSCRIBER, Diagnostic.UNIDENTIFIED_SUBSCRIBER)


def test_without_a_serving_node_nothing_is_sent() -> None:
    sc = centre()
    sc.accept(trigger(1, serving=None), NOW)
    sc.accept(trigger(2, serving=None, validity_s=0), NOW)
    assert sc.next("001010000000001", NOW) is None
    ((once,), _) = sc.expire(NOW)
    assert (once.reference, once.outcome) == (2, Outcome.ABSENT_SUBSCRIBER)
    ((over,), _) = sc.expire(NOW + 3600)
    assert (over.reference, over.outcome) == (1, Outcome.VALIDITY_TIME_EXPIRED)


def test_timers_of_what_is_gone_do_nothing() -> None:
    sc = centre()
    sc.accept(trigger(), NOW)
    sc.ended(due(sc), OK, NOW)
    assert sc.deadline() == NOW + 3600
    assert sc.expire(NOW + 3600) == ((), ())


def test_what_is_over_leaves_nothing_in_memory_for_the_rest_of_its_validity() -> None:
    sc = centre(keep_finished_s=0)
    for reference in range(5000):
        sc.accept(trigger(reference), NOW + reference)
        sc.reported(sc.ended(due(sc, NOW + reference), OK, NOW + reference).key, NOW + reference)  # type: ignore[union-attr]  # settled
    sc.forget(NOW + 5001)
    assert (sc.pending, sc.owed, sc.finished, len(sc._timers) <= 1000) == ({}, {}, {}, True)


def test_how_much_each_origin_has_here() -> None:
    sc = centre(retry_s=(5,))
    for reference in (1, 2, 3):
        sc.accept(trigger(reference), NOW)
    sc.accept(trigger(1, scs="15550000101", imsi="001010000000002"), NOW)
    settled = sc.ended(due(sc), OK, NOW)
    assert settled is not None
    assert (sc.held("15550000100"), sc.held("15550000101"), sc.held("else")) == (3, 1, 0)
    again = ServiceCentre(sc.policy)
    again.restore((settled, *(kept.trigger for kept in sc.pending.values())))
    assert again.held("15550000100") == 3
    sc.reported(settled.key, NOW)
    sc.put_back(sc.take_out(next(iter(sc.pending)), NOW))
    sc.take_out(next(key for key in sc.pending if key.startswith("15550000100")), NOW)
    assert (sc.held("15550000100"), sc.held("15550000101")) == (1, 1)
    assert sc.accept(trigger(1), NOW)[0] is Acceptance.REPORT_AGAIN
    assert sc.held("15550000100") == 2


def test_an_acceptance_that_could_not_be_stored_is_taken_back() -> None:
    sc = centre()
    _, kept = sc.accept(trigger(), NOW)
    sc.withdraw(kept)
    sc.withdraw(kept)
    assert (sc.pending, sc.waiting()) == ({}, ())
    _, kept = sc.accept(trigger(), NOW)
    attempt = due(sc)
    sc.withdraw(kept)  # already on its way: let it end
    assert sc.ended(attempt, OK, NOW) is not None


def test_a_restart_takes_everything_up() -> None:
    sc = centre()
    for reference, payload in ((1, b"a"), (2, bytes(200)), (3, b"c"), (4, b"d")):
        sc.accept(trigger(reference, payload=payload), NOW)
    first = sc.ended(due(sc), OK, NOW)
    assert first is not None
    first = sc.reported(first.key, NOW)
    attempt = due(sc)
    second_half = sc.ended(attempt, OK, NOW)
    assert second_half is None
    second = sc.ended(due(sc), OK, NOW)
    assert second is not None
    kept = [first, second, *(entry.trigger for entry in sc.pending.values())]

    new = centre()
    new.restore(reversed(kept))
    assert (list(new.finished), list(new.owed)) == ([first.key], [second.key])
    assert new.waiting() == ("001010000000001",)
    assert due(new).deliver.encode() == due(sc).deliver.encode()
    _, later = new.accept(trigger(5), NOW)
    assert later.scts > max(entry.scts for entry in kept)
    assert later.concatenation not in {entry.concatenation for entry in kept}


def test_finished_triggers_are_forgotten_after_a_while() -> None:
    sc = centre(keep_finished_s=60)
    _, kept = sc.accept(trigger(), NOW)
    sc.ended(due(sc), OK, NOW)
    sc.reported(kept.key, NOW)
    assert sc.forget(NOW + 60) == ()
    assert sc.forget(NOW + 61) == (kept.key,)
    assert sc.accept(trigger(), NOW + 61)[0] is Acceptance.NEW
