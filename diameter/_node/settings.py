"""Settings of a running node: what a reload changes beside peers and routes, and what only another start can change.

Everything is checked before anything is changed.  Timers count from when they are armed next, bounds of a link (its
message and send limits, its security profile) for links to come.  What others were told of this node when they
connected stays as it was told (`FIXED`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from diameter._node.core import Core
from diameter._node.overloading import join
from diameter._node.setup import timers_of
from diameter.config import NodeConfig, NodeTable
from diameter.trace import Point

if TYPE_CHECKING:
    from diameter._node.faults import Faults
    from diameter._node.peering import Peering
    from diameter._node.requests import Requests
    from diameter._node.rules import Rule
    from diameter._node.serving import Serving

FIXED: Final = ("origin_host", "origin_realm", "product_name", "vendor_id")
"""Keys of `[node]` that are in the CER and CEA, in Session-Ids and in every answer."""


class Settings:
    """Brings the parts of one node in line with its configuration."""

    def __init__(self, core: Core, peering: Peering, serving: Serving, requests: Requests, faults: Faults) -> None:
        self._core = core
        self._peering = peering
        self._serving = serving
        self._requests = requests
        self._faults = faults

    def check(self, config: NodeConfig) -> list[Rule]:
        """The fault rules of a configuration made ready.  Raises ConfigError, for waiting times that cannot be too."""
        _ = timers_of(config)
        return self._faults.check(config.fault, config)

    def in_force(self, config: NodeConfig) -> tuple[NodeConfig, tuple[str, ...]]:
        """`config` with the keys as they stay, and the names of those."""
        before = self._core.config
        stay = {name: getattr(before, name) for name in FIXED}
        stuck = tuple(f"node.{name}" for name in FIXED if getattr(config, name) != stay[name])
        fields = {name: getattr(config, name) for name in NodeConfig.model_fields}
        return NodeConfig.model_construct(**(fields | stay)), stuck

    def take(self, config: NodeConfig, rules: list[Rule], stuck: tuple[str, ...]) -> None:
        """Make `config` the one in force; `stuck`: keys that wait for another start.  `rules`: made by `check`."""
        core = self._core
        before, core.config = core.config, config
        changed = [
            name
            for name in NodeTable.model_fields
            if getattr(before, name) != getattr(config, name) and f"node.{name}" not in stuck
        ]
        if changed:
            core.say(Point.SETTINGS, reason=", ".join(f"node.{name}" for name in changed))
        if stuck:
            core.say(Point.RESTART_NEEDED, reason=", ".join(stuck))
        if changed:
            self._peering.retime(timers_of(config), config.limits.handshakes)
            self._serving.bound(config.limits)
            self._requests.bound(config.limits)
            join(core, self._serving, self._requests)
        if config.fault != self._faults.configured:
            self._faults.put(config.fault, rules)


def differing(one: Any, other: Any) -> set[str]:
    """Keys in which two tables of one kind differ."""
    return {name for name in type(one).model_fields if getattr(one, name) != getattr(other, name)}
