"""Messages for tests: the loaded dictionary, a few that are in order, and octets by hand."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from diameter import Dictionary, Message
from diameter.wire import avp, header

TSP = 16777309
S6A = 16777251


@cache
def dictionary() -> Dictionary:
    """All of dict/, loaded once for the process."""
    return Dictionary.load()


def device_action(**changes: Any) -> dict[str, Any]:
    """AVPs of a Device-Action-Request in order (TS 29.368 6.6.2); a value of None takes the AVP out."""
    avps: dict[str, Any] = {
        "Session-Id": "scs.example.org;1;2",
        "Auth-Application-Id": TSP,
        "Auth-Session-State": 1,
        "Origin-Host": "scs.example.org",
        "Origin-Realm": "example.org",
        "Destination-Realm": "operator.example.net",
        "Device-Action": {
            "External-Identifier": "meter-1@example.org",
            "SCS-Identity": bytes.fromhex("5155214365f7"),
            "Reference-Number": 7,
            "Action-Type": "DEVICE_TRIGGER_REQUEST",
            "Trigger-Data": {"Payload": b"wake up", "Priority-Indication": 0, "Application-Port-Identifier": 16000},
            "Validity-Time": 3600,
        },
        "Route-Record": ["a.example.org", "b.example.org"],
    }
    avps |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in avps.items() if value is not None}


def request(**changes: Any) -> Message:
    """A Device-Action-Request with identifiers 1 and 2."""
    return dictionary().request(
        "Device-Action", device_action(**changes), application="Tsp", hop_by_hop=1, end_to_end=2
    )


def with_avps(message: Message, *octets: bytes) -> bytes:
    """The message with raw AVPs behind its own, Message Length put right."""
    body = message.octets[20:] + b"".join(octets)
    return header.build(
        message.flags, message.command_code, message.application_id, message.hop_by_hop, message.end_to_end, body
    )


def raw_avps() -> st.SearchStrategy[bytes]:
    """One AVP: known codes more often than not, any flags, data that may or may not fit, sometimes a wrong length."""
    codes = st.one_of(
        st.sampled_from([1, 258, 260, 263, 264, 268, 277, 279, 284, 293, 297, 628, 701, 3001, 3003, 3111]),
        st.integers(0, 4000),
    )

    def build(code: int, vendor: int, flags: int, data: bytes, pad: bytes, skew: int) -> bytes:
        octets = avp.build(code, vendor, flags, data)
        size = len(data) + (12 if flags & 0x80 else 8)
        length = max(0, size + skew)
        return octets[:5] + length.to_bytes(3) + octets[8:size] + pad[: -size & 3].ljust(-size & 3, b"\0")

    flags = st.one_of(st.sampled_from([0x00, 0x40, 0x80, 0xC0]), st.integers(0, 255))
    plain = st.builds(
        build, codes, st.sampled_from([0, 10415, 9]), flags, st.binary(max_size=20), st.binary(max_size=3), st.just(0)
    )
    group = st.builds(
        lambda members: avp.build(3001, 10415, 0xC0, b"".join(members)),
        st.lists(st.one_of(plain, st.binary(max_size=12)), max_size=4),
    )
    wrong = st.builds(build, codes, st.just(0), flags, st.binary(max_size=12), st.just(b""), st.integers(-30, 30))
    return st.one_of(plain, plain, group, wrong)


def raw_messages() -> st.SearchStrategy[bytes]:
    """Octets that look like a message more or less, or not at all."""

    def build(flags: int, command: int, application: int, body: list[bytes], lie: int, cut: int) -> bytes:
        octets = header.build(flags, command, application, 7, 8, b"".join(body))
        length = max(0, len(octets) + lie)
        octets = octets[:1] + length.to_bytes(3) + octets[4:]
        return octets[: len(octets) - cut] if cut else octets

    shaped = st.builds(
        build,
        st.integers(0, 255),
        st.sampled_from([257, 280, 316, 8388639, 77]),
        st.sampled_from([0, TSP, S6A, 4, 99999]),
        st.lists(raw_avps(), max_size=6),
        st.sampled_from([0, 0, 0, 0, 1, -4, 400]),
        st.sampled_from([0, 0, 0, 1, 5]),
    )
    return st.one_of(shaped, shaped, shaped, st.binary(max_size=80))
