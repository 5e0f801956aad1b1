"""The file of a lab, the configurations made from it, its network, and what it says when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections import Counter
from email.message import Message
from http.client import BadStatusLine, IncompleteRead
from io import BytesIO
from pathlib import Path
from random import Random
from threading import Event
from typing import Any
from urllib.error import HTTPError

import pytest
from click.testing import CliRunner

from diameter.errors import ConfigError
from nfs.cli import mtc
from nfs.cli._machines import applications, attaching
from nfs.cli._machines.applications import Applications, at_moments, received
from nfs.cli._machines.config import LabConfig, folder_of, read
from nfs.cli._machines.files import Files, toml
from nfs.cli._machines.kills import broken
from nfs.cli._machines.running import RunningLab
from nfs.cli._machines.state import Process, State, began
from nfs.cli._machines.wire import Network
from nfs.cli.config import model_of
from nfs.hss.keyfile import new_key
from nfs.mme.cards import read_usims
from nfs.mme.playing import scenario_of

WHOLE = """
[database]
url = "postgresql://mtc@db.example/mtc"

[[machine]]
name = "a"
functions = ["relay", "mtc-iwf", "hss", "sms-sc"]

[[machine]]
name = "b"
functions = ["relay", "mtc-iwf", "hss", "sms-sc", "mme", "scs"]

[[link]]
between = ["a", "b"]
loss = 0.1

