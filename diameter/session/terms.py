"""What a server grants with an authorization answer: how long, how often asked again, where to (sections 8.9 to 8.20).

All times are whole seconds, as the AVPs have them; None is "without end".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from typing import Any, Final

from diameter.errors import ResultCode
from diameter.message import Message

FOR_EVER: Final = 0xFFFFFFFF
"""Authorization-Lifetime that means no re-authorization (section 8.9)."""
NO_STATE_MAINTAINED: Final = 1
"""Auth-Session-State (section 8.11); 0, STATE_MAINTAINED, is the default."""
UNDELIVERED: Final = frozenset({ResultCode.TOO_BUSY, ResultCode.LOOP_DETECTED})
"""Result-Codes that section 8.1 counts as "failure to send"."""


class Cause(IntEnum):
    """Termination-Cause (section 8.15), those the base protocol itself gives a reason for."""

    LOGOUT = 1
    SERVICE_NOT_PROVIDED = 2
    BAD_ANSWER = 3
    ADMINISTRATIVE = 4
    LINK_BROKEN = 5
    AUTH_EXPIRED = 6
    USER_MOVED = 7
    SESSION_TIMEOUT = 8


class Binding(IntFlag):
    """Session-Binding (section 8.17): which messages must not name the server."""

    RE_AUTH = 1
    STR = 2
    ACCOUNTING = 4


class Failover(IntEnum):
    """Session-Server-Failover (section 8.18)."""

    REFUSE_SERVICE = 0
    TRY_AGAIN = 1
    ALLOW_SERVICE = 2
    TRY_AGAIN_ALLOW_SERVICE = 3

    @property
    def again(self) -> bool:
        """Whether a message that cannot be delivered is sent once more, to any server of the realm."""
        return self in (Failover.TRY_AGAIN, Failover.TRY_AGAIN_ALLOW_SERVICE)

    @property
    def allows(self) -> bool:
        """Whether a re-authorization that cannot be delivered counts as a success."""
        return self in (Failover.ALLOW_SERVICE, Failover.TRY_AGAIN_ALLOW_SERVICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The grant: `lifetime_s` until the next authorization, `grace_s` more before state is released, `timeout_s` in
    all; `reauthenticate`: what Re-Auth-Request-Type asks for.
    """

    lifetime_s: int | None = None
    grace_s: int = 0
    timeout_s: int | None = None
    reauthenticate: bool = False

    @property
    def expires_s(self) -> int | None:
        """When the authorization has ended and its grace period too."""
        return None if self.lifetime_s is None else self.lifetime_s + self.grace_s

    def within(self, request: Message) -> Terms:
        """These terms, no longer than the hints of the client in `request` (sections 8.9 and 8.13)."""
        hint = of_message(request)
        lifetime, timeout = _least(self.lifetime_s, hint.lifetime_s), _least(self.timeout_s, hint.timeout_s)
        return replace(self, lifetime_s=_least(lifetime, timeout), timeout_s=timeout)

    def avps(self) -> dict[str, Any]:
        """The AVPs of the answer.  Raises ValueError where section 8.13 forbids the pair of times."""
        self.check()
        found: dict[str, Any] = {}
        if self.lifetime_s is not None:
            found["Authorization-Lifetime"] = self.lifetime_s
            found["Auth-Grace-Period"] = self.grace_s
            found["Re-Auth-Request-Type"] = int(self.reauthenticate)
        if self.timeout_s is not None:
            found["Session-Timeout"] = self.timeout_s
        return found

    def check(self) -> None:
        """Raises ValueError for a Session-Timeout below the Authorization-Lifetime (sections 8.9 and 8.13)."""
        if self.timeout_s is not None and self.lifetime_s is not None and self.timeout_s < self.lifetime_s:
            raise ValueError(f"Session-Timeout {self.timeout_s} is below Authorization-Lifetime {self.lifetime_s}")


def of_message(message: Message) -> Terms:
    """The terms in an answer, or the hints in a request; unchecked."""
    lifetime = message.get("Authorization-Lifetime")
    return Terms(
        lifetime_s=None if lifetime in (None, FOR_EVER) else lifetime,
        grace_s=message.get("Auth-Grace-Period", 0),
        timeout_s=message.get("Session-Timeout") or None,
        reauthenticate=message.get("Re-Auth-Request-Type") == 1,
    )


def is_stateless(message: Message) -> bool:
    """True for NO_STATE_MAINTAINED; the server's word in an answer is binding."""
    return bool(message.get("Auth-Session-State") == NO_STATE_MAINTAINED)


def succeeded(message: Message) -> bool:
    """True for a Result-Code or Experimental-Result of the 2xxx class."""
    result = message.result
    return result is not None and 2000 <= result[1] < 3000


def undelivered(message: Message) -> bool:
    """True for an answer that counts as "failure to send" (section 8.1)."""
    result = message.result
    return result is not None and result[0] == 0 and result[1] in UNDELIVERED


def _least(one: int | None, other: int | None) -> int | None:
    return min((value for value in (one, other) if value is not None), default=None)
