"""The hook of strongSwan with a daemon that only says things: what is loaded, what is told, what is taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from diameter.config import IpsecConfig
from diameter.errors import ConfigError
from diameter.security.pki import Pki
from diameter.transport.ipsec import vici_daemon, vici_session
from diameter.transport.ipsec.vici import Vici
from diameter.transport.ipsec.vici_connections import connections, read_material
from diameter.transport.ipsec.vici_session import ViciError
from helpers.charon_says import FakeCharon, child, sa
from helpers.strongswan import Owner, flow, issued, listener

A, B = "a.example", "b.example"


class Lab:
    """A hook, its daemon, its clock, and somebody who asks."""

    def __init__(self, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
        self.charon, self.clock, self.owner = FakeCharon(), Clock(), Owner()
        monkeypatch.setattr(vici_daemon, "open_session", self.charon.open)
        monkeypatch.setattr(vici_daemon, "tell_now", self.charon.tell_now)
        self.hook = Vici(self.clock)
        self.options: dict[str, Any] = {"ike": issued(pki, A)}

    def protect(self, **more: Any) -> Any:
        made = self.hook.protect(flow(A, B, options=self.options, **more), self.owner)
        assert self.owner.told == []  # never from inside
        self.clock.advance(0)
        return made

    def comes_up(self) -> None:
        self.charon.sas = [sa()]

    def told(self) -> list[str]:
        return [name for name, _ in self.owner.told]

    def stop(self) -> None:
        done: list[None] = []
        _ = self.hook.stop().addCallback(done.append)
        self.clock.pump([0.5] * 4)
        assert done == [None]
        assert self.clock.getDelayedCalls() == []


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab(Pki.init(tmp_path / "pki"), monkeypatch)


@pytest.mark.requirement("R-TSP-11")
def test_the_daemon_is_told_how_long_keys_have_to_be(tmp_path: Path) -> None:
    ike = issued(Pki.init(tmp_path / "pki"), A)
    for more, text in (
        ({}, "rsa-2048-ecdsa-256-sha256-sha384-sha512"),
        ({"rsa_bits": 4096, "ec_bits": 384}, "rsa-4096-ecdsa-384-sha256-sha384-sha512"),
    ):
        asked = flow(A, B, options={"ike": ike}, **more)
        assert asked.options.ike is not None
        (made,) = connections(asked, read_material(asked.options.ike), "")
        assert made.tree["remote"]["auth"] == text


def test_it_is_loaded_brought_up_proved_and_taken_back(lab: Lab) -> None:
    lab.charon.initiating = lab.comes_up
    held = lab.protect()
    assert lab.told() == ["up"]
    assert lab.charon.names() == ["load-key", "load-conn", "list-sas", "initiate", "list-sas"]
    ((name, tree),) = lab.charon.commands[1][1].items()
    assert name.startswith("mtc-b.example-")
    assert lab.charon.commands[3][1]["child"] == name
    assert tree["local"]["id"] == "fqdn:a.example"
    held.release()
    held.release()
    assert lab.charon.commands[5:] == [
        ("terminate", {"ike": name, "timeout": "1000", "force": "yes"}),
        ("unload-conn", {"name": name}),
    ]
    lab.stop()


def test_what_is_there_is_not_brought_up_again_and_two_share_it(lab: Lab) -> None:
    lab.comes_up()
    first = lab.protect()
    lab.owner.told.clear()
    second = lab.protect()
    assert lab.told() == ["up"]
    assert lab.charon.names().count("load-conn") == 1
    assert "initiate" not in lab.charon.names()
    first.release()
    assert "unload-conn" not in lab.charon.names()
    second.release()
    assert lab.charon.names()[-2:] == ["terminate", "unload-conn"]
    lab.stop()


def test_other_keys_replace_those_that_are_loaded(lab: Lab, tmp_path: Path) -> None:
    lab.comes_up()
    first = lab.protect()
    Pki(tmp_path / "pki").issue(A)
    lab.owner.told.clear()
    second = lab.protect()
    loaded = [next(iter(message)) for name, message in lab.charon.commands if name == "load-conn"]
    assert len(loaded) == 2
    assert loaded[0] == loaded[1]
    first.release()
    second.release()
    lab.stop()


def test_a_connection_that_the_operator_has_unloaded_is_loaded_again(lab: Lab) -> None:
    lab.comes_up()
    held = lab.protect()
    lab.charon.refusing["initiate"] = "CHILD_SA config 'mtc-b.example' not found"
    lab.charon.sas = []
    lab.charon.happen()
    del lab.charon.refusing["initiate"]
    lab.charon.initiating = lab.comes_up
    lab.clock.advance(1)
    assert lab.told() == ["up", "down", "rekeyed"]
    assert lab.charon.names().count("load-conn") == 2
    held.release()
    lab.stop()


def test_another_program_to_the_same_peer_has_its_own_connection(lab: Lab) -> None:
    """A ping beside a node: what one takes down is not the other's."""
    lab.comes_up()
    first = lab.protect()
    beside = Vici(lab.clock).protect(flow(A, B, options=lab.options), Owner())
    lab.clock.advance(0)
    names = [next(iter(message)) for name, message in lab.charon.commands if name == "load-conn"]
    assert len(set(names)) == 2
    beside.release()
    assert lab.charon.commands[-1] == ("unload-conn", {"name": names[1]})
    first.release()
    lab.stop()


