"""Which terminal a subscription belongs in: a list of IMSI and IMEI, looked at when a device registers (TR 33.868).

Another terminal than the one that is bound is an alarm in the audit log, and with `bar` is not let in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Boolean, Column, Connection, String, Table, bindparam, delete, insert, select

from nfs.common.identities import IdentityError
from nfs.hss.mobility import Error, Refused
from nfs.hss.tables import METADATA, SUBSCRIBER

BINDING: Final = Table(
    "device_binding",
    METADATA,
    Column("imsi", String(15), primary_key=True),
    Column("imei", String(14), nullable=False),
    Column("bar", Boolean, nullable=False),
)
_OF: Final = select(BINDING.c.imei, BINDING.c.bar).where(BINDING.c.imsi == bindparam("imsi"))
OTHER: Final = "a terminal that is not bound to it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The terminal of a subscription, by the 14 digits of its IMEI; `bar`: no other one is let in."""

    imsi: str
    imei: str
    bar: bool = False

    def __post_init__(self) -> None:
        digits = self.imei[:14]
        if not (14 <= len(self.imei) <= 16 and self.imei.isascii() and self.imei.isdigit()):
            raise IdentityError("IMEI: 14 to 16 decimal digits expected")
        object.__setattr__(self, "imei", digits)


def bind(connection: Connection, binding: Binding) -> None:
    """Keep a binding, in the place of the one before."""
    release(connection, binding.imsi)
    connection.execute(insert(BINDING), {"imsi": binding.imsi, "imei": binding.imei, "bar": binding.bar})


def release(connection: Connection, imsi: str) -> bool:
    """Any terminal will do from now on; False when that was so before."""
    return connection.execute(delete(BINDING).where(BINDING.c.imsi == imsi)).rowcount > 0


def of(connection: Connection, imsi: str) -> Binding | None:
    """The binding of a subscription."""
    row = connection.execute(_OF, {"imsi": imsi}).one_or_none()
    return None if row is None else Binding(imsi=imsi, imei=row.imei, bar=row.bar)


def strange(connection: Connection, imsi: str, imei: str | None) -> bool:
    """Whether a terminal that a node names is not the one that is bound.  Raises Refused where it is not let in."""
    if imei is None:
        return False
    bound = of(connection, imsi)
    if bound is None or bound.imei == imei[:14]:
        return False
    if bound.bar:
        raise Refused(Error.ROAMING_NOT_ALLOWED, OTHER)
    return True


def tidy(connection: Connection) -> None:
    """Drop bindings of what is no subscription any more."""
    connection.execute(delete(BINDING).where(BINDING.c.imsi.not_in(select(SUBSCRIBER.c.imsi))))
