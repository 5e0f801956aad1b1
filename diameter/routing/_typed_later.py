"""A value that comes later, written for C types: the twin of `routing._core_later`, built as `_ccore_later`."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from diameter.errors import LocalError
from diameter.routing._core_later import NOT_YET


class Later:
    """A value that comes later: the answer of a request, the end of a coroutine.  Await it, or give `then` a callable.

    One party calls `resolve` or `fail`, once; what comes after that is ignored, because a late answer must do no harm.
    """

    __slots__ = ("_error", "_value", "_wake", "_wakes", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: Any = None
        self._error: Any = None
        self._wake: Any = None
        self._wakes: Any = None

    @classmethod
    def __class_getitem__(cls, item: object) -> type[Later]:
        """For annotations that say what comes."""
        return cls

    def resolve(self, value: Any) -> None:
        """Set the value and wake whoever waits."""
        if not self.done:
            self._value = value
            self._finish()

    def fail(self, error: BaseException) -> None:
        """Make `result` and `await` raise `error`, and wake whoever waits."""
        if not self.done:
            self._error = error
            self._finish()

    def _finish(self) -> None:
        self.done = True
        wake = self._wake
        wakes = self._wakes
        self._wake = self._wakes = None
        if wake is not None:
            wake()
            if wakes is not None:
                for each in wakes:
                    each()

    @property
    def wanted(self) -> bool:
        """True when somebody waits."""
        return self._wake is not None

    def then(self, wake: Callable[[], Any]) -> None:
        """Call `wake` once this is done; now, if it is."""
        if self.done:
            wake()
        elif self._wake is None:
            self._wake = wake
        elif self._wakes is None:
            self._wakes = [wake]
        else:
            self._wakes.append(wake)

    def result(self) -> Any:
        """The value, or the error raised.  Raises LocalError before there is either."""
        if not self.done:
            raise LocalError(NOT_YET)
        if self._error is not None:
            raise self._error
        return self._value

    def __await__(self) -> Generator[Later, None, Any]:
        if not self.done:
            yield self
        return self.result()
