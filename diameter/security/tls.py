"""TLS in the profile of TS 33.210 6.2, octets to octets, on OpenSSL's memory buffers: no socket, no clock.

TLS 1.2 and 1.3 with forward secrecy and AEAD only; both ends show a certificate of the Diameter trust store (RFC 6733
section 13.1); no renegotiation, no compression, no resumption.  Curves are OpenSSL's own list, which holds secp256r1
and secp384r1 and nothing below 128 bits.  Everything a peer's certificate is refused for becomes a sentence.

Rejected: Twisted's own TLS protocol.  It announces the connection before the handshake, so unauthenticated peers would
reach the Diameter layer, and its send buffers cannot be counted.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import ClassVar, Final

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from OpenSSL import SSL, crypto

from diameter.security import certificate as profile
from diameter.security.credentials import BadCredentials, Credentials, anchors, own_chain, own_key, revocations
from diameter.security.link import LinkSecurity, ProtectionFailed

SUITES_12: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
SUITES_12_DHE: Final = ("DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384")
GROUP: Final = str(Path(__file__).with_name("ffdhe3072.pem"))
"""Of the server's DHE keys (RFC 7919): by itself OpenSSL has none in DTLS, nor for a client that names no group."""
SUITES_13: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
VERSIONS: Final = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
OPTIONS: Final = (
    SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET | SSL.OP_CIPHER_SERVER_PREFERENCE
)  # fmt: skip
RECORD: Final = 16384
"""Clear octets in one TLS record, at most."""
HEAD: Final = 5
"""Octets before the data of a record: type, version, length."""
APPLICATION_DATA: Final = 0x17
FLIGHT: Final = 65536
"""Octets of records taken from OpenSSL at once; from 128 KiB on each taking would be a mapping of its own."""

VERIFY_ERRORS: Final = {
    3: "no revocation list of its issuer",
    7: "its signature is wrong",
    8: "the signature of a revocation list is wrong",
    9: "not yet valid",
    10: "expired",
    11: "the revocation list of its issuer is not yet valid",
    12: "the revocation list of its issuer has expired",
    18: "self-signed and not in the trust store",
    19: "its root is not in the trust store",
    20: "its issuer is not in the trust store",
    21: "its issuer is not in the trust store",
    22: "the chain is too long",
    23: "revoked",
    24: "its issuer is not a CA",
    25: "the chain is longer than its CA allows",
    26: "extended key usage lacks the purpose",
    44: "no revocation list of its issuer",
    47: "its name is outside what its CA may certify",
    66: "key too weak",
    67: "the key of its CA is too weak",
    68: "signed with a hash that is too weak",
    79: "its issuer is not a CA",
}
"""OpenSSL's verification errors (X509_V_ERR_...) as the end of a sentence."""


class TlsContext:
    """Keys, trust and revocation in force; makes both ends' protectors.  Raises BadCredentials."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self.common_name = credentials.common_name
        chain, trusted = own_chain(credentials), anchors(credentials)
        key = own_key(credentials, chain[0])
        self.certificate = chain[0]
        self.chain, self.trusted, self.crls = tuple(chain), tuple(trusted), tuple(revocations(credentials))
        self._anchors = frozenset(profile.fingerprint(each) for each in trusted)
        context = self._empty(credentials)
        try:
            context.use_certificate(chain[0])
            for each in chain[1:]:
                context.add_extra_chain_cert(each)
            context.use_privatekey(key)
        except SSL.Error as error:
            raise BadCredentials("chain", f"OpenSSL refuses it: {error}") from None
        store = context.get_cert_store()
        assert store is not None
        _trust(store, trusted, list(self.crls))
        self._context = context
        self._store = store

    def protector(self, *, server: bool) -> TlsProtector:
        """Return one end of a new link; a server is the end that was connected to."""
        return TlsProtector(self, self.connection(), server=server)

    def connection(self) -> SSL.Connection:
        """A new connection of OpenSSL's on memory buffers."""
        return SSL.Connection(self._context, None)

    def complaint(self, leaf: x509.Certificate, chain: list[x509.Certificate]) -> str:
        """Return why a peer that is connected would be refused now, or "" (after new revocation lists were read)."""
        others = [crypto.X509.from_cryptography(each) for each in chain]
        try:
            crypto.X509StoreContext(self._store, crypto.X509.from_cryptography(leaf), others).verify_certificate()
        except crypto.X509StoreContextError as error:
            return _sentence(leaf, VERIFY_ERRORS.get(error.errors[0], str(error)))
        return ""

    def is_anchor(self, certificate: x509.Certificate) -> bool:
        """True for a certificate of the trust store itself."""
        return profile.fingerprint(certificate) in self._anchors

    def _empty(self, credentials: Credentials) -> SSL.Context:
        """A context that speaks the profile, still without certificate and trust."""
        return _context(credentials)


