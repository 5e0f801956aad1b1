"""What a session wants done; each input returns these in the order they must be carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diameter.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send a request: `Application.request(command, avps, to=to, realm=realm)`.  Its answer, or that there was none,
    goes back to the session.

    `command` is "" for a service-specific authorization request: which one, and its further AVPs, only the
    application knows; `avps` are what the session adds to it.
    """

    command: str
    avps: Mapping[str, Any]
    to: str | None
    realm: str


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer a request of the other side with this message."""

    answer: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """Answer the service-specific request: with success, or not; `avps` are what the session adds to the answer."""

    success: bool
    avps: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start:
    """Grant the user access."""


@dataclass(frozen=True, slots=True)
class Continue:
    """The service goes on (authorized again, or assumed to be)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Ask the user for the next round of authentication; `within_s` seconds, None without bound (section 8.19)."""

    within_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The session is over: disconnect the user if `disconnect`, release everything kept for it."""

    reason: str
    disconnect: bool = False


Output = Send | Reply | Respond | Start | Continue | Prompt | End
Outputs = tuple[Output, ...]
