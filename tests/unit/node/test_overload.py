"""Overload control between two nodes: reports, Load, priorities (RFC 7683, RFC 8583, RFC 7944)."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Message
from diameter._node.overloading import join
from diameter.app import Later
from diameter.errors import Undeliverable
from diameter.node import Node
from diameter.routing.overload import HOST_REPORT, REALM_REPORT
from helpers.agents import AGENT, HOME, Chain
from helpers.nodes import ACTION, REALM, RIGHT, Asking, Bench, Waiting, succeed
from helpers.several import Counting, Several, host


def reason(later: Later[Message]) -> str:
    """Why a request failed, "" when it did not."""
    try:
        later.result()
    except Undeliverable as error:
        return str(error)
    return ""


ON = {"overload": {"reports": True, "load": True, "validity_s": 10}}


def test_without_the_setting_nothing_is_said() -> None:
    with Bench() as bench:
        answer = bench.ask()
        assert not {"OC-Supported-Features", "Load"} & {avp.name for avp in answer.avps}
        assert "OC-Supported-Features" not in bench.server.seen[0]


def test_support_is_announced_and_answered() -> None:
    with Bench(config=ON) as bench:
        answer = bench.ask()
        assert bench.server.seen[0]["OC-Supported-Features"]["OC-Feature-Vector"] == 1
        assert answer["OC-Supported-Features"]["OC-Feature-Vector"] == 1
        assert "OC-OLR" not in answer
        assert answer.faults == ()


def switch(of: Bench | Node, **keys: Any) -> None:
    """Other keys of `[node.overload]` for a server, as a reload brings them."""
    node = of.pair.right if isinstance(of, Bench) else of
    node.reload(node.config.model_copy(update={"overload": node.config.overload.model_copy(update=keys)}))


def overload(**keys: Any) -> dict[str, Any]:
    return {"overload": {"reports": True, **keys}}


def test_what_the_server_asks_for_the_client_withholds() -> None:
    with Bench(config=ON) as bench:
        switch(bench, reduction=50)
        assert bench.ask()["OC-OLR"]["OC-Reduction-Percentage"] == 50
        asked = [bench.client.request("Device-Action", ACTION, realm=REALM) for _ in range(100)]
        bench.pass_time(0.1)
        refused = [one for one in asked if reason(one)]
        assert len(refused) == 50
        assert "right.example.org is overloaded and has asked for less" in reason(refused[0])
        assert len(bench.server.seen) == 51
        switch(bench, reduction=0)
        bench.pass_time(21)
        for _ in range(10):
            bench.ask()


@pytest.mark.parametrize(
    ("scope", "kinds"), [("host", [HOST_REPORT]), ("realm", [REALM_REPORT]), ("both", [HOST_REPORT, REALM_REPORT])]
)
def test_the_configuration_says_whom_a_report_is_about(scope: str, kinds: list[int]) -> None:
    with Bench(config=overload(scope=scope, reduction=50)) as bench:
        assert [one["OC-Report-Type"] for one in bench.ask().all("OC-OLR")] == kinds
        switch(bench, scope="host")
        ended = {one["OC-Report-Type"]: one["OC-Validity-Duration"] for one in bench.ask(to=RIGHT).all("OC-OLR")}
        assert ended == {kind: 30 if kind == HOST_REPORT else 0 for kind in {HOST_REPORT, *kinds}}


def test_a_realm_report_withholds_what_names_no_host() -> None:
    with Bench(config=overload(scope="realm", reduction=100)) as bench:
        bench.ask()
        with pytest.raises(Undeliverable, match=r"realm example\.org is overloaded"):
            bench.ask()
        bench.ask(to=RIGHT)


def test_a_host_report_diverts_what_another_can_take() -> None:
    """Section 5.2.2: diversion before throttling; a request that names the host is not diverted."""
    server = {"a": Counting(), "b": Counting()}
    with Several(server, config=overload()) as net:
        switch(net.nodes["a"], reduction=100)
        net.run(net.ask(to=host("a")))
        for _ in range(10):
            assert net.run(net.ask())["Origin-Host"] == host("b")
        with pytest.raises(Undeliverable, match="a.example.org is overloaded"):
            net.run(net.ask(to=host("a")))
        assert len(server["a"].seen) == 1


def test_a_server_with_too_much_in_work_reports_by_itself() -> None:
    later: Later[None] = Later()

    async def wait(request: Message) -> Message:
        if request["Device-Action"]["Reference-Number"]:
            await later
        return succeed(request)

    config = {**overload(report_at=50), "limits": {"requests_in_work": 20}}
    client = Asking()
    with Bench(Waiting(wait), config=config, left_applications=[client]) as bench:
        bench.client = client
        asked = [client.request("Device-Action", ACTION, realm=REALM) for _ in range(15)]
        bench.pass_time(1.1)
        quick = {"Device-Action": {**ACTION["Device-Action"], "Reference-Number": 0}}
        assert bench.ask(quick)["OC-OLR"]["OC-Reduction-Percentage"] == 34  # 10 of 20 are to be in work
        later.resolve(None)
        for _ in range(8):
            bench.pass_time(1.1)
            answer = bench.ask(quick, to=RIGHT)
        assert all(one.done for one in asked)
        assert answer["OC-OLR"]["OC-Validity-Duration"] == 0


def second(bench: Bench, number: int) -> tuple[int, int]:
    """Offer so many requests in one second: how many came to the server, how many were withheld."""
    before, asked = bench.pair.right.stats.requests_in, []
    for _ in range(number):
        asked.append(bench.client.request("Device-Action", ACTION, realm=REALM))
        bench.pass_time(1 / number)
    return bench.pair.right.stats.requests_in - before, sum(bool(reason(one)) for one in asked)


def test_what_is_offered_falls_to_the_capacity_and_returns() -> None:
    """200 a second for a server that is to take 50; then 30 a second, and nothing is withheld any more."""
    with Bench(config=overload(capacity_per_s=50.0, validity_s=5), left={"observe": lambda *_: None}) as bench:
        assert [second(bench, 40) for _ in range(3)] == [(40, 0)] * 3
        loaded = [second(bench, 200) for _ in range(30)]
        assert loaded[0] == (200, 0)
        came = [number for number, _ in loaded]
        assert all(number <= 60 for number in came[3:]), came
        assert sum(came[-10:]) == pytest.approx(500, rel=0.06)
        assert all(number + withheld == 200 for number, withheld in loaded)
        easy = [second(bench, 30) for _ in range(30)]
        assert easy[-1] == (30, 0), easy
        assert bench.ask().get("OC-OLR") is None


def test_an_agent_at_the_front_of_a_realm_reports_for_it() -> None:
    """The answer is the server's; the report is of its realm, added on the way."""
    support: dict[str, Any] = {"OC_Supported_Features": {"OC-Feature-Vector": 1}}
    with Chain(config=overload(scope="realm", realms=[HOME], reduction=40)) as net:
        (answer,) = net.inject(net.request(**support))
        assert answer["Origin-Host"] != AGENT
        assert (answer["OC-OLR"]["OC-Report-Type"], answer["OC-OLR"]["OC-Reduction-Percentage"]) == (REALM_REPORT, 40)
        assert answer["OC-Supported-Features"]["OC-Feature-Vector"] == 1
        (plain,) = net.inject(net.request())
        assert "OC-OLR" not in plain
    with Chain(config=overload(scope="realm", reduction=40)) as net:  # the servers are of another realm than the agent
        (answer,) = net.inject(net.request(**support))
        assert "OC-OLR" not in answer
    with Chain(
        config=overload(realms=[HOME], reduction=40)
    ) as net:  # a host report of the agent would be taken for the server's
        (answer,) = net.inject(net.request(**support))
        assert "OC-OLR" not in answer


