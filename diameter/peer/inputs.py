"""What enters and leaves the peer layer: settings, actions for the glue to carry out, events for it to act on.

Everything here is a frozen value.  `Peer.drain()` and `Incoming.drain()` return them in the order they must be
carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from diameter.errors import ConfigError

if TYPE_CHECKING:
    from diameter.message import Message
    from diameter.peer.capabilities import Capabilities

LinkId = int
"""Names one transport link within a node; chosen by the transport, never used twice."""

Identify = Callable[[], tuple[int, int]]
"""Returns a fresh (Hop-by-Hop, End-to-End) pair; the node's own source, so that base messages never collide with its
requests.
"""

Uniform = Callable[[float, float], float]
"""Draws evenly between two bounds (`random.Random(seed).uniform`): jitter of Tw and Tc."""

TW_MINIMUM_S: Final = 6.0
"""Smallest Twinit before jitter (RFC 3539 section 3.4.1)."""


class DisconnectCause(IntEnum):
    """Disconnect-Cause (273), RFC 6733 section 5.4.3."""

    REBOOTING = 0
    BUSY = 1
    DO_NOT_WANT_TO_TALK_TO_YOU = 2


@dataclass(frozen=True, slots=True)
class Send:
    """Octets of one message for a link; `ordered` is decided here, the transport only obeys (RFC 6733 section
    2.1.1).
    """

    data: bytes
    ordered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """Every waiting time of the peer layer, in seconds.

    tw: watchdog interval before jitter (RFC 3539; 6 at least).  tc: reconnection interval (RFC 6733 section 12);
    attempt n after a failure waits tc * tc_backoff**n, at most tc_max, plus or minus the fraction tc_jitter.  busy:
    instead of tc after a DPR that said BUSY.  reopen_dwas: answers a reconnected peer owes before it carries
    requests again (RFC 3539: three; 0 trusts it at once).  watch: False sends no DWR and trusts the transport alone.
    Raises ConfigError for a value out of range.
    """

    tw_s: float = 30.0
    tw_jitter_s: float = 2.0
    tc_s: float = 30.0
    tc_jitter: float = 0.1
    tc_backoff: float = 1.0
    tc_max_s: float = 300.0
    busy_s: float = 300.0
    connect_timeout_s: float = 10.0
    cer_timeout_s: float = 10.0
    cea_timeout_s: float = 10.0
    dpa_timeout_s: float = 5.0
    reopen_dwas: int = 3
    watch: bool = True

    def __post_init__(self) -> None:
        positive = (
            "tc_s",
            "tc_max_s",
            "busy_s",
            "connect_timeout_s",
            "cer_timeout_s",
            "cea_timeout_s",
            "dpa_timeout_s",
        )
        wrong = [f"{name}: {getattr(self, name):g} is not above 0" for name in positive if getattr(self, name) <= 0]
        if self.tw_s < TW_MINIMUM_S:
            wrong.append(f"tw_s: {self.tw_s:g} is below {TW_MINIMUM_S:g} (RFC 3539 section 3.4.1)")
        if not 0 <= self.tw_jitter_s < TW_MINIMUM_S:
            wrong.append(f"tw_jitter_s: {self.tw_jitter_s:g} is not between 0 and {TW_MINIMUM_S:g}")
        if not 0 <= self.tc_jitter < 1:
            wrong.append(f"tc_jitter: {self.tc_jitter:g} is not a fraction between 0 and 1")
        if self.tc_backoff < 1:
            wrong.append(f"tc_backoff: {self.tc_backoff:g} is below 1")
        if self.reopen_dwas < 0:
            wrong.append(f"reopen_dwas: {self.reopen_dwas} is below 0")
        if wrong:
            raise ConfigError(*wrong)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What one peer is allowed, or lacks, beside the rules.

    assumed: Application-Ids it has without saying so.  relay_serves_all: its relay Application-Id counts.
    incomplete_cea: AVPs may be missing from its CEA.  replace: a second connection takes the place of the open one.
    strict_state: Origin-State-Id must not change on a link.
    """

    assumed: frozenset[int] = frozenset()
    relay_serves_all: bool = True
    incomplete_cea: bool = True
    replace: bool = False
    strict_state: bool = False


ORDINARY: Final = Habits()
"""Of a peer nobody said anything about."""


# ---- actions: the glue carries them out


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """Open a link to the peer (security handshake included), then call `Peer.connected` or `Peer.connect_failed`,
    once.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelConnect:
    """Give up the attempt `Connect` asked for; report nothing more of it, and close a link that comes up all the
    same.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Write one message to a link."""

    link: LinkId
    send: Send


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Close a link: after what is written has left, or, with `abort`, at once by reset (TCP RST, SCTP ABORT)."""

    link: LinkId
    reason: str
    abort: bool = False


# ---- events: the glue acts on them


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The peer is open on this link.  Requests may follow only once `Okay` has been said (RFC 3539 REOPEN comes
    between).
    """

    link: LinkId
    capabilities: Capabilities
    initiator: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Okay:
    """The watchdog trusts the link: new requests may be sent (first opening, failback from SUSPECT, end of REOPEN)."""

    link: LinkId


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """No DWA came in time: fail over what is pending and send no new request; the link stays open for one more Tw
    (RFC 3539).
    """

    link: LinkId


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The open link is gone (or, after a DPR, has ended): whatever is still pending on it fails over (RFC 6733
    section 5.5.4).
    """

    link: LinkId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnecting:
    """A DPR was sent (`by_peer` false) or received: send nothing more; answers in flight may still come.  cause:
    None if unreadable.
    """

    link: LinkId
    cause: int | None
    by_peer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """The peer shows a higher Origin-State-Id than before: sessions begun earlier are lost there (RFC 6733 sections
    8.6, 8.16).
    """

    origin_state_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A DWA came, this many seconds after its DWR."""

    link: LinkId
    rtt_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A capabilities exchange failed.  by_peer: the CEA said so; else we refused their CER or CEA.  result_code:
    None if none was exchanged.
    """

    link: LinkId
    reason: str
    by_peer: bool
    result_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """An attempt to connect failed; `retry_s` seconds until the next one, None when none is planned."""

    reason: str
    retry_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A message was thrown away: every drop says why."""

    link: LinkId
    reason: str
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """A message of no concern to the peer layer, received on the open link through `Peer.receive`."""

    link: LinkId
    message: Message


Action = Connect | CancelConnect | Write | Close
Event = (
    Opened | Okay | Suspect | Failed | Disconnecting | Restarted | Probed | Refused | Unreachable | Dropped | Deliver
)
Output = Action | Event
