"""The envelope of the application layer: signed, encrypted and numbered, or refused for its reason."""

from __future__ import annotations

import pytest

from nfs.common import cbor, cose
from nfs.common.cbor import Tagged
from nfs.common.cose import Claims, EnvelopeError, is_envelope, opened, protect, public_of, verified

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
