"""TLS and DTLS as they were captured, opened with a key log: records in, clear octets out (RFC 8446, 5246, 6347, 6083).

The handshake must have been captured, because it names the session in the key log; its keys are then found when the
first protected record comes.  After a gap in the capture record numbers are found again by trying.
"""

from __future__ import annotations

from typing import Final

from diameter.capture import handshake, suites
from diameter.capture.handshake import ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, TLS_13, Hellos
from diameter.capture.keylog import KeyLog

GUESSES: Final = 1024
"""Record numbers that are tried after a gap."""
FAILURES: Final = 8
"""Records in a row for which so much is tried."""
_LONGEST: Final = (1 << 14) + 2048
_KINDS: Final = (CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA)
_LABELS: Final = (
    ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"),
    ("SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"),
)


def begins(octets: bytes) -> bool:
    """Whether a TLS record stands at the beginning of `octets`."""
    return (
        len(octets) >= 5
        and octets[0] in _KINDS
        and octets[1] == 3
        and octets[2] <= 4
        and int.from_bytes(octets[3:5]) <= _LONGEST
    )


def begins_dtls(octets: bytes) -> bool:
    """Whether `octets` begin with a DTLS record."""
    return len(octets) >= 13 and octets[0] in _KINDS and octets[1] == 0xFE and octets[2] in (0xFD, 0xFF)


class _Side:
    """One direction: what is held of a record, and the keys in force."""

    __slots__ = ("failed", "fragments", "gap", "held", "messages", "number", "opener", "protected", "secret", "stage")

    def __init__(self) -> None:
        self.held = b""
        self.messages = handshake.Messages()
        self.fragments = handshake.Fragments()
        self.opener: suites.Opener | None = None
        self.number = 0
        self.protected = False
        self.gap = False
        self.failed = 0
        self.stage = 0
        """TLS 1.3: 0 under the handshake's keys, 1 under those of the application."""
        self.secret = b""


