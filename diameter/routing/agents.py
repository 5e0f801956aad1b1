"""Relays, proxies and translation agents (RFC 6733 sections 2.8, 6.1.3, 6.1.7, 6.1.9, 6.2.2): requests that go on.

A relay works on octets: it reads the routing AVPs, appends a Route-Record, and gives the header another Hop-by-Hop
Identifier; the answer gets the old one back.  Whatever else stands in a message passes as it came, known to a
dictionary or not.  What is an agent's own decision is a class with hooks:

    class Policy(Agent):
        def request(self, request: Message, source: str) -> Decision:
            if request.application == "Tsp" and "External-Identifier" not in request["Device-Action"]:
                return ApplicationFault(5003, "devices are named by External-Identifier here")
            return request.edit(replace={"Destination-Realm": "core.example"})

`Agent` itself, without hooks, is the relay.  A hook runs before the request is routed, so what it writes into
Destination-Realm counts.  A hook that answers a request by itself, or asks another protocol and waits for it, makes a
translation agent (section 2.8.4).

A relay keeps transaction state only, and that in its own table, so it never adds a Proxy-Info; a hook that adds one
finds it taken out of the answer again (section 6.2.2).
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from struct import Struct
from typing import Any, ClassVar, Final

from diameter.errors import ApplicationFault, InvalidAvpLength, InvalidHdrBits, MissingAvp, RemoteFault, ResultCode
from diameter.message.message import Message
from diameter.routing.table import Refusal
from diameter.wire import avp

ROUTE_RECORD: Final = 282
PROXY_INFO: Final = 284
ORIGIN_HOST: Final = 264
ORIGIN_REALM: Final = 296

_word: Final = Struct(">I").pack

Decision = Message | ApplicationFault
"""What a hook makes of a request: the message that goes on, an answer to it (R bit clear) that goes back, or a refusal.
"""


class Agent:
    """What a node does with requests for others; as it stands, a relay.

    `applications`: names of the applications to advertise, for an agent that understands what it lets pass (a proxy,
    section 2.8.2); without any, the relay application, which is all of them (section 2.8.1).
    """

    applications: ClassVar[Sequence[str]] = ()
    asks: bool = False
    """True where `request` decides something."""
    edits: bool = False
    """True where `answer` changes something."""
    fronts: ClassVar[bool] = False
    """True where the node stands in front of others that are not to be seen: requests for this host are for them, which
    the hook sees to, and the agent's own error answers say nothing of ways.
    """

    def __init_subclass__(cls) -> None:
        """A class that overrides a hook wants to be asked."""
        super().__init_subclass__()
        cls.asks = cls.request is not Agent.request
        cls.edits = cls.answer is not Agent.answer

    def request(self, request: Message, source: str) -> Decision | Coroutine[Any, Any, Decision]:
        """Decide on a request from peer `source` before it is routed.  May be an `async def`, may await requests.

        The message returned keeps identifiers and flags; `Message.edit` leaves every AVP alone that it is not told of.
        """
        return request

    def answer(self, answer: Message, request: Message) -> Message:
        """Change an answer before it goes back; `request` is what it answers, as it came.

        A Result-Code that says failure must stay (section 6.2.2); it is put back when it does not.
        """
        return answer

    def known_as(self, source: str) -> str:
        """The name of peer `source` in the Route-Record that goes on; another one only where its host is hidden.

        "" for none: what goes on is this host's own to whoever gets it.
        """
        return source


def examine(request: Message, identity: str) -> RemoteFault | Refusal | None:
    """What is wrong with a request that is to go on, or None: header, routing AVPs, loops (sections 6.1.3, 6.1.9).

    `identity`: our own.  Other AVPs are not looked at beyond their lengths; an application need not be known.
    """
    if request.error:
        return InvalidHdrBits("the E bit is set in a request")
    if request.stop != request.end:
        return InvalidAvpLength(f"what stands at octet {request.stop} is no AVP", offset=request.stop)
    keys = request.keys
    for code, name in ((ORIGIN_HOST, "Origin-Host"), (ORIGIN_REALM, "Origin-Realm")):
        if code not in keys:
            return MissingAvp(f"{name} is missing", failed_avp=avp.build(code, 0, avp.FLAG_M, b"\0"))
    try:
        for name in ("Origin-Host", "Origin-Realm", "Destination-Host", "Destination-Realm"):
            request.get(name)
        looped = identity.lower() in {hop.lower() for hop in request.all("Route-Record")}
    except RemoteFault as fault:
        return fault
    if looped:
        return Refusal(code=ResultCode.LOOP_DETECTED, text=f"the Route-Record of the request names {identity}")
    return None


def route_record(source: str) -> bytes:
    """The Route-Record that a request from peer `source` gets: the Origin-Host of its CER or CEA (section 6.7.1)."""
    return avp.build(ROUTE_RECORD, 0, avp.FLAG_M, source.encode("ascii"))


def forwarded(octets: bytes, hop_by_hop: int, record: bytes) -> bytes:
    """The request as it goes on: another Hop-by-Hop Identifier, and `record` behind all it had (section 6.1.9).

    End-to-End Identifier and flags, T and P among them, stay.
    """
    return b"".join(
        (_word(0x01000000 | (len(octets) + len(record))), octets[4:12], _word(hop_by_hop), octets[16:], record)
    )


def returned(octets: bytes, hop_by_hop: int) -> bytes:
    """The answer as it goes back: under the Hop-by-Hop Identifier that the request came with (section 6.2.2)."""
    return b"".join((octets[:12], _word(hop_by_hop), octets[16:]))


def settled(answer: Message, before: Message, identity: str) -> Message:
    """What a hook has made of an answer, with the rules of section 6.2.2 kept.

    A failure that was in the answer `before` stays what it was; a success made a failure gets Error-Reporting-Host; the
    last Proxy-Info is taken out when it is ours.
    """
    old, new = before.result, answer.result
    if old != new and old is not None:
        if not 2000 <= old[1] < 3000:
            name = "Experimental-Result" if old[0] else "Result-Code"
            answer = answer.edit(remove=("Result-Code", "Experimental-Result"), add={name: before[name]})
        elif new is not None and not 2000 <= new[1] < 3000 and "Error-Reporting-Host" not in answer:
            answer = answer.edit(add={"Error-Reporting-Host": identity})
    if PROXY_INFO in answer.keys:
        try:
            infos = answer.all("Proxy-Info")
            ours = str(infos[-1].get("Proxy-Host", "")).lower() == identity.lower()
        except RemoteFault:  # one that cannot be read is somebody else's, and passes as it is
            return answer
        if ours:
            answer = answer.edit(remove="Proxy-Info", add={"Proxy-Info": list(infos[:-1])} if infos[:-1] else None)
    return answer
