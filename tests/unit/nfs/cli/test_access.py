"""`mtc subscriber access`, `watched` and `bind`, by way of click's runner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from diameter.errors import ConfigError
from nfs.cli._access import SERVICES
from nfs.cli.subscriber import command
from nfs.common.database import database_url, open_engine
from nfs.hss import tables as subscribers
from nfs.hss.groups import tables as groups
from nfs.hss.groups.logic import Group
from nfs.hss.logic import ExternalId, Subscriber
from nfs.hss.monitoring import outbox_tables, tables
from nfs.hss.monitoring.avps import CANCELLATION, wish_detail
from nfs.hss.monitoring.logic import Service, Wish
from nfs.hss.monitoring.tables import Item, Known

IMSI, METER, FLEET, SCEF = "001010000000001", "meter-1@customer.example", "fleet@customer.example", "scef.example"
RIGHT = ("--scef", SCEF, "--service", "imei-change")


class Cli:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = open_engine(database_url("hss.db", folder), migrations="nfs.hss:migrations", name="hss")
        with self.engine.begin() as connection:
            one = Subscriber(imsi=IMSI, msisdn="15550100001", external_ids=(ExternalId(identifier=METER),))
            subscribers.save(connection, one)
            groups.make(connection, Group(external_id=FLEET, members=(METER,)))
        self.engine.dispose()

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        database = ("--database", str(self.folder / "hss.db"))
        return CliRunner().invoke(command, [*arguments, *database], input=stdin, catch_exceptions=False)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def test_the_services_are_those_of_the_hss() -> None:
    assert tuple(map(str, Service)) == SERVICES


def test_rows_come_and_go(cli: Cli) -> None:
    assert cli("access", "allow", METER, *RIGHT, "--provider", "acme").output == f"2 rows for {METER}\n"
    assert json.loads(cli("access", "allow", FLEET, *RIGHT, "--json").output) == {"schema": 1, "changed": 1}
    cli("access", "never", IMSI, "--service", "location")
    listed = json.loads(cli("access", "list", "--json").output)["access"]
    rows = [(each["device"], each["scef"], *map(each.get, ("services", "never", "providers"))) for each in listed]
    everybody: tuple[object, ...] = (IMSI, None, [], ["location"], ["acme"])
    assert rows == [everybody, (IMSI, SCEF, ["imei-change"], [], []), (FLEET, SCEF, ["imei-change"], [], [])]
    assert "never location  provider acme" in cli("access", "list", METER).output
    assert cli("access", "withdraw", METER, *RIGHT, "--never", "location").output.startswith("2 rows")
    assert cli("access", "withdraw", METER, *RIGHT).exit_code == 1
    assert cli("access", "list", "15550100001").output.count("\n") == 1
    assert cli("access", "allow", "nobody@customer.example", *RIGHT).exit_code == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ("allow", METER),
        ("allow", METER, "--service", "nidd"),
        ("allow", METER, "--service", "nidd", "--scef", "no host"),
        ("never", METER),
        ("never", METER, "--service", "other"),
        ("imsi-group", FLEET, "--service-id", "1", "--plmn", "1", "--local-id", "07"),
        ("imsi-group", FLEET, "--service-id", "1", "--plmn", "00101", "--local-id", "00" * 11),
    ],
)
def test_rows_that_cannot_be(cli: Cli, wrong: tuple[str, ...]) -> None:
    result = cli("access", *wrong)
    assert (result.exit_code, "Traceback" in result.output) == (2, False)


def test_files(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "access.csv"
    file.write_text(f"device,scef,services,never\n{METER},{SCEF},imei-change;nidd,\n\n{FLEET},,,location\n")
    assert cli("access", "import", str(file)).output == "2 rows imported\n"
    text = cli("access", "list", "--json").output
    assert cli("access", "import", "-", stdin=text).output == "2 rows imported\n"
    assert cli("access", "list", "--json").output == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("device,other\n", "1: columns device, scef, services, never, providers expected (other)"),
        ("", "1: columns device, scef, services, never, providers expected"),
        (f"device,scef,services\n{METER},{SCEF},everything\n", "2: services.0: "),
        (f"device,scef,services\n{METER},,nidd\n", "2: services: of which scef"),
        (f"device,scef,services\n{METER},{SCEF},nidd\nnobody@customer.example,{SCEF},nidd\n", "3: no subscriber has"),
        ("{", " not JSON"),
        ('{"schema": 1}', ' {"schema": 1, "access": [...]} expected'),
        ('[{"devices": "x"}]', " access.0: device: field required"),
        ("device,scef,services\nno identifier@,,\n", "2: "),
    ],
)
def test_files_that_are_not_used(cli: Cli, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        cli("access", "import", "-", stdin=text)
    assert f"standard input:{said}" in str(error.value)
    assert cli("access", "list").output == ""


def test_octets_that_are_no_text(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "access.csv"
    file.write_bytes(b"device\xff")
    with pytest.raises(ConfigError, match="not UTF-8 at octet 6"):
        cli("access", "import", str(file))


def test_what_is_watched_ends_with_its_right(cli: Cli) -> None:
    cli("access", "allow", METER, *RIGHT)
    item = Item(
        imsi=IMSI, kind="event", scef=SCEF, reference=7, type=3, called=METER, remaining=2, until=4_000_000_000,
        detail=wish_detail(Wish(type=3)),
    )  # fmt: skip
    with cli.engine.begin() as connection:
        tables.put(connection, item)
        tables.know(connection, Known(host=SCEF, realm="example", features=CANCELLATION))
    line = f"{IMSI}  {SCEF}  imei-change 7  2 left  until 2096-10-02T07:06:40Z\n"
    assert cli("watched").output == cli("watched", METER).output == line
    assert cli("access", "withdraw", METER, *RIGHT).output == f"1 rows of {METER} withdrawn, 1 ended\n"
    said = json.loads(cli("watched", "--json").output)
    assert (said["items"], [each["what"] for each in said["waiting"]]) == ([], ["report"])
    assert cli("watched").output == f"{IMSI}  {SCEF}  report to be taken, tried 0 times\n"
    with cli.engine.begin() as connection:
        assert outbox_tables.waiting(connection)[0].body["Event-Handling"] == 2
    cli.engine.dispose()


def test_a_terminal_is_bound_and_released(cli: Cli) -> None:
    assert cli("bind", METER, "352997081234567", "--bar").output == f"{IMSI} bound to 35299708123456\n"
    assert json.loads(cli("bind", METER, "--release", "--json").output) == {"schema": 1, "imsi": IMSI, "imei": None}
    assert cli("bind", METER, "--release").exit_code == 1
    for wrong in ((), ("123",), ("35299708123456", "--release"), ("--release", "--bar")):
        assert cli("bind", METER, *wrong).exit_code == 2


def test_imsi_group_ids(cli: Cli) -> None:
    given = ("--service-id", "1", "--plmn", "00101", "--local-id", "07")
    assert cli("access", "imsi-group", FLEET, *given).output == f"{FLEET} set\n"
    assert cli("access", "imsi-group", "other@customer.example", *given).exit_code == 1
