"""Fault injection: each thing a rule can do, what it meets, and where it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Message
from diameter.config import FaultConfig
from diameter.errors import ConfigError, ErrorAnswer, RequestError, RequestTimeout
from diameter.trace import Point
from helpers.nodes import ACTION, Answering, Bench

DAR = "Device-Action-Request"
DAA = "Device-Action-Answer"


def bench(*rules: dict[str, Any], left: tuple[dict[str, Any], ...] = (), **config: Any) -> Bench:
    """Server and client, open; then the server injects `rules`, the client `left`."""
    made = Bench(Answering(), config={"lab": True, "request_timeout_s": 5.0, **config})
    made.pair.right.inject([FaultConfig(**rule) for rule in rules])
    made.pair.left.inject([FaultConfig(**rule) for rule in left])
    return made


def test_nothing_is_in_the_way_without_rules() -> None:
    with bench() as here:
        assert here.ask().result == (0, 2001)
        assert here.pair.right._core.faults is None
        assert here.said.of(Point.FAULT) == here.said.of(Point.FAULT_RULE) == []


@pytest.mark.parametrize(
    ("rule", "result"),
    [
        ({"command": "DAR", "result_code": 5012}, (0, 5012)),
        ({"command": "DAR", "result_code": 5001, "vendor": 10415}, (10415, 5001)),
        ({"command": DAA, "direction": "out", "result_code": 4181}, (0, 4181)),
        ({"command": "272", "result_code": 5012}, (0, 2001)),
        ({"application": "Tsp", "kind": "answer", "result_code": 5003}, (0, 5003)),
        ({"application": "S6m", "result_code": 5012}, (0, 2001)),
        ({"kind": "request", "peer": "LEFT.example.org", "result_code": 5012}, (0, 5012)),
        ({"kind": "request", "identity": "meter@example.com", "result_code": 5012}, (0, 5012)),
        ({"kind": "request", "identity": "meter@example.net", "result_code": 5012}, (0, 2001)),
        ({"direction": "in", "enabled": False, "result_code": 5012}, (0, 2001)),
    ],
)
def test_a_result(rule: dict[str, Any], result: tuple[int, int]) -> None:
    with bench({"do": "result", **rule}) as here:
        answer = here.ask()
        assert answer.result == result
        assert answer["Origin-Host"] == "right.example.org"
        hit = result != (0, 2001)
        assert len(here.said.of(Point.FAULT)) == here.pair.right.stats.faults == hit


def test_a_rule_for_another_peer_meets_nobody_else() -> None:
    with bench() as here:
        node = here.pair.right
        other = node.config.peer[0].model_copy(update={"host": "other.example.org"})
        node.reload(node.config.model_copy(update={"peer": (*node.config.peer, other)}))
        node.inject([FaultConfig(do="result", kind="request", peer="other.example.org", result_code=5012)])
        assert here.ask().result == (0, 2001)


def test_a_protocol_error_has_the_e_bit() -> None:
    with bench({"do": "result", "command": DAR, "result_code": 3004}) as here:
        with pytest.raises(ErrorAnswer) as caught:
            here.ask()
        assert caught.value.answer.result == (0, 3004)
        assert here.server.seen == []


def test_a_request_that_goes_is_answered_here() -> None:
    rule = {"do": "result", "command": DAR, "direction": "out", "result_code": 5012}
    with bench(left=(rule,)) as here:
        answer = here.ask()
        assert (answer.result, answer["Origin-Host"]) == ((0, 5012), "right.example.org")
        assert here.server.seen == []


@pytest.mark.parametrize(("command", "direction"), [(DAR, "in"), (DAA, "out")])
def test_drop(command: str, direction: str) -> None:
    with bench({"do": "drop", "command": command, "direction": direction}) as here:
        with pytest.raises(RequestTimeout):
            here.ask()
        assert len(here.server.seen) == (direction == "out")


@pytest.mark.parametrize(("command", "direction"), [(DAR, "in"), (DAA, "out")])
def test_delay(command: str, direction: str) -> None:
    with bench({"do": "delay", "delay_s": 2.0, "command": command, "direction": direction}) as here:
        before = here.pair.clock.seconds()
        assert here.ask().result == (0, 2001)
        assert 2.0 <= here.pair.clock.seconds() - before < 2.1


def test_what_is_held_back_ends_with_the_node() -> None:
    with bench({"do": "delay", "delay_s": 500.0, "command": DAA}) as here, pytest.raises(RequestTimeout):
        here.ask()


def test_duplicate_request_and_answer() -> None:
    with bench({"do": "duplicate", "command": DAR}, {"do": "duplicate", "command": DAA}) as here:
        assert here.ask().result == (0, 2001)
        here.pass_time(0.1)
        assert len(here.server.seen) == 1  # section 5.5.4: executed once, the stored answer goes out again
        assert here.pair.right.stats.duplicates == 1
        dropped = here.client_said.of(Point.DROPPED)
        assert len(dropped) == 3
        assert all("no request waits" in fields["reason"] for fields in dropped)


@pytest.mark.parametrize("identifier", ["hop-by-hop", "end-to-end"])
def test_a_wrong_identifier(identifier: str) -> None:
    with bench({"do": "identifier", "identifier": identifier, "command": DAA}) as here, pytest.raises(RequestTimeout):
        here.ask()


def test_avps_out_and_in() -> None:
    added = {"Error-Message": "on purpose", "Failed-AVP": {"User-Name": "x"}}
    with bench({"do": "edit", "command": DAA, "remove": ["Device-Notification"], "add": added}) as here:
        here.server.then = lambda request: request.answer(5012)
        answer = here.ask()
        assert "Device-Notification" not in answer
        assert (answer["Error-Message"], answer["Failed-AVP"]["User-Name"]) == ("on purpose", "x")
        assert answer.framed


def test_a_request_without_what_it_needs_is_refused() -> None:
    with bench({"do": "edit", "command": DAR, "remove": ["Auth-Session-State"]}) as here:
        assert here.ask().result == (0, 5005)


def test_raw_octets_end_the_link() -> None:
    rule = {"do": "octets", "command": DAA, "direction": "out", "octets": "02000014" + "00" * 16, "nth": 1}
    with bench(rule) as here:
        later = here.client.request("Device-Action", ACTION, realm="example.org")
        here.pass_time(1.0)
        assert here.client_said.of(Point.LINK_FAULT)
        here.pass_time(60.0)
        assert later.done


def test_raw_octets_in_the_place_of_what_came() -> None:
    """The server sees another request, or no message at all; then what follows is lost with the position in the
    stream.
    """
    with bench() as here:
        here.ask()
        right = here.request(hop_by_hop=7)
    octets = right.edit(replace={"Session-Id": "left.example.org;9;9"}).octets
    rule = {"do": "octets", "command": DAR, "direction": "in", "nth": 1}
    with bench({**rule, "octets": octets.hex()}) as here:
        (answer, second) = here.inject(here.request(hop_by_hop=1), here.request(hop_by_hop=2))
        assert (answer["Session-Id"], answer.hop_by_hop) == ("left.example.org;9;9", 7)
        assert second.hop_by_hop == 2
    with bench({**rule, "octets": "0200001480000118" + "00" * 12}) as here:
        (answer,) = here.inject(here.request(hop_by_hop=1), here.request(hop_by_hop=2))
        assert answer.result == (0, 5011)
        assert here.server.seen == []
        assert here.said.of(Point.LINK_FAULT)
    with bench({**rule, "octets": octets[:-8].hex()}) as here:  # the next message completes it
        (answer,) = here.inject(here.request(hop_by_hop=1), here.request(hop_by_hop=2))
        assert answer.hop_by_hop == 7
        assert here.said.of(Point.LINK_FAULT)


def test_octets_that_came_in_pieces_stay_in_order() -> None:
    """Half of the second message is held when the first is replaced: it goes on behind the octets."""
    with bench() as here:
        wanted = here.request(hop_by_hop=7).octets
    rule = {"do": "octets", "command": DAR, "direction": "in", "nth": 1, "octets": wanted.hex()}
    with bench(rule) as here:
        first, second = here.request(hop_by_hop=1).octets, here.request(hop_by_hop=2).octets
        assert [one.hop_by_hop for one in here.inject(first + second[:30])] == [7]
        assert [one.hop_by_hop for one in here.inject(second[30:])] == [2]


IN, OUT = "in", "out"


@pytest.mark.parametrize("direction", [IN, OUT])
@pytest.mark.parametrize("command", [DAR, DAA])
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"do": "result", "result_code": 5012}, (0, 5012)),
        ({"do": "delay", "delay_s": 2.0}, 2.0),
        ({"do": "drop"}, RequestTimeout),
        ({"do": "duplicate"}, (0, 2001)),
        ({"do": "identifier"}, RequestTimeout),
        ({"do": "edit", "add": {"Error-Message": "on purpose"}}, "Error-Message"),
        ({"do": "edit", "remove": ["Session-Id"]}, "Session-Id"),
        ({"do": "octets", "octets": "02000014" + "00" * 16}, RequestTimeout),
        ({"do": "close"}, RequestTimeout),
    ],
    ids=["result", "delay", "drop", "duplicate", "identifier", "add", "remove", "octets", "close"],
)
def test_every_kind_in_both_directions(rule: dict[str, Any], expected: Any, command: str, direction: str) -> None:
    """A request as it goes from the client and as it comes to the server; an answer as it goes and as it comes."""
    whole = {**rule, "command": command, "direction": direction, "nth": 1}
    ours = (command == DAR) == (direction == IN)  # the server injects what comes to it and what it answers
    with bench(*((whole,) if ours else ()), left=() if ours else (whole,)) as here:
        before = here.pair.clock.seconds()
        later = here.client.request("Device-Action", ACTION, realm="example.org")
        here.pass_time(10.0)
        node, said = (here.pair.right, here.said) if ours else (here.pair.left, here.client_said)
        (hit,) = said.of(Point.FAULT)
        assert (hit["command"], hit["reason"]) == (command, f"fault.0, {rule['do']}, {direction}")
        assert node.stats.faults == 1
        if expected is RequestTimeout:
            assert isinstance(_outcome(later), RequestError)
        elif isinstance(expected, float):
            assert _outcome(later).result == (0, 2001)
            assert here.pair.clock.seconds() - before >= expected
        elif expected == "Error-Message":
            answer, request = _outcome(later), here.server.seen[0]
            assert "Error-Message" in (answer if command == DAA else request)
        elif expected == "Session-Id":
            outcome = _outcome(later)
            assert isinstance(outcome, ErrorAnswer) or outcome.result == (0, 5005)
        else:
            assert _outcome(later).result == expected


def _outcome(later: Any) -> Any:
    """What a request came to: its answer, or the exception."""
    try:
        return later.result()
    except RequestError as error:
        return error


def test_no_dwa_in_both_directions() -> None:
    """In: what the peer answers is not seen, so that it becomes suspect here; out: we are suspect to it."""
    with bench({"do": "no-dwa", "direction": "in"}, tw_s=6.0) as here:
        here.pass_time(20.0)
        assert here.said.of(Point.PEER_SUSPECT)
        assert not here.client_said.of(Point.PEER_SUSPECT)
    with bench({"do": "no-dwa", "direction": "out"}, tw_s=6.0) as here:
        here.pass_time(20.0)
        assert here.client_said.of(Point.PEER_SUSPECT)
        assert not here.said.of(Point.PEER_SUSPECT)


@pytest.mark.parametrize(("command", "direction"), [(DAR, "in"), (DAA, "out")])
def test_close(command: str, direction: str) -> None:
    rule = {"name": "cut", "do": "close", "command": command, "direction": direction, "nth": 1}
    with bench(rule) as here:
        _ = here.client.request("Device-Action", ACTION, realm="example.org")
        here.pass_time(1.0)
        lost = here.said.of(Point.LINK_LOST)
        assert [fields["reason"] for fields in lost] == ["closed by cut"]
        here.pass_time(200.0)  # dialled again, and three watchdog answers later
        assert here.ask().result == (0, 2001)


def test_no_dwa_makes_the_peer_suspect() -> None:
    with bench({"do": "no-dwa"}, tw_s=6.0) as here:
        here.pass_time(20.0)
        assert here.client_said.of(Point.PEER_SUSPECT)
        assert here.said.of(Point.FAULT)[0]["command"] == "Device-Watchdog-Answer"


def test_the_nth_and_a_share() -> None:
    with bench({"do": "result", "command": DAR, "nth": 2, "result_code": 5012}) as here:
        assert [here.ask().result for _ in range(3)] == [(0, 2001), (0, 5012), (0, 2001)]
    with bench({"do": "result", "command": DAR, "percent": 30.0, "result_code": 5012}) as here:
        hits = sum(here.ask().result == (0, 5012) for _ in range(200))
        assert 40 <= hits <= 80
        here.pair.right.inject([])
        assert here.ask().result == (0, 2001)
        assert here.said.of(Point.FAULT_RULE)[-1]["reason"] == "no rule any more"


def test_the_first_rule_that_fits_counts_and_the_log_names_no_identity() -> None:
    first = {"name": "busy", "do": "result", "result_code": 5012, "identity": "meter@example.com", "kind": "request"}
    with bench(first, {"do": "drop", "command": DAR}) as here:
        assert here.ask().result == (0, 5012)
        (hit,) = here.said.of(Point.FAULT)
        assert (hit["command"], hit["peer"], hit["reason"]) == (DAR, "left.example.org", "busy, result, in")
        rules = [fields["reason"] for fields in here.said.of(Point.FAULT_RULE)]
        assert rules == [
            "busy (kind = request, do = result, result_code = 5012)",
            f"fault.1 (command = {DAR}, do = drop)",
        ]


def test_telephone_digits_are_found_in_octets() -> None:
    avps = {"Device-Action": {**ACTION["Device-Action"]}, "Failed-AVP": {"MSISDN": bytes.fromhex("5155214365f7")}}
    with bench({"do": "result", "identity": "15551234567", "kind": "request", "result_code": 5012}) as here:
        request = here.request({"Device-Action": avps["Device-Action"], "Failed-AVP": avps["Failed-AVP"]})
        (answer,) = here.inject(request)
        assert isinstance(answer, Message)
        assert answer.result == (0, 5012)


def test_outside_the_domain_only_in_a_lab() -> None:
    with bench(lab=False) as here:
        with pytest.raises(ConfigError, match=r"fault\.0: meets left\.example\.org, outside the operator's domain"):
            here.pair.right.inject([FaultConfig(do="drop", command=DAR)])
        assert here.ask().result == (0, 2001)
        assert here.pair.right._core.faults is None
    with pytest.raises(ConfigError, match=r"fault\.0: meets left\.example\.org, outside the operator's domain"):
        Bench(Answering(), opened=False, config={"fault": [{"do": "drop"}]})
    rules = [{"do": "drop", "peer": "no.example.org"}]
    with pytest.raises(ConfigError, match=r"fault\.0: no\.example\.org is no \[\[peer\]\]"):
        Bench(Answering(), opened=False, config={"lab": True, "fault": rules})


def test_rules_of_the_configuration_are_in_force_from_the_start() -> None:
    rules = [{"do": "result", "command": "DAR", "direction": "in", "result_code": 5012}]
    with Bench(Answering(), config={"lab": True, "fault": rules}) as here:
        assert here.said.of(Point.FAULT_RULE)
        assert here.ask().result == (0, 5012)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"do": "drop", "command": "Nonsense"}, "fault.1: no dictionary has a command 'Nonsense'"),
        ({"do": "drop", "application": "Nonsense"}, "fault.1: no application 'Nonsense'"),
        ({"do": "edit", "remove": ["Nonsense"]}, "fault.1: no dictionary has an AVP named 'Nonsense'"),
        ({"do": "edit", "add": {"Result-Code": "x"}}, "fault.1: Result-Code: 'x' is no value of type Unsigned32"),
    ],
)
def test_names_that_do_not_exist_change_nothing(rule: dict[str, Any], said: str) -> None:
    before: dict[str, Any] = {"do": "result", "command": DAR, "result_code": 5012}
    with bench(before) as here:
        with pytest.raises(ConfigError) as caught:
            here.pair.right.inject([FaultConfig(**before), FaultConfig(**rule)])
        assert str(caught.value).startswith(said)
        assert here.ask().result == (0, 5012)


def test_rules_are_switched_by_name() -> None:
    busy = {"name": "busy", "do": "result", "command": DAR, "result_code": 3004, "enabled": False}
    with bench(busy, {"do": "delay"}) as here:
        faults = here.pair.right._traffic.faults
        assert [(name, rule.enabled, hits) for name, rule, hits in faults.shown()] == [
            ("busy", False, 0),
            ("fault.1", True, 0),
        ]
        assert faults.switch("fault.1", False)
        assert here.pair.right._core.faults is None
        assert faults.switch("busy", True)
        with pytest.raises(ErrorAnswer):
            here.ask()
        assert [(name, hits) for name, _, hits in faults.shown()] == [("busy", 1), ("fault.1", 0)]
        assert not faults.switch("nobody", True)
        assert faults.switch("busy", True)
        assert next(faults.shown())[2] == 1  # it was on: nothing begins anew
