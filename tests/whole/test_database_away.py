"""The database of an HSS goes away and comes back: what is answered meanwhile, and that nothing is given twice."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diameter import Message
from diameter.app import Application
from diameter.testing import FakeRequester
from helpers.messages import dictionary
from helpers.mobility import CARD, IMSI, PROFILES, SEAL, Rig
from helpers.postgres import Postgres
from nfs.common.identities import encode_number
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.store import Cache
from nfs.hss import tables
from nfs.hss.authentication import AuthenticationCentre
from nfs.hss.directory import Directory
from nfs.hss.logic import Service, UserId
from nfs.hss.s6a import S6a
from nfs.hss.s6c import S6c
from nfs.hss.s6m import S6m

SCS, CENTRE = encode_number("15550000100"), encode_number("15550000200")
AWAY_S = 30.0
SERVICES = frozenset({Service.DEVICE_TRIGGER})
NODE = ServingNode(kind=NodeKind.SGSN, number="15559003", name="sgsn.example", realm="example")
BROKEN = (0, 5012)
GOOD = (0, 2001)
NO_VECTORS = (10415, 4181)


class Hss(Rig):
    """S6m and S6c beside S6a, with caches as the program has them."""

    def restart(self) -> None:
        """Forget all that is not in the database."""
        kept: Any = (100, 1.0, self.clock.seconds)
        directory = Directory(self.store, Cache(*kept, old_s=AWAY_S), self.clock.callLater)
        known: Any = Cache(*kept, old_s=AWAY_S)
        self.centre = AuthenticationCentre(self.store, SEAL, known, self.clock.seconds, self.clock.callLater)
        self.s6a = S6a(self.store, self.centre, PROFILES, self.audit, self._moved, self._backs)
        self.fake = self._asked(self.s6a)
        self.s6m = self._asked(S6m(directory, self.audit))
        self.s6c = self._asked(S6c(self.store, Cache(*kept), self.audit, limit=10, call_later=self.clock.callLater))

    def _asked(self, application: Application) -> FakeRequester:
        names: dict[str, Any] = {"origin_host": "hss.core.example", "origin_realm": "core.example"}
        return FakeRequester(application, dictionary(), self._answers, clock=self.clock, **names)

    def sir(self) -> Message:
        """The question before a trigger."""
        asked: dict[str, Any] = {"User-Identifier": {"External-Identifier": "meter-1@customer.example"}}
        asked |= {"Service-ID": 0, "SCS-Identity": SCS, "SIR-Flags": 1}
        asked |= {"Service-Parameters": {"T4-Parameters": {"Priority-Indication": 0}}}
        return self.s6m.deliver("Subscriber-Information", asked)

    def srr(self) -> Message:
        """The question before a short message."""
        return self.s6c.deliver("Send-Routing-Info-for-SM", {"User-Name": IMSI, "SC-Address": CENTRE})

    def results(self, *asked: Callable[[], Message]) -> list[tuple[int, int] | None]:
        return [each().result for each in asked]


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A server of the test's own: it is killed."""
    server = Postgres()
    yield server
    server.close()


def sqn_of(answer: Message) -> int:
    """SQN of the one vector of an answer."""
    vector = answer.group("Authentication-Info")["E-UTRAN-Vector"]
    out = CARD.functions().outputs(vector["RAND"], bytes(6), bytes(2))
    return int.from_bytes(vector["AUTN"][:6]) ^ int.from_bytes(out.ak)


def test_reads_go_on_for_a_while_and_all_returns_with_the_database(server: Postgres, tmp_path: Path) -> None:
    hss = Hss(tmp_path, database=server.database())
    with hss.transaction() as connection:
        found = tables.find(connection, UserId(imsi=IMSI))
        assert found is not None
        tables.save(
            connection,
            replace(
                found, rights=frozenset({("15550000100", Service.DEVICE_TRIGGER)}), services=SERVICES, nodes=(NODE,)
            ),
        )
    every = (hss.sir, hss.ulr, hss.srr)
    given = [hss.air()]
    assert hss.results(*every) == [GOOD, GOOD, GOOD]
    server.stop(signal.SIGQUIT)
    hss.clock.advance(5)  # beyond what is kept at all times
    given.append(hss.air())
    assert hss.results(*every) == [GOOD, BROKEN, BROKEN]  # what would have to be written is not acknowledged
    hss.clock.advance(6)  # the block of sequence numbers is over, and no other one can be reserved
    assert hss.results(hss.air, *every) == [NO_VECTORS, GOOD, BROKEN, BROKEN]
    hss.clock.advance(AWAY_S)  # what was read is too old to go by
    assert hss.results(hss.air, *every) == [NO_VECTORS, BROKEN, BROKEN, BROKEN]
    server.start()
    hss.clock.advance(1)
    given.append(hss.air())
    assert hss.results(*every) == [GOOD, GOOD, GOOD]
    assert len({sqn_of(each) for each in given}) == 3
    assert [sqn_of(each) for each in given] == sorted(sqn_of(each) for each in given)
    _ = hss.store.close()
