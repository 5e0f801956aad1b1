"""`mtc subscriber --via`: a running HSS does it, and what it says against it is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from treq.testing import StubTreq
from twisted.internet.defer import ensureDeferred

from diameter.app import Later
from diameter.errors import ConfigError
from helpers.inline import InlineReactor, InlineThreads
from nfs.cli import _via, _via_more
from nfs.cli.subscriber import command
from nfs.common.audit import AuditLog
from nfs.common.database import database_url, open_engine, reading
from nfs.common.store import Store
from nfs.hss import ordered
from nfs.hss.http.imports import Imports
from nfs.hss.http.provisioning import Provisioning

_stub: Any = StubTreq  # has no types
URL = "http://127.0.0.1:8080"
TOKEN = b"0123456789abcdef"
ONE, TWO = "001010000000001", "001010000000002"
METER = "meter-1@customer.example"


def _spawn(coroutine: Any) -> Later[Any]:
    later: Later[Any] = Later()
    _ = ensureDeferred(coroutine).addCallback(later.resolve)
    return later


def _at_once(work: Callable[[], None], over: Callable[[], None]) -> None:
    work()
    over()


class Hss:
    """A running HSS, without a port: what the verb sends comes here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "token").write_bytes(TOKEN + b"\n")
        engine = open_engine(database_url("hss.db", folder), migrations="nfs.hss:migrations", name="hss")
        self._clock = InlineReactor()
        self._stores = tuple(Store(each, self._clock, InlineThreads()) for each in (engine, reading(engine)))
        self._audit = AuditLog(folder / "audit", "hss.example")
        store, reads = self._stores
        self.engine = engine
        names: dict[str, Any] = {"clock": self._clock.seconds, "audit": self._audit, "token": TOKEN}
        names["imports"] = Imports(engine, None, _at_once, lambda: None)
        self._treq = _stub(Provisioning(store, reads, None, lambda _: None, _spawn, **names).app.resource())

    def send(self, _remote: _via.Remote, method: str, url: str, body: Any, headers: Any) -> tuple[int, bytes]:
        """In the place of a request by HTTP."""
        found: list[Any] = []
        if hasattr(body, "read"):
            assert headers["content-type"] == "application/octet-stream"
            body = body.read()
            assert int(headers["content-length"] if "content-length" in headers else len(body)) == len(body)
        told = {name: text.encode() for name, text in headers.items() if name != "content-length"}
        _ = self._treq.request(method, url, headers=told, data=body).addCallback(found.append)
        for _ in range(5):
            self._clock.advance(0)
            self._treq.flush()
        _ = self._treq.content(found[0]).addCallback(found.append)
        self._treq.flush()
        return found[0].code, found[1]

    def say(self, *arguments: str) -> Result:
        """The verb, with this HSS."""
        way = ("--via", URL, "--token", str(self.folder / "token"))
        return CliRunner().invoke(command, [*arguments, *way], catch_exceptions=False)

    def close(self) -> None:
        for each in self._stores:
            _ = each.close()
        self._audit.close()


@pytest.fixture
def hss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hss]:
    hss = Hss(tmp_path)
    monkeypatch.setattr(_via.Remote, "_send", lambda *given: hss.send(*given))
    yield hss
    hss.close()


def _add(hss: Hss, imsi: str, *more: str) -> Result:
    return hss.say("add", "--imsi", imsi, *more)


def test_subscribers_are_added_shown_listed_and_removed(hss: Hss, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_via, "PAGE", 1)
    for _ in range(2):  # the second time it is there
        assert _add(hss, ONE, "--external-id", METER, "--msisdn", "15550100001").output == f"{ONE} added\n"
    assert _add(hss, TWO).exit_code == 0
    shown = [hss.say("show", each, "--json").output for each in (ONE, METER, "+15550100001")]
    assert {json.loads(each)["imsi"] for each in shown} == {ONE}
    assert "keys" not in hss.say("show", ONE).output
    assert [line.split()[0] for line in hss.say("list").output.splitlines()] == [ONE, TWO]
    assert [each["imsi"] for each in json.loads(hss.say("list", "--json").output)["subscribers"]] == [ONE, TWO]
    assert hss.say("export", "--format", "jsonl").output.count(ONE) == 1
    assert hss.say("remove", METER).output == f"{ONE} removed\n"
    gone = hss.say("remove", ONE)
    assert (gone.exit_code, gone.output) == (1, f"Error: no subscriber has {ONE}\n")


