"""Overload control between two nodes: reports, Load, priorities (RFC 7683, RFC 8583, RFC 7944)."""

from __future__ import annotations

import pytest

from diameter import Message
from diameter.app import Later
from diameter.errors import Undeliverable
from diameter.routing.overload import REALM_REPORT
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


def test_what_the_server_asks_for_the_client_withholds() -> None:
    with Bench(config=ON) as bench:
        overloading = bench.pair.right._serving.overloading
        assert overloading is not None
        overloading.asked = 50
        assert bench.ask()["OC-OLR"]["OC-Reduction-Percentage"] == 50
        asked = [bench.client.request("Device-Action", ACTION, realm=REALM) for _ in range(100)]
        bench.pass_time(0.1)
        refused = [one for one in asked if reason(one)]
        assert len(refused) == 50
        assert "right.example.org is overloaded and has asked for less" in reason(refused[0])
        assert len(bench.server.seen) == 51
        overloading.asked = 0
        bench.pass_time(11)
        for _ in range(10):
            bench.ask()


def test_a_realm_report_withholds_what_names_no_host() -> None:
    with Bench(config=ON) as bench:
        overloading = bench.pair.right._serving.overloading
        assert overloading is not None
        overloading.reporter.ask(100, bench.pair.clock.seconds(), kind=REALM_REPORT)
        bench.ask()
        with pytest.raises(Undeliverable, match=r"realm example\.org is overloaded"):
            bench.ask()
        bench.ask(to=RIGHT)


def test_a_server_with_too_much_in_work_reports_by_itself() -> None:
    later: Later[None] = Later()

    async def wait(request: Message) -> Message:
        if request["Device-Action"]["Reference-Number"]:
            await later
        return succeed(request)

    config = {"overload": {"reports": True, "reduction": 30}, "limits": {"requests_in_work": 20}}
    client = Asking()
    with Bench(Waiting(wait), config=config, left_applications=[client]) as bench:
        bench.client = client
        asked = [client.request("Device-Action", ACTION, realm=REALM) for _ in range(16)]
        bench.pass_time(0.1)
        quick = {"Device-Action": {**ACTION["Device-Action"], "Reference-Number": 0}}
        assert bench.ask(quick)["OC-OLR"]["OC-Reduction-Percentage"] == 30
        later.resolve(None)
        bench.pass_time(0.1)
        assert all(one.done for one in asked)
        assert bench.ask(quick)["OC-OLR"]["OC-Validity-Duration"] == 0


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
