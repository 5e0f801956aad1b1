"""A book of owners on a database in the test's own thread and time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.audit import Area, Refusal, Stage
from nfs.common.database import database_url, open_engine
from nfs.common.store import Store
from nfs.mtc_sgw.owners import tables
from nfs.mtc_sgw.owners.book import Book
from nfs.mtc_sgw.owners.lists import OwnerCheck

T = TypeVar("T")
METER = "meter-1@customer.example"


def refusal(target: str = METER, **changed: Any) -> Refusal:
    """A refusal about a device."""
    fields: dict[str, Any] = {
        "check": "association",
        "stage": Stage.AUTHORISATION,
        "area": Area.B1,
        "peer": "scs2.other.example",
        "origin": "scs2.other.example",
        "address": "192.0.2.7:40000",
        "command": "Device-Action-Request",
        "target": target,
        "reference": 7,
        "result": "INVEXTID",
        "reason": "the HSS refused with 5510",
    }
    return Refusal(**(fields | changed))


class OwnerRig:
    """Two owners: "meters" with two devices, "fleet" with a domain."""

    def __init__(self, database: str) -> None:
        self.clock = InlineReactor()
        self.threads = InlineThreads()
        self.engine = open_engine(database_url(database, Path()), migrations=tables.MIGRATIONS, name="owners")
        self.store = Store(self.engine, self.clock, self.threads)
        self.check = OwnerCheck()
        self.book = Book(self.store, self.check)
        self.tokens = {
            "meters": self.by_hand(lambda connection: tables.add(connection, "meters", [METER, "+15550100001"])),
            "fleet": self.by_hand(lambda connection: tables.add(connection, "fleet", ["*@fleet.example"])),
        }
        self.book.prime(self.by_hand(tables.read))

    def by_hand(self, work: Callable[[Connection], T]) -> T:
        """As `mtc owner add` does it, behind the back of the book."""
        with self.engine.begin() as connection:
            return work(connection)

    def wait(self, awaitable: Any) -> Any:
        """The result of a coroutine."""

        async def wrapped() -> Any:
            return await awaitable

        return run(wrapped(), self.clock)

    def close(self) -> None:
        """Close the store."""
        self.wait(self.book.close())
