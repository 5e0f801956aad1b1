"""A node with one peer, for verbs that dial: who it is, is asked first, because a node insists on an identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diameter import Dictionary
from diameter.config import NodeConfig
from diameter.errors import DiameterError
from diameter.peer.capabilities import Advertised
from nfs.cli._ping import ping
from nfs.cli._target import who


class NoPeer(DiameterError):
    """There is nobody to speak with; the text says why."""


async def dialling(
    reactor: Any, given: dict[str, Any], verb: str, dictionary: Dictionary, wanted: Sequence[Advertised]
) -> NodeConfig:
    """The node that the options `given` ask for, its one peer under the name that it says itself.

    Raises NoPeer, and ConfigError for options that cannot be.
    """
    config, peer = who(given, verb)
    report = await ping(
        reactor, config, peer, dictionary,
        applications=wanted, count=0, interval_s=0, timeout_s=given["timeout"], tell=lambda _: None,
    )  # fmt: skip
    if report.trouble:
        raise NoPeer(f"{given['peer']}: {report.trouble}")
    found = peer.model_copy(
        update={"host": report.origin_host, "realm": report.origin_realm, "addresses": peer.dial, "connect": True}
    )
    return changed(config, peer=(found,), listen=())


def changed(config: NodeConfig, **changes: Any) -> NodeConfig:
    """A node that only plays: it has no routes and no faults, and ends soon."""
    plain = {"route": (), "fault": (), "drain_s": 1.0, "lab": True}
    return NodeConfig.model_construct(**{**dict(config), **plain, **changes})
