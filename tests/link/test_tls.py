"""TLS links over real sockets: who gets in, who does not and why, and what an attacker on the wire achieves."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import DNSName
from OpenSSL import SSL

from diameter.config import Limits, TlsConfig
from diameter.errors import ConfigError
from diameter.security.pki import KEY_KINDS, KeyKind, Pki
from diameter.transport.endpoints import Links
from diameter.transport.link import ConnectFailed
from helpers.certificates import BOTH, Ca, Leaf, pem, rsa_key
from helpers.links import Bench, Recorder, dial, listener, node, tls_table
from helpers.loop import drive, reactor
from helpers.loose import LooseClient, Raw, Wire, connect, loose_context

pytestmark = pytest.mark.link

CA = Ca()
RSA_CA = Ca("RSA CA", key=rsa_key(2048))
SERVER, CLIENT = CA.issue("server.example"), CA.issue("client.example")
PAIR = ("server.example", "client.example")


def _bench(folder: Path, *, client: Leaf = CLIENT, more: dict[str, object] | None = None, **table: object) -> Bench:
    ours = tls_table(folder, PAIR[0], SERVER, CA, RSA_CA, **(more or {}))
    theirs = tls_table(folder, PAIR[1], client, CA, RSA_CA)
    server = node(PAIR[0], ours, listener("tls"), **table)
    return Bench("tls", server, node(PAIR[1], theirs), (Recorder(), Recorder()))


@pytest.mark.parametrize(
    ("version", "cipher"),
    [("1.2", "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256"), ("1.3", "TLSv1.3 TLS_AES_128_GCM_SHA256")],
)
def test_both_ends_know_each_other_before_the_first_octet(tmp_path: Path, version: str, cipher: str) -> None:
    async def scenario() -> None:
        async with _bench(tmp_path) as bench:
            if version == "1.3":
                link, theirs = await bench.connect()
                assert f"{link.security.version} {link.security.cipher}" == cipher
                assert (link.peer_names, theirs.peer_names) == (("server.example",), ("client.example",))
                assert (link.transport, link.secure, theirs.security.mechanism) == ("tls", True, "tls")
                assert theirs.security.fingerprint == CLIENT.certificate.fingerprint(SHA256()).hex()
                assert theirs.security.not_after == CLIENT.certificate.not_valid_after_utc
                link.write(b"hello")
            else:
                await connect(bench.port, LooseClient(loose_context(CLIENT, highest=SSL.TLS1_2_VERSION), b"hello"))
            await bench.server_owner.until(lambda: bench.server_owner.data == b"hello")
            security = bench.server_owner.links[0].security
            assert f"{security.version} {security.cipher}" == cipher

    drive(scenario())


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_certificates_of_the_lab_pki_fit_the_profile(tmp_path: Path, kind: KeyKind) -> None:
    pki = Pki.init(tmp_path / "pki", key_kind=kind)
    tables = []
    for name in PAIR:
        issued = pki.issue(name, "127.0.0.1", f"aaa://{name}", key_kind=kind)
        files = {"certificate": issued.certificate, "key": issued.key, "trust": [pki.ca_path], "crl": [pki.crl_path]}
        tables.append(TlsConfig.model_validate(files))

    async def scenario() -> None:
        server, client = node(PAIR[0], tables[0], listener("tls")), node(PAIR[1], tables[1])
        async with Bench("tls", server, client, (Recorder(), Recorder())) as bench:
            _, theirs = await bench.connect()
            assert theirs.peer_names == (PAIR[1],)
            pki.revoke(PAIR[1])
            bench.server.reload()
            await bench.server_owner.until(lambda: bool(bench.server_owner.lost))
            assert bench.server_owner.lost == [f"certificate of CN={PAIR[1]}: revoked"]

    drive(scenario())


REFUSED = {
    "SHA-1": (RSA_CA.issue(sha1=True), "signed with sha1, not sha256 or sha384 or sha512"),
    "RSA-1024": (CA.issue(key=rsa_key(1024)), "RSA key of 1024 bits, shorter than 2048"),
    "no SAN": (CA.issue(names=[]), "no subjectAltName"),
    "wildcard": (CA.issue(names=[DNSName("*.example")]), "subjectAltName has neither a dNSName nor an aaa URI"),
    "server only": (CA.issue(purposes=BOTH[1:]), "extended key usage lacks clientAuth"),
    "no EKU": (CA.issue(purposes=None), "extended key usage lacks clientAuth"),
    "no signing": (CA.issue(signing=False), "key usage lacks digitalSignature"),
    "expired": (CA.issue(days=(-9, -1)), "expired"),
    "not yet valid": (CA.issue(days=(1, 9)), "not yet valid"),
    "CA:TRUE": (CA.issue(ca=True), "CA certificate used as a node's own"),
    "wrong CA": (Ca("Other CA").issue(), "its issuer is not in the trust store"),
    "self-signed": (None, "peer did not return a certificate"),
}


@pytest.mark.requirement("R-TSP-06", "R-TSP-32")
@pytest.mark.parametrize("case", REFUSED)
def test_a_certificate_outside_the_profile_is_refused_and_nothing_is_heard(case: str, tmp_path: Path) -> None:
    leaf, reason = REFUSED[case]

    async def scenario() -> None:
        async with _bench(tmp_path) as bench:
            client = LooseClient(loose_context(leaf))
            await connect(bench.port, client)
            owner = bench.server_owner
            await owner.until(lambda: bool(owner.refused))
            transport, text = owner.refused[0]
            assert transport == "tls"
            assert reason in text
            assert (owner.links, owner.octets) == ([], 0)
            assert "alert" in (client.ended or "alert")

    drive(scenario())


@pytest.mark.requirement("R-TSP-06")
def test_a_revoked_certificate_is_refused_and_a_link_that_is_up_ends_when_the_new_list_is_read(tmp_path: Path) -> None:
    crl = tmp_path / "ca.crl"
    crl.write_bytes(pem(CA.crl()) + pem(RSA_CA.crl()))

    async def scenario() -> None:
        async with _bench(tmp_path, more={"crl": (crl,)}) as bench:
            await bench.connect()
            crl.write_bytes(pem(CA.crl(CLIENT)) + pem(RSA_CA.crl()))
            bench.server.reload()
            await bench.server_owner.until(lambda: bool(bench.server_owner.lost))
            assert bench.server_owner.lost == ["certificate of CN=client.example: revoked"]
            await bench.client.connect(dial("tls", bench.port))  # in TLS 1.3 the client is done first
            await bench.client_owner.until(lambda: len(bench.client_owner.lost) == 2)
            assert bench.client_owner.lost[1].endswith("alert certificate revoked")
            assert bench.server_owner.refused == [("tls", "certificate of CN=client.example: revoked")]

    drive(scenario())


@pytest.mark.parametrize(
    ("crls", "reason"),
    [
        ([CA.crl(days=(-9, -1))], "the revocation list of its issuer has expired"),
        ([RSA_CA.crl()], "no revocation list of its issuer"),
    ],
)
def test_without_a_list_in_force_nobody_gets_in(tmp_path: Path, crls: list[object], reason: str) -> None:
    path = tmp_path / "ca.crl"
    path.write_bytes(b"".join(pem(each) for each in crls))  # type: ignore[arg-type]

    async def scenario() -> None:
        async with _bench(tmp_path, more={"crl": (path,)}) as bench:
            await connect(bench.port, LooseClient(loose_context(CLIENT)))
            await bench.server_owner.until(lambda: bool(bench.server_owner.refused))
            assert bench.server_owner.refused[0][1].endswith(reason)

    drive(scenario())


def test_a_bad_file_at_reload_leaves_everything_in_force(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _bench(tmp_path) as bench:
            await bench.connect()
            (tmp_path / "server.example-trust.pem").write_text("nonsense")
            with pytest.raises(ConfigError, match=r"node\.tls\.trust\.0: .*no PEM certificate in it"):
                bench.server.reload()
            await bench.client.connect(dial("tls", bench.port))
            await bench.server_owner.until(lambda: len(bench.server_owner.links) == 2)

    drive(scenario())


@pytest.mark.requirement("R-TSP-09", "E-TSP-21")
@pytest.mark.parametrize(
    ("ciphers", "highest"),
    [
        (b"NULL:@SECLEVEL=0", SSL.TLS1_2_VERSION),
        (b"aNULL:@SECLEVEL=0", SSL.TLS1_2_VERSION),
        (b"AES128-GCM-SHA256:@SECLEVEL=0", SSL.TLS1_2_VERSION),
        (b"ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0", SSL.TLS1_2_VERSION),
        (b"ALL:@SECLEVEL=0", SSL.TLS1_1_VERSION),
    ],
    ids=["NULL", "anonymous", "no forward secrecy", "CBC", "TLS 1.1"],
)
def test_weak_offers_are_refused(tmp_path: Path, ciphers: bytes, highest: int) -> None:
    async def scenario() -> None:
        async with _bench(tmp_path) as bench:
            await connect(bench.port, LooseClient(loose_context(CLIENT, ciphers=ciphers, highest=highest)))
            await bench.server_owner.until(lambda: bool(bench.server_owner.refused))
            assert (
                "no shared cipher" in bench.server_owner.refused[0][1] or "protocol" in bench.server_owner.refused[0][1]
            )
            assert bench.server_owner.links == []

    drive(scenario())


@pytest.mark.requirement("R-TSP-09", "R-TSP-32")
def test_clear_text_on_the_secure_port_is_dropped_and_counted(tmp_path: Path) -> None:
    cer = bytes.fromhex("010000148000010100000000000000010000000a")

    async def scenario() -> None:
        async with _bench(tmp_path) as bench:
            await connect(bench.port, Raw(cer))
            await bench.server_owner.until(lambda: bool(bench.server_owner.refused))
            assert bench.server_owner.octets == 0
            assert bench.server_owner.refused[0][1].startswith("TLS: ")

    drive(scenario())


@pytest.mark.requirement("R-TSP-08", "R-TSP-10")
@pytest.mark.parametrize("attack", ["flip", "repeat"])
def test_a_changed_or_repeated_record_ends_the_link_and_is_not_heard(tmp_path: Path, attack: str) -> None:
    async def scenario() -> None:
        async with _bench(tmp_path) as bench:
            wire = Wire(bench.port)
            link = await bench.client.connect(dial("tls", await wire.open()))
            owner = bench.server_owner
            link.write(b"first")
            await owner.until(lambda: owner.data == b"first")
            if attack == "flip":
                wire.change = lambda octets: octets[:-1] + bytes([octets[-1] ^ 1])
            else:
                wire.change = lambda octets: octets + octets
            link.write(b"second")
            await owner.until(lambda: bool(owner.lost))
            assert owner.data in (b"first", b"firstsecond")
            assert owner.data == b"first" or attack == "repeat"
            assert "bad record mac" in owner.lost[0]
            await bench.client_owner.until(lambda: bool(bench.client_owner.lost))
            await wire.close()

    drive(scenario())


def test_a_silent_connection_ends_after_the_handshake_timeout_and_too_many_are_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        limits = Limits(handshakes=1)
        async with _bench(tmp_path, handshake_timeout_s=2, limits=limits) as bench:
            await connect(bench.port, Raw(b""))
            await connect(bench.port, Raw(b""))
            await bench.server_owner.until(lambda: len(bench.server_owner.refused) == 2)
            assert {reason for _, reason in bench.server_owner.refused} == {
                "more than 1 connections without authentication",
                "no TLS handshake within 2 s",
            }

    drive(scenario())


@pytest.mark.requirement("R-TSP-06")
def test_a_server_that_cannot_prove_itself_is_not_spoken_to(tmp_path: Path) -> None:
    async def scenario() -> None:
        impostor = Ca("Other CA").issue("server.example")
        server = node(PAIR[0], tls_table(tmp_path, PAIR[0], impostor, CA, impostor.ca), listener("tls"))
        ours = node(PAIR[1], tls_table(tmp_path, PAIR[1], CLIENT))
        async with Bench("tls", server, ours, (Recorder(), Recorder())) as bench:
            with pytest.raises(ConnectFailed) as failed:
                await bench.client.connect(dial("tls", bench.port))
            reason = "certificate of CN=Other CA: its root is not in the trust store"
            assert str(failed.value) == f"tls 127.0.0.1:{bench.port}: {reason}"
            await bench.server_owner.until(lambda: bool(bench.server_owner.refused))
            assert bench.server_owner.refused[0][1].startswith("refused by the peer: ")
            assert bench.client_owner.links == []

    drive(scenario())


def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        server, client = Recorder(), Recorder()
        deaf = Links(reactor, node("deaf.example", None, listener("tcp")), server)
        await deaf.listen()
        ours = node(PAIR[1], tls_table(tmp_path, PAIR[1], CLIENT), handshake_timeout_s=0.2)
        links = Links(reactor, ours, client)
        with pytest.raises(ConnectFailed, match=r"no TLS handshake within 0\.2 s"):
            await links.connect(dial("tls", deaf.listening[0][1].port))
        await server.until(lambda: len(server.lost) == 1)
        dialling = links.connect(dial("tls", deaf.listening[0][1].port))
        failures: list[object] = []
        _ = dialling.addErrback(failures.append)
        await server.until(lambda: len(server.links) == 2)
        await links.stop()
        await server.until(lambda: len(server.lost) == 2)
        assert len(failures) == 1
        await deaf.stop()

    drive(scenario())


def test_the_key_log_holds_the_secrets_of_a_lab_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    log = tmp_path / "keys.log"

    async def scenario() -> None:
        async with _bench(tmp_path, more={"key_log": log}) as bench:
            await bench.connect()

    drive(scenario())
    labels = {line.split()[0] for line in log.read_text().splitlines()}
    assert {"CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"} <= labels
    assert log.stat().st_mode & 0o777 == 0o600


def test_an_end_without_close_notify_is_told_from_an_orderly_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _bench(tmp_path) as bench:
            ours, _ = await bench.connect()
            ours.close()
            await bench.server_owner.until(lambda: bench.server_owner.lost == [""])
            client = LooseClient(loose_context(CLIENT))
            await connect(bench.port, client)
            await bench.server_owner.until(lambda: bench.server_owner.octets == 20)
            assert client.transport is not None
            client.transport.loseConnection()
            await bench.server_owner.until(lambda: len(bench.server_owner.lost) == 2)
            assert bench.server_owner.lost[1] == "closed without close_notify; the end may be missing"

    drive(scenario())
