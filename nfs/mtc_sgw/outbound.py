"""The last look at whatever goes outside: an AVP that was found harmless once is not looked at again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from diameter import Message
from nfs.mtc_sgw import outbound_imsi, outbound_private
from nfs.mtc_sgw.walk import TooDeep, fields

AT_MOST: Final = 10_000
"""AVPs remembered; with more all are forgotten."""
SHORT: Final = 256
"""Octets of those: what comes again is short, and whoever is outside has long ones echoed as he likes."""
NEVER_AGAIN: Final = "Session-Id"
"""What is another one in each message."""


class Outbound:
    """Knows what is harmless by the rules in force."""

    def __init__(self) -> None:
        self._harmless: set[tuple[str, bytes]] = set()
        self._rules: tuple[Collection[str], Collection[bytes]] = ((), ())

    def check(
        self, message: Message, home_plmns: Collection[str], words: Collection[bytes], made: str = ""
    ) -> tuple[str, str] | None:
        """Which check holds a message back, and why; None when it may leave.

        home_plmns: MCC+MNC whose IMSIs must not cross.  words: what no message may hold, in lower case.  made: an AVP
        that we have written, which is not read.
        """
        if self._rules != (home_plmns, words):
            self._rules = home_plmns, words
            self._harmless.clear()
        harmless = self._harmless
        try:
            new = [field for field in fields(message, made) if field not in harmless]
        except TooDeep as deep:
            return "outbound-private", str(deep)
        reason = outbound_imsi.check(new, home_plmns)
        if reason is not None:
            return "outbound-imsi", reason
        reason = outbound_private.check(new, words)
        if reason is not None:
            return "outbound-private", reason
        if len(harmless) > AT_MOST:
            harmless.clear()
        harmless.update(field for field in new if field[0] != NEVER_AGAIN and len(field[1]) <= SHORT)
        return None
