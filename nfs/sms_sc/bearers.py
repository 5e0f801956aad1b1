"""Which bearer brings a message to a device, by where the device is: the members of one group need not be alike.

TR 33.868 4.1.4.5 has a group message delivered in several modes, as serving network, radio access and the device allow.
What a device can do shows in the nodes that serve it, which the HSS names for each member when its turn has come (SRR,
TS 29.338 5.2.1): an MME takes short messages for E-UTRAN over SGd, an SGSN those for UTRAN and GERAN over Gdd, and a
node in another network is reached alike, through its router.  Each of the nodes is given to the first bearer that takes
it; the first delivery ends it, so that each member has the message once.  Whoever is served by no such node is kept
until there is one, and reported as expired otherwise.

Cell broadcast, MBMS and a bearer over SGi have no node here.  They, or anything else that reaches a device by one of
its nodes, can be plugged in: an entry point of the group `mtc_diameter.bearers` whose object makes a `Bearer`.

    [project.entry-points."mtc_diameter.bearers"]
    my-bearer = "my_package.bearers:make"

One that raises has not delivered: that is logged, counted as `raised`, and a failure that passes.  The next node is
tried, and what is left is tried again as after any such failure; a message that none takes is so, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from typing import Final, Protocol, cast

from diameter.errors import ConfigError
from nfs.common.foreign import Foreign, raised
from nfs.common.nodes import NodeKind, ServingNode
from nfs.sms_sc.logic import Attempt
from nfs.sms_sc.outcomes import Delivered, Failure
from nfs.sms_sc.sgd import Sgd

GROUP: Final = "mtc_diameter.bearers"
OWN: Final[Mapping[str, NodeKind]] = {"sgd": NodeKind.MME, "gdd": NodeKind.SGSN}
"""Our bearers, and the nodes that they reach."""
DELIVERIES: Final = ("mtc_sms_deliveries", "Short messages to devices, by bearer and outcome", "by")
"""Family of counters."""


class Bearer(Protocol):
    """One way to devices."""

    def takes(self, attempt: Attempt, node: ServingNode, /) -> bool:
        """Whether it can bring this message to a device that this node serves; costs no question."""

    async def deliver(self, attempt: Attempt, node: ServingNode, /) -> Delivered:
        """Bring it there; what came of it."""


class Entry(Protocol):
    """What is used of an `importlib.metadata.EntryPoint`."""

    @property
    def name(self) -> str: ...

    def load(self) -> object: ...


class OverSgd:
    """Short messages over SGd or Gdd, to one kind of node."""

    def __init__(self, sgd: Sgd, kind: NodeKind) -> None:
        self._sgd = sgd
        self._kind = kind

    def takes(self, _attempt: Attempt, node: ServingNode) -> bool:
        """Whether the node is of the kind, and speaks Diameter."""
        return node.kind is self._kind and bool(node.name)

    async def deliver(self, attempt: Attempt, node: ServingNode) -> Delivered:
        """MT-Forward-Short-Message."""
        return await self._sgd.deliver(attempt, node)


class Selector:
    """Chooses among bearers, the first that takes a node.  `counters`: deliveries by "bearer outcome".

    failed: hears of what a bearer raised.
    """

    def __init__(self, bearers: Mapping[str, Bearer], failed: Callable[[Exception], object]) -> None:
        self._bearers = dict(bearers)
        self._failed = failed
        self.counters: dict[str, int] = {}

    @classmethod
    def of(cls, sgd: Sgd, names: Sequence[str] = tuple(OWN)) -> Selector:
        """Our own bearers and those of packages, in this order.  Raises ConfigError."""
        own: dict[str, Bearer] = {name: OverSgd(sgd, kind) for name, kind in OWN.items()}
        bearers = {name: own[name] if name in own else plugged(name) for name in names}
        return cls(bearers, lambda error: sgd.spawn(raised(error)))

    def ways(self, attempt: Attempt, nodes: Iterable[ServingNode]) -> list[tuple[str, ServingNode]]:
        """(bearer, node) of each node that some bearer takes, in the order of the nodes."""
        found = []
        for node in nodes:
            name = next((name for name, each in self._bearers.items() if self._takes(name, each, attempt, node)), None)
            if name is not None:
                found.append((name, node))
        return found

    def _takes(self, name: str, bearer: Bearer, attempt: Attempt, node: ServingNode) -> bool:
        with Foreign() as call:
            return bool(bearer.takes(attempt, node))
        self._raised(name, call)
        return False

    async def deliver(self, name: str, attempt: Attempt, node: ServingNode) -> Delivered:
        """By this bearer."""
        with Foreign() as call:
            result = await self._bearers[name].deliver(attempt, node)
            if not isinstance(result, Delivered):
                raise TypeError(f"the bearer {name} says a {type(result).__name__} and no Delivered")
        if call.error is not None:
            self._raised(name, call)
            return Delivered(failure=Failure.TEMPORARY)
        self._count(f"{name} {'delivered' if result.failure is None else result.failure.value}")
        return result

    def _raised(self, name: str, call: Foreign) -> None:
        self._count(f"{name} raised")
        if call.error is not None:
            self._failed(call.error)

    def _count(self, said: str) -> None:
        self.counters[said] = self.counters.get(said, 0) + 1


def installed() -> Iterable[Entry]:
    """The bearers of all installed packages."""
    return metadata.entry_points(group=GROUP)


def plugged(name: str, find: Callable[[], Iterable[Entry]] = installed) -> Bearer:
    """The bearer of a package.  Raises ConfigError for one that is not there, cannot be loaded, or is none."""
    entry = next((each for each in find() if each.name == name), None)
    if entry is None:
        raise ConfigError(f"sms_sc.bearers: {name}: no such bearer; our own are {', '.join(OWN)}")
    with Foreign() as call:
        make = entry.load()
        bearer = make() if callable(make) else None
    if call.error is not None:
        raise ConfigError(f"sms_sc.bearers: {name} cannot be loaded: {call.error}") from None
    if not callable(getattr(bearer, "takes", None)) or not callable(getattr(bearer, "deliver", None)):
        raise ConfigError(f"sms_sc.bearers: {name} makes no bearer")
    return cast(Bearer, bearer)