def test_keys_are_not_shown(lab: Lab) -> None:
    options = flow(A, B, options=lab.options)
    assert options.options.ike is not None
    material = read_material(options.options.ike)
    (made,) = connections(options, material, "")
    assert b"PRIVATE KEY" in made.key
    assert "PRIVATE KEY" not in f"{material!r} {made!r}"


def test_events_are_followed(lab: Lab) -> None:
    lab.comes_up()
    held = lab.protect(dialled=False)
    lab.charon.happen("ike-update")
    assert lab.told() == ["up"]
    lab.charon.sas = [sa(child(state="REKEYED"), child(spi_in="2", dh_group="ECP_384"))]
    lab.charon.happen("child-rekey")
    assert lab.told() == ["up", "rekeyed"]
    assert lab.owner.of("rekeyed")[0].group == "ECP_384"
    lab.charon.sas = [sa(child(spi_in="2", dh_group="ECP_384"), state="DELETING")]
    lab.charon.happen("ike-updown")
    lab.charon.happen()
    assert lab.told() == ["up", "rekeyed", "down"]
    assert "DELETING" in lab.owner.of("down")[0]
    lab.comes_up()
    lab.charon.happen()
    assert lab.told() == ["up", "rekeyed", "down", "rekeyed"]
    held.release()
    lab.charon.sas = []
    lab.charon.happen()
    assert len(lab.owner.told) == 4
    lab.stop()


def test_the_end_that_dials_brings_it_up_again(lab: Lab) -> None:
    lab.comes_up()
    held = lab.protect()

    def not_yet() -> None:
        raise ViciError("strongSwan: not yet")

    lab.charon.initiating = not_yet
    lab.charon.sas = []
    lab.charon.happen()
    assert lab.told() == ["up", "down"]
    lab.clock.advance(0.5)
    assert lab.charon.names().count("initiate") == 1
    lab.charon.initiating = lab.comes_up
    lab.clock.advance(0.6)
    assert lab.told() == ["up", "down", "rekeyed"]
    held.release()
    lab.stop()


def test_a_daemon_that_dies_and_comes_back_is_told_everything_again(lab: Lab) -> None:
    lab.charon.initiating = lab.comes_up
    door = lab.hook.listen(listener(A, options=lab.options))
    held = lab.protect()
    lab.charon.die()
    assert lab.told() == ["up", "down"]
    assert "closed the connection" in lab.owner.of("down")[0]
    lab.charon.sas = []
    lab.clock.pump([0.5] * 8)
    assert lab.told() == ["up", "down"]
    lab.charon.there = True
    lab.charon.commands.clear()
    lab.clock.pump([0.5] * 5)
    assert lab.told() == ["up", "down", "rekeyed"]
    assert lab.charon.names().count("load-conn") == 2
    held.release()
    door.release()
    lab.stop()


def test_without_a_daemon_the_reason_is_said_and_asking_again_works(lab: Lab) -> None:
    lab.charon.there = False
    lab.protect().release()
    assert lab.owner.of("failed") == ["strongSwan at /var/run/charon.vici: nobody"]
    lab.charon.there = True
    lab.charon.initiating = lab.comes_up
    lab.owner.told.clear()
    lab.protect().release()
    assert lab.told() == ["up"]
    lab.stop()


@pytest.mark.parametrize("command", ["load-key", "load-conn", "list-sas", "initiate"])
def test_whatever_the_daemon_refuses_is_the_reason(lab: Lab, command: str) -> None:
    lab.charon.refusing[command] = "not today"
    held = lab.protect()
    assert lab.owner.told == [("failed", "strongSwan: not today")]
    held.release()
    lab.stop()


def test_what_could_not_be_brought_up_is_taken_back(lab: Lab) -> None:
    """The daemon may still be at it: nothing must come of it after its link was given up, and nothing stay loaded."""
    lab.charon.refusing["initiate"] = "establishing CHILD_SA failed"
    lab.charon.refusing["terminate"] = "no matching SAs to terminate found"
    for _ in range(2):
        lab.protect().release()
        assert lab.charon.names()[-2:] == ["terminate", "unload-conn"]
        lab.owner.told.clear()
    lab.protect(dialled=False).release()
    assert "no matching" not in lab.owner.of("failed")[0]
    lab.stop()


def test_what_came_up_and_is_not_as_wanted_fails(lab: Lab) -> None:
    lab.charon.initiating = lambda: lab.charon.sas.append(sa(child(mode="TUNNEL")))
    held = lab.protect()
    assert lab.told() == ["failed"]
    assert "in tunnel mode" in lab.owner.of("failed")[0]
    held.release()
    lab.stop()


