"""The owners' HTTP interface: who may ask, for what, and how often."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from treq.testing import StubTreq

from diameter.app import Later
from helpers.owners import METER, OwnerRig, refusal
from helpers.schemas import assert_fits
from helpers.stubbed import told
from nfs.mtc_iwf.owners.buckets import Buckets
from nfs.mtc_iwf.owners.provisioning import BODY_LIMIT, Owners, allowed_url

_stub: Any = StubTreq  # has no types
HOSTS = frozenset({"hooks.customer.example"})
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def spawn(coroutine: Any) -> Later[Any]:
    """Run a coroutine whose Deferreds come from the store."""
    from twisted.internet.defer import ensureDeferred

    later: Later[Any] = Later()
    _ = ensureDeferred(coroutine).addCallback(later.resolve)
    return later


class Rig(OwnerRig):
    """Owners with a client."""

    def __init__(self, database: str) -> None:
        super().__init__(database)
        self.buckets = Buckets(1, 10, self.clock.seconds)
        self.treq: Any = _stub(Owners(self.book, self.buckets, HOSTS, spawn).app.resource())

    def ask(self, method: str, path: str, body: Any = None, *, owner: str | None = "meters") -> Any:
        """(status, JSON) of the answer."""
        headers = {} if owner is None else {"authorization": f"Bearer {self.tokens.get(owner, owner)}".encode()}
        response, octets = told(self.treq, self.clock, method, f"http://iwf/v1/{path}", headers, body)
        document = json.loads(octets)
        assert_fits("owner", document)
        self.headers = response.headers
        return response.code, document


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(str(tmp_path / "owners.db"))
    yield rig
    rig.close()


@pytest.mark.requirement("R-TRIG-11")
def test_an_owner_sees_and_changes_his_own_alone(rig: Rig) -> None:
    assert rig.ask("GET", "devices") == (200, {"schema": 1, "owner": "meters", "devices": ["15550100001", METER]})
    assert rig.ask("GET", "authorised")[1]["scs"] is None
    assert rig.ask("DELETE", "authorised/15550001") == (
        400,
        {"schema": 1, "error": "there is no list yet, and everybody may: first allow those that are to stay"},
    )
    assert rig.ask("PUT", "authorised/15550001")[1]["scs"] == ["15550001"]
    assert rig.check.lists.allowed == {"meters": frozenset({"15550001"})}  # in force when it is answered
    assert rig.ask("PUT", "authorised", {"scs": ["15550003", "15550002"]})[1]["scs"] == ["15550002", "15550003"]
    assert rig.ask("DELETE", "authorised/15550003")[1]["scs"] == ["15550002"]
    assert rig.ask("GET", "authorised", owner="fleet") == (200, {"schema": 1, "scs": None})
    assert rig.ask("PUT", "authorised", {"scs": None})[1]["scs"] is None
    assert rig.check.lists.allowed == {}


@pytest.mark.requirement("R-TRIG-10")
def test_refusals_go_to_the_owner_of_the_device_alone(rig: Rig) -> None:
    rig.book.record(refusal(), NOW)
    rig.book.record(refusal("van-1@fleet.example"), NOW)
    (found,) = rig.ask("GET", "refusals")[1]["refusals"]
    assert (found["device"], found["peer"], found["address"]) == (METER, "scs2.other.example", "192.0.2.7:40000")
    assert found["time"] == "2026-01-02T00:00:00.000000Z"
    assert rig.ask("GET", f"refusals?after={found['id']}")[1]["refusals"] == []
    assert rig.ask("GET", "refusals?device=van-1@fleet.example")[1]["refusals"] == []  # not his: as if there were none
    (other,) = rig.ask("GET", "refusals?limit=1", owner="fleet")[1]["refusals"]
    assert other["device"] == "van-1@fleet.example"


@pytest.mark.requirement("R-TRIG-11")
@pytest.mark.parametrize("owner", [None, "", "a token that nobody has", "\xe9"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "devices"),
        ("GET", "refusals"),
        ("PUT", "authorised"),
        ("PUT", "authorised/15550001"),
        ("PUT", "webhook"),
    ],
)
def test_nobody_else_gets_in(rig: Rig, owner: str | None, method: str, path: str) -> None:
    assert rig.ask(method, path, {"scs": []}, owner=owner) == (401, {"schema": 1, "error": "a bearer token is needed"})
    assert rig.headers.getRawHeaders("www-authenticate") == ["Bearer"]
    assert rig.check.lists.allowed == {}


def test_asking_too_often(rig: Rig) -> None:
    codes = [rig.ask("GET", "devices")[0] for _ in range(11)]
    assert codes == [200] * 10 + [429]
    assert rig.headers.getRawHeaders("retry-after") == ["2"]
    assert rig.ask("GET", "devices", owner="fleet")[0] == 200  # others do not suffer for it
    assert [rig.ask("GET", "devices", owner="guess")[0] for _ in range(11)] == [401] * 10 + [429]
    rig.clock.advance(1)
    assert rig.ask("GET", "devices")[0] == 200


def test_only_so_many_askers_are_remembered() -> None:
    buckets = Buckets(1, 1, lambda: 0.0, capacity=2)
    assert [buckets.take(name) for name in "abcb"] == [0, 0, 0, 1]
    assert buckets.take("a") == 0  # forgotten


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("authorised", b"{"),
        ("authorised", b"\xff"),
        ("authorised", b"[" * 60_000),
        ("authorised", b" " * (BODY_LIMIT + 1)),
        ("authorised", []),
        ("authorised", {"scs": "15550001"}),
        ("authorised", {"scs": [15550001]}),
        ("authorised", {"scs": ["1"]}),
        ("authorised", {"scs": [], "more": 1}),
        ("authorised/x", None),
        ("webhook", {"url": 1}),
        ("webhook", {"url": "https://hooks.customer.example/" + "x" * 2000}),
        ("webhook", {"url": "https://hooks.customer.example/a\nb"}),
        ("webhook", {"url": "https://127.0.0.1/"}),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(rig: Rig, path: str, body: Any) -> None:
    status, document = rig.ask("PUT", path, body)
    assert (status, bool(document["error"])) == (400, True)
    assert (rig.book.allowed("meters"), rig.book.webhook("meters")) == (None, "")


@pytest.mark.parametrize("query", ["after=x", "after=-1", "limit=0", "limit=1001", f"after={2**63}"])
def test_bad_questions(rig: Rig, query: str) -> None:
    assert rig.ask("GET", f"refusals?{query}")[0] == 400


def test_a_database_that_fails(rig: Rig) -> None:
    with rig.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE owner_refusal")
    assert rig.ask("GET", "refusals")[0] == 503


@pytest.mark.requirement("R-TRIG-10")
def test_a_webhook_is_set_used_and_taken_away(rig: Rig) -> None:
    told: list[Any] = []
    rig.book.tell = lambda *what: told.append(what)
    rig.book.record(refusal(), NOW)
    rig.clock.advance(0)
    url = "https://hooks.customer.example/mtc"
    assert rig.ask("PUT", "webhook", {"url": url}) == (200, {"schema": 1, "url": url})
    assert rig.ask("GET", "webhook")[1]["url"] == url
    rig.book.record(refusal(), NOW)
    rig.clock.advance(0)
    ((row, owner, where),) = told
    assert (row["device"], row["id"], owner, where) == (METER, 2, "meters", url)
    assert rig.ask("PUT", "webhook", {"url": ""})[1]["url"] == ""


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://hooks.customer.example/x?y", True),
        ("https://HOOKS.customer.example:8443", True),
        ("http://hooks.customer.example/", False),
        ("https://hooks.customer.example.evil.example/", False),
        ("https://evil.example/hooks.customer.example", False),
        ("https://hooks.customer.example@evil.example/", False),
        ("https://evil.example@hooks.customer.example/", False),
        ("https://hooks.customer.example:x/", False),
        ("https://[", False),
        ("file:///etc/passwd", False),
    ],
)
def test_webhooks_go_only_where_the_operator_lets_them(url: str, allowed: bool) -> None:
    assert allowed_url(url, HOSTS) is allowed
