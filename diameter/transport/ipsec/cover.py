"""The protection of one link as its link sees it: up before anything is sent, silent while it is bare, then over.

WAITING --up--> COVERED --down--> BARE --rekeyed--> COVERED       nothing is sent while BARE
   |                                `--sa_grace s--> OVER         the link goes down
   `--failed, establish_s s--> OVER
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from diameter.security.link import CLEAR, LinkSecurity
from diameter.transport.ipsec.hook import Protection


class DelayedCall(Protocol):
    """What `callLater` returns."""

    def cancel(self) -> None: ...

    def active(self) -> bool: ...


class Clock(Protocol):
    """A reactor's time."""

    def callLater(self, delay: float, callable: Callable[..., object], *args: object) -> DelayedCall: ...


class State(Enum):
    """Of a cover; see the top of this module."""

    WAITING = "waiting for protection"
    COVERED = "covered"
    BARE = "without security association"
    OVER = "over"


class Wearer(Protocol):
    """A link, told by its cover."""

    def bare(self, reason: str, /) -> None:
        """Send nothing from now on."""

    def covered(self) -> None:
        """Send again."""

    def stripped(self, reason: str, /) -> None:
        """End at once: the protection will not come back.  Last call."""


class Cover:
    """`diameter.transport.ipsec.hook.Guarded` for one link.

    `settled` is called once: with "" when the protection is up, or with why it is not.  `wear` gives the link; what was
    lost before that is told at once, from the reactor.
    """

    def __init__(self, clock: Clock, *, grace_s: float, establish_s: float, settled: Callable[[str], None]) -> None:
        self.state = State.WAITING
        self.security = CLEAR
        self.gaps = 0
        """Times that no security association was there for a while."""
        self._clock = clock
        self._grace_s = grace_s
        self._settled = settled
        self._wearer: Wearer | None = None
        self._protection: Protection | None = None
        self._reason = ""
        text = f"no IPsec protection within {establish_s:g} s"
        self._timer: DelayedCall | None = clock.callLater(establish_s, self.failed, text)

    def begin(self, protection: Protection) -> None:
        """What the hook left behind, to be released at the end."""
        self._protection = protection

    def wear(self, wearer: Wearer) -> None:
        """The link is there."""
        self._wearer = wearer
        if self.state is State.BARE:
            self._clock.callLater(0, self._tell_bare)
        elif self.state is State.OVER:
            self._clock.callLater(0, self._tell_stripped)

    def release(self) -> None:
        """The link has ended, or is not to be any more; nothing is told from now on."""
        self._wearer = None
        self._end("")

    # -- from the hook

    def up(self, security: LinkSecurity, /) -> None:
        """Protection is there."""
        if self.state is State.WAITING:
            self._stop_timer()
            self.state = State.COVERED
            self.security = security
            self._settled("")

    def rekeyed(self, security: LinkSecurity, /) -> None:
        """Other security associations, maybe after a gap."""
        if self.state is State.BARE and set(security.peer_names) != set(self.security.peer_names):
            self._strip(f"the other end is now {', '.join(security.peer_names) or 'nobody'}")
        elif self.state in (State.BARE, State.COVERED):
            was, self.state = self.state, State.COVERED
            self.security = security
            self._stop_timer()
            if was is State.BARE and self._wearer is not None:
                self._wearer.covered()

    def down(self, reason: str, /) -> None:
        """No security association covers the link."""
        if self.state is State.WAITING:
            self.failed(reason)
        elif self.state is State.COVERED:
            self.state = State.BARE
            self.gaps += 1
            self._reason = reason
            self._timer = self._clock.callLater(self._grace_s, self._too_late)
            self._tell_bare()

    def failed(self, reason: str, /) -> None:
        """There will be no protection."""
        if self.state is State.WAITING:
            self._end(reason)
            self._settled(reason)

    # -- inside

    def _too_late(self) -> None:
        self._strip(f"{self._reason}; no security association came back within {self._grace_s:g} s")

    def _strip(self, reason: str) -> None:
        self._end(reason)
        self._tell_stripped()

    def _tell_bare(self) -> None:
        if self._wearer is not None and self.state is State.BARE:
            self._wearer.bare(self._reason)

    def _tell_stripped(self) -> None:
        wearer, self._wearer = self._wearer, None
        if wearer is not None:
            wearer.stripped(self._reason)

    def _end(self, reason: str) -> None:
        self.state = State.OVER
        self._reason = reason
        self._stop_timer()
        protection, self._protection = self._protection, None
        if protection is not None:
            protection.release()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
