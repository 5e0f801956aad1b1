"""A capture that can be shown to others: the same messages, of the same length, about nobody.

What is not known to be harmless is replaced: numbers, enumerations and times stay; names, addresses, digits, keys,
payloads and octets of unknown meaning become others of the same kind and length, the same one everywhere.  Headers and
their identifiers, ports and the times of packets stay as they are.

Only messages go into the new file, in frames made for them: what is no Diameter, comments, name resolution, key logs,
link-layer addresses, retransmissions and octets that were never understood are left out, because nobody could say what
they tell.  All lengths are those of before and the checksums of the new frames are right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from diameter.capture.lanes import ASSOCIATIONS
from diameter.capture.pseudonyms import Pseudonyms
from diameter.capture.read import CaptureReader
from diameter.capture.records import Captured, CaptureError, Endpoint, NoDiameter
from diameter.capture.shape import PORTS
from diameter.capture.text import ADDRESS_FIELDS, DEEPEST, TBCD_NUMBERS
from diameter.capture.tpdu import rewritten
from diameter.capture.write import CaptureWriter
from diameter.message import Avp, Dictionary, Grouped, Message
from diameter.wire import header

HARMLESS: Final = frozenset(
    ["Unsigned32", "Unsigned64", "Integer32", "Integer64", "Enumerated", "Float32", "Float64", "Time"]
)
"""Types whose values name nobody."""
SPOKEN: Final = frozenset({"Product-Name", "Error-Message", "Service-Context-Id"})
"""Texts for people: only what looks like a name, an address or a number is replaced in them."""
NUMBERS: Final = TBCD_NUMBERS | {"Visited-PLMN-Id", "3GPP-SGSN-MCC-MNC", "PLMN-Id"}
"""Octets whose halves are digits."""
EQUIPMENT: Final = frozenset({"IMEI", "Software-Version", "User-Equipment-Info-Value"})
_E164_FAMILY: Final = b"\0\x08"
_WORD: Final = re.compile(r"[A-Za-z0-9_.@+-]+")
_SM_RP_UI: Final = "SM-RP-UI"


class Anonymiser:
    """Rewrites messages, one like the other.  `key`: see `Pseudonyms`."""

    def __init__(self, key: bytes, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._names = Pseudonyms(key)
        self._known: dict[str, str] = {}
        self._by_name: dict[str, Callable[[str], str]] = {
            "User-Name": self._names.user,
            "External-Identifier": self._names.user,
            "Session-Id": self._session,
            "Acct-Multi-Session-Id": self._session,
        }

    def message(self, octets: bytes) -> bytes:
        """The message, as long as before.  Never raises."""
        message = Message(octets, self._dictionary)
        out = bytearray(octets)
        if len(octets) < header.LENGTH:
            out[4:] = self._names.octets(octets[4:])
            return bytes(out)
        self._walk(message.avps, out, message, 0)
        tail = message.tail
        if tail:
            out[len(out) - len(tail) :] = self._names.octets(tail)
        return bytes(out)

    def captured(self, one: Captured) -> Captured:
        """The message with its addresses; the comment says only how it went over the wire."""
        comment = f"{one.transport}, PPID {one.ppid}" if one.transport in ASSOCIATIONS and one.ppid >= 0 else ""
        source, destination = self._end(one.source), self._end(one.destination)
        return one._replace(source=source, destination=destination, octets=self.message(one.octets), comment=comment)

    def _end(self, end: Endpoint) -> Endpoint:
        return (self._names.address_text(end[0]), end[1]) if end[0] else end

    def _walk(self, avps: Iterable[Avp], out: bytearray, message: Message, depth: int) -> None:
        for one in avps:
            data = one.data
            start = one.offset + (12 if one.flags & 0x80 else 8)
            value = one.value if depth < DEEPEST else data
            if isinstance(value, Grouped):
                self._walk(value.avps, out, message, depth + 1)
                tail = value.tail
                if tail:
                    at = start + len(data) - len(tail)
                    out[at : at + len(tail)] = self._names.octets(tail)
            else:
                new = self._data(one, data, message)
                out[start : start + len(data)] = new if len(new) == len(data) else self._names.octets(data)
            padding = one.padding
            if padding.strip(b"\0"):
                at = start + len(data)
                out[at : at + len(padding)] = bytes(len(padding))

    def _data(self, one: Avp, data: bytes, message: Message) -> bytes:
        definition = one.definition
        if definition is None or not data:
            return self._names.octets(data)
        kind, name, value = definition.type, definition.name, one.value
        if kind in HARMLESS and not isinstance(value, bytes):
            return data
        if name == _SM_RP_UI:
            return rewritten(data, message.command_code, message.request, self._names)
        if kind == "Address":
            return self._address(data)
        if isinstance(value, str):
            return self._text(name, kind, value).encode()
        if name in NUMBERS:
            return self.halves(data)
        if name in ADDRESS_FIELDS and len(data) > 2:
            return data[:2] + self.halves(data[2:])
        return self._names.octets(data)

    def _address(self, data: bytes) -> bytes:
        family, rest = data[:2], data[2:]
        if len(rest) in (4, 16) and family != _E164_FAMILY:
            return family + self._names.address(rest)
        text = rest.decode("latin-1")
        sign = "+" if text.startswith("+") else ""
        if family == _E164_FAMILY and text.removeprefix("+").isdigit():
            return family + (sign + str(self._names.digits(text.removeprefix("+")))).encode("latin-1")
        return family + self._names.octets(rest)

    def halves(self, data: bytes) -> bytes:
        """Octets of two digits each: the digits become others, fillers and signs stay."""
        digits = [half for octet in data for half in (octet & 15, octet >> 4)]
        new = iter(self._names.digits("".join(str(half) for half in digits if half < 10)))
        out = [int(next(new)) if half < 10 else half for half in digits]
        return bytes(out[at] | out[at + 1] << 4 for at in range(0, len(out), 2))

    def _text(self, name: str, kind: str, value: str) -> str:
        if kind == "DiameterIdentity":
            return str(self._names.host(value))
        if name in self._by_name:
            return self._by_name[name](value)
        if name in EQUIPMENT and value.isascii() and value.isdigit():
            return self._names.imei(value)
        if name in SPOKEN or kind in ("DiameterURI", "IPFilterRule", "QoSFilterRule"):
            return _WORD.sub(lambda found: self._word(found[0]), value)
        if not value.isascii():
            return "".join(chr(97 + one % 26) for one in self._names.octets(value.encode()))
        return _WORD.sub(lambda found: self._names.user(found[0]), value)

    def _word(self, word: str) -> str:
        """A word of a text for people."""
        if word in self._known:
            return self._known[word]
        bare = word.rstrip(".")
        if "@" in bare or sum(one.isdigit() for one in bare) > 5:
            return self._names.user(bare) + word[len(bare) :]
        return str(self._names.host(bare)) + word[len(bare) :] if "." in bare else word

    def _session(self, value: str) -> str:
        """`host;high;low;optional`: the numbers stay, they are a time and a counter."""
        host, *rest = value.split(";")
        if not all(one.isdigit() and len(one) <= 10 for one in rest[:2]):
            return _WORD.sub(lambda found: self._names.user(found[0]), value)
        out = [
            str(self._names.host(host)),
            *rest[:2],
            *(_WORD.sub(lambda f: self._names.user(f[0]), x) for x in rest[2:]),
        ]
        return ";".join(out)

    def learn(self, message: Message) -> None:
        """Remember the names in a message, so that texts for people which repeat them are found."""
        self._learn(message.avps, 0)

    def _learn(self, avps: Iterable[Avp], depth: int) -> None:
        for one in avps:
            value: Any = one.value
            if isinstance(value, Grouped):
                if depth < DEEPEST:
                    self._learn(value.avps, depth + 1)
            elif isinstance(value, str) and one.definition is not None and len(self._known) < 1_000_000:
                name, kind = one.definition.name, one.definition.type
                if kind == "DiameterIdentity" or name in ("User-Name", "External-Identifier"):
                    self._known.setdefault(value, self._text(name, kind, value))
                    local = value.partition("@")[0]
                    if local != value:
                        self._known.setdefault(local, self._names.user(local))


def anonymise(
    source: str | Path,
    out: str | Path,
    key: bytes,
    dictionary: Dictionary,
    key_log: str | Path | None = None,
    ports: Iterable[int] = PORTS,
    said: Callable[[CaptureReader], None] = lambda reader: None,
) -> tuple[int, int]:
    """Write the messages of `source` to `out`; (messages, packets left out because they carry no Diameter).

    Reads the file twice.  `key_log`: opens TLS and DTLS; `ports`: as for CaptureReader; `said`: is given the reader
    when all is read.  Raises CaptureError; NoDiameter before anything is written.
    """
    ours = Anonymiser(key, dictionary)
    ports, found = frozenset(ports), False
    reader = CaptureReader(source, ports=ports, key_log=key_log)
    for one in reader:
        found = True
        ours.learn(one.message(dictionary))
    if not found:
        raise NoDiameter(f"{reader.name}: {reader.no_diameter()}")
    reader = CaptureReader(source, ports=ports, key_log=key_log)
    complaints: list[str] = []
    with CaptureWriter(out, complain=complaints.append) as writer:
        for one in reader:
            writer.record(ours.captured(one))
    if complaints:
        raise CaptureError(complaints[0])
    said(reader)
    return writer.messages, sum(reader.other.values())
