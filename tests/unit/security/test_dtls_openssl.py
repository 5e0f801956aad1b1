"""Our DTLS against OpenSSL's own: a connection of OpenSSL with nothing of ours around it, in both roles, all suites.

RFC 6083 wants one record in one SCTP message, so whoever stands between the two cuts what OpenSSL writes into records.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import pytest
from OpenSSL import SSL, crypto

from diameter.security.credentials import Credentials
from diameter.security.dtls import KEY_OCTETS, LABEL, DtlsContext, DtlsProtector
from diameter.security.protector import InstallKey, Send
from diameter.security.tls import GROUP, SUITES_12, SUITES_12_DHE
from helpers.certificates import Ca, Leaf, rsa_key

SUITES: Final = SUITES_12 + SUITES_12_DHE
ROLES: Final = ("client", "server")
MTUS: Final = (16_384, 600)


class Foreign:
    """OpenSSL on memory buffers, as any program would use it."""

    def __init__(self, leaf: Leaf, suite: str, role: str, mtu: int) -> None:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_cipher_list(suite.encode())
        if suite in SUITES_12_DHE and role == "server":
            context.load_tmp_dh(GROUP)
        context.use_certificate(leaf.certificate)
        context.use_privatekey(leaf.key)
        store = context.get_cert_store()
        assert store is not None
        store.add_cert(crypto.X509.from_cryptography(leaf.ca.certificate))
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: bool(_[-1]))
        context.set_options(SSL.OP_NO_QUERY_MTU)
        self.connection = SSL.Connection(context, None)
        self.connection.set_ciphertext_mtu(mtu)
        if role == "server":
            self.connection.set_accept_state()
        else:
            self.connection.set_connect_state()

    def written(self) -> list[bytes]:
        """The records that it wants to send."""
        found: list[bytes] = []
        flight = b""
        with suppress(SSL.WantReadError):
            flight = self.connection.bio_read(65_536)
        while flight:
            end = 13 + int.from_bytes(flight[11:13])
            found.append(flight[:end])
            flight = flight[end:]
        return found

    def shake(self, records: list[bytes]) -> list[bytes]:
        """Go on with the handshake."""
        for record in records:
            self.connection.bio_write(record)
            with suppress(SSL.WantReadError):
                self.connection.do_handshake()
        return self.written()


def _sent(ours: DtlsProtector, keys: list[bytes]) -> list[bytes]:
    steps = ours.steps()
    keys += [step.key for step in steps if isinstance(step, InstallKey)]
    return [step.record for step in steps if isinstance(step, Send)]


def _credentials(suite: str) -> tuple[Leaf, Leaf]:
    if "ECDSA" in suite:
        ca = Ca()
        return ca.issue("ours.example"), ca.issue("theirs.example")
    ca = Ca(key=rsa_key(2048))
    return ca.issue("ours.example", key=rsa_key(2048)), ca.issue("theirs.example", key=rsa_key(2048))


def joined(suite: str, role: str, mtu: int) -> tuple[DtlsProtector, Foreign, list[bytes]]:
    """Ours in this role and OpenSSL in the other, with their handshake done; the keys for SCTP-AUTH that ours gave."""
    mine, theirs = _credentials(suite)
    shown: Credentials = mine.credentials(dhe=suite in SUITES_12_DHE)
    ours = DtlsContext(shown).messages(server=role == "server")
    foreign = Foreign(theirs, suite, "client" if role == "server" else "server", mtu)
    keys: list[bytes] = []
    ours.start()
    with suppress(SSL.WantReadError):
        foreign.connection.do_handshake()
    records = foreign.written()
    while (back := _sent(ours, keys)) or records:
        for record in records:
            assert ours.receive(record, 0) == []
        records = foreign.shake(back + _sent(ours, keys))
    assert ours.established
    return ours, foreign, keys


@pytest.mark.parametrize("mtu", MTUS)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("suite", SUITES)
def test_a_handshake_records_and_the_exporter(suite: str, role: str, mtu: int) -> None:
    ours, foreign, keys = joined(suite, role, mtu)
    assert ours.security().cipher == foreign.connection.get_cipher_name() == suite
    assert ours.security().version == foreign.connection.get_protocol_version_name() == "DTLSv1.2"
    assert ours.security().peer_names == ("theirs.example",)
    assert keys == [foreign.connection.export_keying_material(LABEL, KEY_OCTETS)]
    for number in range(70):
        clear = b"%06d" % number * 3
        foreign.connection.bio_write(ours.seal(clear))
        assert foreign.connection.recv(16_384) == clear
        foreign.connection.send(clear)
        (record,) = foreign.written()
        assert ours.receive(record, number % 7) == [clear]


@pytest.mark.parametrize("role", ROLES)
def test_the_longest_message_and_goodbye(role: str) -> None:
    ours, foreign, _ = joined(SUITES[1], role, MTUS[0])
    longest = bytes(range(256)) * 64
    foreign.connection.bio_write(ours.seal(longest))
    assert foreign.connection.recv(16_384) == longest
    foreign.connection.send(longest)
    (record,) = foreign.written()
    assert ours.receive(record, 3) == [longest]
    ours.close()
    for record in _sent(ours, []):
        foreign.connection.bio_write(record)
    with pytest.raises(SSL.ZeroReturnError):
        foreign.connection.recv(1)
    foreign.connection.shutdown()
    for record in foreign.written():
        assert ours.receive(record, 0) == []
    assert ours.closed


@pytest.mark.parametrize("role", ROLES)
def test_records_that_streams_reorder(role: str) -> None:
    """What OpenSSL seals may come in any order; it itself, on datagrams, takes what lies within its window."""
    ours, foreign, _ = joined(SUITES[0], role, MTUS[0])
    records = []
    for number in range(500):
        foreign.connection.send(b"%06d" % number)
        records += foreign.written()
    found = [clear for record in reversed(records) for clear in ours.receive(record, 1)]
    assert sorted(found) == [b"%06d" % number for number in range(500)]
    sealed = [ours.seal(b"%06d" % number) for number in range(60)]
    for number, record in reversed(list(enumerate(sealed))):
        foreign.connection.bio_write(record)
        assert foreign.connection.recv(16) == b"%06d" % number
