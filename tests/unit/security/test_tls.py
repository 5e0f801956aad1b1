"""TLS octets to octets: two ends joined in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import example, given
from hypothesis import strategies as st
from OpenSSL import SSL, crypto

from diameter.security.credentials import BadCredentials, Credentials
from diameter.security.link import CLEAR, ProtectionFailed
from diameter.security.tls import TlsContext, TlsProtector
from helpers.certificates import Ca, Leaf, pem, rsa_key
from helpers.handshake import shake

CA = Ca()
CLIENT, SERVER = CA.issue("client.example"), CA.issue("server.example")


def _pair(
    client: Leaf | Credentials = CLIENT, server: Leaf | Credentials = SERVER
) -> tuple[TlsProtector, TlsProtector]:
    ends = [TlsContext(each.credentials() if isinstance(each, Leaf) else each) for each in (client, server)]
    return ends[0].protector(server=False), ends[1].protector(server=True)


def test_two_good_ends_agree_on_tls_1_3_and_know_each_other() -> None:
    client, server = _pair()
    assert shake(client, server) == []
    assert client.established
    assert server.established
    seen = server.security()
    assert (seen.mechanism, seen.version, seen.cipher) == ("tls", "TLSv1.3", "TLS_AES_128_GCM_SHA256")
    assert (seen.peer_names, seen.key_type, seen.key_bits) == (("client.example",), "secp256r1", 256)
    assert (seen.subject, seen.issuer) == ("CN=client.example", "CN=Lab CA")
    assert seen.serial == CLIENT.certificate.serial_number
    assert seen.not_after == CLIENT.certificate.not_valid_after_utc
    assert seen.group
    assert client.security().peer_names == ("server.example",)
    assert seen.secure
    assert not CLEAR.secure


@pytest.mark.parametrize("octets", [b"x", b"y" * 16384, b"z" * 100_000])
def test_octets_arrive_whole_in_any_cut(octets: bytes) -> None:
    client, server = _pair()
    assert shake(client, server) == []
    client.protect(octets)
    wire = client.outgoing()
    assert octets[:64] not in wire or len(octets) < 64
    assert server.receive(wire[:7]) == b""
    assert server.receive(wire[7:1000]) + server.receive(wire[1000:] or b"") == octets if len(wire) > 1000 else True


@pytest.mark.parametrize("key", ["EC", "RSA"])
def test_tls_1_2_has_forward_secrecy_and_aead(key: str) -> None:
    ca = Ca(key=rsa_key(2048)) if key == "RSA" else CA
    leaf = ca.issue("server.example", key=rsa_key(2048) if key == "RSA" else None)
    client, server = _pair(_only_12(ca.issue("client.example")), leaf)
    assert shake(client, server) == []
    name = "ECDSA" if key == "EC" else "RSA"
    assert client.security().cipher == f"ECDHE-{name}-AES128-GCM-SHA256"
    assert client.security().version == "TLSv1.2"


@pytest.mark.parametrize("dhe", [True, False])
def test_finite_field_suites_only_where_they_are_asked_for(dhe: bool) -> None:
    ca = Ca(key=rsa_key(2048))
    client, _ = _loose(ca.issue("client.example", key=rsa_key(2048)), ciphers=b"DHE-RSA-AES128-GCM-SHA256")
    server = TlsContext(ca.issue("server.example", key=rsa_key(2048)).credentials(dhe=dhe)).protector(server=True)
    reasons = shake(client, server)
    if dhe:
        assert reasons == []
        assert server.security().cipher == "DHE-RSA-AES128-GCM-SHA256"
    else:
        assert reasons[0] == "TLS: no shared cipher"


def test_a_minimum_of_1_3_refuses_1_2() -> None:
    client, server = _pair(_only_12(CLIENT), SERVER.credentials(minimum_version="1.3"))
    reasons = shake(client, server)
    assert reasons[0] == "TLS: unsupported protocol"
    assert not server.established


def test_a_peer_without_certificate_is_refused() -> None:
    client, server = _loose(None)
    assert shake(client, server)[0] == "TLS: peer did not return a certificate"


def test_the_client_refuses_as_well() -> None:
    other = Ca("Other CA")
    leaf = other.issue("server.example")
    trusting = replace(leaf.credentials(), trust=(pem(CA.certificate), pem(other.certificate)))
    client, server = _pair(CLIENT, trusting)
    reasons = shake(client, server)
    assert reasons[1] == "certificate of CN=Other CA: its root is not in the trust store"
    assert reasons[0].startswith("refused by the peer: ")
    assert not client.established


def test_an_intermediate_ca_may_be_sent_or_trusted() -> None:
    inner = Ca("Inner CA", issuer=CA)
    leaf = inner.issue("client.example")
    sent = replace(
        leaf.credentials(), chain=pem(leaf.certificate) + pem(inner.certificate), trust=(pem(CA.certificate),)
    )
    assert shake(*_pair(sent)) == []
    anchored = replace(SERVER.credentials(), trust=(pem(inner.certificate),))
    client, server = _pair(replace(leaf.credentials(), trust=(pem(CA.certificate),)), anchored)
    assert shake(client, server) == []


@pytest.mark.requirement("R-TSP-06")
def test_a_weak_or_false_issuer_is_refused() -> None:
    weak = Ca("Weak CA", key=rsa_key(1024), issuer=CA)
    leaf = weak.issue("client.example")
    chain = pem(leaf.certificate) + pem(weak.certificate)
    with pytest.raises(BadCredentials) as wrong:
        _pair(replace(leaf.credentials(), chain=chain, trust=(pem(CA.certificate),)))
    assert wrong.value.part == "chain"  # not even we would send it
    client, server = _loose(leaf, weak)
    assert shake(client, server)[0] == "certificate of CN=Weak CA: RSA key of 1024 bits, shorter than 2048"
    no_ca = CA.issue("middle.example")
    false = Ca("middle.example", key=no_ca.key).issue("client.example")
    client, server = _loose(false, no_ca)
    assert shake(client, server)[0].startswith("certificate of CN=middle.example: ")


@pytest.mark.requirement("R-TSP-06")
def test_revocation() -> None:
    strict = SERVER.credentials(crls=[pem(CA.crl(CLIENT))])
    assert shake(*_pair(CLIENT, strict))[0] == "certificate of CN=client.example: revoked"
    assert shake(*_pair(CA.issue("other.example"), strict)) == []
    client, server = _pair()
    assert shake(client, server) == []
    assert server.complaint(TlsContext(SERVER.credentials())) == ""
    assert server.complaint(TlsContext(strict)) == "certificate of CN=client.example: revoked"


DER = CLIENT.certificate.public_bytes(Encoding.DER)
VERSION_3, VERSION_8 = bytes.fromhex("a003020102"), bytes.fromhex("a003020107")


def test_a_certificate_that_only_openssl_can_read_is_refused_in_words() -> None:
    odd = crypto.load_certificate(crypto.FILETYPE_ASN1, DER.replace(VERSION_3, VERSION_8, 1))
    _, server = _pair()
    assert server.judge(odd, 0, 0, 1) is False
    assert server.refusal.startswith("a certificate cannot be read: ")
    first = server.refusal
    assert server.judge(odd, 20, 0, 0) is False
    assert server.refusal == first


def test_a_serial_number_below_one_is_refused() -> None:
    """RFC 5280 section 4.1.2.2: a positive integer."""
    negative = bytearray(DER)
    negative[15] |= 0x80
    _, server = _pair()
    assert server.judge(crypto.load_certificate(crypto.FILETYPE_ASN1, bytes(negative)), 0, 0, 1) is False
    assert "serial number which wasn't positive" in server.refusal


@given(
    st.lists(st.tuples(st.integers(0, len(DER) - 1), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 2)
)
@example([(15, 128)], 0)
def test_any_certificate_gets_a_verdict(changes: list[tuple[int, int]], depth: int) -> None:
    octets = bytearray(DER)
    for at, value in changes:
        octets[at] = value
    try:
        shown = crypto.load_certificate(crypto.FILETYPE_ASN1, bytes(octets))
    except crypto.Error:
        return  # OpenSSL sends an alert before anybody is asked
    _, server = _pair()
    passed = server.judge(shown, 0, depth, 1)
    assert passed is not bool(server.refusal)
    assert server.judge(shown, 23, depth, 0) is False
    assert server.refusal


@pytest.mark.requirement("R-TSP-08", "R-TSP-10")
@pytest.mark.parametrize("attack", ["flip", "repeat", "drop"])
def test_integrity_and_replay(attack: str) -> None:
    client, server = _pair()
    assert shake(client, server) == []
    client.protect(b"one")
    one = client.outgoing()
    client.protect(b"two")
    two = client.outgoing()
    if attack == "drop":
        wire = two
    elif attack == "flip":
        wire = one[:-1] + bytes([one[-1] ^ 1])
    else:
        assert server.receive(one) == b"one"
        wire = one
    with pytest.raises(ProtectionFailed, match="bad record mac"):
        server.receive(wire)
    assert b"alert" not in server.outgoing()  # the alert is encrypted as well


def test_a_changed_handshake_fails() -> None:
    client, server = _pair()
    assert shake(client, server, lambda octets: octets.replace(b"\x13\x01", b"\x13\x02")) != []
    assert not (client.established and server.established)


def test_closing_is_told_and_closing_before_the_handshake_says_nothing() -> None:
    client, server = _pair()
    client.close()
    assert client.outgoing() == b""
    assert shake(client, server) == []
    client.close()
    client.close()
    assert server.receive(client.outgoing()) == b""
    assert server.closed


def test_closing_a_link_that_failed_is_quiet() -> None:
    client, server = _pair()
    assert shake(client, server) == []
    with pytest.raises(ProtectionFailed):
        server.receive(b"\x17\x03\x03\x00\x05xxxxx")
    server.close()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_no_resumption_and_no_renegotiation(version: str) -> None:
    ours = TlsContext(replace(CLIENT.credentials(), maximum_version=version))
    theirs = TlsContext(SERVER.credentials())
    client, server = ours.protector(server=False), theirs.protector(server=True)
    assert shake(client, server) == []
    session = client._connection.get_session()
    assert session is not None
    again, there = ours.protector(server=False), theirs.protector(server=True)
    again._connection.set_session(session)
    seen: list[bytes] = []

    def watch(octets: bytes) -> bytes:
        seen.append(octets)
        return octets

    assert shake(again, there, watch) == []
    assert there.security().peer_names == ("client.example",)
    assert max(map(len, seen)) > len(CLIENT.certificate.public_bytes(Encoding.DER))  # it showed its certificate again
    if version == "1.2":
        with pytest.raises(SSL.Error, match="no renegotiation"):
            client._connection.renegotiate()


def test_what_openssl_itself_refuses_is_said_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(context: SSL.Context, certificate: object) -> None:
        raise SSL.Error([("SSL routines", "", "ee key too small")])

    monkeypatch.setattr(SSL.Context, "use_certificate", refuse)  # a system-wide policy can be stricter than ours
    with pytest.raises(BadCredentials, match="ee key too small") as wrong:
        TlsContext(SERVER.credentials())
    assert wrong.value.part == "chain"


def test_the_key_log_gets_lines_only_where_it_is_asked_for() -> None:
    lines: list[bytes] = []
    client, server = _pair(replace(CLIENT.credentials(), secrets=lines.append))
    assert shake(client, server) == []
    assert {line.split()[0] for line in lines} >= {b"CLIENT_TRAFFIC_SECRET_0", b"SERVER_TRAFFIC_SECRET_0"}


def _loose(
    leaf: Leaf | None, *issuers: Ca | Leaf, ciphers: bytes = b"ALL:@SECLEVEL=0"
) -> tuple[TlsProtector, TlsProtector]:
    """A client without any check, with any certificate or none, and a server as it should be."""
    client, server = _pair()
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(ciphers)
    if ciphers.startswith(b"DHE"):
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
    if leaf is not None:
        context.use_certificate(leaf.certificate)
        context.use_privatekey(leaf.key)
    for issuer in issuers:
        context.add_extra_chain_cert(issuer.certificate)
    client._connection = SSL.Connection(context, None)
    client._connection.set_connect_state()
    return client, server


def _only_12(leaf: Leaf) -> Credentials:
    return replace(leaf.credentials(), maximum_version="1.2")
