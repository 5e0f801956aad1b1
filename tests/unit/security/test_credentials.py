"""What a node shows and trusts: each part that is wrong is named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from diameter.security.credentials import BadCredentials, Credentials, anchors, own_chain, own_key, revocations
from helpers.certificates import BOTH, Ca, pem, rsa_key

CA = Ca()
LEAF = CA.issue()
GOOD = LEAF.credentials(crls=[pem(CA.crl())])


def _wrong(bad: Credentials) -> tuple[str, int, str]:
    with pytest.raises(BadCredentials) as wrong:
        (own_key(bad, own_chain(bad)[0]), anchors(bad), revocations(bad))
    return wrong.value.part, wrong.value.index, str(wrong.value)


def test_good_ones() -> None:
    assert own_chain(GOOD) == [LEAF.certificate]
    assert own_key(GOOD, LEAF.certificate).public_key() == LEAF.key.public_key()
    assert anchors(GOOD) == [CA.certificate]
    assert [crl.issuer for crl in revocations(GOOD)] == [CA.name]


def test_a_chain_keeps_its_order() -> None:
    inner = Ca("Inner CA", issuer=CA)
    leaf = inner.issue()
    bundle = replace(GOOD, chain=pem(leaf.certificate) + pem(inner.certificate), key=pem(leaf.key))
    assert own_chain(bundle) == [leaf.certificate, inner.certificate]


def test_revocation_lists_in_every_form() -> None:
    first, second = CA.crl(), CA.crl(LEAF)
    der = second.public_bytes(serialization.Encoding.DER)
    together = replace(GOOD, crls=(b"comment\n" + pem(first) + pem(second), der))
    assert revocations(together) == [first, second, second]


LOCKED = LEAF.key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
)
PASSPHRASE = "has a pass phrase; keep it without one in a file only the node can read"


@pytest.mark.parametrize(
    ("bad", "wrong"),
    [
        (replace(GOOD, chain=b""), ("chain", 0, "no PEM certificate in it")),
        (
            CA.issue(purposes=BOTH[:1]).credentials(),
            ("chain", 0, "our own certificate does not fit the profile: extended key usage lacks serverAuth"),
        ),
        (replace(GOOD, key=b"x"), ("key", 0, "not a PEM private key")),
        (replace(GOOD, key=LOCKED), ("key", 0, PASSPHRASE)),
        (replace(GOOD, key=pem(CA.key)), ("key", 0, "does not belong to the certificate")),
        (
            replace(GOOD, key=pem(ed25519.Ed25519PrivateKey.generate())),
            ("key", 0, "does not belong to the certificate"),
        ),
        (replace(GOOD, trust=(GOOD.trust[0], b"x")), ("trust", 1, "no PEM certificate in it")),
        (
            replace(GOOD, trust=(GOOD.chain,)),
            ("trust", 0, "issuer is not a CA (basicConstraints CA:TRUE missing)"),
        ),
        (
            replace(GOOD, trust=(GOOD.trust[0], pem(Ca("w", key=rsa_key(1024)).certificate))),
            ("trust", 1, "RSA key of 1024 bits, shorter than 2048"),
        ),
        (replace(GOOD, crls=(GOOD.crls[0], b"x")), ("crls", 1, "not a revocation list in PEM or DER")),
        (
            replace(GOOD, crls=(b"-----BEGIN X509 CRL-----\n!",)),
            ("crls", 0, "not a revocation list in PEM or DER"),
        ),
    ],
)
def test_bad_ones(bad: Credentials, wrong: tuple[str, int, str]) -> None:
    assert _wrong(bad) == wrong


def test_neither_key_nor_secrets_are_ever_shown() -> None:
    assert b"PRIVATE" not in repr(GOOD).encode()
