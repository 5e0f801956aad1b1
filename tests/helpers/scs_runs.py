"""An SCS on its database, run again and again, each time as if the run before had been killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

from treq.testing import StubTreq

from diameter.testing import FakeRequester, run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.database import database_url, open_engine
from nfs.common.store import Store
from nfs.scs.api import Scs
from nfs.scs.http import Http
from nfs.scs.memory import MIGRATIONS

TOKEN: Final = b"a-token-of-some-length"
"""What an application shows."""
_stub: Any = StubTreq  # has no types


class Run:
    """One run.  Who inherits makes `scs`, and the `fake` through which a test speaks with it."""

    scs: Scs
    fake: FakeRequester

    def __init__(self, database: str, clock: InlineReactor, *, held: bool = False) -> None:
        self.clock = clock
        self.engine = open_engine(database_url(database, Path()), migrations=MIGRATIONS, name="scs")
        self.threads = InlineThreads(held=held)
        self.store = Store(self.engine, clock, self.threads)

    def remember(self) -> Self:
        """Read what is kept."""
        run(self.scs.remember(), self.clock)
        return self

    def tell(self, **told: Any) -> int:
        """A Device-Notification of the MTC-IWF; the Result-Code of the answer."""
        notification = {name.replace("_", "-"): value for name, value in told.items()}
        avps = {"Device-Notification": notification, "Destination-Host": self.fake.origin_host}
        return self.fake.deliver("Device-Notification", avps).number("Result-Code")


R = TypeVar("R", bound=Run)


class Runs(Generic[R]):
    """Runs of one SCS.  make: one of them."""

    def __init__(self, database: str, make: Callable[..., R]) -> None:
        self.database = database
        self.clock = InlineReactor()
        self.clock.rightNow = 1_767_323_045.0
        self._make = make
        self._runs: list[R] = []

    def start(self, **how: Any) -> R:
        """The next one."""
        self._runs.append(self._make(self.database, self.clock, **how))
        return self._runs[-1]

    def close(self) -> None:
        """Leave nothing open."""
        for each in self._runs:
            _ = each.store.close()


class Web:
    """The HTTP interface of an SCS."""

    def __init__(self, http: Http, clock: InlineReactor) -> None:
        self.clock = clock
        self.treq = _stub(http.app.resource())

    def begin(self, path: str, form: object = None, *, method: str = "GET", token: bytes = TOKEN) -> list[Any]:
        """Ask; where the response comes to."""
        found: list[Any] = []
        data = None if form is None else json.dumps(form).encode()
        headers = {"authorization": b"Bearer " + token}
        asked = self.treq.request(method, f"http://scs/v1/{path}", headers=headers, data=data)
        _ = asked.addCallback(found.append)
        self.flush()
        return found

    def flush(self) -> None:
        """Have everything said that can be said."""
        for _ in range(4):
            self.clock.advance(0)
            self.treq.flush()

    def end(self, found: list[Any]) -> tuple[int, Any]:
        """Status and document of the response that has come."""
        (response,) = found
        body: list[bytes] = []
        _ = self.treq.content(response).addCallback(body.append)
        self.treq.flush()
        return response.code, json.loads(body[0])

    def ask(self, path: str, form: object = None, *, method: str = "GET", token: bytes = TOKEN) -> tuple[int, Any]:
        """Ask; status and document."""
        return self.end(self.begin(path, form, method=method, token=token))
