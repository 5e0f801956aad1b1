"""Rows of a file into the database, a thousand at a time: all of them, or none and the first at fault named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from diameter.errors import ConfigError
from nfs.common.aka import Seal
from nfs.hss import cards, tables
from nfs.hss.provisioning import Placed

AT_ONCE: Final = 1000
TAKEN: Final = "its MSISDN or one of its External Identifiers belongs to another subscriber"


def write(connection: Connection, placed: Sequence[Placed], seal: Seal | None) -> None:
    """Save subscribers and, where rows have them, their keys under `seal`.

    Raises ConfigError, after which the transaction is to be rolled back: `FILE:LINE: ` and what is wrong.
    """
    for start in range(0, len(placed), AT_ONCE):
        part = placed[start : start + AT_ONCE]
        point = connection.begin_nested()
        try:
            tables.save(connection, *(each.subscriber for each in part))
        except IntegrityError:
            point.rollback()
            _one_by_one(connection, part)
        else:
            point.commit()
        if seal is not None:
            keys = {each.subscriber.imsi: each.card for each in part if each.card is not None}
            cards.save_many(connection, keys, seal)


def _one_by_one(connection: Connection, part: Sequence[Placed]) -> None:
    """The same, in order: an identity that one row gives up and a later one takes is no fault."""
    for each in part:
        try:
            tables.save(connection, each.subscriber)
        except IntegrityError:
            raise ConfigError(f"{each.place}: {TAKEN}") from None
