"""Stand-ins for a reactor and its threads, so that a Store runs in the test's own thread and time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from nfs.common.store import StoreError

Done = Callable[[bool, Any], None]


class InlineReactor(Clock):
    """A clock that also takes calls from threads, at once."""

    def callFromThread(self, call: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Call now: there is only one thread."""
        call(*args, **kwargs)


class InlineThreads:
    """A pool of one thread without a thread.  `held`: work waits in `waiting` until `run`, else it runs at once."""

    def __init__(self, *, held: bool = False) -> None:
        self.held = held
        self.waiting: list[tuple[Done, Callable[..., Any], tuple[Any, ...]]] = []

    def callInThreadWithCallback(self, done: Done, work: Callable[..., Any], *args: Any) -> None:
        """As `twisted.python.threadpool.ThreadPool` has it."""
        self.waiting.append((done, work, args))
        if not self.held:
            self.run()

    def run(self) -> None:
        """Run what waits."""
        waiting, self.waiting = self.waiting, []
        for done, work, args in waiting:
            try:
                result = work(*args)
            except (SQLAlchemyError, StoreError):
                done(False, Failure())  # type: ignore[no-untyped-call]
            else:
                done(True, result)
