"""The envelope of the application layer: signed, encrypted and numbered, or refused for its reason."""

from __future__ import annotations

import hmac

import pytest

from nfs.common import cbor, cose
from nfs.common.cbor import Tagged
from nfs.common.cose import Claims, is_envelope, opened, protect, public_of, verified
from nfs.common.cose_content import A256GCM, HMAC_256_256, EnvelopeError, integrity_key, parsed

KEY, SECRET, IV = bytes(range(32)), bytes(range(32, 64)), bytes(range(12))
CLAIMS = Claims(signer=b"scs-1", audience="fleet@customer.example", made_at=1_700_000_000, number=1_700_000_000_000_000)
SIGNERS = {b"scs-1": public_of(SECRET)}.get
# made with cwt 3.3.0 from the same keys, claims and IV
VECTOR = bytes.fromhex(
    "d2845834a3012704457363732d310fa30376666c65657440637573746f6d65722e6578616d706c65061a6553f100074800060a24181e4000"
    "a0582dd08343a10103a1054c000102030405060708090a0b573063bd7ee590b28cbf6e561d3e791f44811ded324c7ef958400cd82a5884b4"
    "e0723b456a9d4b80e978823743b74a1a240293401e61729395d8aea47d35e9888c7ce06cb89be2953b4a5335e7aa8ad7c9f9114f5ed46b4c"
    "160a"
)


def test_the_octets_are_those_that_another_implementation_writes() -> None:
    assert protect(b"wake up", CLAIMS, secret=SECRET, key=KEY, iv=IV) == VECTOR
    claims, content = verified(VECTOR, SIGNERS)
    assert (claims, opened(content, KEY)) == (CLAIMS, b"wake up")
    assert is_envelope(VECTOR)
    assert b"wake up" not in VECTOR


def test_no_octet_can_be_changed() -> None:
    for at in range(len(VECTOR)):
        changed = VECTOR[:at] + bytes((VECTOR[at] ^ 1,)) + VECTOR[at + 1 :]
        with pytest.raises(EnvelopeError):
            opened(verified(changed, SIGNERS)[1], KEY)


def test_why_one_is_not_opened() -> None:
    value = cbor.decode(VECTOR)
    assert isinstance(value, Tagged)
    assert isinstance(value.value, list)
    protected, header, inner, signature = value.value
    other = cbor.encode({1: cose.EDDSA, 4: b"scs-1"})
    for octets, reason in (
        (b"wake up", "not in an envelope"),
        (b"", "not in an envelope"),
        (VECTOR + b"\0", "not in an envelope"),
        (inner, "not signed"),
        (cbor.encode(Tagged(18, [protected, header, inner, b""])), "not in an envelope"),
        (cbor.encode(Tagged(18, [other, header, inner, signature])), "not signed and numbered"),
    ):
        assert isinstance(octets, bytes)
        assert not is_envelope(octets)
        with pytest.raises(EnvelopeError) as raised:
            verified(octets, SIGNERS)
        assert raised.value.reason == reason
    assert not is_envelope(cbor.encode(Tagged(18, [protected, header, b"in clear", signature])))
    with pytest.raises(EnvelopeError, match="an unknown signer"):
        verified(VECTOR, {b"scs-2": public_of(SECRET)}.get)
    with pytest.raises(EnvelopeError, match="the signature is wrong"):
        verified(VECTOR, {b"scs-1": public_of(KEY)}.get)
    with pytest.raises(EnvelopeError, match="another key"):
        opened(verified(VECTOR, SIGNERS)[1], SECRET)
    with pytest.raises(EnvelopeError, match="not encrypted"):
        opened(b"wake up", KEY)


@pytest.mark.requirement("C-GRP-05")
def test_integrity_alone_is_an_algorithm_of_its_own_and_signed_all_the_same() -> None:
    made = protect(b"wake up", CLAIMS, secret=SECRET, key=KEY, iv=IV, number=7, hidden=False)
    assert b"wake up" in made
    claims, content = verified(made, SIGNERS)
    inner = parsed(content)
    assert (claims, inner.encrypted, inner.algorithm, inner.number) == (CLAIMS, False, HMAC_256_256, 7)
    assert inner.open(KEY) == opened(content, KEY) == b"wake up"
    assert is_envelope(made)
    with pytest.raises(EnvelopeError, match="vouched for under another key"):
        inner.open(SECRET)
    for at in range(len(made)):
        changed = made[:at] + bytes((made[at] ^ 1,)) + made[at + 1 :]
        with pytest.raises(EnvelopeError):
            opened(verified(changed, SIGNERS)[1], KEY)
    with pytest.raises(EnvelopeError, match="not signed"):
        verified(content, SIGNERS)


@pytest.mark.requirement("E-GRP-04")
@pytest.mark.parametrize("hidden", [True, False])
def test_the_number_of_the_key_is_in_it_and_signed(hidden: bool) -> None:
    made = protect(b"wake up", CLAIMS, secret=SECRET, key=KEY, iv=IV, number=0x01020304, hidden=hidden)
    inner = parsed(verified(made, SIGNERS)[1])
    assert (inner.number, inner.open(KEY)) == (0x01020304, b"wake up")
    at = made.index(b"\x44\x01\x02\x03\x04") + 4
    with pytest.raises(EnvelopeError, match="the signature is wrong"):
        verified(made[:at] + b"\x05" + made[at + 1 :], SIGNERS)
    plain = protect(b"wake up", CLAIMS, secret=SECRET, key=KEY, iv=IV, hidden=hidden)
    assert parsed(verified(plain, SIGNERS)[1]).number == 0


def test_the_keys_of_the_two_algorithms_differ() -> None:
    """HMAC-SHA-256(key, 0xF1 || "MTC-GRP-INTEGRITY" || 0011 || number || 0004), and none leads to another."""
    text = b"\xf1MTC-GRP-INTEGRITY\x00\x11\x00\x00\x00\x07\x00\x04"
    assert integrity_key(KEY, 7) == hmac.digest(KEY, text, "sha256")
    assert len({KEY, integrity_key(KEY, 7), integrity_key(KEY, 8), integrity_key(SECRET, 7)}) == 4


def test_content_that_is_none() -> None:
    body, tag, head = b"wake up", bytes(32), {4: bytes(3) + b"\x07"}
    encrypting, vouching = cbor.encode({1: A256GCM}), cbor.encode({1: HMAC_256_256})
    wrong: list[cbor.Value] = [
        [], 7, b"", Tagged(16, [encrypting, {5: IV}]), Tagged(17, [vouching, {}, body]),
        Tagged(16, [vouching, {5: IV}, body]), Tagged(17, [encrypting, head, body, tag]),
        Tagged(16, [encrypting, {5: bytes(11)}, body]), Tagged(16, [encrypting, {5: IV, 4: bytes(3)}, body]),
        Tagged(16, [encrypting, {5: IV, 4: bytes(4)}, body]), Tagged(16, [encrypting, {5: IV, 6: b""}, body]),
        Tagged(17, [vouching, head, body, tag[1:]]), Tagged(17, [vouching, head, 7, tag]),
        Tagged(17, [vouching, {**head, 5: IV}, body, tag]), Tagged(17, [cbor.encode({1: 4}), head, body, tag]),
        Tagged(96, [vouching, head, body, tag]),
    ]  # fmt: skip
    for value in wrong:
        with pytest.raises(EnvelopeError, match="not encrypted"):
            parsed(cbor.encode(value))
