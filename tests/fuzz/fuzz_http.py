"""HTTP of an SCS and of the operator's port: any path, query, header and body gives an answer with a status that says
what it is, in JSON where there is something to say, and no traceback.
"""

from __future__ import annotations

import json
from typing import Any

from helpers.fuzz import Choices, Kept, drive, instrumented

with instrumented(__name__):
    from treq.testing import StubTreq

    from diameter import Message
    from diameter.admin import OWN_NAMES, Admin, OfNode
    from diameter.app import Application, answers
    from diameter.config import FaultConfig
    from diameter.testing import Pair
    from diameter.transport.web import Readable
    from helpers.edits import Bugs
    from helpers.nodes import dictionary
    from nfs.scs.api import Scs
    from nfs.scs.http import Http

TOKEN = b"a-token-of-some-length"
PATHS = (
    "v1/triggers",
    "v1/triggers/7",
    "v1/groups",
    "v1/groups/7",
    "health",
    "peers",
    "routes",
    "faults/busy",
    "metrics",
    "faults",
)
CODES = frozenset({200, 202, 400, 401, 403, 404, 405, 409, 413, 502})
URL = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/&=+%")
"""What a path is made of; "%" makes any octet."""
_stub: Any = StubTreq  # has no types


class Iwf(Application):
    """Takes every trigger."""

    dictionary = "ts29368_tsp"

    @answers("Device-Action-Request")
    def device_action(self, request: Message) -> Message:
        """Accepted."""
        action = request["Device-Action"]
        said = {"Reference-Number": action["Reference-Number"], "Action-Type": 1, "Request-Status": 0}
        return request.answer(2001, {"Device-Notification": said})


class Lab:
    """An SCS with its HTTP and its operator's port, and an MTC-IWF."""

    def __init__(self) -> None:
        self.bugs = Bugs()
        scs = Scs(number="15550000100", realm="example.org", mtc_iwf=Pair.RIGHT, clock=lambda: 0.0)
        self.pair = Pair([Iwf()], [scs.tsp], dictionary()).open()
        self.pair.left.inject([FaultConfig(name="busy", enabled=False, do="drop")])
        clock = self.pair.clock
        self.doors: tuple[Any, ...] = (
            _stub(Readable(Http(scs, TOKEN, 30.0, clock).app.resource())),
            _stub(Readable(Admin(OfNode(self.pair.left, clock), OWN_NAMES, clock).app.resource())),
        )

    def close(self) -> None:
        """Leave nothing behind."""
        self.bugs.close()
        self.pair.close()

    def ask(self, door: Any, method: str, url: str, token: bytes, body: bytes) -> tuple[int, bytes, bytes]:
        """Status, type and body of the answer."""
        found: list[Any] = []
        headers = {b"authorization": b"Bearer " + token}
        waiting = door.request(method, url, headers=headers, data=None if method == "GET" else body)
        _ = waiting.addCallback(found.append)
        self._pass_time(door)
        (response,) = found
        octets: list[bytes] = []
        _ = door.content(response).addCallback(octets.append)
        door.flush()
        kind = (response.headers.getRawHeaders(b"content-type") or [b""])[0]
        return response.code, kind, octets[0]

    def _pass_time(self, door: Any) -> None:
        for _ in range(4):
            self.pair.clock.advance(0.01)
            door.flush()
        self.pair.clock.advance(31)
        door.flush()


lab = Kept(Lab)
close = lab.close


def oracle(data: bytes) -> None:
    """Octet 0: which door, method, path and token; as many as octet 1 says for path and query; the rest is the body."""
    choices = Choices(data)
    what, length = choices.octet(), choices.below(64)
    tail = "".join(chr(octet) for octet in (choices.octet() for _ in range(length)) if octet in URL)
    one, body = lab(), choices.rest()
    door, path = one.doors[what & 1], PATHS[what >> 1 & 7]
    url = f"http://localhost/{path}{'?wait_s=' if what & 16 else ''}{tail}"
    method = "PUT" if what & 128 else "POST" if what & 32 else "GET"
    token = TOKEN if not what & 64 else body[:8].replace(b"\r", b"").replace(b"\n", b"")
    code, kind, answer = one.ask(door, method, url, token, body)
    assert code in CODES, (code, url)
    assert not one.bugs.met, one.bugs.met
    assert b"Traceback" not in answer
    if kind.startswith(b"application/json"):
        assert json.loads(answer)["schema"] == 1
    assert one.pair.left.stats.bugs == one.pair.right.stats.bugs == 0


if __name__ == "__main__":
    drive(oracle)