[settings.sms-sc.sms_sc]
capacity = 7
"""


def made(folder: Path, text: str = WHOLE) -> Path:
    path = folder / "two.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    text = """
    [lab]
    addresses = "10.0.0.0/30"
    devices = 0
    [database]
    machine = "c"
    url = "postgresql://x/y"
    [[machine]]
    name = "A 1"
    """
    with pytest.raises(ConfigError) as caught:
        read(made(tmp_path, text))
    said = "\n".join(caught.value.lines)
    for place in ("lab.addresses: ", "lab.devices: ", "database: machine or url expected", "machine.0.name: "):
        assert place in said


def test_what_does_not_fit_together_is_named_too(tmp_path: Path) -> None:
    text = WHOLE.replace('name = "b"', 'name = "a"').replace('"mme", ', "").replace('["a", "b"]', '["a", "x"]')
    text = text.replace('url = "postgresql://mtc@db.example/mtc"', 'machine = "store"')
    with pytest.raises(ConfigError) as caught:
        read(made(tmp_path, text))
    said = [line.partition(": ")[2] for line in caught.value.lines]
    assert said == [
        "machine.1.name: a is there already",
        "machine: mme: one expected, 0 found",
        "database.machine: no machine store",
        "link.0.between: no machine x",
    ]
    with pytest.raises(ConfigError, match=r"database.url: postgresql"):
        read(made(tmp_path, WHOLE.replace("postgresql://mtc@db.example/mtc", "sqlite:///x")))


def config_of(folder: Path) -> LabConfig:
    return read(made(folder))


def test_each_function_has_a_configuration_that_is_right(tmp_path: Path) -> None:
    from diameter.config import parse
    from diameter.security.pki import Pki

    config = read(made(tmp_path, "[lab]\ns6c = true\n" + WHOLE))
    addresses = config.addresses(loopback=True)
    assert addresses == {"a": "127.77.1.10", "b": "127.77.1.11"}
    files = Files(config, addresses, config.database.url or "", "pki")
    pki = Pki.init(tmp_path / "pki")
    for host in (*files.hosts("mtc-iwf"), *files.hosts("scs")):
        pki.issue(host)
    (tmp_path / "scs.token").write_text("token\n", encoding="ascii")
    new_key(tmp_path / attaching.KEY)
    (tmp_path / attaching.SCENARIO).write_text(toml(attaching.scenario(config.lab)), encoding="utf-8")
    keys = attaching.keys(config.lab)
    (tmp_path / attaching.CARDS).touch(mode=0o600)
    (tmp_path / attaching.CARDS).write_text(attaching.cards(keys), encoding="utf-8")
    found: dict[tuple[str, str], Any] = {}
    for kind, machine in config.instances():
        text = toml(files.file(kind, machine))
        found[kind, machine] = parse(text, model_of(kind, "x"), source=f"{kind}-{machine}", base=tmp_path)
    assert found["sms-sc", "a"].sms_sc.capacity == 7
    assert [peer.host for peer in found["hss", "b"].peer] == [
        "relay-b.relay.operator.example", "relay-a.relay.operator.example",
    ]  # fmt: skip
    assert found["mtc-iwf", "a"].sms_sc.hosts == tuple(files.hosts("sms-sc"))
    assert {each.transport for each in found["scs", "b"].peer} == {"tls"}
    assert len(files.devices().splitlines()) == len(files.devices(keys).splitlines()) == config.lab.devices + 1
    (mme,) = (config for (kind, _), config in found.items() if kind == "mme")
    scenario = scenario_of(mme)
    assert scenario is not None
    assert (scenario.population[0].count, scenario.event[0].do) == (config.lab.devices, "tau")
    assert list(read_usims(tmp_path / attaching.CARDS)) == list(keys)


def test_sms_scs_ask_the_hss_where_that_is_wanted(tmp_path: Path) -> None:
    """And then the relays bring its alerts to them."""
    plain = config_of(tmp_path)
    (tmp_path / "asking").mkdir()
    asking = read(made(tmp_path / "asking", "[lab]\ns6c = true\n" + WHOLE))
    for config, expected in ((plain, None), (asking, {"realm": "hss.operator.example"})):
        files = Files(config, config.addresses(loopback=True), "postgresql://mtc@db.example/mtc", "pki")
        assert files.file("sms-sc", "a").get("hss") == expected
        assert "hss.operator.example" in files.file("sms-sc", "b")["peer"][0]["agent_realms"]
        assert "sms.operator.example" in files.file("hss", "a")["peer"][0]["agent_realms"]


def test_toml_is_read_as_it_was_written() -> None:
    tables = {
        "function": "hss", "node": {"a": 1, "b": 2.5, "c": True, "d": ["x", 'quo"te'], "e": {"f-g": "ä"}},
        "peer": [{"host": "x", "tables": [{"y": 1}]}, {"host": "z"}],
    }  # fmt: skip
    assert tomllib.loads(toml(tables)) == tables


def packet(target: str) -> bytes:
    return b"\x45" + bytes(15) + bytes(map(int, target.split("."))) + b"data"


def network() -> Network:
    return Network({"a": bytes((10, 0, 0, 1)), "b": bytes((10, 0, 0, 2))}, Random(1))


def test_a_packet_is_late_by_the_delay_of_its_link_and_none_overtakes() -> None:
    net = network()
    net.set(["a", "b"], {"delay_ms": 100, "jitter_ms": 50})
    sent = [packet("10.0.0.2") + bytes([at]) for at in range(20)]
    for at, each in enumerate(sent):
        net.send("a", each, at * 0.001)
    assert net.due(0.099) == []
    assert (net.next_at() or 0) >= 0.1
    assert net.due(1.0) == [("b", each) for each in sent]
    assert net.next_at() is None


def test_packets_are_lost_as_often_as_they_should_and_all_while_a_link_is_cut() -> None:
    net = network()
    net.set(["b", "a"], {"loss": 0.25})
    for _ in range(4000):
        net.send("a", packet("10.0.0.2"), 0.0)
    assert 850 < net.links["a", "b"].lost < 1150
    net.set(["a", "b"], {"cut": True})
    assert net.due(1.0) == []  # what was on its way is lost as well
    net.send("b", packet("10.0.0.1"), 2.0)
    net.set(["a", "b"], {"cut": False, "loss": 0})
    net.send("b", packet("10.0.0.1"), 2.0)
    net.send("b", packet("10.0.0.9"), 2.0)  # nobody's
    net.send("b", b"\x60 not IPv4", 2.0)
    assert net.due(3.0) == [("a", packet("10.0.0.1"))]
    (state,) = net.state()
    assert (state["between"], state["cut"], state["packets"]) == (["a", "b"], False, 4002)


def test_a_process_is_known_by_more_than_its_number(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        process = Process(child.pid, began(child.pid), "a")
        state = State(path=tmp_path / "lab.json", run="/nowhere", processes={"hss-a": process})
        state.save()
        assert State.read(tmp_path) == state
        assert process.alive
        other = Process(os.getpid(), began(os.getpid()) - 1, "a")
        assert (other.alive, other.send(9)) == (False, False)
        child.kill()
        assert process.gone(30.0)
    finally:
        child.communicate()
    assert began(child.pid) == -1
    (tmp_path / "lab.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ConfigError, match="not a lab's"):
        State.read(tmp_path)


def test_what_is_not_a_labs_is_left_alone(tmp_path: Path) -> None:
    path = made(tmp_path, WHOLE.replace("[database]", '[lab]\nnetwork = "loopback"\n[database]'))
    config = read(path)
    folder = folder_of(path, config)
    assert folder == tmp_path / "two.lab"
    folder.mkdir()
    (folder / "precious").touch()
    with pytest.raises(ConfigError, match="exists and is not a lab's"):
        RunningLab(config, folder).up()
    assert (folder / "precious").exists()


def test_verbs_say_what_is_wrong(tmp_path: Path) -> None:
    path = made(tmp_path)
    said = CliRunner().invoke(mtc, ["lab", "check", "-c", str(path)])
    assert said.output == f"{path}: ok (2 machines, 10 functions)\n"
    for words in (["kill", "hss-a"], ["cut", "a", "b"], ["kills"]):
        with pytest.raises(ConfigError, match="is not up"):
            CliRunner().invoke(mtc, ["lab", *words, "-c", str(path)], catch_exceptions=False)
    status = CliRunner().invoke(mtc, ["lab", "status", "-c", str(path)])
    assert (status.exit_code, status.output) == (0, "not up\n")
    assert CliRunner().invoke(mtc, ["lab", "down", "-c", str(path)]).exit_code == 0


def test_a_run_is_broken_by_what_is_lost_or_seen_twice() -> None:
    fine = {"lost": 0, "not_delivered": 0, "reported_twice": 0, "devices_had_twice": 0}
    assert not broken(fine)
    assert all(broken({**fine, name: 1}) for name in fine)


def test_victims_are_killed_as_often_as_was_asked_for_and_an_error_ends_it() -> None:
    killed: list[str] = []
    over = Event()
    done = at_moments(lambda name, _: killed.append(name), ("a", "b", "c"), 7, seed=1, gap_s=0.0, over=over)
    assert (done, Counter(killed)) == ({"a": 3, "b": 2, "c": 2}, done)

    def fails(name: str, _: Random) -> None:
        raise OSError(name)

    with pytest.raises(OSError, match="a"):
        at_moments(fails, ("a",), 5, seed=1, gap_s=0.0, over=over)
    assert over.is_set()
    assert at_moments(fails, ("a", "b"), 5, seed=1, gap_s=0.0, over=over) == {}
    assert received('{"imsi": "1", "payload": "x"}\n' * 2) == {("1", "x"): 2}


class Torn(BytesIO):
    """An answer whose server is killed before its end."""

    status = 200

    def read(self, *_: object) -> bytes:
        raise IncompleteRead(b"{")


@pytest.mark.parametrize(
    "answer",
    [
        Torn(),
        HTTPError("http://127.0.0.1", 503, "", Message(), Torn()),
        HTTPError("http://127.0.0.1", 500, "", Message(), BytesIO(b"<html>")),
        BadStatusLine("HT"),
        ConnectionResetError(),
    ],
)
def test_an_scs_that_is_killed_while_it_answers_has_answered_nothing(
    answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def urlopen(*_: object, **__: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(applications, "urlopen", urlopen)
    asking = Applications(lambda: "http://127.0.0.1", "token", customer="customer.example", devices=1, port=1)
    assert asking._ask("/reports") == (0, {})
