"""An HSS with S6a for tests: a database with two cards, MMEs that answer as told, requests as octets by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import Connection, Engine

from diameter import Message, decode, encode
from diameter.app import Neighbour
from diameter.testing import FakeRequester, run
from diameter.wire import avp, header
from helpers.inline import InlineReactor, InlineThreads
from helpers.messages import S6A, dictionary
from nfs.common.aka import Algorithm, Milenage, Outputs, Seal
from nfs.common.audit import AuditLog
from nfs.common.cards import Card
from nfs.common.database import database_url, open_engine
from nfs.common.identities import encode_plmn
from nfs.common.store import Cache, Store
from nfs.hss import cards, registrations, tables
from nfs.hss.authentication import AuthenticationCentre, Known
from nfs.hss.logic import ExternalId, Subscriber
from nfs.hss.profiles import ApnTable, ProfileTable
from nfs.hss.registrations import Kind, Registration
from nfs.hss.s6a import S6a

TGPP: Final = 10415
E_UTRAN, UTRAN = "Requested-EUTRAN-Authentication-Info", "Requested-UTRAN-GERAN-Authentication-Info"
SMS_IN_MME: Final = {"Vendor-Id": TGPP, "Feature-List-ID": 2, "Feature-List": 1}
MONTE: Final = {"Vendor-Id": TGPP, "Feature-List-ID": 2, "Feature-List": 1 << 19}
IMSI, TUAK_IMSI, BARE, NO_EPS, BARRED = (f"00101000000000{n}" for n in range(1, 6))
CARD: Final = Card(
    k=bytes.fromhex("465b5ce8b199b49faa5f0a2ee238a6bc"), top=bytes.fromhex("cd63cb71954a9f4e48a5994e37a02baf")
)
TUAK_CARD: Final = Card(algorithm="tuak", k=bytes(range(32)), top=bytes(range(32, 64)))
SEAL: Final = Seal(bytes(range(32)))
HOME, ABROAD = encode_plmn("00101"), encode_plmn("20404")
MME, OLD, SGSN = ("mme.visited.example", "old.visited.example", "sgsn.visited.example")
IOT: Final = ProfileTable(
    name="iot",
    apn=(
        ApnTable(name="internet"),
        ApnTable(name="data", pdn_type="non-ip", scef="scef.example", scef_realm="example"),
    ),
    plmns=("00101", "310150"),
    rats=("eutran", "nb-iot"),
    periodic_tau_s=3600,
    active_time_s=10,
    usage_type=7,
    charging="0800",
)
ANYWHERE: Final = ProfileTable(name="anywhere", apn=(ApnTable(name="internet", uplink_kbps=5_000_000),))
PROFILES: Final = {"iot": IOT, "anywhere": ANYWHERE}
ORDERS: Final = ("Cancel-Location", "Insert-Subscriber-Data", "Delete-Subscriber-Data", "Reset")
ENDS: Final = (
    avp.build(277, 0, 0x40, (1).to_bytes(4)),
    avp.build(264, 0, 0x40, MME.encode()),
    avp.build(296, 0, 0x40, b"visited.example"),
    avp.build(283, 0, 0x40, b"core.example"),
)


def subscribers() -> Iterator[Subscriber]:
    """Those of the database."""
    yield Subscriber(
        imsi=IMSI,
        msisdn="15550100001",
        external_ids=(ExternalId(identifier="meter-1@customer.example"),),
        profile="iot",
    )
    yield Subscriber(imsi=TUAK_IMSI, profile="anywhere")
    yield Subscriber(imsi=BARE, profile="anywhere", sms=False)
    yield Subscriber(imsi=NO_EPS)
    yield Subscriber(imsi=BARRED, profile="anywhere", barred=True)


@cache
def _filled(fill: Callable[[Connection], None]) -> bytes:
    """A database with the newest schema and what `fill` puts into it, made once."""
    with TemporaryDirectory() as folder:
        engine = open_engine(database_url("hss.db", Path(folder)), migrations="nfs.hss:migrations", name="hss")
        with engine.begin() as connection:
            fill(connection)
        engine.dispose()
        return (Path(folder) / "hss.db").read_bytes()


class Rig:
    """The HSS; `answers` are those of the MMEs, by command."""

    def __init__(
        self,
        folder: Path,
        answers: Mapping[str, Any] | None = None,
        seal: Seal | None = SEAL,
        beside: Rig | None = None,
        database: str = "",
    ) -> None:
        self.folder = folder
        self.clock = InlineReactor()
        self.clock.rightNow = 1_700_000_000.0
        self.engine: Engine = self._opened(folder, database) if beside is None else beside.engine
        self.store = Store(self.engine, self.clock, InlineThreads())
        self.audit = AuditLog(folder / "audit", "hss.example")
        self.moved: list[str] = []
        self.back: list[tuple[str, str | None]] = []
        self._seal = seal
        self._answers = answers or dict.fromkeys(ORDERS, lambda request: request.answer(2001))
        self.restart()

    def _opened(self, folder: Path, database: str) -> Engine:
        """A database with the subscribers: a file of SQLite, unless `database` says otherwise."""
        if not database:
            (folder / "hss.db").write_bytes(_filled(type(self).fill))
        engine = open_engine(database_url(database or "hss.db", folder), migrations="nfs.hss:migrations", name="hss")
        if database:
            with engine.begin() as connection:
                self.fill(connection)
        return engine

    @classmethod
    def fill(cls, connection: Connection) -> None:
        """Put into an empty database what each rig of this kind begins with."""
        for each in subscribers():
            tables.save(connection, each)
        cards.save(connection, IMSI, CARD, SEAL)
        cards.save(connection, TUAK_IMSI, TUAK_CARD, SEAL)

    def ask(self, command: str, avps: Mapping[str, Any], host: str = MME) -> Message:
        """Have a node ask; the answer, which has no faults."""
        answer = self.fake.deliver(command, avps, neighbour=Neighbour(host=host, realm=host.partition(".")[2]))
        assert answer.faults == ()
        return answer

    def _moved(self, subscriber: Subscriber) -> None:
        self.moved.append(subscriber.imsi)

    def _backs(self, imsi: str, kind: str | None) -> None:
        self.back.append((imsi, kind))

    def restart(self) -> None:
        """Forget all that is not in the database."""
        known: Cache[str, Known | None] = Cache(100, 1.0, self.clock.seconds)
        self.centre = AuthenticationCentre(self.store, self._seal, known, self.clock.seconds, self.clock.callLater)
        self.s6a = S6a(self.store, self.centre, PROFILES, self.audit, self._moved, self._backs)
        self.fake = FakeRequester(
            self.s6a,
            dictionary(),
            self._answers,
            origin_host="hss.core.example",
            origin_realm="core.example",
            clock=self.clock,
        )

    def air(self, user: str = IMSI, host: str = MME, avps: Mapping[str, Any] | None = None) -> Message:
        """An Authentication-Information-Request for one vector of E-UTRAN, but for `avps` (None: left out)."""
        filled: dict[str, Any] = {
            "User-Name": user,
            "Requested-EUTRAN-Authentication-Info": {"Number-Of-Requested-Vectors": 1},
            "Visited-PLMN-Id": HOME,
        } | dict(avps or {})
        return self.ask("Authentication-Information", {k: v for k, v in filled.items() if v is not None}, host)

    def ulr(self, user: str = IMSI, host: str = MME, **changes: Any) -> Message:
        """An Update-Location-Request of an MME, but for the changes (None: leave out)."""
        avps: dict[str, Any] = {
            "User-Name": user,
            "RAT-Type": 1004,
            "ULR-Flags": 0x22,
            "Visited-PLMN-Id": HOME,
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        return self.ask("Update-Location", {k: v for k, v in avps.items() if v is not None}, host)

    def octets(self, command: int, avps: list[bytes]) -> Message:
        """A request of an MME by its octets; the answer, as its octets say."""
        octets = header.build(0xC0, command, S6A, 1, 1, b"".join(avps))
        request = decode(octets, dictionary())
        assert [fault for fault in request.faults if fault.verdict == "refuse"] == []
        request.context = Neighbour(host=MME, realm="visited.example")
        request.origin = avp.build(264, 0, 0x40, b"hss.core.example") + avp.build(296, 0, 0x40, b"core.example")
        handler = {318: "authentication_information", 316: "update_location", 321: "purge_ue", 323: "notify"}[command]
        answer = run(getattr(self.s6a, handler)(request), self.clock)
        self.fake.settle()
        return decode(encode(answer), dictionary())

    def registered(self, user: str = IMSI) -> dict[Kind, Registration]:
        """Where a subscriber is."""
        with self.transaction() as connection:
            return registrations.of(connection, user)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Work on the database."""
        with self.engine.begin() as connection:
            yield connection

    def wait(self, coroutine: Any) -> Any:
        """The result of a coroutine."""
        return run(coroutine, self.clock)

    def refusals(self) -> list[dict[str, Any]]:
        """The audit log."""
        return [json.loads(line) for line in (self.folder / "audit").read_text().splitlines()]

    def close(self) -> None:
        """Leave nothing behind."""
        _ = self.store.close()
        self.audit.close()


def usim(card: Card = CARD) -> Algorithm:
    """The functions of the other side."""
    return Milenage(card.k, card.top) if card.algorithm == "milenage" else card.functions()


def accept(algorithm: Algorithm, rand: bytes, token: bytes) -> tuple[bytes, Outputs]:
    """What a USIM makes of RAND and AUTN: the SQN, and f1 to f5; the MAC is right."""
    ak = algorithm.outputs(rand, bytes(6), bytes(2)).ak
    sqn = bytes(a ^ b for a, b in zip(token[:6], ak, strict=True))
    out = algorithm.outputs(rand, sqn, token[6:8])
    assert out.mac_a == token[8:]
    return sqn, out