def test_what_is_offered_to_a_realm_falls_to_the_capacity_of_its_front() -> None:
    """120 requests a second in transit for a relay that is to let 40 pass."""
    client = {"overload": {"reports": True}}
    front = overload(scope="realm", realms=[HOME], capacity_per_s=40.0)
    with Chain(config=front, client_config=client) as net:
        came = []
        for _ in range(25):
            before = net.agent.stats.requests_in
            for _ in range(120):
                _ = net.asking.request("Device-Action", ACTION, realm=HOME)
                net.pass_time(1 / 120)
            came.append(net.agent.stats.requests_in - before)
        assert came[0] == 120
        assert sum(came[-10:]) == pytest.approx(400, rel=0.06), came


def test_processor_time_is_load_as_well() -> None:
    used = [0.0]
    with Bench(config=overload(cpu_at=80)) as bench:
        serving, requests = bench.pair.right._serving, bench.pair.right._requests
        serving.overloading = requests.overloading = None
        join(bench.pair.right._core, serving, requests, lambda: used[0])
        bench.ask()
        used[0] += 2.0
        bench.pass_time(2.0)
        assert bench.ask()["OC-OLR"]["OC-Reduction-Percentage"] == 20


def test_load_follows_the_capacity() -> None:
    config = {"overload": {"load": True, "capacity_per_s": 100.0}}
    with Bench(config=config, left={"observe": lambda *_: None}) as bench:
        for _ in range(3):
            second(bench, 50)
        (peer,) = bench.pair.left.peers
        assert peer.load == pytest.approx(32768, rel=0.05)


def test_load_goes_to_the_peer_table() -> None:
    with Several({"a": Counting(), "b": Counting()}, config=ON) as net:
        answer = net.run(net.ask(to=host("a")))
        assert [one["Load-Type"] for one in answer.all("Load")] == [0, 1]
        loads = {entry.host: entry.load for entry in net.client.peers}
        assert loads == {host("a"): 65535, host("b"): None}


def test_requests_held_back_leave_by_priority_and_the_lowest_gives_way() -> None:
    later: Later[None] = Later()
    seen: list[int] = []

    async def wait(request: Message) -> Message:
        seen.append(request.get("DRMP", 10))
        await later
        return succeed(request)

    limits = {"outbound_requests": 3, "held_requests": 3}
    with Several({"a": Waiting(wait)}, client={"limits": limits}) as net:
        asked = {number: net.ask(number, avps={"DRMP": number}) for number in (12, 12, 12, 15, 9, 3)}
        lost = asked[15]
        first = net.ask(avps={"DRMP": 0})
        net.pass_time(0.01)
        with pytest.raises(Undeliverable, match="higher priority"):
            net.run(lost)
        with pytest.raises(Undeliverable, match="does not keep up"):
            net.run(net.ask(avps={"DRMP": 15}))
        later.resolve(None)
        net.run(first)
        net.run(asked[9])
        assert seen == [12, 12, 12, 0, 3, 9]