def test_what_is_there_and_wrong_is_not_brought_up_beside(lab: Lab) -> None:
    lab.charon.sas = [sa(remote_id="mallory.example")]
    lab.protect().release()
    assert "the other end is mallory.example" in lab.owner.of("failed")[0]
    assert "initiate" not in lab.charon.names()
    lab.stop()


def test_given_up_while_it_comes_up(lab: Lab) -> None:
    lab.charon.silent = Deferred()
    held = lab.protect()
    assert lab.charon.names()[-1] == "initiate"
    held.release()
    assert lab.owner.told == []
    assert lab.charon.names()[-2:] == ["terminate", "unload-conn"]
    assert lab.charon.sessions[-1].closed  # that of `initiate`: nothing waits for it any more
    lab.stop()


def test_given_up_before_anything_was_asked(lab: Lab) -> None:
    held = lab.hook.protect(flow(A, B, options=lab.options), lab.owner)
    held.release()
    lab.clock.advance(1)
    assert lab.owner.told == []
    assert lab.charon.names() == []
    lab.stop()


def test_given_up_between_two_attempts_to_bring_it_back(lab: Lab) -> None:
    lab.comes_up()
    held = lab.protect()
    lab.charon.refusing["initiate"] = "no"
    lab.charon.sas = []
    lab.charon.happen()
    held.release()
    assert lab.clock.getDelayedCalls() == []
    lab.stop()


def test_an_accepted_link_only_looks(lab: Lab) -> None:
    held = lab.protect(dialled=False)
    assert lab.told() == ["failed"]
    assert lab.charon.names() == ["list-sas"]
    held.release()
    lab.stop()


def test_a_listener_that_cannot_be_loaded_does_not_open(lab: Lab) -> None:
    lab.charon.refusing["load-conn"] = "invalid value for: proposals"
    with pytest.raises(ConfigError, match="strongSwan: invalid value for: proposals"):
        lab.hook.listen(listener(A, options=lab.options))
    lab.charon.there = False
    with pytest.raises(ConfigError, match="strongSwan at /var/run/charon.vici: nobody"):
        lab.hook.listen(listener(A, options=lab.options))
    lab.stop()


def test_a_listener_is_loaded_at_once_and_again_when_the_daemon_is_back(lab: Lab) -> None:
    doors = [lab.hook.listen(listener(A, options=lab.options)) for _ in range(2)]
    assert lab.charon.names() == ["load-key", "load-conn"]
    lab.charon.die()
    lab.protect(dialled=False).release()
    assert "nobody" in lab.owner.of("failed")[0]
    lab.clock.pump([0.5] * 3)
    lab.charon.there = True
    lab.clock.pump([0.5] * 3)
    assert lab.charon.names().count("load-conn") == 2
    for door in doors:
        door.release()
    assert lab.charon.names()[-2:] == ["terminate", "unload-conn"]
    lab.stop()


def test_a_list_of_the_revoked_is_loaded_and_older_ones_forgotten(lab: Lab, tmp_path: Path) -> None:
    lab.options["ike"]["crl"] = [tmp_path / "pki" / "crl.pem"]
    lab.comes_up()
    lab.protect().release()
    assert lab.charon.names()[:4] == ["load-key", "load-cert", "flush-certs", "load-conn"]
    assert next(iter(lab.charon.commands[3][1].values()))["remote"]["revocation"] == "strict"
    lab.stop()


def test_several_addresses_are_several_connections_in_transport_mode(lab: Lab) -> None:
    both = {"local": ("10.1.1.1", "10.1.2.1"), "remote": ("10.1.1.2", "10.1.2.2"), "protocol": "sctp"}
    lab.protect(**both).release()
    loaded = [message for name, message in lab.charon.commands if name == "load-conn"]
    assert [(tree["local_addrs"], tree["remote_addrs"]) for each in loaded for tree in each.values()] == [
        (["10.1.1.1"], ["10.1.1.2"]), (["10.1.2.1"], ["10.1.2.2"]),
    ]  # fmt: skip
    lab.stop()


def test_what_check_refuses(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(**options: Any) -> None:
        lab.hook.check(IpsecConfig.model_validate(options))

    check(**lab.options)
    with pytest.raises(ConfigError, match="ike: missing"):
        check()
    strange = Pki.init(tmp_path / "strange").issue("c.example")
    with pytest.raises(ConfigError, match=r"ike.key: .*c.example.key: does not belong to the certificate"):
        check(ike={**lab.options["ike"], "key": strange.key})
    with pytest.raises(ConfigError, match=r"ike.trust: .*a.example.pem"):
        check(ike={**lab.options["ike"], "trust": [lab.options["ike"]["certificate"]]})
    with pytest.raises(ConfigError, match=r"ike: cannot read .*nothing.pem"):
        check(ike={**lab.options["ike"], "certificate": tmp_path / "nothing.pem"})
    monkeypatch.setattr(vici_session, "Packet", None)
    with pytest.raises(ConfigError, match="the Python package vici"):
        check(**lab.options)
