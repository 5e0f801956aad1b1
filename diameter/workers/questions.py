"""Pages that the operator's port of the parent asks of the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from twisted.internet.defer import Deferred

from diameter.workers.frames import Ask
from diameter.workers.gather import Page

ASK_S: Final = 5.0
"""Time that a worker has for a page."""


class Question:
    """One page that was asked for: what has come, and from whom it is still to come."""

    __slots__ = ("done", "found", "late", "waiting")

    def __init__(self, workers: Iterable[int], late: Any) -> None:
        self.waiting = set(workers)
        self.found: dict[int, Page] = {}
        self.done: Deferred[dict[int, Page]] = Deferred()
        self.late = late


class Questions:
    """Every page that was asked for and has not come whole.  `send`: to a worker."""

    def __init__(self, reactor: Any, send: Callable[[int, Ask], None]) -> None:
        self._reactor = reactor
        self._send = send
        self._number = 0
        self._open: dict[int, Question] = {}

    def ask(self, what: str, workers: Iterable[int]) -> Deferred[dict[int, Page]]:
        """Fires with the page of each worker that answers within ASK_S."""
        self._number += 1
        number = self._number
        question = Question(workers, self._reactor.callLater(ASK_S, self._end, number))
        self._open[number] = question
        for worker in sorted(question.waiting):
            self._send(worker, Ask(number, what))
        self._look(number, question)
        return question.done

    def told(self, worker: int, number: int, page: Page) -> None:
        """A worker has answered; too late, or unasked, counts for nothing."""
        question = self._open.get(number)
        if question is not None and worker in question.waiting:
            question.waiting.discard(worker)
            question.found[worker] = page
            self._look(number, question)

    def left(self, worker: int) -> None:
        """A worker answers nothing any more."""
        for number, question in list(self._open.items()):
            question.waiting.discard(worker)
            self._look(number, question)

    def _look(self, number: int, question: Question) -> None:
        if not question.waiting:
            question.late.cancel()
            self._end(number)

    def _end(self, number: int) -> None:
        question = self._open.pop(number)
        question.done.callback(dict(sorted(question.found.items())))
