"""An agent between a client and servers (RFC 6733 sections 6.1.3 to 6.2.2), octet for octet."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Message, encode
from diameter.app import Later
from diameter.errors import ApplicationFault, ErrorAnswer
from diameter.routing.agents import Agent, Decision
from diameter.testing import run
from diameter.trace import Drop
from diameter.wire import avp, header
from helpers.agents import AGENT, CLIENT, HOME, Chain, server_name
from helpers.nodes import ACTION, TSP, Answering, Waiting, succeed

RECORD = avp.build(282, 0, 0x40, CLIENT.encode())


def ask(chain: Chain, avps: Any = ACTION, **how: Any) -> Message:
    how.setdefault("realm", HOME)

    async def asking() -> Message:
        return await chain.asking.request("Device-Action", avps, **how)

    return run(asking(), chain.clock)


def code(answers: list[Message]) -> int:
    """The Result-Code of the one answer."""
    (answer,) = answers
    return int(answer["Result-Code"])


def test_a_request_goes_on_and_its_answer_comes_back() -> None:
    with Chain() as chain:
        answer = ask(chain)
        assert (answer.result, answer["Origin-Host"]) == ((0, 2001), server_name(0))
        (seen,) = chain.seen()
        assert (seen["Origin-Host"], seen["Destination-Realm"]) == (CLIENT, HOME)
        assert seen.all("Route-Record") == (CLIENT,)
        assert chain.agent.stats.relayed == 1
        assert chain.agent.pending == 0


def test_nothing_but_identifier_length_and_route_record_changes() -> None:
    with Chain() as chain:
        request = chain.request()
        (answer,) = chain.inject(request)
        (seen,) = chain.seen()
        sent = encode(request)
        assert seen.hop_by_hop != request.hop_by_hop
        assert seen.octets[4:12] == sent[4:12]
        assert seen.octets[16:] == sent[16:] + RECORD
        assert int.from_bytes(seen.octets[1:4]) == len(seen.octets) == len(sent) + len(RECORD)
        assert (answer.hop_by_hop, answer.end_to_end) == (request.hop_by_hop, request.end_to_end)
        assert answer["Session-Id"] == request["Session-Id"]


def test_two_clients_requests_with_one_identifier_do_not_meet() -> None:
    with Chain() as chain:
        one, two = chain.request(7), chain.request(7, Session_Id="other;1;2")
        answers = chain.inject(one, two)
        assert {answer["Session-Id"] for answer in answers} == {one["Session-Id"], "other;1;2"}
        assert {answer.hop_by_hop for answer in answers} == {7}


def test_an_application_without_a_dictionary_passes_unharmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Application 4242, command 4711, an AVP of vendor 999 with M, padding that is not zero."""
    odd = avp.build(77, 999, 0xC0, b"abcde")[:-3] + b"xyz"
    body = b"".join(
        avp.build(number, 0, 0x40, text.encode())
        for number, text in ((263, "s;1"), (264, CLIENT), (296, "visited.example"), (283, HOME))
    )
    octets = header.build(0xC0, 4711, 4242, 5, 6, body + odd)
    answered = header.build(0x40, 4711, 4242, 0, 6, avp.build(268, 0, 0x40, b"\0\0\x07\xd1") + odd)
    with Chain() as chain:
        chain.agent.peers[1].applications |= {4242}
        chain.agent._core.table.changed()
        raw: list[bytes] = []
        server = chain.servers[0]

        def receive(message: Message) -> None:
            raw.append(message.octets)
            line = next(iter(server._core.lines.values()))
            server._core.write(line, answered[:12] + message.octets[12:16] + answered[16:])

        monkeypatch.setattr(server._traffic._serving, "request", lambda line, message: receive(message))
        (back,) = chain.inject(octets)
        assert raw[0][4:12] == octets[4:12]
        assert raw[0][16:] == octets[16:] + RECORD
        assert back.octets == answered[:12] + (5).to_bytes(4) + answered[16:]


