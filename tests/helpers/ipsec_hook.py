"""A hook for IPsec that does as a test says, and links of loopback that are bound to it instead of to real IPsec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed

from diameter.config import IpsecConfig
from diameter.errors import ConfigError
from diameter.security.link import LinkSecurity
from diameter.transport.ipsec import hook, shield
from diameter.transport.ipsec.hook import Flow, Guarded
from helpers.loop import reactor

OPTIONS: Final[dict[str, Any]] = {"hook": "pretend", "device": "lo", "sa_grace": 0.3, "establish_s": 1}


def secured(*names: str) -> LinkSecurity:
    """What a hook says of whoever proved these names."""
    return LinkSecurity(mechanism="ipsec", version="IKEv2", cipher="AES_GCM_16_128", group="ECP_256", peer_names=names)


class Kept:
    """A protection; `owner` is whoever asked, None for a listener."""

    def __init__(self, flow: Flow, owner: Guarded | None) -> None:
        self.flow = flow
        self.owner = owner
        self.released = False

    def release(self) -> None:
        self.released = True


class Pretend:
    """Protection that is there at once, of `proves`, unless it `refuses` or is `silent`."""

    reqid = 0
    proves: tuple[str, ...] = ()
    refuses = ""
    silent = False
    wrong = ""
    kept: list[Kept]
    stopped: int

    def __init__(self, _reactor: Any) -> None:
        """One for each node; what they keep is together in the class."""

    def check(self, options: IpsecConfig, /) -> None:
        if self.wrong:
            raise ConfigError(self.wrong)

    def listen(self, flow: Flow, /) -> Kept:
        self.kept.append(Kept(flow, None))
        return self.kept[-1]

    def protect(self, flow: Flow, owner: Guarded, /) -> Kept:
        made = Kept(flow, owner)
        self.kept.append(made)
        reactor.callLater(0, self._settle, made, owner)
        return made

    def stop(self) -> Deferred[None]:
        type(self).stopped += 1
        return succeed(None)

    def _settle(self, made: Kept, owner: Guarded) -> None:
        if made.released or self.silent:
            return
        if self.refuses and not made.flow.dialled:
            owner.failed(self.refuses)
        else:
            owner.up(secured(made.flow.identity or self.proves[0]))


@contextmanager
def pretended(*proves: str, **more: Any) -> Iterator[type[Pretend]]:
    """Within, `hook = "pretend"` is known; `proves`: who is at the other end of what is accepted."""
    made = type("Made", (Pretend,), {"proves": proves, "kept": [], "stopped": 0, **more})
    before = hook.hook_named

    def named(name: str) -> Any:
        return made if name == "pretend" else before(name)

    setattr(shield, "hook_named", named)  # noqa: B010  # of the module that uses it
    try:
        yield made
    finally:
        setattr(shield, "hook_named", before)  # noqa: B010
