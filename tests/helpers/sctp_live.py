"""Live peers over SCTP with two addresses each: ours in the left one of two networks, the peer in the right one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from helpers.live import LEFT, REALM, RIGHT, THEIRS
from helpers.network_spaces import Cables, Space
from helpers.programs import until

BOTH: Final = {
    LEFT: ("10.1.1.1", "10.1.2.1"),
    RIGHT: ("10.1.1.3", "10.1.2.3"),
    THEIRS: ("10.1.1.2", "10.1.2.2"),
}
"""Addresses of each identity."""
QUICK: Final[Mapping[str, Any]] = {
    "rto_initial_ms": 200, "rto_min_ms": 100, "rto_max_ms": 400, "heartbeat_ms": 200, "path_max_retrans": 2,
    "association_max_retrans": 12,
}  # fmt: skip
SCTP: Final[Mapping[str, Any]] = {
    "transport": "sctp", "physical_protection": True, "physical_protection_reason": "a network inside one machine",
}  # fmt: skip

FAULTS: Final = ("loss 2%", "delay 10ms 5ms", "delay 5ms reorder 30% 50%", "duplicate 20%")
"""What a bad line does, in words of `tc netem`."""
EACH_WAY: Final = 250
"""Requests on a bad line in each direction: with their answers 1,000 messages."""
AT_ONCE: Final = 50
"""Requests outstanding in each direction: when all come at once and their own send buffers stay full, freeDiameter ends
the association and Erlang aborts it.
"""


def join(cables: Cables) -> None:
    """Give the left network the addresses of RIGHT as well."""
    cables.add(cables.left, *BOTH[RIGHT])


def listening(host: str, **options: Any) -> dict[str, Any]:
    """The listener of `host` on both its addresses."""
    first, second = BOTH[host]
    return {**SCTP, "host": first, "association": {**QUICK, "local_addresses": [second], **options}}


def expecting(host: str, **more: Any) -> dict[str, Any]:
    """A row of the peer table: it connects to us."""
    return {"host": host, "realm": REALM, **SCTP, **more}


def dialling(us: str, host: str, **more: Any) -> dict[str, Any]:
    """A row for a peer that we connect to, from both addresses to both."""
    first, second = BOTH[us]
    options = {**QUICK, "local_addresses": [second], **more.pop("association", {})}
    return {
        **expecting(host),
        "connect": True,
        "addresses": list(BOTH[host]),
        "bind": first,
        "association": options,
        **more,
    }


async def listens(space: Space, port: int = 3868) -> None:
    """Wait until a program in `space` has an SCTP endpoint."""

    def look() -> bool:
        with space:
            return f" {port} " in Path("/proc/thread-self/net/sctp/eps").read_text()

    await until(look, "an SCTP endpoint")