def test_the_t_bit_and_proxy_info_pass() -> None:
    info = {"Proxy-Host": "somebody.far.example", "Proxy-State": b"\1\2\3"}
    with Chain() as chain:
        request = chain.request(Proxy_Info=[info, {**info, "Proxy-State": b"4"}])
        (answer,) = chain.inject(header.with_flags(encode(request), 0xD0))
        (seen,) = chain.seen()
        assert seen.retransmitted
        assert [group["Proxy-State"] for group in answer.all("Proxy-Info")] == [b"\1\2\3", b"4"]


def test_a_request_without_the_p_bit_is_not_sent_on() -> None:
    with Chain() as chain:
        answers = chain.inject(header.with_flags(encode(chain.request()), 0x80))
        assert code(answers) == 3008 or answers[0].error
        assert chain.seen() == []


@pytest.mark.parametrize("identity", [AGENT, AGENT.upper()])
def test_a_loop_is_answered_3005(identity: str) -> None:
    with Chain() as chain:
        (answer,) = chain.inject(chain.request(Route_Record=["far.example", identity]))
        assert (answer["Result-Code"], answer.error, answer["Error-Reporting-Host"]) == (3005, True, AGENT)
        assert chain.said.refused[0].code == 3005
        assert chain.seen() == []


def far(chain: Chain, *records: str) -> Message:
    return chain.request(Route_Record=list(records), Origin_Host="scs.far.example", Origin_Realm="far.example")


def test_who_is_no_agent_may_not_bring_requests_of_others() -> None:
    with Chain() as chain:
        assert code(chain.inject(far(chain, "scs.far.example"))) == 5003
        assert chain.seen() == []
        assert chain.said.refused[0].stage == "destination"


def test_a_configured_agent_may_and_its_route_record_grows() -> None:
    with Chain(client_row={"agent": True, "agent_realms": ["far.example"]}) as chain:
        assert code(chain.inject(far(chain, "scs.far.example"))) == 2001
        assert chain.seen()[0].all("Route-Record") == ("scs.far.example", CLIENT)


def test_a_peer_in_the_route_record_is_passed_over() -> None:
    """Predictive loop avoidance, section 6.1.7: the other one, or 3002 when there is none."""
    options: Any = {"client_row": {"agent": True, "agent_realms": ["far.example"]}}
    with Chain([Answering(), Answering()], **options) as chain:
        request = far(chain, "scs.far.example", server_name(0))
        assert code(chain.inject(request)) == 2001
        assert (len(chain.seen(0)), len(chain.seen(1))) == (0, 1)
        answers = chain.inject(far(chain, "scs.far.example", server_name(0), server_name(1)))
        assert code(answers) == 3002
        assert "has had it before" in str(chain.said.points[-1][1]["reason"])


def test_a_destination_host_that_is_a_peer_gets_it() -> None:
    with Chain([Answering(), Answering()]) as chain:
        assert code(chain.inject(chain.request(Destination_Host=server_name(1)))) == 2001
        assert (len(chain.seen(0)), len(chain.seen(1))) == (0, 1)


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"Destination_Realm": "nowhere.example"}, 3003),
        ({"Destination_Host": "other.home.example"}, 3003),
        ({"Destination_Host": "other.home.example", "Destination_Realm": None}, 3002),
        ({"Origin_Host": None}, 5005),
        ({"Origin_Realm": None}, 5005),
        ({"Origin_Host": "liar.visited.example"}, 5003),
    ],
)
def test_what_cannot_go_on_is_answered_with_error_reporting_host(changes: dict[str, Any], result: int) -> None:
    with Chain() as chain:
        request = chain.request(**changes)
        (answer,) = chain.inject(request)
        assert answer["Result-Code"] == result
        assert answer.error == (result < 4000)
        assert (answer["Origin-Host"], answer["Error-Reporting-Host"]) == (AGENT, AGENT)
        assert answer["Session-Id"] == request["Session-Id"]
        assert ("Failed-AVP" in answer) == (result == 5005)
        assert chain.seen() == []


def test_an_identity_that_is_none_is_refused() -> None:
    with Chain() as chain:
        octets = encode(chain.request()).replace(CLIENT.encode(), CLIENT.encode()[:-1] + b"\xff")
        assert code(chain.inject(octets)) == 5004


