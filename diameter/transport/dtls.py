"""DTLS over SCTP (RFC 6083): an association that protects each message and is itself the user of another one.

Neither the link above nor the SCTP below knows of it.  Stream 0 belongs to the handshake and its alerts; messages go on
the others where there are any.  Nothing of the peer goes up before both ends are authenticated.  Whoever ends the
association waits until everything is acknowledged, says close_notify, and only then lets SCTP shut down (4.9).
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from diameter.security.link import LinkSecurity, ProtectionFailed
from diameter.security.protector import ActivateKey, InstallKey, MessageProtector, RemoveKey, Send, Settle, Step
from diameter.security.tls import TlsContext
from diameter.transport.association import Association, AssociationUser, Received
from diameter.transport.link import Address
from diameter.transport.sctp import LOOK_S, PPID, PPID_DTLS, SctpLink
from diameter.transport.sctp_events import Event, KeysWorn, PeerShutsDown, SendFailed, Up
from diameter.transport.tls import ALERT_S

RETRY_S: Final = 0.2
"""Seconds until SCTP is asked again to forget a key that it still needs."""
UNAUTHENTICATED: Final = (
    "the peer does not authenticate its messages (SCTP-AUTH, RFC 4895), which RFC 6083 demands; "
    'auth = "wanted" lets it in'
)
NO_GOODBYE: Final = "closed without close_notify; the end may be missing"
WORN_OCTETS: Final = 2**38
"""Sent or received under one key: what AES-GCM is good for with a wide margin (RFC 8446 section 5.5 has 2^38.5)."""
Ready = Callable[["ProtectedAssociation"], None]


class DtlsLink(SctpLink):
    """An association under DTLS as a link."""

    __slots__ = ()
    transport: ClassVar[str] = "dtls"

    @property
    def breach(self) -> str:
        """Why the protection of this link ended it."""
        return self._protected.breach

    @property
    def replayed(self) -> int:
        """Records refused because they had been there before."""
        return self._protected.protector.replayed

    @property
    def _protected(self) -> ProtectedAssociation:
        association = self._association
        assert isinstance(association, ProtectedAssociation)
        return association


class ProtectedAssociation(Association):
    """One association whose messages a `MessageProtector` seals.

    `ready` is called when both ends are authenticated; then `attach`.  `refused` is told why it never came to that.
    """

    def __init__(
        self,
        below: Association,
        protector: MessageProtector,
        clock: IReactorTime,
        *,
        ready: Ready,
        refused: Callable[[str], None],
        need_auth: bool = True,
        rekey_after_s: float | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.below = below
        self.protector = protector
        self.security = LinkSecurity()
        self.authenticated = False
        """True when SCTP-AUTH protects stream numbers and order as well, in both directions."""
        self._clock = clock
        self._ready = ready
        self._refused = refused
        self._wall = wall
        self._rekey_after_s = rekey_after_s
        self._fresh = WORN_OCTETS
        self._auth = below.auth
        self._need_auth = need_auth
        self._user: AssociationUser | None = None
        self._steps: deque[Step] = deque()
        self._early: list[Received] = []
        self._sealed: tuple[bytes, int, bool] | None = None
        self._timers: dict[str, IDelayedCall] = {}
        self._reason: str | None = None
        self._closing = self._told = self._over = False
        self.gone: Callable[[], None] = lambda: None
        """Called at the end of an association that was up."""

    def begin(self, handshake_s: float) -> None:
        """Start the handshake, which has so many seconds."""
        self.below.attach(self)
        self.authenticated = self._auth is not None and self._auth.agreed
        if self._need_auth and not self.authenticated:
            self.fail(UNAUTHENTICATED)
            return
        if not self.authenticated:
            self._auth = None  # one end may demand it all the same: both go on under the first, empty key
        self._later("handshake", handshake_s, self.fail, f"no DTLS handshake within {handshake_s:g} s")
        self.protector.start()
        self._pump()

    @property
    def breach(self) -> str:
        """Why this end has ended the association, "" when it did not."""
        return self._reason or ""

    # -- an association, to the link above

    @property
    def kind(self) -> str:  # type: ignore[override]  # a constant of the one below
        """Who implements the SCTP."""
        return self.below.kind

    @property
    def outbound_streams(self) -> int:  # type: ignore[override]
        """Streams for messages: all but the one of the handshake, if there are several."""
        return max(1, self.below.outbound_streams - 1)

    @property
    def largest(self) -> int:  # type: ignore[override]
        """Octets of the longest message."""
        return min(self.protector.largest, self.below.largest - self.protector.overhead)

    @property
    def local_addresses(self) -> tuple[Address, ...]:
        """Every address of our end."""
        return self.below.local_addresses

    @property
    def remote_addresses(self) -> tuple[Address, ...]:
        """Every address of the other end."""
        return self.below.remote_addresses

    @property
    def outstanding(self) -> int:
        """Pieces of messages that were taken and are not acknowledged."""
        return self.below.outstanding + (self._sealed is not None)

    def attach(self, user: AssociationUser) -> None:
        """Deliver to `user`."""
        self._user = user
        if self._early:
            self._later("early", 0, self._deliver_early)

    def send(self, data: bytes, *, stream: int, ppid: int, ordered: bool, more: bool = False) -> bool:
        """Seal one message and send it."""
        if self._sealed is not None or self._steps or self._closing or self._over:
            return False
        if self.below.outbound_streams > 1:
            stream += 1
        record = self.protector.seal(data)
        self._fresh -= len(record)
        if self._fresh < 0:
            self._worn_soon()
        if not self.below.send(record, stream=stream, ppid=PPID_DTLS, ordered=ordered, more=more):
            self._sealed = record, stream, ordered  # its number is used up: it goes next
        return True

    def pause(self) -> None:
        """Read nothing more."""
        self.below.pause()

    def resume(self) -> None:
        """Read again."""
        self.below.resume()

    def finish(self) -> None:
        """When everything is acknowledged, close_notify, then SHUTDOWN."""
        if not self._closing and not self._over:
            self._closing = True
            self._part()

    def abort(self) -> None:
        """ABORT."""
        self._closing = True
        self.below.abort()

    # -- the user of the association below

    def received(self, messages: Sequence[Received]) -> None:
        """Records."""
        found: list[Received] = []
        for data, stream, ppid in messages:
            if self._reason is not None:
                return
            if ppid != PPID_DTLS:
                self._hand_up(found)
                self.fail(f"a message in clear (payload protocol identifier {ppid}) under DTLS")
                return
            try:
                clear = self.protector.receive(data, stream)
            except ProtectionFailed as failed:
                self._hand_up(found)
                self.fail(str(failed))
                return
            self._fresh -= len(data)
            for each in clear:
                found.append(Received(each, stream, PPID))
            if not self._told:
                self._pump()
        self._hand_up(found)
        if self._told:
            self._after()

    def happened(self, event: Event) -> None:
        """What SCTP says of itself."""
        match event:
            case Up(restarted=True):
                self.fail("the peer has restarted the association: DTLS does not survive that")
            case SendFailed():
                pass  # a record, which only the peer can open: what waits for an answer fails over with the link
            case _:
                if self._user is not None:
                    self._user.happened(event)

    def writable(self) -> None:
        """There is room again."""
        if self._sealed is not None:
            record, stream, ordered = self._sealed
            if not self.below.send(record, stream=stream, ppid=PPID_DTLS, ordered=ordered):
                return
            self._sealed = None
        if self._steps:
            self._pump()
        if self._user is not None and not self._steps and not self._closing:
            self._user.writable()

    def ended(self, reason: str) -> None:
        """The association is gone."""
        self._over = True
        self.gone()
        for timer in self._timers.values():
            if timer.active():
                timer.cancel()
        if self._reason is not None:
            reason = self._reason
        elif not reason and not self._closing and not self.protector.closed:
            reason = NO_GOODBYE if self._told else "closed during the DTLS handshake"
        if self._user is not None:
            self._user.ended(reason)
        elif not self._told:
            self._refused(reason or "closed during the DTLS handshake")

    # -- inside

    def fail(self, reason: str) -> None:
        """End the association for this reason: with the alert that is waiting, if there is one, else at once."""
        if self._reason is not None or self._over:
            return
        self._reason = reason
        self._closing = True
        self._steps.clear()
        alerts = [step.record for step in self.protector.steps() if isinstance(step, Send)]
        if not alerts:
            self.below.abort()
            return
        for record in alerts:
            self.below.send(record, stream=0, ppid=PPID_DTLS, ordered=True)
        self._later("alert", ALERT_S, self.below.abort)
        self.below.finish()

    def recheck(self, context: TlsContext) -> None:
        """End the association when its peer would be refused under these credentials."""
        complaint = self.protector.complaint(context) if self._told else ""
        if complaint:
            self.fail(complaint)

    def _pump(self) -> None:
        """Carry out the steps of the protector, as far as SCTP lets them."""
        self._steps += self.protector.steps()
        while self._steps and not self._over and self._reason is None:
            try:
                if not self._done(self._steps[0]):
                    return
            except OSError as error:
                if self.authenticated:
                    self.fail(f"SCTP-AUTH: {error.strerror or error}")
                    return
            self._steps.popleft()
        if self.protector.established and not self._told and self._reason is None and not self._over:
            self._up()

    def _done(self, step: Step) -> bool:
        """Carry out one step; False when it must wait."""
        auth = self._auth
        match step:
            case Send(record):
                return self.below.send(record, stream=0, ppid=PPID_DTLS, ordered=True)
            case Settle():
                if self.below.outstanding:
                    self._later("settle", LOOK_S, self._pump)
                    return False
            case InstallKey(number, key) if auth is not None:
                auth.install(number, key)
            case ActivateKey(number) if auth is not None:
                auth.activate(number)
            case RemoveKey(number) if auth is not None:
                self._forget(number)
            case _:
                pass
        return True

    def _forget(self, number: int) -> None:
        """Remove a key, later if SCTP still needs it: nothing waits for that."""
        assert self._auth is not None
        try:
            self._auth.remove(number)
        except OSError:
            if self.authenticated:
                self._later("forget", RETRY_S, self._forget, number)

    def _up(self) -> None:
        self._told = True
        self._timers.pop("handshake").cancel()
        self.security = self.protector.security()
        if self.security.not_after is not None:
            left_s = self.security.not_after.timestamp() - self._wall()
            self._later("expiry", max(0.0, left_s), self.fail, "the certificate of the peer has expired")
        if self._rekey_after_s is not None:
            self._later("worn", self._rekey_after_s, self._worn)
        self._ready(self)

    def _worn_soon(self) -> None:
        """The key has protected enough: say so from the reactor, once."""
        self._fresh = sys.maxsize
        self._later("worn", 0, self._worn)

    def _worn(self) -> None:
        if self._user is not None and not self._closing:
            self._user.happened(KeysWorn())

    def _after(self) -> None:
        """What a record after the handshake may have brought: a key to be forgotten, or goodbye."""
        self._pump()
        if self.protector.closed and not self._closing:
            if self._user is not None:
                self._user.happened(PeerShutsDown())
            self.finish()

    def _hand_up(self, found: list[Received]) -> None:
        if not found:
            return
        if self._user is None or self._early:
            self._early += found
        else:
            self._user.received(found)

    def _deliver_early(self) -> None:
        """What came in the same wake-up as the end of the handshake."""
        found, self._early = self._early, []
        if self._user is not None and found and not self._over:
            self._user.received(found)

    def _part(self) -> None:
        """Say goodbye as soon as nothing is on its way."""
        if self._over or self._reason is not None:
            return
        if self._sealed is not None or self._steps or self.below.outstanding:
            self._later("part", LOOK_S, self._part)
            return
        self.protector.close()
        self._pump()  # where the peer has gone already nobody takes it, which does not matter
        self._steps.clear()
        self.below.finish()

    def _later(self, name: str, seconds: float, call: Callable[..., object], *arguments: object) -> None:
        before = self._timers.get(name)
        if before is not None and before.active():
            before.cancel()
        self._timers[name] = self._clock.callLater(seconds, call, *arguments)
