"""A large import into the file of an HSS that works: it answers all the time, and sees the file all at once."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from diameter import Message
from helpers.messages import dictionary
from helpers.nodes import dictionary as whole_dictionary
from helpers.s6a import UPDATE
from helpers.workers import CLEAR, Node, RawPeer
from nfs.common.cards import Card
from nfs.common.database import database_url, open_engine
from nfs.common.identities import encode_number
from nfs.hss import cards, exchange, importing, staging, tables
from nfs.hss.keyfile import new_key, read_seal
from nfs.hss.logic import ExternalId, Service, Subscriber
from nfs.hss.provisioning import Placed

pytestmark = pytest.mark.link
MME: Final = "mme.visited.example"
HSS: Final = "hss.core.example"
SCS: Final = "15550001"
CARD: Final = Card(k=bytes(range(16)), top=bytes(range(16, 32)))
OLD: Final = 12
NEW: Final = 30
TOML: Final = f"""
audit = "audit"
[node]
origin_host = "{HSS}"
origin_realm = "core.example"
[node.admin]
port = 0
[[node.listen]]
port = 0
{CLEAR}
[[peer]]
host = "{MME}"
realm = "visited.example"
{CLEAR}
[hss]
database = "hss.db"
key_file = "key"
cache_s = 0
[[profile]]
name = "iot"
[[profile.apn]]
name = "internet"
"""


def device(number: int) -> Subscriber:
    return Subscriber(
        imsi=f"00101{number:010}",
        msisdn=f"1555{number:09}",
        external_ids=(ExternalId(identifier=f"meter-{number}@customer.example"),),
        services=frozenset(Service),
        rights=frozenset({(SCS, Service.DEVICE_TRIGGER)}),
        profile="iot",
    )


class Asking:
    """An MME and an MTC-IWF in one peer; in each pause of the import it asks, and waits for the answers."""

    def __init__(self, port: int) -> None:
        self.peer = RawPeer.opened(MME, port)
        self.peer.connection.settimeout(300)
        self.asked = 0
        self.known: list[bool] = []

    def _ask(self, command: str, application: str, **avps: Any) -> Message:
        self.asked += 1
        base = {
            "Session-Id": f"{MME};1;{self.asked}", "Auth-Session-State": 1, "Origin-Host": MME,
            "Origin-Realm": "visited.example", "Destination-Realm": "core.example",
        }  # fmt: skip
        known = dictionary() if application == "S6a" else whole_dictionary()
        number = 1000 + self.asked
        self.peer.send(
            known.request(command, base | avps, application=application, hop_by_hop=number, end_to_end=number)
        )
        return self.peer.hear()

    def __call__(self, _seconds: float) -> None:
        imsi = device(len(self.known) % OLD).imsi
        wanted = {"Number-Of-Requested-Vectors": 1}
        vectors = {"Requested-EUTRAN-Authentication-Info": wanted, "Visited-PLMN-Id": b"\x00\xf1\x10"}
        assert self._ask("Authentication-Information", "S6a", **{"User-Name": imsi, **vectors}).result == (0, 2001)
        assert self._ask("Update-Location", "S6a", **{**UPDATE, "User-Name": imsi}).result == (0, 2001)
        question = {"User-Identifier": {"External-Identifier": f"meter-{OLD + NEW - 1}@customer.example"}}
        number = {"Service-ID": 0, "SCS-Identity": encode_number(SCS), "SIR-Flags": 1}
        self.known.append(self._ask("Subscriber-Information", "S6m", **question, **number).result == (0, 2001))


def test_an_hss_answers_while_many_come_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Location updates need the lock, and have it in each pause; the newcomers are all there, or none."""
    new_key(tmp_path / "key")
    seal = read_seal(tmp_path / "key")
    engine = open_engine(database_url("hss.db", tmp_path), migrations="nfs.hss:migrations", name="hss")
    with engine.begin() as connection:
        for number in range(OLD):
            tables.save(connection, device(number))
            cards.save(connection, device(number).imsi, CARD, seal)
    with Node(tmp_path, TOML, 1, function="hss") as node:
        asking = Asking(node.port)
        for name, value in (("AT_ONE_GO", 0), ("Exchange", partial(exchange.Exchange, sleep=asking))):
            monkeypatch.setattr(staging, name, value)
        monkeypatch.setattr(exchange, "ROWS", 10)
        rows = [Placed(number, device(number), CARD) for number in range(OLD // 2, OLD + NEW)]
        assert importing.load(engine, importing.Records(rows, lambda: seal), "f.csv") == OLD // 2 + NEW
        asking(0)
        asking.peer.close()
    assert asking.asked >= 3 * 6 * (OLD + NEW) / 10
    assert asking.known == sorted(asking.known)
    assert (asking.known[0], asking.known[-1]) == (False, True)
    with engine.connect() as connection:
        assert [each.imsi for each in tables.every(connection)] == [device(number).imsi for number in range(OLD + NEW)]
        registered = connection.exec_driver_sql("SELECT count(*) FROM registration").scalar_one()
        assert registered == OLD
        assert connection.exec_driver_sql("PRAGMA integrity_check").all() == [("ok",)]
    engine.dispose()
