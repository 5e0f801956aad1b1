"""Running one coroutine under Twisted's reactor and coming back with its result."""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import click
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from diameter.errors import DiameterError, LocalError

T = TypeVar("T")


class Closing(Protocol):
    """A capture that is being written."""

    def close(self) -> object:
        """All of it is written."""


def run(main: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """Call `main(reactor)` and run the reactor until it ends; its result, or its exception.

    SIGINT and SIGTERM cancel what the coroutine waits for, so that its `finally` clauses run; then click.Abort is
    raised.  To be called once in a process.
    """
    from twisted.internet import reactor  # installs the reactor: not at import time

    outcome: list[T | Failure] = []
    loop: Any = reactor

    def begin() -> None:
        deferred: Any = Deferred.fromCoroutine(main(loop))
        previous = {
            number: signal.signal(number, lambda *_: loop.callFromThread(deferred.cancel))
            for number in (signal.SIGINT, signal.SIGTERM)
        }

        def end(result: T | Failure) -> None:
            outcome.append(result)
            for number, handler in previous.items():
                signal.signal(number, handler)
            loop.stop()

        deferred.addBoth(end)

    loop.callWhenRunning(begin)
    loop.run(installSignalHandlers=False)
    result = outcome[0]
    if isinstance(result, Failure):
        if isinstance(result.value, CancelledError):
            raise click.Abort
        assert result.value is not None
        raise result.value
    return result


def talk(main: Callable[[Any], Coroutine[Any, Any, None]], tap: Closing | None) -> str:
    """Run the talk with a peer, close its capture; what went wrong on the way, "" for nothing.  Raises LocalError."""
    try:
        run(main)
    except LocalError:
        raise
    except DiameterError as error:
        return str(error)
    finally:
        if tap is not None:
            tap.close()
    return ""


async def pause(reactor: Any, seconds: float) -> None:
    """Come back after `seconds`."""
    await deferLater(reactor, seconds)
