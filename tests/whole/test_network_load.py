"""Load control of the MTC-IWF (TS 29.368 5.4): its Load in answers, others that take over, and too busy at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import ConfigError, Dictionary, ErrorAnswer, Message
from diameter.app import Application, Later, answers
from diameter.config import parse
from helpers.asking import METER
from helpers.network import IWF, IWF_TOML, REALM, SCS1, Network, ScsStub, SmsScStub, node, peer
from nfs.common.identities import encode_number
from nfs.mtc_iwf.config import IwfConfig

OTHER = f"iwf2.{REALM}"
REDIRECT = f'[mtc_iwf.redirect]\nat = 2\nhosts = ["aaa://{OTHER}:3868"]\n'
Open = Callable[..., Network]


class Held(SmsScStub):
    """An SMS-SC that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go: Later[None] = Later()

    @answers("Device-Trigger-Request")
    async def trigger(self, request: Message) -> Message:  # type: ignore[override]  # it waits
        """Take a trigger."""
        await self.go
        return super().trigger(request)


class Other(Application):
    """Another MTC-IWF on the same store."""

    dictionary = "ts29368_tsp"

    def __init__(self) -> None:
        self.asked: list[int] = []

    @answers("Device-Action-Request")
    def device_action(self, request: Message) -> Message:
        """Take it."""
        action = request["Device-Action"]
        self.asked.append(action["Reference-Number"])
        notification = {"Reference-Number": action["Reference-Number"], "Action-Type": 1, "Request-Status": 0}
        return request.answer(2001, {"Device-Notification": notification})


class Crowd(Network):
    """A network whose SMS-SC holds its answers, with another MTC-IWF that the first SCS is connected to as well."""

    def __init__(self, folder: Path, dictionary: Dictionary, iwf: str) -> None:
        super().__init__(folder, dictionary, (METER,), iwf)
        self.held, self.other = Held(), Other()
        self.sms_sc = self.held
        self.nodes[1] = self._node(f"{node('smssc.' + REALM, '127.0.0.4')}\n{peer(IWF)}", self.held)
        peers = f"{peer(IWF, dial='127.0.0.2')}\n{peer(OTHER, dial='127.0.0.6')}"
        self.scs1 = ScsStub()
        self.nodes[3] = self._node(f"{node(SCS1)}\n{peers}", self.scs1)
        self.beside = self._node(f"{node(OTHER, '127.0.0.6')}\n{peer(SCS1, placement='outside')}", self.other)

    def ask(self, reference: int, to: str | None = None) -> Later[Message]:
        """A trigger; its answer when it comes.  `to`: the MTC-IWF that the SCS insists on."""
        avps: dict[str, Any] = {
            "External-Identifier": "meter-1@customer.example",
            "SCS-Identity": encode_number("15550001"),
            "Reference-Number": reference,
            "Action-Type": 1,
            "Trigger-Data": {"Payload": b"wake"},
        }
        asked: Later[Message] = self.scs1.request("Device-Action", {"Device-Action": avps}, to=to, realm=REALM)
        return asked


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture
def crowd(tmp_path: Path, dictionary: Dictionary) -> Iterator[Callable[[str, str], Crowd]]:
    """Opens a network with keys for `[node]` and further tables."""
    opened: list[Crowd] = []

    def start(of_node: str, tables: str = "") -> Crowd:
        text = IWF_TOML.replace("[hss]", f"{tables}[hss]", 1).replace("[[peer]]", f"{of_node}[[peer]]", 1)
        crowd = Crowd(tmp_path, dictionary, text)
        opened.append(crowd)
        crowd.wait(crowd.beside.start())
        crowd.open()
        crowd.wait(crowd.nodes[3].when_open(OTHER))
        return crowd

    yield start
    for each in opened:
        each.close()
        each.wait(each.beside.stop())


def settled(crowd: Crowd, waiting: list[Later[Message]]) -> list[Message]:
    """Let the SMS-SC answer; the answers of all."""
    crowd.held.go.resolve(None)
    return [crowd.wait(each) for each in waiting]


def test_answers_say_how_much_is_in_use(crowd: Callable[[str, str], Crowd]) -> None:
    """Of four places three are taken when the first answer leaves, and none by the last."""
    network = crowd("[node.limits]\nrequests_in_work = 4\n[node.overload]\nload = true\n", "")
    found = settled(network, [network.ask(reference) for reference in (1, 2, 3)])
    loads = [answer["Load"] for answer in found]
    assert {load["SourceID"] for load in loads} == {IWF}
    values = [load["Load-Value"] for load in loads]
    assert values == sorted(values)
    assert values[0] < values[-1]


def test_what_does_not_fit_is_too_busy(crowd: Callable[[str, str], Crowd]) -> None:
    network = crowd("[node.limits]\nrequests_in_work = 3\n", "")
    waiting = [network.ask(reference) for reference in range(1, 7)]
    network.held.go.resolve(None)
    results = []
    for each in waiting:
        try:
            results.append(network.wait(each).result)
        except ErrorAnswer as error:
            results.append(error.answer.result)
    assert results.count((0, 3004)) == len(results) - len(network.held.triggers)
    assert results[0] == (0, 2001)
    assert results[-1] == (0, 3004)
    assert len(network.held.triggers) <= 3  # the queue is bounded, and nothing behind it hears of the rest


@pytest.mark.parametrize("cached", [False, True])
def test_under_load_another_mtc_iwf_takes_over(crowd: Callable[[str, str], Crowd], cached: bool) -> None:
    network = crowd("", REDIRECT + ("cache_s = 60\n" if cached else ""))
    found = settled(network, [network.ask(reference) for reference in (1, 2, 3, 4)])
    assert [answer["Origin-Host"] for answer in found] == [IWF, IWF, OTHER, OTHER]
    assert network.other.asked == [3, 4]
    (again,) = settled_again(network, 5)
    assert again["Origin-Host"] == (OTHER if cached else IWF)


def test_an_scs_that_names_its_mtc_iwf_is_redirected_as_well(crowd: Callable[[str, str], Crowd]) -> None:
    network = crowd("", REDIRECT)
    found = settled(network, [network.ask(reference, IWF) for reference in (1, 2, 3)])
    assert [answer["Origin-Host"] for answer in found] == [IWF, IWF, OTHER]
    assert network.other.asked == [3]


def settled_again(network: Crowd, reference: int) -> list[Message]:
    """One more, when there is room again."""
    return [network.wait(network.ask(reference))]


def test_a_reload_changes_who_takes_over(crowd: Callable[[str, str], Crowd]) -> None:
    network = crowd("", REDIRECT)
    tsp = network.iwf_parts.applications[0]
    assert network.iwf_parts.reload is not None
    network.iwf_parts.reload(parse(IWF_TOML, IwfConfig, source="x", base=network.folder))
    assert getattr(tsp, "busy").relief is None  # noqa: B009


def test_where_to_is_a_diameter_uri() -> None:
    with pytest.raises(ConfigError, match=r"mtc_iwf\.redirect\.hosts"):
        parse(IWF_TOML + '[mtc_iwf.redirect]\nat = 1\nhosts = ["http://x"]\n', IwfConfig, source="x", base=Path())