def test_what_the_hss_says_against_it_is_said(hss: Hss, tmp_path: Path) -> None:
    _add(hss, ONE, "--external-id", METER)
    taken = _add(hss, TWO, "--external-id", METER)
    assert (taken.exit_code, taken.output) == (
        1,
        f"Error: {URL}: 409 identities are somebody else's\nexternal_ids.0.identifier: belongs to another subscriber\n",
    )
    (tmp_path / "token").write_text("another-token-altogether")
    for arguments in (("show", ONE), ("show", METER), ("list",), ("remove", ONE)):
        assert hss.say(*arguments).output == f"Error: {URL}: 401 a bearer token is needed\n"


def _refuses(*_: object) -> Any:
    raise ConnectionRefusedError(111, "Connection refused")


@pytest.mark.parametrize(
    ("send", "complaint"),
    [(_refuses, "Connection refused"), (lambda *_: (200, b"<html>"), "answers 200 without JSON: is it an HSS?")],
)
def test_nobody_or_somebody_else(
    hss: Hss, send: Callable[..., Any], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_via.Remote, "_send", send)
    result = hss.say("list")
    assert (result.exit_code, result.output) == (1, f"Error: {URL}: {complaint}\n")


@pytest.mark.parametrize("said", [b"[]", b"{}", b'{"subscribers": [{}]}', b"null", b"3", b"[" * 100_000])
def test_json_of_somebody_else(hss: Hss, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_via.Remote, "_send", lambda *_: (200, said))
    for verb in (("list",), ("show", ONE), ("show", METER)):
        result = hss.say(*verb)
        assert (result.exit_code, result.output.endswith(": is it an HSS?\n")) == (1, True)


@pytest.mark.parametrize("url", ["https://a..b", f"https://{'a' * 70}.example", "http://127.0.0.1:1/\u00fc"])
def test_a_url_that_nobody_can_have(tmp_path: Path, url: str) -> None:
    (tmp_path / "token").write_bytes(TOKEN)
    result = CliRunner().invoke(command, ["list", "--via", url, "--token", str(tmp_path / "token")])
    assert (result.exit_code, result.output) == (1, f"Error: {url}: no HTTP: the URL cannot be asked for\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--via", "http://hss.example", "--token", "TOKEN"), "--via takes an http:// URL of this machine"),
        (("--via", URL), "--via needs --token, --certificate with --key, or both"),
        (("--via", URL, "--certificate", "TOKEN"), "--certificate and --key go together"),
        (("--via", URL, "--token", "TOKEN", "-d", "hss.db"), "one of them says where the subscribers are"),
        (("--token", "TOKEN", "-d", "hss.db"), "--token goes with --via"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    (tmp_path / "token").write_text("0123456789abcdef")
    given = [each.replace("TOKEN", str(tmp_path / "token")) for each in arguments]
    result = CliRunner().invoke(command, ["list", *given])
    assert (result.exit_code, complaint in result.output) == (2, True)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "none").write_text("\n")
    (tmp_path / "odd").write_bytes(b"0123\x01456789abcdef\n")
    file = str(tmp_path / "none")
    for way, complaint in (
        (("--via", URL, "--token", file), "a token expected in the first line"),
        (("--via", URL, "--token", str(tmp_path / "odd")), "a token expected in the first line"),
        (("--via", "https://hss.example", "--certificate", file, "--key", file), "are no pair"),
        (("--via", "https://hss.example", "--certificate", file, "--key", file, "--trust", file), "no certificates"),
    ):
        assert complaint in str(CliRunner().invoke(command, ["list", *way]).exception)


def _file(hss: Hss, name: str, text: str) -> str:
    path = hss.folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_is_imported_whole_or_its_mistakes_are_named(hss: Hss) -> None:
    text = f"imsi,external_ids\n{ONE},{METER}\n{TWO},\n"
    path = _file(hss, "meters.csv", text)
    assert hss.say("import", path).output == "2 subscribers imported\n"
    assert json.loads(hss.say("import", path, "--json").output) == {"schema": 1, "imported": 2}
    bad = _file(hss, "bad.csv", text.replace(METER, "@"))
    with pytest.raises(ConfigError, match=r"bad\.csv:2: "):
        hss.say("import", bad)
    with pytest.raises(ConfigError, match="this HSS has no key_file"):
        hss.say("import", _file(hss, "keys.csv", f"imsi,k,opc\n{ONE},{'0' * 32},{'0' * 32}\n"))


