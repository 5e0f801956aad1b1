"""Writes the corpora of tests/corpus that can be derived: messages from the dictionaries, and what is made of them.

    PYTHONPATH=.:tests python tests/fuzz/seeds.py

What it writes is overwritten; findings that were added by hand (named after what they found) stay.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from diameter import Dictionary, decode
from diameter.capture import merge
from diameter.capture.write import CaptureWriter
from diameter.dictionary.model import AvpDef, Grammar, Scope
from diameter.wire import avp, header
from helpers import wire
from helpers.captures import IWF, SCS, Traffic, link

CORPUS: Final = Path(__file__).parents[1] / "corpus"
SAMPLES: Final[dict[str, bytes]] = {
    "Address": bytes.fromhex("0001c0000201"),
    "DiameterIdentity": b"mme.example.org",
    "DiameterURI": b"aaa://mme.example.org:3868;transport=sctp",
    "Float32": bytes.fromhex("3fc00000"),
    "Float64": bytes.fromhex("3ff8000000000000"),
    "IPFilterRule": b"permit in ip from 192.0.2.0/24 to any",
    "QoSFilterRule": b"tag in ip from any to any",
    "Integer32": bytes(4),
    "Integer64": bytes(8),
    "Unsigned32": bytes(3) + b"\1",
    "Unsigned64": bytes(7) + b"\1",
    "Time": bytes.fromhex("ec9a6f80"),
    "UTF8String": "zähler".encode(),
    "OctetString": bytes.fromhex("5155214365f7"),
}
TWICE: Final = ((6, 0), (1483, 10415), (376, 0), (612, 10415), (377, 0), (608, 10415), (3522, 10415), (924, 10415))
"""AVPs (code, vendor) that share a name with another one."""
RFC_6733_4_4: Final = (
    (264, b"example.com"),
    (263, b"grump.example.com:33041;23432;893;0AF3B81"),
    (263, b"grump.example.com:33054;23561;2358;0AF3B82"),
    (8341, bytes.fromhex("2163bc1d0ad82371f6bc09484133c3f09ad74a0dd5346d54195a7cf0b3")),
    (15930, bytes.fromhex("fe19da5802acd98b07a5b86cb4d5d03f0314ab9ef1ad0b67111ff3b90a")),
)
"""Members of the Example-AVP of RFC 6733 section 4.4, the last two shortened."""


def sample(one: AvpDef, scope: Scope, depth: int) -> bytes:
    """One AVP in order, groups filled from their grammar: whole at the top level, deeper what is required."""
    flags = (avp.FLAG_V if one.vendor else 0) | (avp.FLAG_M if one.mandatory == "M" else 0)
    if one.type == "Grouped":
        data = members(one.grammar, scope, depth + 1) if one.grammar is not None and depth < 6 else b""
    elif one.type == "Enumerated":
        data = min((value for value in one.values if value >= 0), default=0).to_bytes(4)
    elif one.code in (258, 259):
        data = scope.application.id.to_bytes(4)
    else:
        data = SAMPLES[one.type]
    return avp.build(one.code, one.vendor, flags, data)


def members(grammar: Grammar, scope: Scope, depth: int) -> bytes:
    """The AVPs of a grammar, each as often as it must be; at the top of a message and of its groups those it may have
    too, up to a size.
    """
    parts: list[bytes] = []
    room = (600, 120, 0)[min(depth, 2)]
    for rule in grammar.rules:
        one = scope.avps[rule.key]
        other = 258 if scope.application.accounting else 259
        if rule.maximum == 0 or one.code == other or (one.name == "Experimental-Result" and not rule.minimum):
            continue
        octets = sample(one, scope, depth) * max(rule.minimum, 1)
        if rule.minimum:
            parts.append(octets)
        elif len(octets) <= room:
            room -= len(octets)
            parts.append(octets)
    return b"".join(parts)


def commands(dictionary: Dictionary) -> Iterator[tuple[str, bytes]]:
    """(application and command, octets) of every command that can be built."""
    for command in dictionary.commands():
        if command.decode_only:
            continue
        scope = dictionary.scope(command.application_id)
        flags = (header.FLAG_R if command.request else 0) | (header.FLAG_P if command.proxiable else 0)
        body = members(command.grammar, scope, 0)
        octets = header.build(flags, command.code, command.application_id, 0x01020304, 0x05060708, body)
        yield f"{scope.application.name}-{command.short}", octets


def damaged(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """A good message made bad in each way that has a Result-Code of its own, and some more."""
    message = decode(octets, Dictionary.load(cache=False))
    last = message.heads[-1]

    def put(at: int, new: bytes) -> bytes:
        return octets[:at] + new + octets[at + len(new) :]

    def grown(tail: bytes) -> bytes:
        return octets[:1] + (len(octets) + len(tail)).to_bytes(3) + octets[4:] + tail

    yield "version", put(0, b"\2")
    yield "length-short", put(1, (16).to_bytes(3))
    yield "length-odd", put(1, (len(octets) + 1).to_bytes(3))
    yield "flags-reserved", put(4, b"\xcf")
    yield "flags-error-request", put(4, b"\xa0")
    yield "command-unknown", put(5, b"\xff\xff\xfe")
    yield "application-unknown", put(8, b"\0\0\xff\xff")
    yield "avp-length-long", put(last + 5, (4000).to_bytes(3))
    yield "avp-length-short", put(last + 5, (3).to_bytes(3))
    yield "avp-flags-reserved", put(last + 4, b"\x5f")
    yield "avp-vendor-zero", grown(bytes.fromhex("00000108 c0 00000c 00000000"))
    yield "avp-unknown-mandatory", grown(bytes.fromhex("00ffffff 40 000008"))
    yield "avp-unknown", grown(bytes.fromhex("00ffffff 00 000009 61000000"))
    yield "avp-repeated", grown(octets[message.heads[0] : message.heads[1]])
    yield "avp-padding", grown(bytes.fromhex("0000012a 00 000009 61ffffff"))
    yield "text-not-utf8", grown(avp.build(269, 0, 0, b"\xff\xfe\xfd"))
    yield "avp-missing", octets[:1] + last.to_bytes(3) + octets[4:last]
    yield "cut-in-header", octets[:12]
    yield "cut-in-avp", octets[: last + 5]
    yield "groups-deep", grown(_nest(297, 20))
    yield "group-empty", grown(bytes.fromhex("00000129 40 000008")) * 2
    yield "nothing", b""


def _nest(code: int, levels: int) -> bytes:
    octets = b""
    for _ in range(levels):
        octets = avp.build(code, 0, avp.FLAG_M, octets)
    return octets


def save(target: str, name: str, octets: bytes) -> None:
    """One file of a corpus."""
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)


def messages(dictionary: Dictionary) -> None:
    """decode, views, json and framing."""
    streams: dict[str, bytes] = {}
    for name, octets in commands(dictionary):
        application = name.partition("-")[0].lower()
        streams[application] = streams.get(application, b"") + octets
        if name.endswith(("DAR", "TFR", "SIA", "CER", "ULA")):
            save("decode", name.lower(), octets)
            save("views", name.lower(), octets)
            save("json", f"{name.lower()}.json", decode(octets, dictionary).to_json().encode())
    for application, stream in streams.items():
        save("decode", f"all-{application}", stream)
    good = dict(commands(dictionary))["Tsp-DAR"]
    for name, octets in damaged(good):
        save("decode", name, octets)
        if name.startswith(("avp-", "text", "cut", "group")):
            save("views", name, octets)
        if name in ("version", "length-short", "avp-length-long", "text-not-utf8", "cut-in-header"):
            save("json", f"{name}.json", decode(octets, dictionary).to_json().encode())
    body = b"".join(avp.build(code, 0, avp.FLAG_M, data) for code, data in RFC_6733_4_4)
    example = avp.build(999999, 0, avp.FLAG_M, body)
    save("decode", "rfc6733-4.4", header.build(0x80, 280, 0, 1, 2, example))
    watchdog = dict(commands(dictionary))["Base-DWR"]
    for name, head in (("whole", "0000"), ("octets", "000101"), ("chunks", "00030700ff"), ("limit", "0300")):
        save("framing", name, bytes.fromhex(head) + watchdog * 3)
    names = b"".join(avp.build(code, vendor, avp.FLAG_V if vendor else 0, b"\0\0\0\2") for code, vendor in TWICE)
    save("views", "names-twice", header.build(0x80, 280, 0, 1, 2, names))
    shallow, deep = (header.build(0x80, 316, 16777251, 1, 2, _nest(486, levels)) for levels in (7, 19))
    save("decode", "groups-remembered", shallow + deep)
    save("framing", "fault", bytes.fromhex("000205 14") + watchdog + b"\2" + watchdog)
    save("framing", "http", b"\0\0GET / HTTP/1.1\r\nHost: mme.example.org\r\n\r\n")


def captures(dictionary: Dictionary) -> None:
    """What a node writes over TLS and in clear, two files merged, and a plain pcap of the same segments."""
    traffic = Traffic(dictionary).run(1)[:6]
    folder = CORPUS / "capture"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, transport, port in (("exported.pcapng", "tls", 5868), ("segments.pcapng", "tcp", 3868)):
        paths.append(folder / name)
        with_link = link(transport, ("127.0.0.1", 41001), ("127.0.0.1", port), IWF)
        writer = CaptureWriter(paths[-1])
        writer.event(traffic[0].time_ns / 1e9, with_link, "link_up", f"{SCS} is there")
        for at, one in enumerate(traffic):
            writer.message(one.time_ns / 1e9, at % 2 == 0, with_link, one.octets)
        writer.close()
    merge(paths, folder / "merged.pcapng")
    save("capture", "cut.pcapng", (folder / "merged.pcapng").read_bytes()[:-30])
    _plain_pcap(dictionary)
    _networks(traffic[2].octets)


def _plain_pcap(dictionary: Dictionary) -> None:
    octets = dict(commands(dictionary))["Base-DWR"]
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    sequence = 1000
    for part in (octets[:30], octets[30:] + octets, octets[:30]):
        tcp = struct.pack(">HHIIBBHHH", 41001, 3868, sequence, 0, 0x50, 0x18, 8192, 0, 0) + part
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2") + tcp
        frame = bytes(12) + b"\x08\0" + ip
        out.append(struct.pack("<IIII", 1_700_000_000, 0, len(frame), len(frame)) + frame)
        sequence += len(part)
    save("capture", "ethernet.pcap", b"".join(out))


def _networks(octets: bytes) -> None:
    """What the layers below meet: fragments, associations on two paths, tunnels; and the same in the short form."""
    a, b, other = wire.A, wire.B, ("10.1.0.1", "10.1.0.2")

    def sctp(tag: int, *chunks: bytes, hosts: tuple[str, str] = (a[0], b[0])) -> bytes:
        return wire.ip(*hosts, 132, wire.sctp((hosts[0], a[1]), (hosts[1], b[1]), tag, *chunks))

    association = [
        sctp(0, wire.init(1, 9, 100, a[0], other[0])),
        wire.ip(b[0], a[0], 132, wire.sctp(b, a, 9, wire.init(2, 8, 500, b[0], other[1]))),
        sctp(8, wire.data(100, wire.diameter(1)), *wire.pieces(101, octets, 100)[:2]),
        *(sctp(8, one, hosts=other) for one in wire.pieces(101, octets, 100)[2:]),
        sctp(8, wire.i_data(120, octets[:80], flags=2), wire.i_data(121, octets[80:], word=1, flags=1)),
        sctp(8, wire.chunk(6, 0, b"\0\x0c\0\x08busy")),
    ]
    save("capture", "sctp.pcap", wire.pcap(association))
    udp = wire.udp(9899, 9899, wire.sctp(a, b, 8, wire.data(1, octets)))
    segment = wire.tcp(a, b, 1, octets)
    fragments = wire.fragments("2001:db8::1", "2001:db8::2", 6, segment, ident=5, size=104)[::-1]
    pieces = wire.fragments(a[0], b[0], 6, wire.tcp(a, b, 1, octets), ident=5, size=104)[::-1]
    save("capture", "fragments.pcap", wire.pcap([*fragments, *pieces, wire.ip(a[0], b[0], 17, udp)]))
    short = wire.segments(wire.diameter(1, 60) + wire.diameter(2, 60), 50)
    inner = [one[24:] for one in short]  # without addresses and ports
    save("capture", "short-tcp", b"\x2d" + b"".join(bytes([len(one)]) + one for one in inner))
    chunks = [bytes(8) + one for one in (wire.data(1, wire.diameter(1)), wire.init(1, 9, 1), wire.data(1, b"\1"))]
    save("capture", "short-sctp", b"\x2e" + b"".join(bytes([len(one)]) + one for one in chunks))
    hello = b"\1\0\0\x26\3\3" + bytes(36)
    record = b"\x16\3\3" + len(hello).to_bytes(2) + hello
    answer = b"\2\0\0\x28\3\3" + bytes(33) + b"\xc0\x2b\0\0\0"
    back = b"\x16\3\3" + len(answer).to_bytes(2) + answer
    runs = [record, back, b"\x14\3\3\0\1\1\x17\3\3\0\x28" + bytes(40)]
    save("capture", "short-tls", b"\xff" + b"".join(bytes([len(one)]) + one for one in runs))


CHOSEN: Final[dict[str, dict[str, bytes]]] = {
    "sessions": {
        "client-granted-and-ended": bytes([0, 66, 129, 1, 0, 12, 67, 129, 6, 0]),
        "client-in-rounds": bytes([0, 66, 129, 3, 0, 66, 129, 0, 0, 5]),
        "client-asked-again-and-aborted": bytes([0, 66, 129, 0, 0, 129, 13, 0, 129, 14, 0]),
        "client-stateless": bytes([4, 66, 129, 2, 0, 10]),
        "client-fails-over": bytes([0, 66, 129, 4, 0, 129, 0, 0, 68]),
        "client-damaged": bytes([0, 66, 129, 1, 8, 7, 5, 0, 1, 5, 9, 0, 0, 0, 1]),
        "server-confirms-and-aborts": bytes([1, 130, 12, 0, 65, 129, 7, 0, 66, 129, 8, 0, 129, 15, 0]),
        "server-resends": bytes([1, 130, 12, 0, 66, 68, 5, 12, 129, 8, 0]),
        "server-stateless": bytes([5, 130, 12, 0, 129, 15, 0]),
        "accounting-client": bytes([2, 66, 129, 9, 0, 5, 129, 10, 0, 69, 129, 9, 0]),
        "accounting-client-stores": bytes([2, 66, 71, 69, 71, 70, 129, 9, 0]),
        "accounting-server": bytes([3, 129, 16, 0, 129, 17, 0, 6, 129, 18, 0]),
        "accounting-server-with-state": bytes([0x17, 129, 16, 0, 129, 17, 0, 6, 129, 18, 0]),
    },
    "discovery": {
        "naptr-srv-address": bytes([0, 3, 0, 1, 0, 1, 1, 0, 5, 0, 3, 0, 1, 1, 1, 0, 0, 0, 0, 3, 0, 1, 1, 0]),
        "naptr-address": bytes([0, 3, 0, 1, 1, 1, 1, 0, 0, 0, 3, 0, 1, 1, 0]),
        "naptr-loop": bytes([0, 3, 0, 1, 2, 1, 1, 0, 4, 0, 3, 0, 1, 2, 1, 1, 0, 4, 0]),
        "srv-of-the-realm": bytes([0, 0, 3, 0, 1, 1, 1, 0, 1, 0, 0, 3, 0, 1, 1, 0]),
        "srv-this-node": bytes([0, 0, 3, 0, 1, 1, 1, 0, 3, 0, 0, 3, 0, 1, 1, 0]),
        "srv-flood": bytes([0, 0, 7]) + bytes([3, 1, 1, 0, 0, 0]) * 62,
        "failure-and-again": bytes([2, 1, 1, 1, 3, 0, 1, 1, 1, 0, 1, 0]),
        "octets": bytes([0, 2, 40]) + bytes(range(40)),
        "name-of-dots": bytes([0, 3, 0, 1, 0, 1, 1, 0, 12, 2, 2, 46, 46, 46, 1, 97, 97, 0]),
        "name-long": bytes([0, 3, 0, 1, 0, 1, 1, 0, 9, 7, *[189] * 7, 0]),
        "name-with-a-line-feed": bytes([0, 3, 0, 1, 0, 1, 1, 0, 12, 1, 2, 97, 10, 98, 0]),
        "name-that-cannot-be-written": bytes([0, 3, 0, 1, 1, 1, 1, 0, 15, 1, 0, 46, 0]),
    },
    "redirect": {
        "followed": bytes([2, 2, 0, 0, 0, 0, 0, 7]),
        "followed-twice": bytes([2, 2, 2, 4, 0, 0, 1, 7]),
        "each-other": bytes([2, 2, 2, 1, 0, 0, 0, 7]),
        "remembered": bytes([2, 0x2A, 0, 0, 0, 0, 2, 7]),
        "to-a-realm": bytes([1, 0, 0, 0, 0, 0, 0, 7]),
        "to-a-stranger": bytes([2, 0, 0, 0, 0, 0, 0, 7]),
        "damaged": bytes([2, 0x2A, 0, 0, 0, 0, 0, 2, 7, 11, 0, 120]),
        "host-repeated": bytes([2, 2, 0, 0, 0, 0, 1, 2, 2, 7, 1]),
    },
    "relay": {
        "passed": bytes([0, 7]),
        "realm-rewritten": bytes([1, 7]),
        "redirected": bytes([2, 7]),
        "undeliverable": bytes([3, 7]),
        "with-route-record-and-proxy-info": bytes([28, 7]),
        "request-damaged": bytes([60, 8, 7, 3, 0, 255, 1, 4, 6, 2, 7]),
        "answer-damaged": bytes([28, 2, 7, 3, 0, 255, 1, 4]),
        "proxy-host-of-the-answer-unreadable": bytes.fromhex("94828b852ed52ea22ea28a"),
        "empty-host-beside-one-to-rewrite": bytes.fromhex("04000100000072ffff00000000000000063eff"),
    },
    "dtls": {
        "talk": bytes([31, 0, 70, 1, 70, 6, 3, 7, 9, 6, 60, 7, 60]),
        "replayed": bytes([31, 0, 5, 15, 0, 15, 0, 15, 1]),
        "goodbye": bytes([31, 0, 3, 4, 5]),
        "changed": bytes([31, 0, 3, 27, 0, 20, 1]),
        "lost": bytes([31, 1, 3, 16, 0]),
        "handshake-cut": bytes([2, 20, 0, 9, 20, 0, 80, 21, 0, 7]),
        "handshake-on-a-stream": bytes([1, 18, 0, 1]),
        "new-keys-first": bytes.fromhex(
            "00c3c087fe017a93f11df3624147a58676713b4c7d478ae49af8f066629f1bf61ecef9f415386a"
        ),
    },
    "overload": {
        "host-report": bytes([0, 0, 0, 3, 0]),
        "realm-report": bytes([1, 0, 2, 2, 0]),
        "ended": bytes([0, 0, 2, 3, 0, 0, 0, 2, 0, 0]),
        "expired": bytes([0x40, 0, 2, 3, 0, 0xC0, 0, 2, 3, 0]),
        "more-than-all": bytes([0, 0, 2, 6, 0]),
        "validity-beyond-a-day": bytes([0, 0, 8, 5, 0]),
        "damaged": bytes([0, 4, 5, 8, 0, 0, 2, 3, 8, 7, 8, 0, 1, 5, 9, 0, 0, 0, 0]),
    },
    "check": {
        "in-order": bytes([0]) + b"".join(bytes([number, 0, 0, 0]) for number in range(30)),
        "turned-round": bytes([1]) + b"".join(bytes([number, 2, 1, 1]) for number in range(30)),
        "edited": bytes([2]) + b"".join(bytes([number, 1, 0, 0, number, 7, 3, 0, 255]) for number in range(20)),
        "cut-and-marked": bytes([0]) + b"".join(bytes([number, 4, 9, 2, number, 60]) for number in range(25)),
        "long-waits": bytes([1]) + b"".join(bytes([number, 0, 90, 0]) for number in range(12, 30)),
    },
    "http": {
        "trigger": b'\x20\0{"external_identifier": "meter-1@customer.example", "payload": "00ff", "port": 16000}',
        "trigger-and-wait": b'\x30\x011{"msisdn": "15550100001", "payload": "", "reference": 7}',
        "progress": b"\x02\0",
        "wait-for-nan": b"\x32\x03nan",
        "no-token": b"\x60\0nothing",
        "nested": b"\x20\0" + b"[" * 2000,
        "number-of-many-digits": b'\x20\0{"port": 1' + b"0" * 5000 + b"}",
        "half-a-character": b'\x20\0{"external_identifier": "\\ud800@customer.example", "payload": "00"}',
        "health": b"\x05\0",
        "peers": b"\x07\0",
        "metrics": b"\x0d\0",
        "elsewhere": b"\x0f\x06../etc",
        "fault-switched": b'\x8b\0{"enabled": true}',
        "not-utf8": b"\x01\x03%ff",
        "not-utf8-below": b"\x03\x07/%ff%c3{}",
    },
}
"""Inputs that are decisions (`helpers.fuzz.Choices`)."""


def main() -> None:
    """All of them."""
    for target, inputs in CHOSEN.items():
        for name, octets in inputs.items():
            save(target, name, octets)
    dictionary: Any = Dictionary.load(cache=False)
    messages(dictionary)
    captures(dictionary)


if __name__ == "__main__":
    main()
