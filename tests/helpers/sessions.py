"""Messages of sessions for tests: those of an application that keeps state (tests/data/access.dia), accounting, and
the base protocol's own.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

from diameter import Dictionary, Message, decode, encode
from diameter.errors import ResultCode

ACCESS_FILE: Final = Path(__file__).resolve().parents[1] / "data" / "access.dia"
ACCESS: Final = 16777000
ACCOUNTING: Final = 3
SESSION: Final = "nas.example.net;1;1"
CLIENT, SERVER = "nas.example.net", "aaa.home.example"
_OWN: Final[dict[str, dict[str, Any]]] = {
    "Re-Auth": {"Destination-Host": CLIENT, "Re-Auth-Request-Type": 0},
    "Abort-Session": {"Destination-Host": CLIENT},
    "Session-Termination": {"Termination-Cause": 1},
    "Accounting": {"Accounting-Record-Type": 1, "Accounting-Record-Number": 0},
}


@cache
def dictionary() -> Dictionary:
    """The base protocol, accounting, and the application of the tests."""
    return Dictionary.load("rfc6733_accounting", ACCESS_FILE)


def request(command: str = "Access", **avps: Any) -> Message:
    """A request of the client, or for RAR and ASR of the server; AVPs by name with underscores."""
    d = dictionary()
    from_server = command in ("Re-Auth", "Abort-Session")
    sender, receiver = (SERVER, CLIENT) if from_server else (CLIENT, SERVER)
    filled: dict[str, Any] = {
        "Session-Id": SESSION,
        "Origin-Host": sender,
        "Origin-Realm": sender.partition(".")[2],
        "Destination-Realm": receiver.partition(".")[2],
    }
    if command != "Accounting":
        filled["Auth-Application-Id"] = ACCESS
    filled |= _OWN.get(command, {})
    filled |= {name.replace("_", "-"): value for name, value in avps.items()}
    application = ACCOUNTING if command == "Accounting" else ACCESS
    made = d.request(command, filled, application=application, hop_by_hop=1, end_to_end=1)
    return decode(encode(made), d)


def answer(code: int = ResultCode.SUCCESS, command: str = "Access", **avps: Any) -> Message:
    """The answer of the other side to `request(command)`."""
    sender = CLIENT if command in ("Re-Auth", "Abort-Session") else SERVER
    filled: dict[str, Any] = {"Origin-Host": sender, "Origin-Realm": sender.partition(".")[2]}
    if command == "Accounting":
        filled |= _OWN["Accounting"]
    filled |= {name.replace("_", "-"): value for name, value in avps.items()}
    return decode(encode(request(command).answer(code, filled)), dictionary())
