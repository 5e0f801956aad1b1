"""The lab PKI against the certificate profile of TS 33.310 6.1.3a."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from diameter.errors import ConfigError
from diameter.security import certificate as profile
from diameter.security.pki import CRL_URL, Pki

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki.init(tmp_path / "pki", clock=clock)


def leaf(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_node_certificate_has_every_field_of_the_profile(pki: Pki) -> None:
    issued = pki.issue("iwf.example.org", "aaa://iwf.example.org", "127.0.0.1", "::1")
    found = leaf(issued.certificate)
    found.verify_directly_issued_by(pki.ca)
    assert found.version is x509.Version.v3
    assert found.signature_hash_algorithm is not None
    assert found.signature_hash_algorithm.name == "sha256"
    usage = found.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.digital_signature, usage.value.key_cert_sign) == (True, True, False)
    purposes = set(found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert purposes == {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}
    assert issued.names == ("iwf.example.org", "aaa://iwf.example.org", "127.0.0.1", "::1")
    basic = found.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca) == (True, False)
    subject_key = pki.ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert authority.key_identifier == subject_key.digest
    own_key = found.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert own_key == x509.SubjectKeyIdentifier.from_public_key(found.public_key())
    (point,) = found.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name == [x509.UniformResourceIdentifier(CRL_URL)]


@pytest.mark.parametrize("initiator", [True, False])
def test_our_own_profile_check_accepts_it(pki: Pki, initiator: bool) -> None:
    found = leaf(pki.issue("iwf.example.org", "aaa://alias.example.org").certificate)
    assert profile.complaints(found, initiator=initiator) == []
    assert profile.issuer_complaints(pki.ca, anchor=True) == []
    assert profile.identities(found) == ("iwf.example.org", "alias.example.org")


def test_a_certificate_is_valid_from_a_little_before_now(pki: Pki) -> None:
    issued = pki.issue("a.example.org", days=10)
    assert issued.not_before == NOW - timedelta(minutes=5)
    assert issued.not_after == NOW + timedelta(days=10)


def test_keys_are_p256_unless_rsa_is_asked_for(pki: Pki) -> None:
    key = load_pem_private_key(pki.issue("a.example.org").key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    issued = pki.issue("b.example.org", key_kind="rsa3072")
    key = load_pem_private_key(issued.key.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert (key.key_size, issued.key_kind) == (3072, "rsa3072")


def test_key_files_are_for_their_owner_only(pki: Pki) -> None:
    pki.issue("a.example.org")
    keys = sorted(pki.folder.glob("*.key"))
    assert [path.name for path in keys] == ["a.example.org.key", "ca.key"]
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    assert not list(pki.folder.glob("*.new"))


def test_the_ca_signs_certificates_and_lists_and_has_no_ca_below(pki: Pki) -> None:
    basic = pki.ca.extensions.get_extension_for_class(x509.BasicConstraints).value
    usage = pki.ca.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (basic.ca, basic.path_length) == (True, 0)
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)


def test_a_revoked_certificate_is_on_the_list_and_stays_there(pki: Pki) -> None:
    first, second = pki.issue("a.example.org"), pki.issue("b.example.org")
    assert [issued.serial for issued in pki.revoke("a.example.org")] == [first.serial]
    assert pki.revoke(second.serial)[0].name == "b.example.org"
    crl = Pki(pki.folder).crl()
    assert {f"{entry.serial_number:040x}" for entry in crl} == {first.serial, second.serial}
    assert crl.is_signature_valid(pki.ca.public_key())  # type: ignore[arg-type]  # a CA key is one of the kinds it takes
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 3
    assert all(issued.revoked for issued in pki.show())


def test_revoking_twice_adds_nothing(pki: Pki) -> None:
    pki.issue("a.example.org")
    pki.revoke("a.example.org")
    assert pki.revoke("a.example.org") == []
    assert len(list(pki.crl())) == 1


def test_a_name_issued_again_keeps_both_certificates(pki: Pki) -> None:
    first, second = pki.issue("a.example.org"), pki.issue("a.example.org")
    assert leaf(second.certificate).serial_number == int(second.serial, 16)
    assert {issued.serial for issued in pki.show()} == {first.serial, second.serial}
    assert len(pki.revoke("A.example.org")) == 2


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ((), "no name"),
        (("127.0.0.1",), "must be a host name"),
        (("a b",), "must be a host name"),
        (("../a",), "must be a host name"),
        (("ca",), "taken by the files"),
        (("a.example.org", "http://a.example.org"), "neither a host name"),
        (("a.example.org", "aaa://"), "neither a host name"),
        (("a.example.org", "*.example.org"), "neither a host name"),
    ],
)
def test_names_that_are_none(pki: Pki, names: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        pki.issue(*names)
    assert pki.show() == []


def _break_key(folder: Path) -> None:
    (folder / "ca.key").write_text("no key")


def _remove_key(folder: Path) -> None:
    (folder / "ca.key").unlink()


@pytest.mark.parametrize(
    ("break_it", "complaint"), [(_break_key, "cannot be read"), (_remove_key, "ca.key is missing")]
)
def test_a_damaged_folder_is_one_line(pki: Pki, break_it: Callable[[Path], None], complaint: str) -> None:
    break_it(pki.folder)
    with pytest.raises(ConfigError, match=complaint):
        Pki(pki.folder)


def test_a_key_of_another_kind_is_refused(pki: Pki) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    octets = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (pki.folder / "ca.key").write_bytes(octets)
    with pytest.raises(ConfigError, match="neither an elliptic curve nor an RSA key"):
        Pki(pki.folder)


def test_a_damaged_list_is_one_line_and_nothing_is_revoked(pki: Pki) -> None:
    pki.issue("a.example.org")
    pki.crl_path.write_text("no list")
    with pytest.raises(ConfigError, match=r"crl\.pem"):
        pki.revoke("a.example.org")


def test_what_is_unknown_is_not_revoked(pki: Pki) -> None:
    pki.issue("a.example.org")
    with pytest.raises(ConfigError, match="x.example.org: no certificate"):
        pki.revoke("a.example.org", "x.example.org")
    assert not any(issued.revoked for issued in pki.show())


def test_a_pki_is_not_overwritten(pki: Pki) -> None:
    with pytest.raises(ConfigError, match="not overwritten"):
        Pki.init(pki.folder)


def test_an_unknown_kind_of_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such kind of key"):
        Pki.init(tmp_path, key_kind="dsa")  # type: ignore[arg-type]
