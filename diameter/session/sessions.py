"""The sessions of one node: found by Session-Id, woken in time, ended when their client has restarted (section 8.6)."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from diameter.errors import ResultCode
from diameter.message import Message
from diameter.session.outputs import End, Outputs
from diameter.session.server import ServerSession


class Timed(Protocol):
    """What the sessions of both sides have in common."""

    @property
    def session_id(self) -> str: ...

    def deadline(self) -> float | None: ...

    def expire(self, now: float) -> Outputs: ...


S = TypeVar("S", bound=Timed)


class Sessions(Generic[S]):
    """Sessions by Session-Id.  After every input to a session, call `fed` with it and what it returned."""

    def __init__(self) -> None:
        self._all: dict[str, S] = {}
        self._heap: list[tuple[float, str]] = []
        self._armed: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[S]:
        return iter(self._all.values())

    def add(self, session: S) -> None:
        """Keep a session.  Raises KeyError when there is one of this Session-Id."""
        if session.session_id in self._all:
            raise KeyError(session.session_id)
        self._all[session.session_id] = session

    def find(self, message: Message) -> S | None:
        """The session a message is about, or None: answer a request then with `unknown`."""
        return self._all.get(message.get("Session-Id", ""))

    @staticmethod
    def unknown(request: Message) -> Message:
        """The answer to a request about a session that is not here (5002)."""
        return request.answer(int(ResultCode.UNKNOWN_SESSION_ID))

    def fed(self, session: S, outputs: Outputs) -> Outputs:
        """Keep the timer of `session` in step, and forget it once it has ended; returns `outputs`."""
        if any(isinstance(each, End) for each in outputs):
            self._all.pop(session.session_id, None)
            self._armed.pop(session.session_id, None)
        else:
            due = session.deadline()
            if due is not None and self._armed.get(session.session_id) != due:
                self._armed[session.session_id] = due
                heapq.heappush(self._heap, (due, session.session_id))
        return outputs

    def deadline(self) -> float | None:
        """When `expire` may have something to do; None for never."""
        while self._heap and not self._is_due(*self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def expire(self, now: float) -> list[tuple[S, Outputs]]:
        """What the sessions whose time has come want done."""
        found: list[tuple[S, Outputs]] = []
        while self._heap and self._heap[0][0] <= now:
            due, session_id = heapq.heappop(self._heap)
            if self._is_due(due, session_id):
                session = self._all[session_id]
                found.append((session, self.fed(session, session.expire(now))))
        return found

    def _is_due(self, due: float, session_id: str) -> bool:
        """False for what a session wanted before something else happened."""
        session = self._all.get(session_id)
        return session is not None and session.deadline() == due


class ServerSessions(Sessions[ServerSession]):
    """Those of a server, with what is known of their clients."""

    def __init__(self) -> None:
        super().__init__()
        self._states: dict[str, int] = {}

    def heard(self, client: str, origin_state_id: int, now: float) -> list[tuple[ServerSession, Outputs]]:
        """A message of `client` (or its CER) carried this Origin-State-Id: the sessions it has lost, ended.

        0 means that nothing may be inferred (section 8.16).
        """
        key = client.lower()
        if origin_state_id <= self._states.get(key, 0):
            return []
        self._states[key] = origin_state_id
        lost = [each for each in self if each.client.lower() == key and each.origin_state_id < origin_state_id]
        return [(each, self.fed(each, each.restarted(now))) for each in lost]
