"""Certificates against the profile, one rule a case."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509 import DNSName, GeneralName, RFC822Name, UniformResourceIdentifier

from diameter.security import certificate as profile
from helpers.certificates import BOTH, Ca, name, rsa_key

CA = Ca()


def test_a_certificate_of_the_profile_has_no_complaint_in_either_role() -> None:
    for key in (None, rsa_key(2048)):
        leaf = CA.issue(key=key).certificate
        assert profile.complaints(leaf, initiator=True) == []
        assert profile.complaints(leaf, initiator=False) == []


@pytest.mark.requirement("R-TSP-06")
@pytest.mark.parametrize(
    ("leaf", "initiator", "complaint"),
    [
        (CA.issue(key=rsa_key(1024)), True, "RSA key of 1024 bits, shorter than 2048"),
        (CA.issue(key=ec.generate_private_key(ec.SECP224R1())), True, "key type secp224r1 is not in the profile"),
        (CA.issue(purposes=BOTH[1:]), True, "extended key usage lacks clientAuth"),
        (CA.issue(purposes=BOTH[:1]), False, "extended key usage lacks serverAuth"),
        (CA.issue(purposes=None), False, "extended key usage lacks serverAuth"),
        (CA.issue(signing=False), True, "key usage lacks digitalSignature"),
        (CA.issue(ca=True), True, "CA certificate used as a node's own"),
        (CA.issue(names=[]), True, "no subjectAltName"),
        (CA.issue(names=[DNSName("*.example")]), True, "subjectAltName has neither a dNSName nor an aaa URI"),
        (CA.issue(names=[RFC822Name("a@b.example")]), True, "subjectAltName has neither"),
    ],
)
def test_each_rule_has_its_complaint(leaf: object, initiator: bool, complaint: str) -> None:
    certificate = leaf.certificate  # type: ignore[attr-defined]
    found = profile.complaints(certificate, initiator=initiator)
    assert len(found) == 1
    assert found[0].startswith(complaint)


def test_what_is_asked_of_one_role_is_not_asked_of_the_other() -> None:
    assert profile.complaints(CA.issue(purposes=BOTH[:1]).certificate, initiator=True) == []
    assert profile.complaints(CA.issue(purposes=BOTH[1:]).certificate, initiator=False) == []


def test_several_faults_are_all_named() -> None:
    found = profile.complaints(CA.issue(purposes=None, names=[], key=rsa_key(1024)).certificate, initiator=True)
    assert len(found) == 3


def test_an_issuer_must_be_a_ca_and_strong() -> None:
    weak = Ca("weak", key=rsa_key(1024)).certificate
    assert profile.issuer_complaints(CA.certificate, anchor=True) == []
    assert profile.issuer_complaints(weak, anchor=True) == ["RSA key of 1024 bits, shorter than 2048"]
    assert profile.issuer_complaints(CA.issue().certificate, anchor=False) == [
        "issuer is not a CA (basicConstraints CA:TRUE missing)"
    ]


def test_the_hash_of_an_anchor_does_not_matter_that_of_an_intermediate_does() -> None:
    old = Ca("RSA", key=rsa_key(2048)).issue(ca=True, sha1=True).certificate
    assert profile.issuer_complaints(old, anchor=True) == []
    assert profile.issuer_complaints(old, anchor=False) == ["signed with sha1, not sha256 or sha384 or sha512"]


def test_a_signature_without_hash_and_a_key_of_another_type() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    leaf = CA.issue().certificate
    builder = x509.CertificateBuilder(
        issuer_name=name("x"),
        subject_name=name("x"),
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=leaf.not_valid_before_utc,
        not_valid_after=leaf.not_valid_after_utc,
    )
    odd = builder.sign(key, None)
    assert profile.key_of(odd)[1] == 0
    found = profile.issuer_complaints(odd, anchor=False)
    assert [text.split(" is not")[0] for text in found] == [
        f"key type {profile.key_of(odd)[0]}",
        "signed with an algorithm without hash, not sha256 or sha384 or sha512",
        "issuer",
    ]


def test_a_certificate_that_cannot_be_read_is_a_complaint() -> None:
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"\xff\xff")
    leaf = CA.issue().certificate
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        issuer_name=CA.name,
        subject_name=name("broken"),
        public_key=key.public_key(),
        serial_number=2,
        not_valid_before=leaf.not_valid_before_utc,
        not_valid_after=leaf.not_valid_after_utc,
    )
    broken = builder.add_extension(extension, critical=False).sign(CA.key, hashes.SHA256())
    assert profile.complaints(broken, initiator=True)[0].startswith("certificate cannot be read: ")
    assert profile.issuer_complaints(broken, anchor=True)[0].startswith("CA certificate cannot be read: ")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([DNSName("IWF.Example."), DNSName("iwf.example")], ("iwf.example",)),
        ([DNSName("b.example"), UniformResourceIdentifier("aaa://a.example")], ("b.example", "a.example")),
        ([UniformResourceIdentifier("AAAS://A.example:5868;transport=tcp")], ("a.example",)),
        ([UniformResourceIdentifier("https://a.example")], ()),
        ([UniformResourceIdentifier("aaa:a.example")], ()),
        ([UniformResourceIdentifier("aaa://[x")], ()),
        ([DNSName("*.example"), DNSName("a.example")], ("a.example",)),
        ([RFC822Name("a@b.example")], ()),
    ],
)
def test_identities(names: list[GeneralName], found: tuple[str, ...]) -> None:
    assert profile.identities(CA.issue(names=names).certificate) == found


def test_the_common_name_counts_only_where_it_is_switched_on() -> None:
    leaf = CA.issue("Old.Example", names=[]).certificate
    assert profile.identities(leaf) == ()
    assert profile.identities(leaf, common_name=True) == ("old.example",)
    assert profile.complaints(leaf, initiator=True, common_name=True) == []


def test_key_fingerprint_and_lifetime() -> None:
    leaf = CA.issue(key=rsa_key(2048)).certificate
    assert profile.key_of(leaf) == ("RSA", 2048)
    assert profile.key_of(CA.certificate) == ("secp256r1", 256)
    assert profile.fingerprint(leaf) == leaf.fingerprint(hashes.SHA256()).hex()
    assert profile.lifetime(leaf) == (leaf.not_valid_before_utc, leaf.not_valid_after_utc)


def test_names_that_cannot_be_read_or_are_empty_do_not_stop_a_complaint() -> None:
    def broken() -> x509.Name:
        raise ValueError("odd octets")

    assert profile.name_of(lambda: CA.name) == "CN=Lab CA"
    assert profile.name_of(lambda: x509.Name([])) == "nobody"
    assert profile.name_of(broken) == "?"
