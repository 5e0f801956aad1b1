"""What SMS-SCs said that they support, by Origin-Host: told to SCSs, and asked before a recall or replace.

It changes when an SMS-SC is updated, so it is written then only; a process that has not heard of an SMS-SC reads what
another one, or an earlier one, was told.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Connection, Integer, String, Table, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from nfs.common.features import KNOWN, NONE, Feature
from nfs.common.store import Store, StoreError
from nfs.mtc_iwf.ports import Unavailable
from nfs.mtc_iwf.triggers import METADATA

AT_MOST: Final = 1000
"""SMS-SCs remembered by a process; a realm that names more writes some of them again."""
CAPABILITY: Final = Table(
    "sms_sc_capability",
    METADATA,
    Column("sms_sc", String(255), primary_key=True),
    Column("features", Integer, nullable=False),
)
_OLD: Final = delete(CAPABILITY).where(CAPABILITY.c.sms_sc == bindparam("host"))
_FIND: Final = select(CAPABILITY.c.features).where(CAPABILITY.c.sms_sc == bindparam("host"))


class Remembered:
    """`nfs.mtc_iwf.ports.Capabilities` for the life of a process."""

    def __init__(self) -> None:
        self.known: dict[str, Feature] = {}

    async def learn(self, sms_sc: str, features: Feature) -> None:
        """What this SMS-SC said last that it supports."""
        self.known[sms_sc] = features

    async def of(self, sms_sc: str) -> Feature:
        """What this SMS-SC said last; nothing when it never said."""
        return self.known.get(sms_sc, NONE)


class Capabilities(Remembered):
    """The same in a Store."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    async def learn(self, sms_sc: str, features: Feature) -> None:
        """What this SMS-SC said last that it supports; on disk when awaiting it returns.  Raises Unavailable."""
        if self.known.get(sms_sc) == features:
            return
        try:
            await self._store.do(lambda connection: _write(connection, sms_sc, features))
        except StoreError as error:
            raise Unavailable(str(error)) from None
        except IntegrityError:  # another process was told the same at the same moment
            pass
        self._keep(sms_sc, features)

    async def of(self, sms_sc: str) -> Feature:
        """What this SMS-SC said last, to whomever; nothing when it never said.  Raises Unavailable."""
        if sms_sc not in self.known:
            try:
                found = await self._store.do(lambda connection: _read(connection, sms_sc))
            except StoreError as error:
                raise Unavailable(str(error)) from None
            if found is None:
                return NONE
            self._keep(sms_sc, Feature(found & int(KNOWN)))
        return self.known[sms_sc]

    def _keep(self, sms_sc: str, features: Feature) -> None:
        if len(self.known) >= AT_MOST:
            self.known.clear()
        self.known[sms_sc] = features


def _write(connection: Connection, sms_sc: str, features: Feature) -> None:
    connection.execute(_OLD, {"host": sms_sc[:255]})
    connection.execute(insert(CAPABILITY), {"sms_sc": sms_sc[:255], "features": int(features)})


def _read(connection: Connection, sms_sc: str) -> int | None:
    found: int | None = connection.execute(_FIND, {"host": sms_sc[:255]}).scalar_one_or_none()
    return found