class Session:
    """One connection or association under TLS or DTLS; directions are 0 and 1.

    `alerts`: texts of alerts since they were last cleared.  `unopened`: protected records that stay closed, `why` the
    last reason.
    """

    __slots__ = ("_hellos", "_keys", "_sides", "alerts", "opened", "unopened", "why")

    def __init__(self, keys: KeyLog) -> None:
        self._keys = keys
        self._hellos = Hellos()
        self._sides = (_Side(), _Side())
        self.alerts: list[str] = []
        self.opened = self.unopened = 0
        self.why = ""

    def lose(self, direction: int) -> None:
        """Octets of the stream are missing from here on."""
        side = self._sides[direction]
        side.held = b""
        side.gap = True

    def feed(self, direction: int, octets: bytes) -> bytes:
        """The application data in the records of a stream that `octets` complete.  TLS."""
        side = self._sides[direction]
        octets = side.held + octets if side.held else octets
        clear = []
        at, size = 0, len(octets)
        while size - at >= 5:
            if not begins(octets[at : at + 5]):
                at = _next_record(octets, at + 1)
                side.gap = True
                continue
            length = int.from_bytes(octets[at + 3 : at + 5])
            if at + 5 + length > size:
                break
            clear.append(self._record(direction, octets[at : at + 5], octets[at + 5 : at + 5 + length]))
            at += 5 + length
        side.held = octets[at:]
        return b"".join(clear)

    def _record(self, direction: int, head: bytes, body: bytes) -> bytes:
        side, kind = self._sides[direction], head[0]
        modern = self._hellos.version == TLS_13
        if kind == CHANGE_CIPHER_SPEC:
            if not modern:
                side.protected, side.number, side.opener = True, 0, None
            return b""
        if kind == APPLICATION_DATA or (side.protected and not modern):
            opened = self._open_13(direction, head, body) if modern else self._open_12(direction, head, body)
            if opened is None:
                if kind == ALERT:
                    self.alerts.append(handshake.alert_text(b""))
                return b""
            kind, body = opened
        if kind == APPLICATION_DATA:
            return body
        if kind == ALERT:
            self.alerts.append(handshake.alert_text(body))
        elif kind == HANDSHAKE:
            self._handshake(direction, side.messages.feed(body), side)
        return b""

    def _handshake(self, direction: int, messages: list[tuple[int, bytes]], side: _Side) -> None:
        for kind, body in messages:
            self._hellos.take(direction, kind, body)
            if kind == handshake.CLIENT_HELLO and not side.opener:
                for each in self._sides:
                    each.protected, each.opener, each.stage = False, None, 0
            if self._hellos.version == TLS_13 and side.opener is not None:
                if kind == handshake.FINISHED:
                    side.stage, side.opener, side.number = 1, None, 0
                elif kind == handshake.KEY_UPDATE and (suite := suites.SUITES.get(self._hellos.suite)):
                    side.secret = suites.next_secret(suite, side.secret)
                    side.opener, side.number = suites.opener_13(suite, side.secret), 0

    # ---- protected records -------------------------------------------------------------------------------------------

    def _suite(self) -> suites.Suite | None:
        hellos = self._hellos
        if not hellos.random or not hellos.server:
            self._closed("its handshake was not captured")
            return None
        suite = suites.SUITES.get(hellos.suite)
        if suite is None:
            self._closed(f"cipher suite 0x{hellos.suite:04x} is no AEAD suite that is known here")
        return suite

    def _closed(self, why: str) -> None:
        self.why = why if self._keys else "no key log was given"

    def _opener_12(self, direction: int) -> suites.Opener | None:
        opener = self._sides[direction].opener
        if opener is not None:
            return opener
        if self._no_more():
            return None
        suite, hellos = self._suite(), self._hellos
        if suite is None:
            return None
        master = self._keys.secret("CLIENT_RANDOM", hellos.random)
        if not master:
            self._closed("the key log has no secret of its handshake")
            return None
        self.unopened -= 1
        pair = suites.openers_12(suite, master, hellos.random, hellos.server)
        opener = self._sides[direction].opener = pair[int(direction != hellos.client)]
        return opener

    def _open_12(self, direction: int, head: bytes, body: bytes) -> tuple[int, bytes] | None:
        side, opener = self._sides[direction], self._opener_12(direction)
        if opener is None:
            side.number += 1
            return None
        size = max(0, len(body) - opener.explicit - opener.tag).to_bytes(2)
        for number in self._numbers(side):
            clear = opener.open(number, body, number.to_bytes(8) + head[:3] + size)
            if clear is not None:
                self._found(side, number)
                return head[0], clear
        self.unopened += 1
        self._fail(side)
        return None

    def _open_13(self, direction: int, head: bytes, body: bytes) -> tuple[int, bytes] | None:
        side = self._sides[direction]
        for stage in (side.stage, 1) if side.gap and not side.stage else (side.stage,):
            opener = side.opener if stage == side.stage and side.opener else self._opener_13(direction, stage)
            if opener is None:
                break
            for number in self._numbers(side):
                clear = opener.open(number, body, head)
                if clear is not None:
                    side.opener, side.stage = opener, stage
                    self._found(side, number)
                    clear = clear.rstrip(b"\0")
                    return (clear[-1], clear[:-1]) if clear else (0, b"")
            self._fail(side)
            self.unopened += 1
        return None

    def _opener_13(self, direction: int, stage: int) -> suites.Opener | None:
        if self._no_more():
            return None
        suite, side = self._suite(), self._sides[direction]
        if suite is None:
            return None
        label = _LABELS[int(direction != self._hellos.client)][stage]
        secret = self._keys.secret(label, self._hellos.random)
        if not secret:
            self._closed("the key log has no secret of its handshake")
            return None
        self.unopened -= 1
        side.secret = secret
        return suites.opener_13(suite, secret)

    @staticmethod
    def _numbers(side: _Side) -> range:
        return range(side.number, side.number + (GUESSES if side.gap and side.failed < FAILURES else 1))

    def _no_more(self) -> bool:
        """Whether to ask the key log again: often at first, for it may still grow, then seldom."""
        self.unopened += 1
        return self.unopened > 16 and self.unopened & 255 != 0

    def _found(self, side: _Side, number: int) -> None:
        side.number = number + 1
        side.gap = False
        side.failed = 0
        self.opened += 1

    def _fail(self, side: _Side) -> None:
        side.gap = True
        side.failed += 1
        self._closed("the secret of the key log does not open it")

    # ---- DTLS --------------------------------------------------------------------------------------------------------

    def records(self, direction: int, octets: bytes) -> bytes:
        """The application data in the DTLS records that `octets`, one message of SCTP, consist of."""
        clear = []
        at = 0
        while begins_dtls(octets[at : at + 13]):
            head = octets[at : at + 13]
            length = int.from_bytes(head[11:13])
            body = octets[at + 13 : at + 13 + length]
            at += 13 + length
            if len(body) < length:
                break
            clear.append(self._dtls_record(direction, head, body))
        return b"".join(clear)

    def _dtls_record(self, direction: int, head: bytes, body: bytes) -> bytes:
        kind, side = head[0], self._sides[direction]
        if head[3:5] != b"\0\0":
            opener = self._opener_12(direction)
            size = max(0, len(body) - (opener.explicit + opener.tag if opener else 0)).to_bytes(2)
            number = int.from_bytes(head[3:11])
            clear = opener.open(number, body, head[3:11] + head[:3] + size) if opener else None
            if clear is None:
                if opener:
                    self.unopened += 1
                    self._fail(side)
                if kind == ALERT:
                    self.alerts.append(handshake.alert_text(b""))
                return b""
            self.opened += 1
            body = clear
        if kind == APPLICATION_DATA:
            return body
        if kind == ALERT:
            self.alerts.append(handshake.alert_text(body))
        elif kind == HANDSHAKE and head[3:5] == b"\0\0":
            for message in side.fragments.feed(body):
                self._hellos.take(direction, *message)
        return b""


def _next_record(octets: bytes, at: int) -> int:
    """Where the next record may begin, at the end when nowhere."""
    while at < len(octets) - 5:
        if begins(octets[at : at + 5]):
            return at
        at += 1
    return len(octets)
