"""Code of other packages: what it raises ends with the call of it, as a value.

The node is the one place that catches whatever a bug may raise, for its handlers.  A plug-in that is asked in the
middle of something bigger is not to take that with it: not the other checks of a request, not the other ways to a
device, and not a start without a clear line.

    with Foreign() as call:
        result = await bearer.deliver(attempt, node)
    if call.error is not None:
        ...

Rejected: a decorator (it would have to know what each kind of plug-in returns), and Twisted's maybeDeferred as the
store has it (a check is a plain function, and what calls it knows no Twisted).
"""

from __future__ import annotations

from pathlib import PurePath
from traceback import extract_tb
from types import TracebackType
from typing import Self


class Foreign:
    """A context for one call; `error` is what it raised, None for nothing.

    What ends the process, or the coroutine that calls, is not held back.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        self.error = error
        return True

    @property
    def said(self) -> str:
        """What went wrong, and where, without a word of the exception's own, which may name subscribers: for logs."""
        if self.error is None:
            return ""
        frames = extract_tb(self.error.__traceback__)
        return f"{type(self.error).__name__}" + (
            f" at {_place(frames[-1].filename, frames[-1].lineno)}" if frames else ""
        )


def _place(filename: str, line: int | None) -> str:
    return f"{PurePath(filename).name}:{line}"


async def raised(error: Exception) -> None:
    """For `Application.spawn`: the node counts and logs it, as it does what a handler should not raise."""
    raise error