def test_an_import_of_an_hss_that_began_anew(hss: Hss, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _file(hss, "meters.csv", f"imsi\n{ONE}\n")
    begun = {"schema": 1, "id": "7", "state": "reading", "rows": 0, "done": 0, "of": 0, "errors": []}
    monkeypatch.setattr(_via.Remote, "send_file", lambda *_, **__: begun)
    result = hss.say("import", path)
    assert (result.exit_code, "all of it was imported or nothing: import it again" in result.output) == (1, True)


def test_groups_rights_and_terminals(hss: Hss) -> None:
    _add(hss, ONE, "--external-id", METER)
    fleet = "fleet@customer.example"
    path = _file(hss, "fleet.json", json.dumps({"schema": 1, "groups": [{"group": fleet, "members": [METER]}]}))
    assert hss.say("group", "import", path).output == "1 groups imported\n"
    with pytest.raises(ConfigError, match=r"fleet\.json"):
        hss.say("group", "import", path)
    assert hss.say("group", "import", path, "--replace").exit_code == 0
    assert hss.say("group", "list").output.split()[0] == fleet
    assert f"member        {METER}  listed" in hss.say("group", "show", fleet).output
    assert json.loads(hss.say("group", "export").output)["groups"][0]["group"] == fleet
    row = ("--scef", "scef.example", "--service", "location")
    assert hss.say("access", "allow", METER, *row).output == f"1 rows for {METER}\n"
    assert hss.say("access", "never", METER, "--service", "nidd").output == f"1 rows for {METER}, 0 ended\n"
    assert hss.say("access", "list").output.split() == [ONE, "-", "never", "nidd", ONE, "scef.example", "location"]
    assert hss.say("access", "withdraw", METER, *row).exit_code == 0
    assert hss.say("access", "withdraw", METER, *row).output == f"Error: no such row for {METER}\n"
    rows = _file(hss, "access.csv", f"device,scef,services\n{METER},scef.example,nidd\n")
    assert hss.say("access", "import", rows).output == "1 rows imported\n"
    local = ("--service-id", "1", "--plmn", "00101", "--local-id", "07")
    assert hss.say("access", "imsi-group", fleet, *local).output == f"{fleet} set\n"
    assert hss.say("watched", METER).output == ""
    assert hss.say("bind", METER, "35299708123456").output == f"{ONE} bound to 35299708123456\n"
    assert hss.say("bind", METER, "--release").output == f"{ONE} released\n"
    assert hss.say("bind", METER, "--release").output == f"Error: {METER} is bound to no terminal\n"
    assert hss.say("group", "remove", fleet).output == f"{fleet} removed\n"
    assert hss.say("group", "remove", fleet).output == f"Error: no group is named {fleet}\n"


class Desk:
    """Carries an order out, or takes it and does no more, while somebody waits."""

    engine: Any = None
    done = True

    def wait(self, _seconds: float) -> None:
        with self.engine.begin() as connection:
            for number, order in ordered.claim(connection, 100):
                said = {"host": f"mme.{order.verb}", "good": True, "result": "2001"}
                if self.done:
                    ordered.finish(connection, number, [said])


def test_orders_are_placed_and_waited_for(hss: Hss, monkeypatch: pytest.MonkeyPatch) -> None:
    _add(hss, ONE, "--external-id", METER)
    monkeypatch.setattr(Desk, "engine", hss.engine)
    monkeypatch.setattr(_via_more, "Event", Desk)
    for verb, more in (("update", ()), ("locate", ()), ("detach", ("--reattach",)), ("withdraw", ("sms",))):
        assert hss.say(verb, METER, *more).output == f"mme.{verb}  2001\n"
    assert hss.say("reset", "00101").output == "mme.reset  2001\n"
    with hss.engine.begin() as connection:
        assert connection.execute(ordered.ORDERED.select()).all() == []
    monkeypatch.setattr(Desk, "done", False)
    assert "an HSS took the order" in hss.say("locate", METER, "--timeout", "0.1").output
    monkeypatch.setattr(Desk, "wait", lambda *_: None)
    assert "no HSS took the order" in hss.say("locate", METER, "--timeout", "0.1").output
