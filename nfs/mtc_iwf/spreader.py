"""Triggers that wait for their turn, behind the gateway's pace (see `nfs.mtc_sgw.spreading`)."""

from __future__ import annotations

from typing import Any

from diameter.app import Later
from nfs.mtc_iwf.ports import Device, Found
from nfs.mtc_sgw.logic import Refuse, device_name
from nfs.mtc_sgw.spreading import Spreading


class Spreader:
    """Holds triggers as long as `spreading` says.  clock: Twisted's IReactorTime."""

    def __init__(self, clock: Any, spreading: Spreading) -> None:
        self.spreading = spreading
        self._clock = clock
        self._calls: dict[Later[None], Any] = {}

    @property
    def waiting(self) -> int:
        """Triggers that wait now."""
        return len(self._calls)

    async def paced(self, device: Device, found: Found, priority: bool) -> Refuse | None:
        """Return when a trigger for this device may go on; or why it may not."""
        names = (device_name(device.external_id, device.msisdn), *found.names)
        nodes = [name for node in found.nodes for name in (node.name, node.realm) if name]
        outcome = self.spreading.wait_s(names, nodes, self._clock.seconds(), priority=priority)
        if isinstance(outcome, Refuse):
            return outcome
        if outcome > 0:
            later: Later[None] = Later()
            self._calls[later] = self._clock.callLater(outcome, self._due, later)
            await later
        return None

    def stop(self) -> None:
        """Let everything go that waits."""
        for later, call in list(self._calls.items()):
            call.cancel()
            self._due(later)

    def _due(self, later: Later[None]) -> None:
        del self._calls[later]
        later.resolve(None)
