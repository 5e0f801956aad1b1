"""What makes each rule of `mtc pcap check` speak: octets and exchanges with one thing wrong in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from diameter import encode
from diameter.capture.records import CUT
from helpers.messages import with_avps
from helpers.talk import IMSI, ONE, OTHER, S6M, Talk, offset_of, own, patched, raw_avp, without

Wrong = Callable[[Talk], Any]
PROVOKE: Final[dict[str, Wrong]] = {}
"""What makes each rule speak; what it does is the test."""


def provokes(name: str) -> Callable[[Wrong], Wrong]:
    def put(wrong: Wrong) -> Wrong:
        assert name not in PROVOKE
        PROVOKE[name] = wrong
        return wrong

    return put


# ---- one message by itself -------------------------------------------------------------------------------------------


@provokes("version")
def _(talk: Talk) -> None:
    talk.put(b"\2" + encode(talk.lookup())[1:])


@provokes("message-length")
def _(talk: Talk) -> None:
    talk.put(encode(talk.lookup())[:-4])


@provokes("cut-message")
def _(talk: Talk) -> None:
    talk.put(encode(talk.lookup())[:-4], notes=(CUT,))


@provokes("unknown-application")
def _(talk: Talk) -> None:
    talk.put(patched(talk.lookup(), 8, b"\x7f\0\0\1"))


@provokes("unknown-command")
def _(talk: Talk) -> None:
    talk.put(patched(talk.lookup(), 5, b"\x7f\0\1"))


@provokes("header-flags")
def _(talk: Talk) -> None:
    talk.put(patched(talk.lookup(), 4, b"\xe0"))


@provokes("reserved-header-bits")
def _(talk: Talk) -> None:
    talk.put(patched(talk.lookup(), 4, b"\xc1"))


@provokes("avp-length")
def _(talk: Talk) -> None:
    request = talk.lookup()
    talk.put(patched(request, offset_of(request, "Auth-Session-State") + 5, b"\0\0\x0b"))


@provokes("avp-value")
def _(talk: Talk) -> None:
    request = talk.lookup()
    talk.put(patched(request, offset_of(request, "Origin-Host") + 8, b"\xff\xfe"))


@provokes("padding")
def _(talk: Talk) -> None:
    request = talk.lookup(Origin_Host="iwf.x")
    talk.put(patched(request, offset_of(request, "Origin-Host") + 13, b"\1"))


@provokes("enumerated-value")
def _(talk: Talk) -> None:
    request = talk.lookup()
    talk.put(patched(request, offset_of(request, "Auth-Session-State") + 11, b"\7"))


@provokes("avp-order")
def _(talk: Talk) -> None:
    request = talk.lookup()
    session = next(one for one in request.avps if one.name == "Session-Id").octets
    octets = without(request, "Session-Id")
    talk.put(octets[:1] + (len(octets) + len(session)).to_bytes(3) + octets[4:] + session)


@provokes("reserved-avp-bits")
def _(talk: Talk) -> None:
    request = talk.lookup()
    talk.put(patched(request, offset_of(request, "Origin-Realm") + 4, b"\x41"))


@provokes("vendor-id-zero")
def _(talk: Talk) -> None:
    talk.put(with_avps(talk.lookup(), b"\0\0\x7f\xff\x80\0\0\x10\0\0\0\0\0\0\0\1"))


@provokes("avp-flags")
def _(talk: Talk) -> None:
    request = talk.lookup()
    talk.put(patched(request, offset_of(request, "Origin-Realm") + 4, b"\x00"))


@provokes("unknown-mandatory-avp")
def _(talk: Talk) -> None:
    talk.put(with_avps(talk.lookup(), raw_avp(65_000, b"\0\0\0\1", vendor=9999)))


@provokes("missing-avp")
def _(talk: Talk) -> None:
    talk.put(without(talk.lookup(), "Origin-Realm"))


@provokes("missing-avp-in-refusal")
def _(talk: Talk) -> None:
    talk.put(without(talk.asked().answer(5012, own(OTHER)), "Auth-Session-State"), back=True)


@provokes("avp-not-allowed")
def _(talk: Talk) -> None:
    group = talk.lookup(**{"User-Identifier": {"User-Name": IMSI}})
    vsai = raw_avp(260, raw_avp(266, b"\0\0\x28\xaf") + raw_avp(258, S6M.to_bytes(4)) + raw_avp(1, b"nobody"))
    talk.put(with_avps(group, vsai))


@provokes("avp-too-many")
def _(talk: Talk) -> None:
    talk.put(with_avps(talk.lookup(), raw_avp(264, ONE.encode())))


@provokes("contradicting-avps")
def _(talk: Talk) -> None:
    both = raw_avp(297, raw_avp(266, b"\0\0\x28\xaf") + raw_avp(298, b"\0\0\x13\x89"))
    talk.put(with_avps(talk.asked().answer(2001, own(OTHER)), both), back=True)


@provokes("nesting")
def _(talk: Talk) -> None:
    group = raw_avp(1, IMSI.encode())
    for _ in range(20):
        group = raw_avp(3102, group, vendor=10415)
    talk.put(with_avps(talk.asked().answer(2001, own(OTHER)), group), back=True)


# ---- results ---------------------------------------------------------------------------------------------------------


@provokes("result-missing")
def _(talk: Talk) -> None:
    talk.put(without(talk.asked().answer(2001, own(OTHER)), "Result-Code"), back=True)


@provokes("result-class")
def _(talk: Talk) -> None:
    talk.answered(7001)


@provokes("error-bit")
def _(talk: Talk) -> None:
    answer = talk.asked().answer(3004, own(OTHER))
    talk.put(patched(answer, 4, b"\x40"), back=True)


@provokes("failed-avp-missing")
def _(talk: Talk) -> None:
    talk.answered(5004)


@provokes("failed-avp-advised")
def _(talk: Talk) -> None:
    talk.answered(5005)


@provokes("redirect-host-missing")
def _(talk: Talk) -> None:
    talk.answered(3006)


@provokes("destination-in-answer")
def _(talk: Talk) -> None:
    talk.put(with_avps(talk.asked().answer(2001, own(OTHER)), raw_avp(283, b"x.example")), back=True)


@provokes("destination-in-link-request")
def _(talk: Talk) -> None:
    talk.put(with_avps(talk.request("DWR", own(ONE)), raw_avp(283, b"x.example")))


# ---- request and answer ----------------------------------------------------------------------------------------------


@provokes("request-unanswered")
def _(talk: Talk) -> None:
    talk.asked()
    talk.wait(6)
    talk.watchdog()


@provokes("answer-unmatched")
def _(talk: Talk) -> None:
    talk.wait(31)
    talk.put(talk.lookup().answer(2001, own(OTHER)), back=True)


@provokes("answer-repeated")
def _(talk: Talk) -> None:
    talk.put(talk.answered(), back=True)


@provokes("answer-late")
def _(talk: Talk) -> None:
    request = talk.asked()
    talk.wait(8)
    talk.put(request.answer(2001, own(OTHER)), back=True)


@provokes("answer-end-to-end")
def _(talk: Talk) -> None:
    talk.put(patched(talk.asked().answer(2001, own(OTHER)), 16, b"\1\2\3\4"), back=True)


@provokes("answer-command")
def _(talk: Talk) -> None:
    request = talk.asked()
    dwr = talk.request("DWR", own(ONE), hop_by_hop=request.hop_by_hop, end_to_end=request.end_to_end)
    talk.put(dwr.answer(2001, own(OTHER)), back=True)


@provokes("answer-application")
def _(talk: Talk) -> None:
    talk.put(patched(talk.asked().answer(2001, own(OTHER)), 8, b"\x01\0\0\x23"), back=True)


@provokes("answer-proxiable")
def _(talk: Talk) -> None:
    talk.put(patched(talk.asked().answer(3004, own(OTHER)), 4, b"\x20"), back=True)


@provokes("hop-by-hop-reused")
def _(talk: Talk) -> None:
    talk.put(talk.request("DWR", own(ONE), hop_by_hop=talk.asked().hop_by_hop))


@provokes("end-to-end-reused")
def _(talk: Talk) -> None:
    answer = talk.answered()
    talk.put(talk.request("DWR", own(ONE), end_to_end=answer.end_to_end))


@provokes("repeat-without-t-flag")
def _(talk: Talk) -> None:
    talk.put(talk.asked())


@provokes("t-flag-first")
def _(talk: Talk) -> None:
    talk.put(patched(talk.lookup(), 4, b"\xd0"))
