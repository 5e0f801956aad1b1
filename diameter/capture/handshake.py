"""The handshake of TLS and DTLS as far as it is in the clear: randoms, version, suite (RFC 8446 section 4)."""

from __future__ import annotations

from typing import Final

CHANGE_CIPHER_SPEC: Final = 20
ALERT: Final = 21
HANDSHAKE: Final = 22
APPLICATION_DATA: Final = 23
CLIENT_HELLO: Final = 1
SERVER_HELLO: Final = 2
FINISHED: Final = 20
KEY_UPDATE: Final = 24
TLS_13: Final = 0x0304
_RETRY: Final = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_SUPPORTED_VERSIONS: Final = 43
_LONGEST: Final = 1 << 18

ALERTS: Final[dict[int, str]] = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure",
    42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
    46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
    51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
    86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
    110: "unsupported_extension", 112: "unrecognized_name", 113: "bad_certificate_status_response",
    115: "unknown_psk_identity", 116: "certificate_required", 120: "no_application_protocol",
}  # fmt: skip


def alert_text(octets: bytes) -> str:
    """`fatal, unknown_ca`; an alert that is still encrypted has another length."""
    if len(octets) != 2 or octets[0] not in (1, 2):
        return "encrypted"
    return f"{'fatal' if octets[0] == 2 else 'warning'}, {ALERTS.get(octets[1], str(octets[1]))}"


class Hellos:
    """What both ends have said of randoms, version and suite; the same for both directions of a connection."""

    __slots__ = ("client", "random", "server", "suite", "version")

    def __init__(self) -> None:
        self.random = b""
        """Of the client, which names the session in a key log."""
        self.server = b""
        self.suite = self.version = 0
        self.client = -1
        """The direction that sent ClientHello."""

    def take(self, direction: int, kind: int, body: bytes) -> None:
        """One handshake message."""
        if kind == CLIENT_HELLO and len(body) >= 34:
            self.random = body[2:34]
            self.client = direction
            self.server = b""
        elif kind == SERVER_HELLO and len(body) >= 38 and body[2:34] != _RETRY:
            self.server = body[2:34]
            if self.client < 0:
                self.client = 1 - direction
            at = 35 + body[34]
            self.suite = int.from_bytes(body[at : at + 2])
            self.version = int.from_bytes(body[:2])
            at += 5
            while at + 4 <= len(body):
                kind, size = int.from_bytes(body[at : at + 2]), int.from_bytes(body[at + 2 : at + 4])
                if kind == _SUPPORTED_VERSIONS and size == 2:
                    self.version = int.from_bytes(body[at + 4 : at + 6])
                at += 4 + size


class Messages:
    """Handshake messages out of the records of one direction of a stream."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, octets: bytes) -> list[tuple[int, bytes]]:
        """(type, body) of each message that is whole now."""
        held = self._held + octets
        found = []
        while len(held) >= 4:
            size = int.from_bytes(held[1:4])
            if size > _LONGEST:
                held = b""
                break
            if len(held) < 4 + size:
                break
            found.append((held[0], held[4 : 4 + size]))
            held = held[4 + size :]
        self._held = held
        return found


class Fragments:
    """Handshake messages out of DTLS records of one direction, put together by message and offset."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: dict[int, bytearray] = {}

    def feed(self, octets: bytes) -> list[tuple[int, bytes]]:
        """(type, body) of each message that is whole now; fragments in order only, as SCTP brings them."""
        found = []
        while len(octets) >= 12:
            kind, size, number = octets[0], int.from_bytes(octets[1:4]), int.from_bytes(octets[4:6])
            offset, length = int.from_bytes(octets[6:9]), int.from_bytes(octets[9:12])
            piece, octets = octets[12 : 12 + length], octets[12 + length :]
            part = self._parts.setdefault(number, bytearray()) if size <= _LONGEST else bytearray()
            if offset == len(part):
                part += piece
            if len(part) >= size:
                found.append((kind, bytes(part[:size])))
                self._parts.pop(number, None)
            elif len(self._parts) > 16:
                self._parts.clear()
        return found
