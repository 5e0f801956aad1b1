"""Does the owner of the device let this SCS trigger it?  (TR 33.868 clause 5.8: the MTC user names who may.)

An owner without a list leaves it to the operator.  What the owner refuses looks like any other device of somebody else,
in what is answered and when.  A device is looked up under the identity that the request has, and under those that the
HSS says, of a trigger the MSISDN: its owner holds all of its identities, or its domain whole (`*@domain`).  When an SCS
asks by an MSISDN that nobody owns and the HSS says no External Identifier, the device may be anybody's: an SCS that
some owner keeps from his names does not get it.
"""

from __future__ import annotations

from nfs.mtc_iwf.ports import Device, Found, Hss, NotListed, Unnamed
from nfs.mtc_sgw.owners.lists import OwnerCheck


class OwnedHss:
    """An HSS behind the owners: whom they do not list gets their word for it, and no question goes on."""

    def __init__(self, hss: Hss, owners: OwnerCheck) -> None:
        self._hss = hss
        self._owners = owners

    async def ask(self, device: Device, *, scs: str, priority: bool) -> Found:
        """Who is this device, and may this SCS trigger it?  Raises NotListed, and what the HSS raises."""
        if self._owners.refuses(device.external_id, scs) or self._owners.refuses(device.msisdn, scs):
            raise NotListed
        found = await self._hss.ask(device, scs=scs, priority=priority)
        if any(self._owners.refuses(each, scs) for each in found.names):
            raise NotListed
        if found.unnamed(device) and self._owners.refuses_unnamed(device.msisdn, scs):
            raise Unnamed
        return found

    def forget(self, device: Device, *, scs: str) -> None:
        """What was said of this device may be old."""
        self._hss.forget(device, scs=scs)
