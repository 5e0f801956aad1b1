"""DTLS over SCTP (RFC 6083) in the profile of TS 33.210 6.2: messages to records and back, no socket, no clock.

DTLS 1.2 on OpenSSL's memory buffers; it has no later version there.  One record is one SCTP message.  What RFC 6083
leaves to SCTP is not done here: no retransmission (the timer of DTLS is never asked, and the handshake is continued
only when something arrived), no path MTU, no cookies, no renegotiation: new keys come with a new association.

The key for SCTP-AUTH is exported where its value is certain (section 4.8): at a server when ClientKeyExchange has been
processed, at a client when its own ChangeCipherSpec stands ready; before that OpenSSL gives a wrong value without a
word.  It is used from Finished on; ChangeCipherSpec itself still goes under the key before it (number 0, the empty
key), and only when everything earlier is acknowledged (section 4.7), which gives the peer time to learn the new key.

A record that cannot be opened ends the association.  DTLS on datagrams throws such records away, but SCTP never repeats
what it has delivered: in the place of a forged message a genuine one is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import ClassVar, Final

from OpenSSL import SSL

from diameter.errors import EncodeError
from diameter.security.credentials import Credentials
from diameter.security.link import ProtectionFailed
from diameter.security.protector import ActivateKey, InstallKey, RemoveKey, Send, Settle, Step
from diameter.security.replay import HoldBack
from diameter.security.tls import Party, TlsContext, apply_profile

DTLS_1_2: Final = 0xFEFD
LARGEST: Final = 16_384
"""Octets of a message in one record, RFC 6083 section 3.3."""
LABEL: Final = b"EXPORTER_DTLS_OVER_SCTP"
KEY_OCTETS: Final = 64
FIRST_KEY: Final = 0
"""The empty endpoint pair shared key of RFC 4895, under which the handshake begins."""
NEXT_KEY: Final = 1
OVERHEAD: Final = 37
"""Header 13, explicit nonce 8, tag 16: every suite of the profile is AES-GCM."""
EARLY: Final = 128
"""Records that may overtake the end of the handshake on other streams."""

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
CLIENT_KEY_EXCHANGE: Final = 16
_HEADER: Final = Struct("!B2xHHIH")
_FLIGHT: Final = 65_536


class DtlsContext(TlsContext):
    """Keys, trust and revocation in force for DTLS.  Raises BadCredentials.

    `label_with_nul`: export as OpenSSL before 1.1.1b did, with the octet behind the label.
    """

    def messages(self, *, server: bool, label_with_nul: bool = False) -> DtlsProtector:
        """Return one end of a new association; a server is the end that was connected to."""
        return DtlsProtector(self, self.connection(), server=server, label_with_nul=label_with_nul)

    def connection(self) -> SSL.Connection:
        """A new connection that cuts no message of the handshake into pieces."""
        made = super().connection()
        made.set_ciphertext_mtu(LARGEST)
        return made

    def _empty(self, credentials: Credentials) -> SSL.Context:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(DTLS_1_2)
        apply_profile(context, credentials)
        context.set_options(SSL.OP_NO_QUERY_MTU)
        return context


class DtlsProtector(Party):
    """One end of DTLS on one association, a `diameter.security.protector.MessageProtector`.

    `ignored`: records of the handshake that came after it, and are thrown away.
    """

    __slots__ = ("_early", "_goodbye", "_key", "_label", "_records", "_steps", "_trusted", "ignored")
    mechanism: ClassVar[str] = "dtls"
    largest: int = LARGEST
    overhead: int = OVERHEAD

    def __init__(
        self, context: DtlsContext, connection: SSL.Connection, *, server: bool, label_with_nul: bool = False
    ) -> None:
        super().__init__(context, connection, server=server)
        self._label = LABEL + b"\0" if label_with_nul else LABEL
        self._records = HoldBack()
        self._early: list[bytes] = []
        self._steps: list[Step] = []
        self._key = b""
        self._trusted = False
        self._goodbye: tuple[int, bytes] | None = None
        self.ignored = 0

    @property
    def replayed(self) -> int:
        """Records refused because they had been there before."""
        return self._records.replayed

    @property
    def held(self) -> int:
        """Records held back until earlier ones arrive."""
        return self._records.held

    def start(self) -> None:
        """Begin; a client has its ClientHello ready after this."""
        super().start()
        self._collect()

    def seal(self, clear: bytes) -> bytes:
        """Return the record of a message.  Raises EncodeError for more than 16,384 octets, and for none."""
        if not 0 < len(clear) <= LARGEST:
            raise EncodeError(f"a message of {len(clear)} octets: DTLS over SCTP takes 1 to {LARGEST} (RFC 6083 3.3)")
        connection = self._connection
        connection.send(clear)
        return connection.bio_read(len(clear) + OVERHEAD)

    def receive(self, record: bytes, stream: int) -> list[bytes]:
        """Take one record; return what it lets through.  Raises ProtectionFailed."""
        if len(record) < _HEADER.size:
            raise ProtectionFailed(f"a message of {len(record)} octets is no DTLS record")
        kind, epoch, high, low, length = _HEADER.unpack_from(record)
        if _HEADER.size + length != len(record):
            raise ProtectionFailed("a message that is not exactly one DTLS record (RFC 6083 section 4.1)")
        if not self.established:
            return self._shake(kind, epoch, record, stream)
        if self.closed or epoch == 0:
            self.ignored += 1
            return []
        if epoch != 1:
            raise ProtectionFailed(f"a DTLS record of epoch {epoch}: keys are renewed by a new association only")
        return self._take(kind, high << 32 | low, record)

    def steps(self) -> Sequence[Step]:
        """What is to be done, in this order."""
        found, self._steps = self._steps, []
        return found

    def close(self) -> None:
        """Queue the close_notify alert; call it when everything that was sent is acknowledged."""
        super().close()
        self._collect()

    # -- the handshake

    def _shake(self, kind: int, epoch: int, record: bytes, stream: int) -> list[bytes]:
        if epoch and kind != HANDSHAKE:
            if len(self._early) >= EARLY:
                raise ProtectionFailed(f"more than {EARLY} DTLS records before the end of the handshake")
            self._early.append(record)  # it has overtaken Finished, on another stream
            return []
        if stream:
            raise ProtectionFailed(f"a DTLS handshake on stream {stream} (RFC 6083 section 4.4: stream 0)")
        if self._server and kind == CHANGE_CIPHER_SPEC:
            self._export()
        self._connection.bio_write(record)
        try:
            done = self._handshake()
        finally:
            self._collect()
        if self._server and not done and kind == HANDSHAKE and not epoch and _completes_key_exchange(record):
            self._export()
        if not done:
            return []
        self._established(record)
        return [clear for each in self._early for clear in self.receive(each, 0)]

    def _established(self, finished: bytes) -> None:
        """Both ends are authenticated."""
        _, _, high, low, _ = _HEADER.unpack_from(finished)
        self._records.missing = (high << 32 | low) + 1
        if self._exported() != self._key:
            raise ProtectionFailed("DTLS: the keys have changed during the handshake")
        if not self._server:
            self._first_opened()

    def _export(self) -> None:
        """The new key is certain now: SCTP is to understand it."""
        key = self._exported()
        if key != self._key:
            self._key = key
            self._steps.append(InstallKey(NEXT_KEY, key))

    def _exported(self) -> bytes:
        """The key for SCTP-AUTH as it is now.  Raises ProtectionFailed when there can be none yet."""
        try:
            return self._connection.export_keying_material(self._label, KEY_OCTETS)
        except SSL.Error:  # with no word of OpenSSL's in it
            raise ProtectionFailed("DTLS: the peer changes to keys that are not agreed yet") from None

    def _first_opened(self) -> None:
        """The peer has our Finished, so it sends nothing more under the first key, and understands the next one."""
        self._trusted = True
        self._steps.append(RemoveKey(FIRST_KEY))

    def _collect(self) -> None:
        """Cut what OpenSSL wrote into records; ChangeCipherSpec brings the new key (sections 4.7 and 4.8)."""
        flight = b""
        while True:
            try:
                flight += self._connection.bio_read(_FLIGHT)
            except SSL.WantReadError:
                break
        at = 0
        while at < len(flight):
            kind, *_, length = _HEADER.unpack_from(flight, at)
            end = at + _HEADER.size + length
            change = kind == CHANGE_CIPHER_SPEC
            if change:
                self._export()
                self._steps.append(Settle())
            self._steps.append(Send(flight[at:end]))
            if change:
                self._steps.append(ActivateKey(NEXT_KEY))
            at = end

    # -- afterwards

    def _take(self, kind: int, number: int, record: bytes) -> list[bytes]:
        records = self._records
        if kind == ALERT and number > records.missing:
            self._goodbye = number, record  # what was sent before it is read before it, section 4.9
            return []
        found: list[bytes] = []
        if records.admit(number, record):
            self._open(kind, number, record, found)
        while (following := records.next_held()) is not None:
            self._open(following[1][0], *following, found)
        if self._goodbye is not None and self._goodbye[0] <= records.missing:
            (number, record), self._goodbye = self._goodbye, None
            self._open(ALERT, number, record, found)
        return found

    def _open(self, kind: int, number: int, record: bytes, found: list[bytes]) -> None:
        """Decrypt one record; the message in it goes to `found`."""
        if kind in (HANDSHAKE, CHANGE_CIPHER_SPEC):
            self.ignored += 1  # no renegotiation; a repeated Finished
            self._records.passed(number)
            return
        connection = self._connection
        connection.bio_write(record)
        try:
            found.append(connection.recv(len(record)))
        except SSL.WantReadError:
            if kind != ALERT:
                raise ProtectionFailed(f"DTLS record {number} is forged or damaged") from None
        except SSL.ZeroReturnError:
            self.closed = True
            return
        except SSL.Error as error:
            raise ProtectionFailed(self._reason(error)) from None
        self._records.passed(number)
        if not self._trusted:
            self._first_opened()


def _completes_key_exchange(record: bytes) -> bool:
    """True when a record of the handshake, in clear, holds the (last piece of) ClientKeyExchange."""
    at = _HEADER.size
    while at + 12 <= len(record):
        length, offset, piece = (int.from_bytes(record[at + here : at + here + 3]) for here in (1, 6, 9))
        if record[at] == CLIENT_KEY_EXCHANGE and offset + piece == length:
            return True
        at += 12 + piece
    return False
