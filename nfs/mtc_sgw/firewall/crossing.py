"""A request at the border of the network as its checks see it, and what is known of networks."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from diameter import Message
from nfs.mtc_sgw.logic import Refuse, plain

_REALM: Final = re.compile(r"(?:.*\.)?mnc([0-9]{3})\.mcc([0-9]{3})\.3gppnetwork\.org")


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """Who is who: `home` are our own PLMNs (MCC+MNC), `realms` our own realms, `partners` the PLMNs of other realms.

    A realm that is not listed speaks for the PLMN in its name (TS 23.003 clause 19.2), if there is one.
    """

    home: frozenset[str]
    realms: frozenset[str]
    partners: Mapping[str, frozenset[str]]

    def of_realm(self, realm: str) -> frozenset[str]:
        """The PLMNs for which a realm speaks."""
        name = plain(realm)
        if name in self.realms:
            return self.home
        listed = self.partners.get(name)
        if listed is not None:
            return listed
        found = _REALM.fullmatch(name)
        if found is None:
            return frozenset()
        mnc, mcc = found[1], found[2]
        return frozenset({mcc + mnc, mcc + mnc[1:]} if mnc.startswith("0") else {mcc + mnc})


def lies_in(imsi: str, plmns: Collection[str]) -> bool:
    """Whether a subscriber belongs to one of these networks."""
    return imsi[:5] in plmns or imsi[:6] in plmns


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A request of a reference point.

    `interface`: its name, as `S6a`.  `outside`: whether the adjacent peer is outside the operator's domain.  `imsi`:
    the subscriber it is about, `visited`: the network (MCC+MNC) that it says the subscriber is in; None when it does
    not say, "" when what it says is none.  `now`: seconds since 1970.
    """

    interface: str
    command: str
    peer: str
    outside: bool
    origin: str
    realm: str
    message: Message
    networks: Networks
    now: float
    imsi: str | None = None
    visited: str | None = None


Check = Callable[[Crossing], Refuse | None]
"""None lets a request pass; a Refuse ends the walk, `result` is its Result-Code."""
