"""The table of waiting requests and its timer wheel against a dict: each request ends once, never early, at most one
tick late.
"""

from __future__ import annotations

from helpers.fuzz import Choices, drive, instrumented

with instrumented(__name__):
    from diameter.routing.identifiers import EndToEnd, HopByHop
    from diameter.routing.pending import Pending, PendingTable

TICKS = (4, 1, 10, 64)
Model = dict[int, tuple[Pending[int], float]]
"""Hop-by-Hop Identifier to the request and when its time is over."""


def oracle(data: bytes) -> None:
    """Octet 0: how fine the wheel is; then operations of one to three octets."""
    choices = Choices(data)
    ticks = TICKS[choices.below(len(TICKS))]
    table: PendingTable[int] = PendingTable(ticks)
    model: Model = {}
    now = 1000.0
    while choices.left:
        operation = choices.below(6)
        if operation <= 1:
            _add(table, model, choices, now)
        elif operation == 2:
            _take(table, model, choices)
        elif operation == 3:
            now += choices.octet() / 8
            _expire(table, model, now, 1 / ticks)
        elif operation == 4:
            deadline = table.deadline()
            if deadline is not None:
                now = max(now, deadline)
                _expire(table, model, now, 1 / ticks)
                after = table.deadline()
                assert after is None or after > now, "the next deadline lies ahead"
        else:
            _fail_over(table, model, choices.below(3))
        _agree(table, model)


def _add(table: PendingTable[int], model: Model, choices: Choices, now: float) -> None:
    hop = choices.below(32)
    if hop in model:
        return
    timeout_s = choices.octet() / 10
    entry = Pending(HopByHop(hop), EndToEnd(hop + 100), hop % 3, "a.example.org", b"", (0, None, "example.org"), hop)
    table.add(entry, now, timeout_s)
    model[hop] = (entry, now + timeout_s)


def _take(table: PendingTable[int], model: Model, choices: Choices) -> None:
    """An answer, right in all three or a stray."""
    hop, wrong = choices.below(32), choices.below(4)
    found = table.take(hop, hop + 100 + (wrong == 1), hop % 3 + (wrong == 2))
    if wrong in (1, 2) or hop not in model:
        assert found is None
    else:
        assert found is model.pop(hop)[0]


def _expire(table: PendingTable[int], model: Model, now: float, tick_s: float) -> None:
    for entry in table.expire(now):
        waited = model.pop(entry.hop_by_hop)
        assert entry is waited[0]
        assert waited[1] <= now, "never early"
    assert all(due + tick_s > now - 1e-6 for _, due in model.values()), "at most one tick late"


def _fail_over(table: PendingTable[int], model: Model, link: int) -> None:
    found = table.take_all(lambda entry: entry.link == link)
    wanted = [hop for hop, (entry, _) in model.items() if entry.link == link]
    assert [entry.hop_by_hop for entry in found] == wanted
    for hop in wanted:
        del model[hop]


def _agree(table: PendingTable[int], model: Model) -> None:
    assert len(table) == len(model)
    assert all(hop in table for hop in model)
    deadline = table.deadline()
    assert deadline is not None or not model
    if deadline is not None and model:
        assert deadline <= min(due for _, due in model.values()) + 1.01, "no later than the first to expire, and a tick"


if __name__ == "__main__":
    drive(oracle, "-max_len=512")
