"""A relay as a program: its configuration, for a client that connects to it and servers that it connects to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from helpers.agents import CLIENT, HOME, server_name

RELAY: Final = "relay.hub.example"
LINK: Final = 'transport = "tcp"\nphysical_protection = true\nphysical_protection_reason = "test on loopback"\n'


def relay_table(ports: Sequence[int], more: str = "") -> str:
    """The TOML of a relay whose servers listen at these ports of loopback and share requests by weight.

    `more`: further tables, at the end.
    """
    rows = "".join(
        f'[[peer]]\nhost = "{server_name(at)}"\nrealm = "{HOME}"\nconnect = true\naddresses = ["127.0.0.1"]\n'
        f"port = {port}\n{LINK}"
        for at, port in enumerate(ports)
    )
    return f"""
function = "relay"
audit = "relay.audit"
[node]
origin_host = "{RELAY}"
origin_realm = "hub.example"
balance = "weight"
drain_s = 2
[[node.listen]]
port = 0
{LINK}
[[peer]]
host = "{CLIENT}"
realm = "visited.example"
{LINK}
{rows}
{more}
"""
