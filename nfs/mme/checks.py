"""What is checked of an HSS on S6a, step by step (TS 29.272 clauses 5.2 and 7.2, TS 33.102 6.3, TS 33.401 annex A.2).

Each function looks at one message and says what it looked at; nothing in here sends or waits.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from diameter import Message
from nfs.common.aka import Algorithm, kasme
from nfs.common.checked import Check, grammar, proper, result
from nfs.common.identities import IdentityError, decode_number
from nfs.ue.usim import IND_BITS, NotOurNetwork, OutOfStep, Usim

__all__ = [
    "Authentication",
    "Check",
    "challenge",
    "grammar",
    "location",
    "order",
    "proper",
    "purged",
    "result",
    "sqn_of",
]

SEPARATION_BIT: Final = 0x8000
"""Of AMF: the vector is for E-UTRAN (TS 33.401 6.1.1)."""
SEPARATION, FOR_SMS = 1 << 0, 1 << 1  # ULA-Flags
FREEZE_M_TMSI: Final = 1 << 0  # PUA-Flags
RAND_OCTETS: Final = 16


def sqn_of(functions: Algorithm, rand: bytes, autn: bytes) -> int:
    """The sequence number that an AUTN of 16 octets hides."""
    ak = functions.outputs(rand, bytes(6), bytes(2)).ak
    return int.from_bytes(autn[:6]) ^ int.from_bytes(ak)


def challenge(answer: Message | None) -> bytes | None:
    """RAND of the first vector of an answer; None where there is none, or none of 16 octets."""
    info = None if answer is None else answer.get("Authentication-Info")
    vector = None if info is None else info.get("E-UTRAN-Vector")
    rand: bytes | None = None if vector is None else vector.get("RAND")
    return rand if rand is not None and len(rand) == RAND_OCTETS else None


@dataclass(slots=True)
class Authentication:
    """The USIM's side of AIA.  `usim`: None until a first vector says where its sequence numbers are.

    `functions`: of its keys; `plmn`: Visited-PLMN-Id, 3 octets.  `highest`: the highest SQN taken.
    """

    functions: Algorithm
    plmn: bytes
    usim: Usim | None = None
    highest: int = 0

    def vectors(self, answer: Message, asked: int) -> Iterator[Check]:
        """All of an answer's E-UTRAN vectors, each checked as the USIM and the MME would."""
        group = answer.get("Authentication-Info")
        found = () if group is None else group.all("E-UTRAN-Vector")
        yield proper(1 <= len(found) <= asked, "vectors", f"{len(found)} instead of 1 to {asked}")
        ordered = sorted(found, key=lambda vector: vector.get("Item-Number", 0))
        for vector in ordered:
            yield from self._vector(vector)

    def _vector(self, vector: Any) -> Iterator[Check]:
        sizes = {"RAND": (16, 16), "AUTN": (16, 16), "XRES": (4, 16), "KASME": (32, 32)}
        short = [
            f"{name}: {len(vector.get(name, b''))} octets"
            for name, (least, most) in sizes.items()
            if not least <= len(vector.get(name, b"")) <= most
        ]
        yield proper(not short, "lengths of RAND, AUTN, XRES, KASME", ", ".join(short))
        if short:
            return
        rand, autn = vector["RAND"], vector["AUTN"]
        sqn = sqn_of(self.functions, rand, autn)
        first = self.usim is None and not sqn >> IND_BITS
        if self.usim is None:
            self.usim = Usim(self.functions, max(sqn - (1 << IND_BITS), 0))
        try:
            out = self.usim.authenticate(rand, autn)
        except NotOurNetwork:
            self.usim = None if self.highest == 0 else self.usim
            yield Check("wrong", "AUTN", "its MAC is not of these keys")
            return
        yield Check("ok", "AUTN", "MAC of these keys")
        yield proper(bool(int.from_bytes(autn[6:8]) & SEPARATION_BIT), "AMF separation bit", "clear")
        if isinstance(out, OutOfStep) and first:
            yield Check("note", "SQN", f"{sqn:#014x}: a USIM that has had none yet asks for a resynchronisation")
            out = self.functions.outputs(rand, sqn.to_bytes(6), autn[6:8])
        elif isinstance(out, OutOfStep):
            yield Check("wrong", "SQN", f"{sqn:#014x} is not above what this USIM has had, or too far ahead")
            return
        else:
            yield Check("ok", "SQN", f"{sqn:#014x}")
        self.highest = max(self.highest, sqn)
        yield proper(hmac.compare_digest(out.res, vector["XRES"]), "XRES", "not the RES of the USIM")
        key = kasme(out.ck, out.ik, self.plmn, autn[:6])
        yield proper(hmac.compare_digest(key, vector["KASME"]), "KASME", "not what CK, IK and the network give")


def location(answer: Message, *, sms: bool) -> Iterator[Check]:
    """ULA: flags, and whether what an MME needs of Subscription-Data is there.  `sms`: the MME takes short messages."""
    flags = answer.get("ULA-Flags")
    yield proper(flags is not None, "ULA-Flags", "missing")
    if flags is not None and not flags & SEPARATION:
        yield Check("note", "ULA-Flags", "Separation-Indication clear: an HSS of Release 7")
    if sms and not (flags or 0) & FOR_SMS:
        yield Check("note", "SMS in MME", "not registered for short messages")
    data = answer.get("Subscription-Data")
    yield proper(data is not None, "Subscription-Data", "missing")
    if data is not None:
        yield from _subscription(data)


def _subscription(data: Any) -> Iterator[Check]:
    if "MSISDN" in data:
        try:
            decode_number(data.raw("MSISDN"))
        except IdentityError as error:
            yield Check("wrong", "MSISDN", str(error))
    if "Subscriber-Status" not in data:
        yield Check("note", "Subscriber-Status", "missing: taken for SERVICE_GRANTED")
    yield proper("AMBR" in data, "AMBR of the subscriber", "missing")
    profile = data.get("APN-Configuration-Profile")
    yield proper(profile is not None, "APN-Configuration-Profile", "missing")
    if profile is None:
        return
    apns = profile.all("APN-Configuration")
    numbers = [apn.get("Context-Identifier") for apn in apns]
    yield proper(len(set(numbers)) == len(numbers), "Context-Identifiers", "one is there twice")
    default = profile.get("Context-Identifier")
    yield proper(default in numbers, "default APN", f"Context-Identifier {default} is of no APN-Configuration")
    bare = [apn.get("Service-Selection", "?") for apn in apns if "EPS-Subscribed-QoS-Profile" not in apn]
    yield proper(not bare, "EPS-Subscribed-QoS-Profile", f"missing for {', '.join(bare)}")
    names = [apn.get("Service-Selection", "?") for apn in apns]
    yield Check("ok", "APNs", ", ".join(names))


def purged(answer: Message) -> Iterator[Check]:
    """PUA: the M-TMSI is to be frozen."""
    if not answer.get("PUA-Flags", 0) & FREEZE_M_TMSI:
        yield Check("note", "PUA-Flags", "Freeze-M-TMSI clear")


def order(request: Message, imsi: str, *, attached: bool) -> Iterator[Check]:
    """A request of the HSS about this subscriber."""
    yield from grammar(request)
    if "User-Name" in request:
        found = request.text("User-Name")
        yield proper(found == imsi, "User-Name", "another subscriber than the one who attached")
    if not attached:
        yield Check("note", "registration", "the subscriber is not registered here now")
