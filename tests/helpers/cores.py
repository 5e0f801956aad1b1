"""Everything that can be seen of a message, by the core of this process and by the other one in a process of its own.

Run as a program it answers questions, one a line, with the core that its environment gives it.
"""

from __future__ import annotations

import base64
import os
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

from diameter import DiameterError, Dictionary, LocalError, Message, decode, encode
from diameter.message.codec import rebuild
from diameter.wire import core

REQUESTS: Final = ("Update-Location", "S6a")


@cache
def dictionary() -> Dictionary:
    """All dictionaries, one for the process."""
    return Dictionary.load(cache=False)


def seen(octets: bytes) -> dict[str, Any]:
    """What a reader of these octets can see: header, places, values, faults, and what is written again."""
    fresh = decode(octets, dictionary())
    early = [_value(fresh, one) for one in ("Destination-Host", "Session-Id", "Failed-AVP", "Origin-Host")]
    message = decode(octets, dictionary())
    return {
        "early": early,
        "faults": [_fault(one) for one in message.faults],
        "again": [_fault(one) for one in decode(octets, dictionary()).faults],
        "header": (
            message.framed, message.flags, message.command_code, message.application_id, message.hop_by_hop,
            message.end_to_end, message.request, message.proxiable, message.error, message.retransmitted,
            message.command, message.application,
        ),
        "places": (message.start, message.stop, message.end, message.keys, message.heads, len(message), message.tail),
        "groups": {head: message.heads_in(head) for head in message.heads},
        "avps": [_avp(one, 0) for one in message.avps],
        "result": message.result,
        "same": encode(message) == octets == rebuild(message) == message.octets,
        "equal": (message == fresh, hash(message) == hash(fresh), repr(message)),
        "json": message.to_json(),
        "answer": _answer(message),
    }  # fmt: skip


def _fault(one: Any) -> tuple[Any, ...]:
    return type(one).__name__, int(one.result_code), one.verdict, str(one), one.offset, one.path, one.failed_avp


def _value(message: Any, name: str) -> Any:
    try:
        value = (message[name], message.get(name), name in message, len(message.all(name)), message.raw(name))
    except (KeyError, DiameterError) as error:
        return type(error).__name__, str(error)
    return repr(value)


def _avp(one: Any, depth: int) -> tuple[Any, ...]:
    inner = [_avp(member, depth + 1) for member in one.members] if depth < 20 else []
    whole = (one.code, one.vendor, one.flags, one.length, one.offset, one.name, one.padding, one.data)
    return (*whole, "" if inner else repr(one.value), inner)


def _answer(message: Message) -> Any:
    if not message.request or len(message.octets) < 20:
        return None
    try:
        return encode(message.answer(2001, {"Origin-Host": "a.example", "Origin-Realm": "example"}))
    except (LocalError, DiameterError) as error:
        return type(error).__name__, str(error)


def built(avps: Any) -> Any:
    """The octets of a request with these AVPs, or the words of the error."""
    command, application = REQUESTS
    try:
        made = dictionary().request(command, avps, application=application, hop_by_hop=1, end_to_end=0xFFFFFFFF)
        return made.octets, encode(made)
    except (LocalError, TypeError, ValueError) as error:
        return type(error).__name__, str(error)


class Twin:
    """A process with the other core: the pure one beside the compiled, and the compiled, where there is one, beside
    the pure.
    """

    def __init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in ("DIAMETER_PURE", "PYTHONPATH")}
        pure = {} if core.NAME == "pure" else {"DIAMETER_PURE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))],
            env={**kept, **pure, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.name = self._ask("name", None)

    def seen(self, octets: bytes) -> Any:
        """`seen` by the other core."""
        return self._ask("seen", octets)

    def built(self, avps: Any) -> Any:
        """`built` by the other core."""
        return self._ask("built", avps)

    def _ask(self, what: str, value: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(base64.b64encode(pickle.dumps((what, value))) + b"\n")
        self._process.stdin.flush()
        return pickle.loads(base64.b64decode(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=300)


def main() -> int:
    """Answer until there are no more questions."""
    for line in sys.stdin.buffer:
        what, value = pickle.loads(base64.b64decode(line))
        answer = core.NAME if what == "name" else seen(value) if what == "seen" else built(value)
        sys.stdout.buffer.write(base64.b64encode(pickle.dumps(answer)) + b"\n")
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
