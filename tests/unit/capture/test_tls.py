"""TLS and DTLS opened with a key log: versions, suites, cuts, losses, and what stays closed."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from diameter.capture import Captured, CaptureError, CaptureReader, LinkEvent
from diameter.capture.keylog import KeyLog
from diameter.capture.packets import PacketReader
from diameter.capture.records import GAP_BEFORE
from diameter.capture.suites import Suite, expand, next_secret, prf
from diameter.capture.tls import Session
from helpers import wire
from helpers.recorded import Recorded, Run, dtls, tls
from helpers.wire import A, B, diameter, numbers

SAID: list[Run] = [(one % 2, diameter(one, 60 + 4 * one)) for one in range(12)]
MODERN = tls(SAID, shut=True)
TLS_13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256"]
TLS_12 = [
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES256-CCM",
]  # fmt: skip
SECURE = ("10.0.0.2", 5868)


def packets(recorded: Recorded, step: int = 1 << 20) -> list[bytes]:
    """The connection as IP packets, in segments of `step` octets."""
    out, sent = [], [1, 1]
    for number, octets in recorded.runs:
        source, destination = ((A, SECURE), (SECURE, A))[number]
        out += wire.segments(octets, step, source=source, destination=destination, start=sent[number])
        sent[number] += len(octets)
    return out


def reader(tmp_path: Path, recorded: Recorded, frames: list[bytes]) -> CaptureReader:
    log = tmp_path / "keys"
    log.write_text(recorded.log)
    return CaptureReader(wire.stream(wire.pcap(frames)), key_log=log)


@pytest.mark.parametrize(("version", "suite"), [("1.3", one) for one in TLS_13] + [("1.2", one) for one in TLS_12])
def test_every_version_and_suite(version: str, suite: str, tmp_path: Path) -> None:
    recorded = tls(SAID, version=version, suite=suite)
    messages = list(reader(tmp_path, recorded, packets(recorded)))
    assert [one.octets for one in messages] == [octets for _, octets in SAID]
    assert {one.transport for one in messages} == {"tls"}
    assert [one.source for one in messages[:2]] == [A, SECURE]
    assert {one.link for one in messages} == {1}


@given(st.integers(1, 700))
def test_in_any_cut(step: int) -> None:
    keys = KeyLog()
    keys.add(MODERN.log)
    session, said = Session(keys), [b"", b""]
    for number, octets in MODERN.runs:
        for at in range(0, len(octets), step):
            said[number] += session.feed(number, octets[at : at + step])
    assert said == [b"".join(octets for number, octets in SAID if number == side) for side in (0, 1)]
    assert session.alerts == ["warning, close_notify"]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_after_a_loss_records_are_found_again(version: str, tmp_path: Path) -> None:
    recorded = tls([(0, diameter(one, 200)) for one in range(60)], version=version)
    frames = packets(recorded)
    del frames[-40]
    messages = list(reader(tmp_path, recorded, frames))
    assert list(numbers(one.octets for one in messages)) == [one for one in range(60) if one != 20]
    assert GAP_BEFORE in messages[20].notes


def test_alerts_are_events(tmp_path: Path) -> None:
    got = list(reader(tmp_path, MODERN, packets(MODERN)).records())
    events = [(one.name, one.text, one.local) for one in got if isinstance(one, LinkEvent)]
    assert events == [("TLS_ALERT", "warning, close_notify", A)]


def test_without_a_key_log_it_says_so() -> None:
    found = CaptureReader(wire.stream(wire.pcap(packets(MODERN))))
    assert list(found) == []
    assert "TLS, port 5868 (no key log was given)" in found.no_diameter()


def test_with_a_key_log_of_others_it_says_so(tmp_path: Path) -> None:
    other = tls(SAID)
    found = reader(tmp_path, other, packets(MODERN))
    assert list(found) == []
    assert "(the key log has no secret of its handshake)" in found.no_diameter()
    begun = reader(tmp_path, MODERN, packets(MODERN)[6:])
    assert list(begun) == []
    assert "(its handshake was not captured)" in begun.no_diameter()


def test_wrong_secrets_open_nothing(tmp_path: Path) -> None:
    wrong = "\n".join(f"{line.rpartition(' ')[0]} {'00' * 32}" for line in MODERN.log.splitlines())
    (tmp_path / "wrong").write_text(wrong)
    found = CaptureReader(wire.stream(wire.pcap(packets(MODERN))), key_log=tmp_path / "wrong")
    assert list(found) == []
    assert "(the secret of the key log does not open it)" in found.no_diameter()


def test_keys_inside_a_pcapng() -> None:
    text = MODERN.log.encode()
    body = (0x544C534B).to_bytes(4, "little") + len(text).to_bytes(4, "little") + text + bytes(-len(text) % 4)
    block = (10).to_bytes(4, "little") + (12 + len(body)).to_bytes(4, "little") + body
    block += (12 + len(body)).to_bytes(4, "little")
    file = wire.pcapng(packets(MODERN))
    first = int.from_bytes(file[4:8], "little")
    assert len(list(CaptureReader(wire.stream(file[:first] + block + file[first:])))) == len(SAID)
    assert len(list(PacketReader(wire.stream(file), "x"))) == len(packets(MODERN))


def test_tls_that_begins_after_capabilities(tmp_path: Path) -> None:
    """As Inband-Security-Id of RFC 3588 had it."""
    frames = [wire.ip(A[0], SECURE[0], 6, wire.tcp(A, SECURE, 1 - 20, diameter(99)))]
    messages = list(reader(tmp_path, MODERN, frames + packets(MODERN)))
    assert list(numbers(one.octets for one in messages)) == [99, *range(12)]
    assert [one.transport for one in messages[:2]] == ["tcp", "tls"]


@pytest.mark.parametrize("ppid", [0, 46, 47])
def test_dtls_over_sctp_with_the_key_log_of_our_nodes(ppid: int, tmp_path: Path) -> None:
    recorded = dtls(SAID)
    assert recorded.log.startswith("CLIENT_RANDOM ")
    frames, tsn = [], [10, 20]
    for number, octets in recorded.runs:
        source, destination = ((A, B), (B, A))[number]
        packet = wire.sctp(source, destination, 7 + number, wire.data(tsn[number], octets, ppid=ppid))
        frames.append(wire.ip(source[0], destination[0], 132, packet))
        tsn[number] += 1
    messages = list(reader(tmp_path, recorded, frames))
    assert [one.octets for one in messages] == [octets for _, octets in SAID]
    assert {(one.transport, one.ppid, one.link) for one in messages} == {("dtls", ppid, 1)}
    closed = CaptureReader(wire.stream(wire.pcap(frames)))
    assert list(closed) == []
    assert "DTLS over SCTP, port 3868 (no key log was given)" in closed.no_diameter()


def test_a_key_log_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="missing: No such file"):
        CaptureReader(wire.stream(b""), key_log=tmp_path / "missing")


def test_a_key_log_that_grows(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# a comment\nCLIENT_RANDOM zz zz\n")
    keys = KeyLog(path)
    with path.open("a") as file:
        file.write(MODERN.log)
    random = bytes.fromhex(MODERN.log.split()[1])
    assert keys.secret("CLIENT_TRAFFIC_SECRET_0", random)
    assert keys.secret("CLIENT_RANDOM", random) == b""


@given(st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=60)), max_size=8), st.booleans())
def test_any_octets(runs: list[Run], after: bool) -> None:
    keys = KeyLog()
    keys.add(MODERN.log)
    session = Session(keys)
    for number, octets in (*(MODERN.runs if after else []), *runs):
        session.feed(number, octets)
        session.records(number, octets)


def test_the_functions_of_keys() -> None:
    """Vectors: TLS 1.2 P_SHA256 as published on the IETF's list, and the keys of RFC 8448 section 3."""
    secret, seed = bytes.fromhex("9bbe436ba940f017b17652849a71db35"), bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c")
    assert prf("sha256", secret, b"test label" + seed, 16).hex() == "e3f229ba727be17b8d122620557cd453"
    traffic = bytes.fromhex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")
    assert expand("sha256", traffic, b"key", 16).hex() == "3fce516009c21727d0f2e4e86ee403bc"
    assert expand("sha256", traffic, b"iv", 12).hex() == "5d313eb2671276ee13000b30"
    assert Suite("gcm", 16, "sha256").tag == 16


