"""The closed list of trace points, and how the log shows them."""

from __future__ import annotations

import io
import string

import pytest
from twisted.logger import LogLevel, globalLogPublisher, textFileLogObserver

from diameter.node import log_observer
from diameter.trace import Drop, Point

FIELDS = frozenset(
    (
        "peer", "command", "application", "hop_by_hop", "session_id", "result_code", "link", "transport", "remote",
        "reason", "state", "seconds", "count", "realm", "kind", "name",
    )
)  # fmt: skip


@pytest.mark.parametrize("point", Point)
def test_a_point_has_a_level_and_fields_of_the_list(point: Point) -> None:
    assert LogLevel.levelWithName(point.level) in LogLevel.iterconstants()
    assert {name for _, name, _, _ in string.Formatter().parse(point.text) if name} <= FIELDS


def test_every_drop_says_why() -> None:
    assert all(" " in drop.value for drop in Drop)


def test_points_become_log_lines_and_bugs_bring_their_traceback() -> None:
    out = io.StringIO()
    observer = textFileLogObserver(out)
    globalLogPublisher.addObserver(observer)
    try:
        log_observer(Point.PEER_SUSPECT, {"peer": "a.example.org"})
        try:
            raise ZeroDivisionError("a bug")
        except ZeroDivisionError as error:
            log_observer(Point.BUG, {"command": "X", "peer": "b", "reason": "ZeroDivisionError", "error": error})
    finally:
        globalLogPublisher.removeObserver(observer)
    text = out.getvalue()
    assert "[diameter#warn] peer a.example.org is suspect" in text
    assert "bug in X of b: ZeroDivisionError" in text
    assert "Traceback" in text
    assert "in test_points_become_log_lines" in text