class Party:
    """One end of one link: the handshake, and whom it has shown to be at the other end."""

    __slots__ = ("__weakref__", "_connection", "_context", "_server", "closed", "established", "refusal")
    mechanism: ClassVar[str] = "tls"

    def __init__(self, context: TlsContext, connection: SSL.Connection, *, server: bool) -> None:
        self._context = context
        self._connection = connection
        self._server = server
        self.established = False
        self.closed = False
        self.refusal = ""
        connection.set_app_data(self)
        if server:
            connection.set_accept_state()
        else:
            connection.set_connect_state()

    def start(self) -> None:
        """Begin; a client has its ClientHello ready after this."""
        self._handshake()

    def close(self) -> None:
        """Queue the close_notify alert; of a link that is not established there is nothing to say."""
        if self.established:
            try:
                self._connection.shutdown()
            except SSL.Error:
                return  # the link had failed already; there is nobody to tell

    def security(self) -> LinkSecurity:
        """What was agreed, and with whom; only once established."""
        leaf, connection = self._leaf(), self._connection
        kind, bits = profile.key_of(leaf)
        return LinkSecurity(
            mechanism=self.mechanism,
            version=connection.get_protocol_version_name(),
            cipher=connection.get_cipher_name() or "",
            group=connection.get_group_name() or "",
            peer_names=profile.identities(leaf, common_name=self._context.common_name),
            subject=profile.name_of(lambda: leaf.subject),
            issuer=profile.name_of(lambda: leaf.issuer),
            serial=leaf.serial_number,
            fingerprint=profile.fingerprint(leaf),
            key_type=kind,
            key_bits=bits,
            not_after=profile.lifetime(leaf)[1],
        )

    def complaint(self, context: TlsContext) -> str:
        """Return why this peer would be refused under other credentials, or ""."""
        return context.complaint(self._leaf(), self._connection.get_peer_cert_chain(as_cryptography=True) or [])

    def judge(self, shown: crypto.X509, error: int, depth: int, ok: int) -> bool:
        """OpenSSL's question about each certificate of the peer's chain, issuers first; keeps the reason of a no."""
        try:
            with warnings.catch_warnings():  # what is only deprecated to read, as a serial number of 0, is no good
                warnings.simplefilter("error", CryptographyDeprecationWarning)
                one = shown.to_cryptography()
        except (*profile.UNREADABLE, CryptographyDeprecationWarning) as unreadable:
            self.refusal = self.refusal or f"a certificate cannot be read: {unreadable}"
            return False
        if depth == 0:
            found = profile.complaints(one, initiator=self._server, common_name=self._context.common_name)
        else:
            found = profile.issuer_complaints(one, anchor=self._context.is_anchor(one))
        if not ok and not (found and error in (26, 66, 67, 68, 79)):
            found = [VERIFY_ERRORS.get(error, f"verification error {error}")]
        if found and not self.refusal:
            self.refusal = _sentence(one, "; ".join(found))
        return bool(ok) and not found

    def _leaf(self) -> x509.Certificate:
        leaf = self._connection.get_peer_certificate(as_cryptography=True)
        assert leaf is not None
        return leaf

    def _handshake(self) -> bool:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise ProtectionFailed(self._reason(error)) from None
        self.established = True
        return True

    def _reason(self, error: SSL.Error) -> str:
        if self.refusal:
            return self.refusal
        texts = (
            [entry[2] for entry in error.args[0]] if error.args and isinstance(error.args[0], list) else [str(error)]
        )
        said = [text for text in texts if " alert " in text]
        name = self.mechanism.upper()
        return f"refused by the peer: {said[0]}" if said else f"{name}: {'; '.join(filter(None, texts)) or 'failed'}"


