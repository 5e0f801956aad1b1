"""The chain of checks: order, reports, modes; and the check of a request's origin."""

from __future__ import annotations

from dataclasses import dataclass, field

from diameter import ApplicationFault, Dictionary, Message, ResultCode
from diameter.config import PeerConfig
from diameter.security.screen import Chain, Mode, Neighbour, OriginCheck, Refusal

DICTIONARY = Dictionary.load("ts29368_tsp")


@dataclass(frozen=True)
class Peer:
    host: str = "scs.asp.example"
    realm: str = "asp.example"


@dataclass
class Rule:
    """Refuses or not, and remembers when it was asked."""

    rule: str
    cost: int
    asked: list[str] = field(default_factory=list)
    code: int = 0

    def __call__(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        self.asked.append(self.rule)
        return ApplicationFault(self.code, f"{self.rule} says no") if self.code else message


def _request(host: str = "scs.asp.example", realm: str = "asp.example", route: tuple[str, ...] = ()) -> Message:
    avps = {
        "Session-Id": f"{host};1;1",
        "Auth-Session-State": "NO_STATE_MAINTAINED",
        "Origin-Host": host,
        "Origin-Realm": realm,
        "Destination-Realm": "mno.example",
        "Route-Record": list(route),
    }
    return DICTIONARY.request("Device-Action", avps, application="Tsp")


def test_cheap_checks_come_first_and_the_first_refusal_ends_it() -> None:
    asked: list[str] = []
    reports: list[Refusal] = []
    rules = [Rule("remote", 100, asked), Rule("name", 0, asked), Rule("table", 10, asked, 5003)]
    chain = Chain(rules, report=reports.append)
    outcome = chain.inbound(_request(), Peer())
    assert isinstance(outcome, ApplicationFault)
    assert (outcome.code, asked) == (5003, ["name", "table"])
    assert reports == [
        Refusal(
            rule="table",
            refused=True,
            outgoing=False,
            peer="scs.asp.example",
            application="Tsp",
            command="Device-Action-Request",
            code=5003,
            vendor=0,
            text="table says no",
        )
    ]
    assert chain.refused == {"name": 0, "table": 1, "remote": 0}


def test_a_rule_that_only_observes_reports_and_lets_pass() -> None:
    reports: list[Refusal] = []
    chain = Chain([Rule("new", 0, code=5003)], report=reports.append, modes={"new": Mode.OBSERVE})
    request = _request()
    assert chain.inbound(request, Peer()) is request
    assert [(each.rule, each.refused) for each in reports] == [("new", False)]


def test_directions_are_apart_and_a_check_may_edit() -> None:
    class Strip:
        rule, cost = "strip", 0

        def __call__(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
            return message.edit(remove=["Route-Record"])

    reports: list[Refusal] = []
    chain = Chain(outbound=[Strip(), Rule("no", 10, code=5012)], report=reports.append)
    routed = _request(route=("a.example",))
    assert chain.inbound(routed, Peer()) is routed
    assert isinstance(chain.outbound(routed, Peer()), ApplicationFault)
    assert reports[0].outgoing
    edited = Chain(outbound=[Strip()], report=reports.append).outbound(routed, Peer())
    assert isinstance(edited, Message)
    assert "Route-Record" not in edited


def test_the_origin_must_be_the_neighbour_or_covered_by_an_agent() -> None:
    agent = PeerConfig(host="dra.hub.example", realm="hub.example", agent=True, agent_realms=("asp.example",))
    check = OriginCheck([PeerConfig(host="scs.asp.example", realm="asp.example"), agent])
    request = _request()
    assert check(request, Peer()) is request
    relayed = _request(route=("scs.asp.example",))
    assert check(relayed, Peer("dra.hub.example", "hub.example")) is relayed
    spoofed = check(_request("iwf.mno.example", "mno.example"), Peer())
    assert isinstance(spoofed, ApplicationFault)
    assert spoofed.code == ResultCode.AUTHORIZATION_REJECTED
    stranger = check(request, Peer("x.example", "example"))
    assert isinstance(stranger, ApplicationFault)
    assert stranger.code == ResultCode.UNKNOWN_PEER
