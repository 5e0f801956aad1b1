"""NAS security: the algorithms by the test data of TS 33.401 annex C, and what a context takes and drops."""

from __future__ import annotations

import pytest

from nfs.common.nas_security import (
    HEADER_OCTETS,
    LAST_COUNT,
    NAS_ENC,
    NAS_INT,
    Direction,
    NasContext,
    NasError,
    eea2,
    eia2,
    nas_key,
)

KASME = bytes(range(32))
TEXT = b"open the valve at noon"

# key, count, bearer, direction, bits, plain, ciphered: annex C.1.1, C.1.2, C.1.3, C.1.4
EEA2 = (
    (
        "d3c5d592327fb11c4035c6680af8c6d1", 0x398A59B4, 0x15, 1, 253,
        "981ba6824c1bfb1ab485472029b71d808ce33e2cc3c0b5fc1f3de8a6dc66b1f0",
        "e9fed8a63d155304d71df20bf3e82214b20ed7dad2f233dc3c22d7bdeeed8e78",
    ),
    (
        "2bd6459f82c440e0952c49104805ff48", 0xC675A64B, 0x0C, 1, 798,
        (
            "7ec61272743bf1614726446a6c38ced166f6ca76eb5430044286346cef130f92922b03450d3a9975e5bd2ea0eb55ad8e1b199e3ec4316020"
            "e9a1b285e762795359b7bdfd39bef4b2484583d5afe082aee638bf5fd5a606193901a08f4ab41aab9b134880"
        ),
        (
            "5961605353c64bdca15b195e288553a910632506d6200aa790c4c806c99904cf2445cc50bb1cf168a49673734e081b57e324ce5259c0e78d"
            "4cd97b870976503c0943f2cb5ae8f052c7b7d392239587b8956086bcab18836042e2e6ce42432a17105c53d0"
        ),
    ),
    (
        "0a8b6bd8d9b08b08d64e32d1817777fb", 0x544D49CD, 0x04, 0, 310,
        "fd40a41d370a1f65745095687d47ba1d36d2349e23f644392c8ea9c49d40c13271aff264d0f248",
        "75750d37b4bba2a4dedb34235bd68c6645acdaaca48138a3b0c471e2a7041a576423d2927287f0",
    ),
    (
        "aa1f95aea533bcb32eb63bf52d8f831a", 0x72D8C671, 0x10, 1, 1022,
        (
            "fb1b96c5c8badfb2e8e8edfde78e57f2ad81e74103fc430a534dcc37afcec70e1517bb06f27219dae49022ddc47a068de4c9496a951a6b09"
            "edbdc864c7adbd740ac50c022f3082bafd22d78197c5d508b977bca13f32e652e74ba728576077ce628c535e87dc6077ba07d29068590c8c"
            "b5f1088e082cfa0ec961302d69cf3d44"
        ),
        (
            "dfb440acb3773549efc04628aeb8d8156275230bdc690d94b00d8d95f28c4b56307f60f4ca55eba661ebba72ac808fa8c49e26788ed04a5d"
            "606cb418de74878b9a22f8ef29590bc4eb57c9faf7c41524a885b8979c423f2f8f8e0592a9879201be7ff9777a162ab810feb324ba74c4c1"
            "56e04d39097209653ac33e5a5f2d8864"
        ),
    ),
)  # fmt: skip


@pytest.mark.parametrize(("key", "count", "bearer", "direction", "bits", "plain", "ciphered"), EEA2)
def test_ciphering(key: str, count: int, bearer: int, direction: int, bits: int, plain: str, ciphered: str) -> None:
    """The test data end within an octet, messages do not."""
    found = eea2(bytes.fromhex(key), count, bearer, direction, bytes.fromhex(plain))
    rest = 8 * len(found) - bits
    assert int.from_bytes(found) >> rest == int(ciphered, 16) >> rest


def test_integrity() -> None:
    """Annex C.2, the set of 64 bits."""
    key = bytes.fromhex("d3c5d592327fb11c4035c6680af8c6d1")
    assert eia2(key, 0x398A59B4, 0x1A, 1, bytes.fromhex("484583d5afe082ae")).hex() == "b93787e6"


@pytest.mark.parametrize(
    ("kasme", "enc", "integrity"),
    [  # figures of OpenAirInterface's test of annex A.7; the key is the last half
        (
            "70d7071aa016a087f9d888ad51f3a83e2c83443ab27843b35bd1b4923615091c",
            "1cf7897f31d6270c19c4836070fe11f0",
            "1a4329fd23fd3a93c9d2d92d853ec9db",
        ),
        (
            "9ea141da4b24cdebc8f5fb3f61a0511216681f121199b23ebcfacc75b358be43",
            "0c4dfb9f559dcbb71d5120db2cac66a6",
            "524bed1ed1601218d2772e55ddfad959",
        ),
    ],
)
def test_keys(kasme: str, enc: str, integrity: str) -> None:
    found = [nas_key(bytes.fromhex(kasme), kind, 2).hex() for kind in (NAS_ENC, NAS_INT)]
    assert found == [enc, integrity]
    assert kasme not in repr(NasContext(bytes.fromhex(kasme), Direction.UPLINK))


def pair() -> tuple[NasContext, NasContext]:
    return NasContext(KASME, Direction.DOWNLINK), NasContext(KASME, Direction.UPLINK)


def reason(end: NasContext, octets: bytes) -> str:
    with pytest.raises(NasError) as raised:
        end.unprotect(octets)
    return raised.value.reason


def test_both_ways_for_longer_than_the_sequence_number() -> None:
    mme, ue = pair()
    for number in range(600):
        down, up = mme.protect(TEXT), ue.protect(TEXT)
        assert (down[5], up[5]) == (number & 0xFF, number & 0xFF)
        assert down != up
        assert TEXT[:8] not in down + up
        assert (ue.unprotect(down), mme.unprotect(up)) == (TEXT, TEXT)
    for _ in range(200):
        mme.protect(TEXT)  # lost
    assert ue.unprotect(mme.protect(TEXT)) == TEXT


def test_what_is_dropped() -> None:
    mme, ue = pair()
    first, second = mme.protect(TEXT), mme.protect(TEXT)
    for at in range(1, len(first)):
        assert reason(ue, first[:at] + bytes((first[at] ^ 1,)) + first[at + 1 :]) == "integrity"
    for octets in (b"", TEXT, b"\x07\x62" + TEXT, b"\x17" + first[1:], first[:HEADER_OCTETS]):
        assert reason(ue, octets) == "not protected"
    assert reason(mme, first) == "integrity"  # thrown back
    assert reason(NasContext(bytes(32), Direction.UPLINK), first) == "integrity"
    assert ue.unprotect(second) == TEXT
    assert reason(ue, second) == reason(ue, first) == "a replay"
    assert ue.unprotect(mme.protect(TEXT)) == TEXT


def test_a_context_ends_with_its_counts() -> None:
    mme, ue = pair()
    mme._next = LAST_COUNT
    ue._taken = LAST_COUNT - 1
    last = mme.protect(TEXT)
    assert ue.unprotect(last) == TEXT
    with pytest.raises(NasError, match="no NAS COUNT left"):
        mme.protect(TEXT)
    assert reason(ue, last) == "a replay"
