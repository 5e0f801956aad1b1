"""Run a coroutine on Twisted's real reactor, for tests with sockets.

The reactor is turned by hand and never "started", so that every test of a process can do it, one after the other.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure

T = TypeVar("T")
reactor: Any = _reactor


def drive(coroutine: Coroutine[Deferred[Any], Any, T], timeout_s: float = 300.0) -> T:
    """Return what the coroutine returns, or raise what it raises; TimeoutError after `timeout_s` seconds.

    An error that Twisted only logs (an exception in a callback, a failure nobody took) fails the test as well.
    """
    outcome: list[T | Failure] = []
    logged: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_failure") is not None:
            logged.append(event["log_failure"].getTraceback())

    globalLogPublisher.addObserver(observe)  # type: ignore[arg-type]  # a function is enough
    deferred: Deferred[T] = Deferred.fromCoroutine(coroutine)
    _ = deferred.addBoth(outcome.append)
    late = reactor.callLater(timeout_s, _late, deferred, timeout_s)
    while not outcome:
        turn()
    if late.active():
        late.cancel()
    globalLogPublisher.removeObserver(observe)  # type: ignore[arg-type]  # a function is enough
    result = outcome[0]
    if isinstance(result, Failure):
        result.raiseException()
    assert not logged, "\n".join(logged)
    return result


def turn(limit_s: float = 0.1) -> None:
    """One turn of the reactor: what is due, then one wait for sockets."""
    due_s = reactor.timeout()
    reactor.runUntilCurrent()
    reactor.doIteration(limit_s if due_s is None else min(limit_s, due_s))


def settle() -> None:
    """Turn until what is already due is done, to let closing connections go."""
    for _ in range(5):
        turn(0.001)


def _late(deferred: Deferred[Any], timeout_s: float) -> None:
    deferred.errback(TimeoutError(f"nothing happened for {timeout_s:g} s"))
