"""The book of a gateway in front, opened and closed with its process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nfs.common.audit import AuditLog
from nfs.common.database import database_url, open_engine
from nfs.common.function import Surroundings
from nfs.common.store import Store, StoreError
from nfs.mtc_sgw.owners import tables
from nfs.mtc_sgw.owners.book import Book
from nfs.mtc_sgw.owners.lists import OwnerCheck


class Keeping:
    """Keeps what the audit log hears of.  complain: told why owners could not be looked for.  Raises ConfigError."""

    def __init__(self, database: str, around: Surroundings, audit: AuditLog, complain: Callable[[str], None]) -> None:
        url = database_url(database, around.folder)
        engine = open_engine(url, migrations=tables.MIGRATIONS, name="owners")
        self.book = Book(Store(engine, around.reactor, around.threads), OwnerCheck(), in_front=True)
        with engine.begin() as connection:
            self.book.prime(tables.read(connection))
        audit.told = self.book.record
        self._complain = complain

    async def look(self) -> None:
        """See what has changed."""
        try:
            await self.book.look()
        except StoreError as error:
            self._complain(str(error))

    def close(self) -> Any:
        """Write down what waits, then close the database."""
        return self.book.close()