def test_an_avp_that_is_none_and_an_e_bit_are_refused() -> None:
    with Chain() as chain:
        octets = encode(chain.request())
        broken = octets[:-4] + b"\0\0\0\0"
        cut = broken[:1] + len(broken + b"\0\0\0\0").to_bytes(3) + broken[4:] + b"\0\0\0\0"
        assert code(chain.inject(cut)) == 5014
        assert code(chain.inject(header.with_flags(octets, 0xE0))) == 3008


def test_an_application_nobody_offers_is_answered_3002() -> None:
    with Chain() as chain:
        octets = encode(chain.request())
        (answer,) = chain.inject(octets[:8] + (16777251).to_bytes(4) + octets[12:])
        assert answer["Result-Code"] == 3002
        assert "lacks application" in str(chain.said.points[-1][1]["reason"])
        assert "server" not in answer["Error-Message"]  # names of peers are for the log


def test_what_is_for_the_agent_itself_is_not_sent_on() -> None:
    with Chain() as chain:
        assert code(chain.inject(chain.request(Destination_Host=AGENT, Destination_Realm="hub.example"))) == 3007
        assert code(chain.inject(chain.request(Destination_Realm=None))) == 3007


def test_an_answer_after_its_time_and_one_for_a_client_that_left() -> None:
    with Chain([Waiting(lambda request: never())], config={"request_timeout_s": 2.0}) as chain:
        (answer,) = chain.inject(chain.request(), seconds=4)
        assert (answer["Result-Code"], answer["Error-Reporting-Host"]) == (3002, AGENT)
        assert chain.agent.stats.timeouts == 1
        chain.servers[0]._serving.give_up()


async def never() -> Message:
    later: Later[Message] = Later()
    return await later


def test_the_error_answer_of_a_server_comes_back_as_it_was() -> None:
    def refuse(request: Message) -> Message:
        return request.answer(3004, {"Error-Message": "not now"})

    with Chain([Answering(refuse)]) as chain:
        (answer,) = chain.inject(chain.request())
        assert (answer["Result-Code"], answer.error, answer["Origin-Host"]) == (3004, True, server_name(0))


def test_requests_of_a_server_that_dies_go_to_the_other_with_t_set() -> None:
    held: list[Message] = []

    async def keep(request: Message) -> Message:
        held.append(request)
        return await never()

    with Chain([Waiting(keep), Answering()]) as chain:
        assert chain.inject(chain.request()) == []
        assert len(held) == 1
        link = next(link for link in chain.wire.links if link.dialled == server_name(0))
        link.abort("cut")
        chain.pass_time(0.1)
        (seen,) = chain.seen(1)
        assert seen.retransmitted
        assert seen.end_to_end == held[0].end_to_end
        chain.servers[0]._serving.give_up()


def test_an_answer_for_a_client_that_has_gone_is_dropped() -> None:
    later: list[Any] = []

    async def wait(request: Message) -> Message:
        later.append(Later())
        await later[0]
        return succeed(request)

    with Chain([Waiting(wait)]) as chain:
        chain.inject(chain.request())
        next(link for link in chain.wire.links if link.dialled == AGENT).abort("cut")
        chain.pass_time(0.01)
        later[0].resolve(None)
        chain.pass_time(0.01)
        assert chain.agent.stats.dropped[Drop.LINK_GONE] == 1
        assert chain.agent.pending == 0


def test_more_than_a_client_may_have_on_its_way_is_answered_3004() -> None:
    """The last places are for requests of high priority (RFC 7944)."""
    with Chain([Waiting(lambda request: never())], config={"limits": {"inbound_requests": 12}}) as chain:
        answers = chain.inject(*[chain.request() for _ in range(12)])
        assert [answer["Result-Code"] for answer in answers] == [3004, 3004]
        assert chain.inject(chain.request(DRMP=0), chain.request(DRMP=0)) == []
        assert code(chain.inject(chain.request(DRMP=0))) == 3004
        chain.servers[0]._serving.give_up()


def test_servers_share_requests_by_weight() -> None:
    with Chain([Answering(), Answering()], weights=[3, 1], config={"balance": "weight"}) as chain:
        chain.inject(*[chain.request() for _ in range(40)])
        assert (len(chain.seen(0)), len(chain.seen(1))) == (30, 10)


