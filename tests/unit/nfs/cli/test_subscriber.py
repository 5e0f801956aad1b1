"""`mtc subscriber`, by way of click's runner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from diameter.errors import ConfigError
from nfs.cli.subscriber import command

IMSI = "001010000000001"
CSV = f"""imsi,msisdn,external_ids,services,scs,nodes
{IMSI},15550100001,meter-1@customer.example:9000,device-trigger,15550001,mme:15559001:mme1.example:example
001010000000002,,meter-2@customer.example,device-trigger,15550001,
"""


class Cli:
    """Runs verbs on one database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "s.csv").write_text(CSV)

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        database = ("--database", str(self.folder / "hss.db"))
        return CliRunner().invoke(command, [*arguments, *database], input=stdin, catch_exceptions=False)

    def imported(self) -> Cli:
        assert self("import", str(self.folder / "s.csv")).output == "2 subscribers imported\n"
        return self


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def test_import_list_show_remove(cli: Cli) -> None:
    lines = cli.imported()("list").output.splitlines()
    assert lines == [
        f"{IMSI}  15550100001      meter-1@customer.example",
        "001010000000002  -                meter-2@customer.example",
    ]
    shown = cli("show", "+15550100001").output
    assert "services      device-trigger" in shown
    assert "nodes         kind mme  number 15559001  name mme1.example  realm example  reachable yes" in shown
    assert json.loads(cli("show", "Meter-2@Customer.Example".replace("M", "m"), "--json").output)["imsi"].endswith("2")
    assert cli("remove", IMSI).output == f"{IMSI} removed\n"
    assert cli("show", IMSI).exit_code == 1
    assert cli("remove", IMSI).exit_code == 1
    assert json.loads(cli("remove", "001010000000002", "--json").output) == {"schema": 1, "removed": "001010000000002"}


@pytest.mark.parametrize("form", ["csv", "json"])
def test_export_is_imported_again(cli: Cli, form: str) -> None:
    text = cli.imported()("export", "--format", form).output
    again = cli("import", "-", "--json", stdin=text)
    assert json.loads(again.output) == {"schema": 1, "imported": 2}
    assert cli("export", "--format", form).output == text
    assert json.loads(cli("list", "--json").output)["schema"] == 1


def test_a_bad_file_changes_nothing(cli: Cli) -> None:
    before = cli.imported()("list").output
    with pytest.raises(ConfigError) as caught:
        cli("import", "-", stdin=f"imsi,msisdn\n{IMSI},15551\n12,34\n")
    assert [line.partition(":2")[0] for line in caught.value.lines] != []
    assert all(line.startswith("standard input:3: ") for line in caught.value.lines)
    assert cli("list").output == before


def test_a_file_that_is_not_utf_8(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"imsi\n\xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.csv: not UTF-8 at octet 5$"):
        cli("import", str(tmp_path / "latin.csv"))
    (tmp_path / "marked.csv").write_bytes(b"\xef\xbb\xbfimsi\n001010000000007\n")
    assert cli("import", str(tmp_path / "marked.csv")).output == "1 subscribers imported\n"


@pytest.mark.parametrize("words", [("list",), ("show", IMSI), ("remove", IMSI), ("export",)])
def test_a_database_that_is_not_there_is_not_made(cli: Cli, words: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is none"):
        cli(*words)
    assert not (tmp_path / "hss.db").exists()


def test_an_identity_of_somebody_else_is_named_by_line(cli: Cli) -> None:
    cli.imported()
    with pytest.raises(ConfigError, match=r"^standard input:2: msisdn: belongs to another subscriber$"):
        cli("import", "-", stdin="imsi,msisdn\n001010000000009,15550100001\n")
    with pytest.raises(ConfigError, match="^its MSISDN"):
        cli("add", "--imsi", "001010000000009", "--msisdn", "15550100001")


def test_add(cli: Cli) -> None:
    node = "mme:15559001:mme1.example:example"
    added = cli("add", "--imsi", IMSI, "--external-id", "m@c.example", "--scs", "15550001", "--node", node, "--json")
    assert json.loads(added.output) == {"schema": 1, "added": IMSI}
    row = json.loads(cli("show", IMSI, "--json").output)
    assert (row["services"], row["rights"]) == (
        ["device-trigger"],
        [{"scs": "15550001", "services": ["device-trigger"]}],
    )
    with pytest.raises(ConfigError, match=r"^IMSI: 6 to 15 decimal digits expected$"):
        cli("add", "--imsi", "1")


def test_usage(cli: Cli, tmp_path: Path) -> None:
    assert cli.imported()("show", "not an id@").exit_code == 2
    assert CliRunner().invoke(command, ["list"]).exit_code == 2
    assert "Example" in CliRunner().invoke(command, ["--help"]).output
    (tmp_path / "text.db").write_text("no database" * 50)
    with pytest.raises(ConfigError, match="file is not a database"):
        CliRunner().invoke(command, ["list", "-d", str(tmp_path / "text.db")], catch_exceptions=False)


def test_the_database_of_a_configuration(cli: Cli, tmp_path: Path) -> None:
    cli.imported()
    toml = tmp_path / "hss.toml"
    toml.write_text('[node]\norigin_host = "hss.example"\norigin_realm = "example"\n[hss]\ndatabase = "hss.db"\n')
    found = CliRunner().invoke(command, ["list", "-c", str(toml)], catch_exceptions=False)
    assert IMSI in found.output