def test_messages_of_captures_are_values() -> None:
    assert Captured(0, A, B, b"").notes == ()


def test_keys_that_are_updated() -> None:
    """KeyUpdate of RFC 8446 section 4.6.3, which OpenSSL sends when nobody can ask it to: the records are made here."""
    recorded = tls([])
    keys, suite = KeyLog(), Suite("gcm", 32, "sha384")
    keys.add(recorded.log)
    random = bytes.fromhex(recorded.log.split()[1])
    secret = keys.secret("CLIENT_TRAFFIC_SECRET_0", random)
    suite = suite if len(secret) == 48 else Suite("gcm", 16, "sha256")

    def sealed(under: bytes, number: int, inner: bytes) -> bytes:
        key, iv = expand(suite.hash, under, b"key", suite.key), expand(suite.hash, under, b"iv", 12)
        head = b"\x17\3\3" + (len(inner) + 16).to_bytes(2)
        nonce = (int.from_bytes(iv) ^ number).to_bytes(12)
        return head + AESGCM(key).encrypt(nonce, inner, head)

    session = Session(keys)
    for number, octets in recorded.runs:
        session.feed(number, octets)
    update = b"\x18\0\0\1\0\x16"
    after = next_secret(suite, secret)
    said = session.feed(0, sealed(secret, 0, b"one\x17\0\0") + sealed(secret, 1, update))
    said += session.feed(0, sealed(after, 0, b" two\x17") + sealed(after, 1, update))
    said += session.feed(0, sealed(next_secret(suite, after), 0, b" three\x17"))
    assert said == b"one two three"