def test_servers_share_requests_by_what_is_outstanding() -> None:
    with Chain([Waiting(lambda request: never()), Answering()], config={"balance": "outstanding"}) as chain:
        for _ in range(8):
            chain.inject(chain.request())
        assert len(chain.seen(1)) >= 6  # the other answers nothing and gets one or two
        chain.servers[0]._serving.give_up()


# ---- hooks


class Policy(Agent):
    """Edits both directions and remembers who asked."""

    def __init__(self) -> None:
        self.sources: list[str] = []

    def request(self, request: Message, source: str) -> Decision:
        self.sources.append(source)
        number = request["Device-Action"]["Reference-Number"]
        if number == 1:
            return ApplicationFault(5003, "not this one")
        if number == 2:
            return request.answer(5012, {"Error-Message": "answered here"})
        if number == 3:
            raise ApplicationFault(5653, vendor=10415)
        return request.edit(replace={"Destination-Realm": HOME}, add={"User-Name": "by policy"})

    def answer(self, answer: Message, request: Message) -> Message:
        return answer.edit(replace={"Result-Code": 5012}, add={"Error-Message": "changed"})


def numbered(chain: Chain, number: int, **changes: Any) -> Message:
    action = {**ACTION["Device-Action"], "Reference-Number": number}
    return chain.request(Device_Action=action, **changes)


def test_a_hook_sends_on_refuses_or_answers() -> None:
    policy = Policy()
    with Chain(agent=policy) as chain:
        assert code(chain.inject(numbered(chain, 1))) == 5003
        (answer,) = chain.inject(numbered(chain, 2))
        assert (answer["Error-Message"], answer["Origin-Host"]) == ("answered here", AGENT)
        (answer,) = chain.inject(numbered(chain, 3))
        assert answer.result == (10415, 5653)
        assert chain.seen() == []
        (answer,) = chain.inject(numbered(chain, 9, Destination_Realm="elsewhere.example"))
        assert chain.seen()[0]["User-Name"] == "by policy"
        assert policy.sources == [CLIENT] * 4
        assert (answer["Result-Code"], answer["Error-Reporting-Host"]) == (5012, AGENT)


def test_a_hook_cannot_make_a_success_of_a_failure() -> None:
    with Chain([Answering(lambda request: request.answer(5030))], agent=Policy()) as chain:
        (answer,) = chain.inject(numbered(chain, 9))
        assert (answer["Result-Code"], answer["Error-Message"]) == (5030, "changed")


class Translating(Agent):
    """Asks somebody and waits before it answers by itself."""

    def __init__(self) -> None:
        self.waits: Any = None

    async def request(self, request: Message, source: str) -> Decision:
        self.waits = Later()
        value = await self.waits
        if value == "on":
            return request
        return request.answer(value)


def test_a_translation_agent_waits_for_another_protocol() -> None:
    agent = Translating()
    with Chain(agent=agent) as chain:
        assert chain.inject(chain.request()) == []
        before = len(chain.heard.octets)
        chain.agent.wake(lambda: agent.waits.resolve(4002))
        chain.pass_time(0.01)
        assert len(chain.heard.octets) == before + 1
        assert chain.inject(chain.request()) == []
        chain.agent.wake(lambda: agent.waits.resolve("on"))
        chain.pass_time(0.01)
        assert len(chain.seen()) == 1


class Broken(Agent):
    """Has bugs."""

    def request(self, request: Message, source: str) -> Any:
        if request["Device-Action"]["Reference-Number"] == 1:
            return "nonsense"
        raise KeyError(source)


def test_a_bug_of_a_hook_is_answered_5012_and_logged() -> None:
    with Chain(agent=Broken()) as chain:
        assert code(chain.inject(numbered(chain, 1))) == 5012
        assert code(chain.inject(numbered(chain, 2))) == 5012
        assert chain.agent.stats.bugs == 2


def test_what_an_agent_says_of_itself() -> None:
    class Proxy(Agent):
        applications = ("Tsp",)

    with Chain() as chain:
        assert chain.client.peers[0].is_relay
    with Chain(agent=Proxy()) as chain:
        assert chain.client.peers[0].applications == {TSP}


def test_a_client_hears_what_the_agent_says() -> None:
    with Chain() as chain, pytest.raises(ErrorAnswer, match="3003"):
        ask(chain, realm="nowhere.example")
