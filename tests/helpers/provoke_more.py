"""More of `helpers.provoke`: peers, watchdog, agents, sessions, security."""

from __future__ import annotations

from typing import Any

from helpers.provoke import PROVOKE, provokes
from helpers.talk import IMSI, ONE, OTHER, S6M, TSP, Talk, offset_of, own, patched, without

__all__ = ["PROVOKE", "trigger"]


def trigger(talk: Talk, device: str, transport: str = "tls") -> None:
    notice = {"External-Identifier": device, "Reference-Number": 7, "Action-Type": "DELIVERY_REPORT"}
    avps = {
        "Session-Id": f"{ONE};7;7", "Auth-Application-Id": TSP, "Auth-Session-State": 1, **own(ONE),
        "Destination-Realm": "customer.example",
        "Destination-Host": "scs.customer.example", "Device-Notification": notice,
    }  # fmt: skip
    talk.put(talk.request("DNR", avps, TSP), transport=transport)


# ---- peers and watchdog ----------------------------------------------------------------------------------------------


@provokes("cer-first")
def _(talk: Talk) -> None:
    ends = (("10.0.0.9", 1), talk.server)
    talk.event("LINK_UP", ends)
    talk.put(talk.request("DWR", own(ONE)), source=ends[0])


@provokes("cer-again")
def _(talk: Talk) -> None:
    talk.put(talk.request("CER", {**own(ONE), "Host-IP-Address": "10.0.0.1", "Vendor-Id": 0, "Product-Name": "x"}))


@provokes("after-refusal")
def _(talk: Talk) -> None:
    talk.event("LINK_LOST")
    talk.opened(code=5010).asked()


@provokes("application-not-advertised")
def _(talk: Talk) -> None:
    talk.event("LINK_LOST")
    talk.opened(applications=(TSP,)).asked()


@provokes("no-common-application")
def _(talk: Talk) -> None:
    talk.event("LINK_LOST")
    talk.event("LINK_UP")
    body: dict[str, Any] = {"Host-IP-Address": "10.0.0.1", "Vendor-Id": 0, "Product-Name": "x"}
    cer = talk.request("CER", {**own(ONE), **body, "Auth-Application-Id": 5})
    talk.put(cer)
    talk.put(cer.answer(2001, {**own(OTHER), **body, "Auth-Application-Id": 6}), back=True)


@provokes("origin-host-changed")
def _(talk: Talk) -> None:
    talk.put(talk.request("DWR", own("other.operator.example")))


@provokes("same-identity")
def _(talk: Talk) -> None:
    talk.event("LINK_LOST")
    talk.event("LINK_UP")
    body: dict[str, Any] = {"Host-IP-Address": "10.0.0.1", "Vendor-Id": 0, "Product-Name": "x"}
    cer = talk.request("CER", {**own(ONE), **body})
    talk.put(cer)
    talk.put(cer.answer(2001, {**own(ONE), **body}), back=True)


@provokes("after-disconnect")
def _(talk: Talk) -> None:
    talk.put(talk.request("DPR", {**own(ONE), "Disconnect-Cause": "REBOOTING"}))
    talk.asked()


@provokes("watchdog-silence")
def _(talk: Talk) -> None:
    talk.wait(33)
    talk.answered()


@provokes("watchdog-too-often")
def _(talk: Talk) -> None:
    talk.watchdog()
    talk.watchdog()


# ---- agents, sessions, security --------------------------------------------------------------------------------------


@provokes("route-record-loop")
def _(talk: Talk) -> None:
    talk.asked(Route_Record=["a.example", "b.example", "A.example"])


@provokes("route-record-missing")
def _(talk: Talk) -> None:
    talk.asked(Origin_Host="scef.operator.example")


@provokes("proxy-info-echo")
def _(talk: Talk) -> None:
    request = talk.asked(Proxy_Info={"Proxy-Host": "p.example", "Proxy-State": b"1"})
    talk.put(without(request.answer(2001, own(OTHER)), "Proxy-Info"), back=True)


@provokes("session-id-differs")
def _(talk: Talk) -> None:
    answer = talk.asked().answer(2001, own(OTHER))
    talk.put(patched(answer, offset_of(answer, "Session-Id") + 8, b"I"), back=True)


@provokes("session-id-missing")
def _(talk: Talk) -> None:
    talk.put(without(talk.asked().answer(2001, own(OTHER)), "Session-Id"), back=True)


@provokes("session-id-format")
def _(talk: Talk) -> None:
    talk.asked(Session_Id="1234567")


def terminate(talk: Talk, session: str) -> None:
    avps = {
        "Session-Id": session, **own(ONE), "Destination-Realm": "operator.example",
        "Auth-Application-Id": S6M, "Termination-Cause": "DIAMETER_LOGOUT",
    }  # fmt: skip
    request = talk.request("STR", avps, S6M)
    talk.put(request)
    talk.put(request.answer(2001, own(OTHER)), back=True)


@provokes("session-ended")
def _(talk: Talk) -> None:
    answer = talk.asked(Auth_Session_State=0).answer(2001, {**own(OTHER), "Auth-Session-State": 0})
    talk.put(answer, back=True)
    terminate(talk, answer.text("Session-Id"))
    talk.asked(Session_Id=answer.text("Session-Id"))


@provokes("str-without-session")
def _(talk: Talk) -> None:
    terminate(talk, f"{ONE};9;9")


@provokes("str-without-state")
def _(talk: Talk) -> None:
    terminate(talk, talk.answered().text("Session-Id"))


@provokes("ppid-wrong")
def _(talk: Talk) -> None:
    talk.put(talk.lookup(), transport="sctp", ppid=47)


@provokes("ppid-unspecified")
def _(talk: Talk) -> None:
    talk.put(talk.lookup(), transport="dtls", ppid=46, comment="dtls, peer hss.example, received, PPID 0")


@provokes("clear-on-secure-port")
def _(talk: Talk) -> None:
    talk.put(talk.lookup(), destination=("10.0.0.2", 5868))


@provokes("clear-after-tls-chosen")
def _(talk: Talk) -> None:
    talk.event("LINK_LOST")
    talk.opened(Inband_Security_Id=1).asked()


@provokes("clear-outside")
def _(talk: Talk) -> None:
    trigger(talk, "meter@customer.example", "tcp")


@provokes("imsi-outside")
def _(talk: Talk) -> None:
    talk.asked()
    trigger(talk, f"{IMSI}@customer.example")