class TlsProtector(Party):
    """One end of one TLS link, a `diameter.security.link.Protector`."""

    __slots__ = ("_head", "_skip")

    def __init__(self, context: TlsContext, connection: SSL.Connection, *, server: bool) -> None:
        super().__init__(context, connection, server=server)
        self._head = b""  # what there is of the head of a record that has begun
        self._skip = 0  # octets still to come of it

    def receive(self, octets: bytes) -> bytes:
        """Take octets from the wire; return clear octets, maybe none.  Raises ProtectionFailed."""
        connection = self._connection
        connection.bio_write(octets)
        whole = self._whole(octets)
        if not self.established and not self._handshake():
            return b""
        clear: list[bytes] = []
        try:
            if whole:  # one record: to be told that nothing is left would cost an exception
                return connection.recv(RECORD)
            while True:
                clear.append(connection.recv(RECORD))
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.closed = True
        except SSL.Error as error:
            raise ProtectionFailed(self._reason(error)) from None
        return clear[0] if len(clear) == 1 else b"".join(clear)

    def _whole(self, octets: bytes) -> bool:
        """True when these octets are exactly one record of application data; keeps count of where records end."""
        size = len(octets) - HEAD
        if size > 0 and not self._skip and not self._head and octets[3] << 8 | octets[4] == size:
            return octets[0] == APPLICATION_DATA
        octets, at = self._head + octets, self._skip
        while at + HEAD <= len(octets):
            at += HEAD + (octets[at + 3] << 8 | octets[at + 4])
        self._skip, self._head = max(at - len(octets), 0), octets[at:]
        return False

    def protect(self, clear: bytes) -> None:
        """Take clear octets to be sent."""
        self._connection.sendall(clear)

    def outgoing(self) -> bytes:
        """Return the octets to put on the wire, maybe none."""
        parts: list[bytes] = []
        try:
            while not parts or len(parts[-1]) == FLIGHT:  # to be told that nothing is left costs an exception
                parts.append(self._connection.bio_read(FLIGHT))
        except SSL.WantReadError:
            pass
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _context(credentials: Credentials) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(VERSIONS[credentials.minimum_version])
    context.set_max_proto_version(VERSIONS[credentials.maximum_version])
    context.set_tls13_ciphersuites(":".join(SUITES_13).encode())
    apply_profile(context, credentials)
    return context


def apply_profile(context: SSL.Context, credentials: Credentials) -> None:
    """What TLS and DTLS of every version have in common."""
    suites = SUITES_12 + SUITES_12_DHE if credentials.dhe else SUITES_12
    context.set_cipher_list(":".join(suites).encode())
    if credentials.dhe:
        context.load_tmp_dh(GROUP)
    context.set_options(OPTIONS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verify)
    if credentials.secrets is not None:
        secrets = credentials.secrets
        context.set_keylog_callback(lambda _, line: secrets(line))


def _trust(
    store: crypto.X509Store, trusted: list[x509.Certificate], crls: list[x509.CertificateRevocationList]
) -> None:
    """Fill the store: any CA of it ends a chain; with one revocation list, each CA of a chain needs one in force."""
    flags = crypto.X509StoreFlags.PARTIAL_CHAIN
    for each in trusted:
        store.add_cert(crypto.X509.from_cryptography(each))
    for crl in crls:
        store.add_crl(crl)
    if crls:
        flags |= crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL
    store.set_flags(flags)


def _verify(connection: SSL.Connection, shown: crypto.X509, error: int, depth: int, ok: int) -> bool:
    protector = connection.get_app_data()
    assert isinstance(protector, Party)
    return protector.judge(shown, error, depth, ok)


def _sentence(certificate: x509.Certificate, what: str) -> str:
    return f"certificate of {profile.name_of(lambda: certificate.subject)}: {what}"
