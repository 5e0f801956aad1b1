"""`mtc subscriber group`, by way of click's runner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nfs.cli.subscriber import command

GROUPS = """group,local_id,members,rules,scs
fleet@customer.example,local-7,meter-1@customer.example;gone@customer.example,area:north,15550001
"""


class Cli:
    """Runs verbs on one database: what they print, or what they complain of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str) -> str:
        found = CliRunner().invoke(command, [*arguments, "--database", str(self.folder / "hss.db")])
        return found.output or str(found.exception)

    def group(self, verb: str, *arguments: str) -> str:
        return self("group", verb, *arguments)

    def imported(self, text: str, *arguments: str) -> str:
        (self.folder / "file").write_text(text)
        return self.group("import", str(self.folder / "file"), *arguments)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    cli = Cli(tmp_path)
    for number in (1, 2):
        name = f"meter-{number}@customer.example"
        cli("add", "--imsi", f"00101000000000{number}", "--external-id", name)
    return cli


@pytest.mark.requirement("R-GRP-02")
def test_a_name_is_of_one_group_and_of_no_device(cli: Cli) -> None:
    assert cli.imported(GROUPS) == "1 groups imported\n"
    assert "file:2: there is a group fleet@customer.example already" in cli.imported(GROUPS)
    assert cli.imported(GROUPS, "--replace") == "1 groups imported\n"
    taken = "fleet@customer.example is the name of a group"
    assert taken in cli("add", "--imsi", "001010000000003", "--external-id", "fleet@customer.example")
    (cli.folder / "s.csv").write_text("imsi,external_ids\n001010000000003,fleet@customer.example\n")
    assert taken in cli("import", str(cli.folder / "s.csv"))
    assert "nobody" in cli("show", "001010000000003") or "no subscriber" in cli("show", "001010000000003")


def test_a_group_is_shown_with_the_members_of_the_moment(cli: Cli) -> None:
    cli.imported(GROUPS)
    assert cli.imported("device,area\nmeter-2@customer.example,north\n") == "what 1 devices have imported\n"
    shown = cli.group("show", "fleet@customer.example").splitlines()
    assert [line[14:] for line in shown if line.startswith("member")] == [
        "meter-1@customer.example  listed",
        "gone@customer.example  left out: no subscriber has this identity",
        "meter-2@customer.example  by a rule",
    ]
    assert cli.group("list").split() == ["fleet@customer.example", "2", "listed", "area:north"]
    document = json.loads(cli.group("show", "fleet@customer.example", "--json"))
    assert (document["rules"], len(document["now"])) == ({"area": ["north"]}, 3)


def test_export_is_imported_again(cli: Cli) -> None:
    cli.imported(GROUPS)
    cli.imported("device,area\nmeter-2@customer.example,north\n")
    exported = cli.group("export")
    traits = [{"device": "meter-2@customer.example", "area": ["north"]}]
    assert json.loads(exported) == json.loads(cli.group("list", "--json")) | {"traits": traits}
    assert cli.group("remove", "fleet@customer.example") == "fleet@customer.example removed\n"
    assert "no group is named" in cli.group("remove", "fleet@customer.example")
    assert "no group is named" in cli.group("show", "fleet@customer.example")
    assert json.loads(cli.imported(exported, "--json")) == {"schema": 1, "groups": 1, "devices": 1}
    assert cli.group("export") == exported
    assert cli.imported('{"groups": []}') == "nothing imported\n"


def test_what_is_no_text(cli: Cli) -> None:
    (cli.folder / "bad").write_bytes(b"\xff")
    assert "not UTF-8 at octet 0" in cli.group("import", str(cli.folder / "bad"))
