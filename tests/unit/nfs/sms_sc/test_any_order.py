"""The SMS-SC's decisions under any order of events."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from nfs.common.nodes import NodeKind, ServingNode
from nfs.sms_sc.answers import Standing
from nfs.sms_sc.logic import Attempt, Policy, ServiceCentre, Trigger
from nfs.sms_sc.outcomes import Delivered, Failure

MME = ServingNode(kind=NodeKind.MME, name="mme.example.org", realm="example.org", number="15550000300")
NOW = 1_767_323_045.5
OK = Delivered()
IMSIS = ["001010000000001", "001010000000002"]


def trigger(reference: int, imsi: str, size: int, validity: int | None, *, priority: bool, there: bool) -> Trigger:
    return Trigger(
        scs="15550000100",
        reference=reference,
        imsi=imsi,
        external_identifier="a@example.com",
        msisdn=None,
        payload=bytes(size),
        port=8000,
        priority=priority,
        validity_s=validity,
        serving=MME if there else None,
        iwf_host="iwf.example.org",
        iwf_realm="example.org",
        submission="iwf.example.org;1;1",
    )


class AnyOrder(RuleBasedStateMachine):
    """Whatever comes in whatever order: at most one SMS to a UE, each trigger settled once, no stamp used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.sc = ServiceCentre(Policy(retry_s=(5, 20)))
        self.now = NOW
        self.open: dict[str, Attempt] = {}
        self.settled: list[str] = []
        self.accepted = 0
        self.withdrawn = 0
        self.stamps: dict[tuple[str, float], tuple[str, int]] = {}

    @rule(imsi=st.sampled_from(IMSIS), size=st.integers(0, 400),
          validity=st.sampled_from([None, 0, 10, 60]), priority=st.booleans(), there=st.booleans())  # fmt: skip
    def accept(self, imsi: str, size: int, validity: int | None, priority: bool, there: bool) -> None:
        self.accepted += 1
        self.sc.accept(trigger(self.accepted, imsi, size, validity, priority=priority, there=there), self.now)

    @rule(imsi=st.sampled_from(IMSIS))
    def send(self, imsi: str) -> None:
        attempt = self.sc.next(imsi, self.now)
        if attempt is not None:
            assert imsi not in self.open
            self.open[imsi] = attempt
            stamp = (imsi, attempt.deliver.scts.timestamp())
            assert self.stamps.setdefault(stamp, (attempt.trigger.key, attempt.segment)) == (
                attempt.trigger.key,
                attempt.segment,
            )

    @rule(imsi=st.sampled_from(IMSIS), failure=st.sampled_from([None, *Failure]))
    def end(self, imsi: str, failure: Failure | None) -> None:
        attempt = self.open.pop(imsi, None)
        if attempt is not None:
            done = self.sc.ended(attempt, Delivered(failure=failure), self.now)
            if done is not None:
                self.settled.append(done.key)

    @rule(seconds=st.integers(0, 30))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.settled += [over.key for over in self.sc.expire(self.now)[0]]

    @rule(imsi=st.sampled_from(IMSIS), reference=st.integers(1, 20), stored=st.booleans())
    def recall(self, imsi: str, reference: int, stored: bool) -> None:
        key = f"15550000100/{reference}/{imsi}"
        if self.sc.standing(key) is Standing.WAITING:
            kept = self.sc.take_out(key, self.now)
            assert self.sc.standing(key) is Standing.WITHDRAWN
            if stored:
                self.withdrawn += 1
            else:
                self.sc.put_back(kept)

    @invariant()
    def every_trigger_is_somewhere_once(self) -> None:
        assert len(self.settled) == len(set(self.settled))
        assert set(self.settled) == set(self.sc.owed)
        assert len(self.sc.pending) + len(self.sc.owed) + self.withdrawn == self.accepted

    @invariant()
    def whatever_waits_has_a_timer_or_can_be_sent(self) -> None:
        for imsi in self.sc.waiting():
            if imsi not in self.open and self.sc.deadline() is None:
                assert self.sc.next(imsi, self.now) is not None
                self.sc._busy.pop(imsi)

    def teardown(self) -> None:
        for attempt in self.open.values():
            done = self.sc.ended(attempt, OK, self.now)
            self.settled += [done.key] if done else []
        self.now += 700_000
        self.settled += [over.key for over in self.sc.expire(self.now)[0]]
        for imsi in self.sc.waiting():
            while (waiting := self.sc.next(imsi, self.now)) is not None:
                self.sc.ended(waiting, OK, self.now)
        assert not self.sc.pending


def test_any_order() -> None:
    run_state_machine_as_test(AnyOrder, settings=settings(stateful_step_count=40))
