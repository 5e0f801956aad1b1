"""The operator's page, and the last messages as a ladder."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any, Final

from diameter._version import VERSION
from diameter.capture import ladder
from diameter.capture.records import Captured
from diameter.capture.timeline import Timeline
from diameter.message import Dictionary

PICTURED: Final = 30
"""Messages of the picture."""
NOTICE: Final = (
    "The last messages that this node sent and received; identities of subscribers, what was sent to them, and AVPs "
    "without a definition are written over."
)


@cache
def front() -> bytes:
    """The page for people: its script asks for everything on it."""
    import jinja2

    loader = jinja2.ChoiceLoader(
        [jinja2.PackageLoader("diameter.admin", "view"), jinja2.PackageLoader("diameter.capture", "view")]
    )
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    names = {number: one.name for number, one in sorted(Dictionary.load().applications.items())}
    applications = json.dumps(names).replace("<", "\\u003c")
    return environment.get_template("front.html.j2").render(version=VERSION, applications=applications).encode()


def page(found: dict[str, Any]) -> bytes:
    """The ladder of the page "recent"; in the order of time, whichever worker had a message."""
    return ladder.page(_timeline(found), "last messages", NOTICE).encode()


def picture(found: dict[str, Any]) -> bytes:
    """The last PICTURED of them, those between neighbours (capabilities exchange, disconnect) left out."""
    timeline = _timeline(found)
    steps = [step for step in timeline.steps if not step.upkeep][-PICTURED:]
    return ladder.picture(timeline, steps, "last messages").encode()


def _timeline(found: dict[str, Any]) -> Timeline:
    rows = sorted(found["messages"], key=lambda row: int(row[0]))
    return Timeline([_captured(row) for row in rows], Dictionary.load())


def _captured(row: list[Any]) -> Captured:
    time_ns, source, destination, octets, transport, outgoing, frame, comment = row
    return Captured(
        time_ns=time_ns,
        source=(source[0], source[1]),
        destination=(destination[0], destination[1]),
        octets=base64.b64decode(octets),
        transport=transport,
        outgoing=outgoing,
        frame=frame,
        comment=comment,
    )
