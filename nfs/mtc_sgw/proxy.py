"""The gateway as a process of its own: a proxy on Tsp that stands in front of MTC-IWFs and shows nothing of them.

Who asks what.  Here: everything that needs no store and no HSS, so that whatever is refused has not even reached the
MTC-IWF.  Behind: quotas (they outlive a restart), association with the negative cache and the budget of the HSS,
answers that are held for hidden devices, wishes and lists of owners; the MTC-IWF takes requests of SCSs from its
gateways only, and asks the checks that cost nothing once more.

Nothing is remembered for topology hiding.  A request that goes on and its answer meet in the table of pending requests
that every agent has, so what was taken out on the way in is put back from the request as it came; the Session-Id of a
report gets a name that only the gateway can read (`diameter.security.pseudonym`), and an answer that does not bring it
back is none.  What an SCS answers is not passed on: the MTC-IWF gets an answer of ours with its result.

Rejected: two Diameter sessions joined by an application, one on each side.  It would give the request another
End-to-End Identifier, by which the MTC-IWF knows copies that came over two gateways.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from diameter import ApplicationFault, Message, RemoteFault, ResultCode
from diameter.app import Neighbour
from diameter.routing.agents import Agent, Decision
from diameter.routing.refusal import first_refusing, refuse_application, unusable
from diameter.security.pseudonym import Pseudonyms
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.mtc_sgw import peer_identity
from nfs.mtc_sgw.copies import Copies, mark_of
from nfs.mtc_sgw.gateway import Gateway
from nfs.mtc_sgw.logic import plain

ASKED: Final = "Device-Action-Request"
TOLD: Final = "Device-Notification-Request"
OF_AGENTS: Final = ("Route-Record", "Proxy-Info")
"""What agents write into messages, for agents."""
OF_LOAD: Final = ("OC-Supported-Features", "OC-OLR", "Load")
"""What two neighbours say of their load (RFC 7683, RFC 8583).  A report counts for the Origin-Host of its answer: one
of an MTC-IWF would, under the gateway's name, hold back what goes to all of them, and one of an SCS has no say inside.
So none passes, and the node of the gateway hears and makes its own."""


class Proxy(Agent):
    """The pipeline between SCSs and MTC-IWFs.  inner_realm: of the MTC-IWFs, `gateway.core` has their names."""

    applications: ClassVar = ("Tsp",)
    fronts: ClassVar[bool] = True

    def __init__(
        self, gateway: Gateway, audit: AuditLog, pseudonyms: Pseudonyms, copies: Copies, *, inner_realm: str
    ) -> None:
        self._gateway = gateway
        self._audit = audit
        self._pseudonyms = pseudonyms
        self._copies = copies
        self._inner_realm = inner_realm

    def known_as(self, source: str) -> str:
        """SCSs and their agents as they are; who is behind is nobody: what goes out is ours."""
        return "" if self._inside(source) else source

    def request(self, request: Message, source: str) -> Decision:
        """A request in either direction, checked and without what the other side must not see."""
        neighbour = request.context
        assert isinstance(neighbour, Neighbour)
        inside = self._inside(source)
        closed = None if inside else self._closed(request, source)
        if closed is not None:
            return closed
        fault = first_refusing(request)
        if fault is not None:
            self._refused(request, source, "fault", int(fault.result_code), type(fault).__name__)
            return request.refusal(fault)
        return self._out(request, source) if inside else self._in(request, neighbour)

    def answer(self, answer: Message, request: Message) -> Message:
        """An answer in either direction, likewise; 3002 in place of one that cannot be used."""
        neighbour = request.context
        assert isinstance(neighbour, Neighbour)
        if self._inside(neighbour.host):
            return self._answer_in(answer, request)
        return self._answer_out(answer, request, plain(neighbour.host))

    # ---- towards the core

    def _closed(self, request: Message, source: str) -> ApplicationFault | None:
        """What no SCS may send is answered as what is not there, whatever it holds."""
        if request.application != "Tsp":
            text = f"application {request.application} is not open to the outside"
            return self._no(request, source, "application", ResultCode.APPLICATION_UNSUPPORTED, text)
        if request.command != ASKED:
            return self._no(request, source, "command", ResultCode.COMMAND_UNSUPPORTED, "no command for an SCS to send")
        return None

    def _in(self, request: Message, neighbour: Neighbour) -> Decision:
        wrong = self._misdirected(request, neighbour.host)
        if wrong is not None:
            return wrong
        mark = mark_of(request)
        if self._copies.known(mark) and peer_identity.check(self._gateway.offer(request, neighbour)) is None:
            before = self._copies.answer(mark, request)
            return self._inward(request) if before is None else before
        outcome = self._gateway.inbound(request, neighbour)
        if isinstance(outcome, ApplicationFault):
            return outcome
        self._copies.passed(mark)
        return self._inward(outcome)

    def _misdirected(self, request: Message, source: str) -> ApplicationFault | None:
        """What is wrong with the destination of a request from outside, which is for us and nobody behind."""
        host = request.get("Destination-Host")
        if host is not None and plain(host) != plain(self._gateway.host):
            text = "Destination-Host is not the gateway"
            return self._no(request, source, "destination", ResultCode.UNABLE_TO_DELIVER, text)
        if plain(request.text("Destination-Realm")) != plain(self._gateway.realm):
            text = "Destination-Realm is not served"
            return self._no(request, source, "destination", ResultCode.REALM_NOT_SERVED, text)
        return None

    def _inward(self, request: Message) -> Message:
        """Addressed to whoever serves the inner realm; the Proxy-Info of outer agents waits here."""
        remove = [name for name in ("Destination-Host", "Proxy-Info", *OF_LOAD) if name in request]
        if plain(request.text("Destination-Realm")) != plain(self._inner_realm):
            return request.edit(remove=remove, replace={"Destination-Realm": self._inner_realm})
        return request.edit(remove=remove) if remove else request

    def _answer_out(self, answer: Message, request: Message, peer: str) -> Message:
        fault = unusable(answer)
        if fault is not None:
            return self._unfit(request, "the MTC-IWF's answer cannot be read", ResultCode.UNABLE_TO_COMPLY)
        own: dict[str, Any] = {"Origin-Host": self._gateway.host, "Origin-Realm": self._gateway.realm}
        if "Error-Reporting-Host" in answer:
            own["Error-Reporting-Host"] = self._gateway.host
        if "Session-Id" in answer and "Session-Id" in request:
            own["Session-Id"] = request["Session-Id"]
        proxies = request.all("Proxy-Info")
        shown = answer.edit(
            remove=[name for name in (*OF_AGENTS, *OF_LOAD) if name in answer],
            replace={name: value for name, value in own.items() if name in answer},
            add={"Proxy-Info": list(proxies)} if proxies else None,
        )
        outcome = self._gateway.to_outside(shown, peer)
        if isinstance(outcome, ApplicationFault):
            return refuse_application(request, outcome)
        self._copies.answered(mark_of(request), outcome)
        return outcome

    # ---- towards an SCS

    def _out(self, request: Message, source: str) -> Decision:
        to = plain(str(request.get("Destination-Host", "")))
        if request.application != "Tsp" or request.command != TOLD:
            return self._no(request, source, "command", ResultCode.COMMAND_UNSUPPORTED, "nothing to send to an SCS")
        if self._gateway.profiles.named(to) is None:
            text = "no SCS profile has the Destination-Host"
            return self._no(request, source, "destination", ResultCode.UNABLE_TO_DELIVER, text)
        session = request.text("Session-Id")
        shown = request.edit(
            remove=[name for name in (*OF_AGENTS, *OF_LOAD) if name in request],
            replace={
                "Session-Id": self._pseudonyms.of(session),
                "Origin-Host": self._gateway.host,
                "Origin-Realm": self._gateway.realm,
            },
        )
        return self._gateway.to_outside(shown, to, made="Session-Id")

    def _answer_in(self, answer: Message, request: Message) -> Message:
        """Our own answer with the result of an SCS's, whose every other word stays outside."""
        try:
            origin, realm = plain(answer.text("Origin-Host")), answer.text("Origin-Realm")
            session = self._pseudonyms.original(answer.text("Session-Id"))
            result = None if unusable(answer) else answer.result
        except (RemoteFault, KeyError):
            result = None
        if result is None:
            return self._unfit(request, "the SCS's answer cannot be read", ResultCode.UNABLE_TO_DELIVER)
        asked = self._gateway.profiles.named(request.text("Destination-Host"))
        if asked is None or self._gateway.profiles.named(origin) is not asked:
            return self._unfit(request, "the answer's Origin-Host is not the SCS's", ResultCode.UNABLE_TO_DELIVER)
        if session != request["Session-Id"]:
            return self._unfit(request, "the answer's Session-Id is not the report's", ResultCode.UNABLE_TO_DELIVER)
        vendor, code = result
        return request.answer(code, {"Origin-Host": origin, "Origin-Realm": realm}, vendor=vendor)

    # ---- refusals

    def _inside(self, host: str) -> bool:
        return plain(host) in self._gateway.core

    def _unfit(self, request: Message, reason: str, code: ResultCode) -> Message:
        whom = request.context.host if isinstance(request.context, Neighbour) else ""
        self._refused(request, whom, "answer", int(code), reason, alarm=True)
        return request.answer(int(code))

    def _no(self, request: Message, source: str, check: str, code: ResultCode, text: str) -> ApplicationFault:
        self._refused(request, source, check, int(code), text)
        return ApplicationFault(code)

    def _refused(self, request: Message, peer: str, check: str, code: int, reason: str, *, alarm: bool = False) -> None:
        self._audit.refuse(
            Refusal(
                check=check,
                stage=Stage.AUTHORISATION,
                area=Area.B1,
                peer=plain(peer),
                command=request.command,
                result=str(code),
                reason=reason,
                alarm=alarm,
            )
        )
