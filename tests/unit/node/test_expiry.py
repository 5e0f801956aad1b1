"""A node says what runs out, once a day, and what is in clear."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from diameter._node.expiry import DAY_S, Expiry, in_clear
from diameter.config import NodeConfig
from diameter.security.papers import Paper
from diameter.trace import Point
from helpers.nodes import LEFT, Bench, Said

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
TLS = {"certificate": "a.pem", "key": "a.key", "trust": ["ca.pem"], "warn_days": 30}


class Rig:
    """An Expiry on a clock of its own; `at`: seconds since BEGIN."""

    def __init__(self, *papers: Paper, tls: dict[str, Any] | None = TLS) -> None:
        self.at = 0.0
        self.said = Said()
        self.next: float | None = None
        table = {"origin_host": "a.example", "origin_realm": "example", "tls": tls}
        core: Any = SimpleNamespace(
            config=NodeConfig.model_validate(table),
            clock=SimpleNamespace(seconds=lambda: self.at),
            say=lambda point, **fields: self.said.observe(point, fields),
        )
        self.expiry = Expiry(core, lambda: papers, self._arm, wall=lambda: BEGIN.timestamp() + self.at)

    def on(self) -> None:
        """Go on to the time that was asked for."""
        assert self.next is not None
        self.at = self.next
        self.expiry.look()

    def _arm(self, _key: str, deadline: float | None, call: Callable[[], None]) -> None:
        assert call == self.expiry.look
        self.next = deadline


def paper(days: float, life: float = 365) -> Paper:
    end = BEGIN + timedelta(days=days)
    return Paper(kind="certificate", name="CN=a.example", not_before=end - timedelta(days=life), not_after=end)


def test_a_certificate_is_warned_about_daily_and_its_end_is_an_error() -> None:
    rig = Rig(paper(31.5), paper(2000))
    rig.expiry.look()
    assert (rig.said.points, rig.next) == ([], DAY_S)
    rig.on()
    assert (rig.said.points, rig.next) == ([], 1.5 * DAY_S)
    days = 0
    while not rig.said.of(Point.EXPIRED):
        rig.on()
        days += 1
        assert days < 40
    warned = rig.said.of(Point.EXPIRES)
    assert len(warned) == 30
    assert warned[0] == {"kind": "certificate", "name": "CN=a.example", "reason": "expires on 2030-02-01, in 30 days"}
    assert rig.said.of(Point.EXPIRED)[0]["reason"] == "expired on 2030-02-01"
    assert (Point.EXPIRES.level, Point.EXPIRED.level) == ("warn", "error")
    assert rig.at == 31.5 * DAY_S


def test_without_keys_nothing_is_looked_at() -> None:
    rig = Rig(paper(1), tls=None)
    rig.expiry.look()
    assert (rig.said.points, rig.next) == ([], None)


def test_links_in_clear_are_told_with_the_reason() -> None:
    with Bench() as bench:
        said = bench.said.of(Point.CLEAR_TEXT)
        assert [one["transport"] for one in said] == ["tcp"]
        assert LEFT in said[0]["peer"]
        assert Point.CLEAR_TEXT.level == "warn"


def test_one_line_names_a_few_of_many() -> None:
    bare = {"transport": "sctp", "physical_protection": True, "physical_protection_reason": "one rack"}
    peers = [{"host": f"p{at}.example", "realm": "example", **bare} for at in range(5)]
    table = {"origin_host": "a.example", "origin_realm": "example", "peer": peers, "listen": [bare]}
    said = Said()
    core: Any = SimpleNamespace(
        config=NodeConfig.model_validate(table), say=lambda point, **fields: said.observe(point, fields)
    )
    in_clear(core)
    ((point, fields),) = said.points
    names = "the listener on 127.0.0.1, p0.example, p1.example and 3 more"
    assert point.text.format(**fields) == f"{names} in clear over sctp, declared physically protected: one rack"
