"""`mtc dict` from the outside: what each verb prints, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from diameter.dictionary import Definitions
from diameter.errors import DictionaryError, LocalError
from nfs.cli.dict import command

WIRESHARK = """<dictionary><vendor vendor-id="ACME" code="4711"/>
<application id="7001" name="Acme Toys"><command name="Play" code="9999"/></application>
<avp name="Toy-Box" code="1" vendor-id="ACME"><grouped><gavp name="Toy-Colour"/><gavp name="MSISDN"/></grouped></avp>
<avp name="Toy-Colour" code="2" vendor-id="ACME" mandatory="must"><type type-name="Enumerated"/>
<enum name="RED" code="0"/></avp></dictionary>
"""


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One for all: the dictionaries are compiled by the test that comes first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_list_as_json_is_one_array_of_every_avp() -> None:
    rows = json.loads(run("list", "--json").stdout)
    assert len(rows) == len(list(Definitions.load(cache=False).avps()))
    assert {tuple(row) for row in rows} == {
        ("name", "code", "vendor", "type", "mandatory", "applications", "reference"),
    }
    (row,) = (row for row in rows if row["name"] == "Monitoring-Event-Configuration")
    assert row == {
        "name": "Monitoring-Event-Configuration",
        "code": 3122,
        "vendor": 10415,
        "type": "Grouped",
        "mandatory": {"S6a": "-", "S6t": "M", "T6a": "M"},
        "applications": ["S6a", "S6t", "T6a"],
        "reference": "TS 29.336 8.4.2",
    }


def test_list_by_word_code_and_application() -> None:
    assert "Trigger-Data" in run("list", "trigger-d").stdout
    assert [row["name"] for row in json.loads(run("list", "3010", "--json").stdout)] == ["Application-Port-Identifier"]
    names = {row["name"] for row in json.loads(run("list", "-a", "16777309", "--json").stdout)}
    assert "Payload" in names
    assert "Non-IP-Data" not in names
    assert run("list", "no-such-thing").exit_code == 1


def test_show_an_avp_a_command_and_an_application() -> None:
    shown = run("show", "SIR-Flags", "DAR", "Tsp", "-a", "Tsp")
    assert shown.exit_code == 0
    assert "SIR-Flags: AVP 3110, vendor 10415, Unsigned32   TS 29.336 6.4.10" in shown.stdout
    assert "bit  0  S6m-S6n-Indicator" in shown.stdout
    assert (
        "Device-Action-Request (DAR) ::= < Diameter Header: 8388639, REQ, PXY, 16777309 >   TS 29.368 6.6.2"
        in shown.stdout
    )
    assert "{ Auth-Application-Id }" in shown.stdout
    assert "* [ AVP ]" in shown.stdout
    assert "Tsp: application 16777309, vendor 10415" in shown.stdout
    assert "1  DEVICE_TRIGGER_REQUEST" in run("show", "10415:3005").stdout
    assert "read only" in run("show", "Credit-Control-Request").stdout


def test_show_as_json() -> None:
    (avp,) = json.loads(run("show", "Monitoring-Event-Configuration", "-a", "T6a", "--json").stdout)
    assert avp["mandatory"] == {"T6a": "M"}
    assert "Number-Of-UE-Per-Location-Configuration" in {member["name"] for member in avp["members"]}
    rows = json.loads(run("show", "Configuration-Information", "--json").stdout)
    assert {(row["short"], row["application_id"]) for row in rows} == {
        (short, application) for short in ("CIR", "CIA") for application in (16777345, 16777346)
    }


def test_show_what_nobody_knows() -> None:
    done = run("show", "Nothing")
    assert (done.exit_code, done.stderr) == (1, "mtc: no AVP, command or application is called 'Nothing'\n")
    assert isinstance(run("list", "-a", "Tps").exception, LocalError)


def test_check_counts(tmp_path: Path) -> None:
    assert run("check").stdout.startswith("ok: ")
    own = tmp_path / "own.dia"
    own.write_text("@avp_types 9\nOwn 1 Unsigned32 M\n")
    before, after = json.loads(run("check", "--json").stdout), json.loads(run("check", own, "--json").stdout)
    assert (after["schema"], after["ok"], after["avps"]) == (1, True, before["avps"] + 1)


def test_check_names_file_and_line(tmp_path: Path) -> None:
    own = tmp_path / "own.dia"
    own.write_text("@avp_types 9\nOwn 1 Unsigned31 M\n")
    wrong = run("check", own)
    assert wrong.exit_code == 1
    assert wrong.stderr == f"mtc: {own}:2: expected a data type of RFC 6733 section 4.2 or 4.3, found 'Unsigned31'\n"
    answer = run("check", own, "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["ok"] is False
    assert run("check", tmp_path / "missing.dia").exit_code == 2


def test_one_more_dictionary(tmp_path: Path) -> None:
    foreign = tmp_path / "acme.xml"
    foreign.write_text(WIRESHARK)
    assert [row["vendor"] for row in json.loads(run("list", "Toy-", "--dict", foreign, "--json").stdout)] == [
        4711,
        4711,
    ]
    assert "0  RED" in run("show", "Toy-Colour", "--dict", foreign).stdout


def test_import_writes_dia_that_loads_alone(tmp_path: Path) -> None:
    foreign, folder = tmp_path / "acme.xml", tmp_path / "out"
    foreign.write_text(WIRESHARK)
    rows = json.loads(run("import", foreign, "-o", folder, "--json").stdout)["written"]
    assert [(Path(row["file"]).name, row["avps"], row["application"]) for row in rows] == [
        ("acme-4711.dia", 2, None),
        ("acme-app-7001.dia", 0, "Acme-Toys"),
    ]
    files = [Path(row["file"]) for row in rows]
    scope = Definitions.load("rfc6733_base", *files, cache=False).scope(7001)
    assert scope.commands[9999 << 1].name == "Play-Answer"
    grammar = scope.names["Toy-Box"].grammar
    assert grammar is not None
    assert [rule.name for rule in grammar.rules] == ["Toy-Colour", "MSISDN"]
    assert isinstance(run("import", foreign, "-o", folder).exception, LocalError)
    assert "acme-4711.dia: 2 AVPs" in run("import", foreign, "-o", folder, "--force").stdout


def test_export_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "all.xml"
    assert run("export", "-o", path).exit_code == 0
    assert path.read_text(encoding="utf-8") == run("export").stdout
    again = Definitions.load("rfc6733_base", path)
    assert again.scope(16777309).names["Payload"].key == 10415 << 32 | 3004


def test_every_verb_has_help_with_an_example() -> None:
    assert isinstance(command, click.Group)
    for verb in command.commands:
        assert "Example: mtc dict" in run(verb, "--help").output


def test_what_nothing_is_called_ends_with_status_1() -> None:
    """A name that no dictionary has is an answer, for `list` as for `show`; an application that is none is not."""
    names: tuple[tuple[str, ...], ...] = (
        ("list", "Nonsense"),
        ("list", "--json", "Nonsense"),
        ("show", "Nonsense"),
        ("show", "99:99"),
    )
    for words in names:
        assert run(*words).exit_code == 1, words
    assert json.loads(run("list", "--json", "Nonsense").stdout) == []
    assert run("show", "DAR", "Nonsense").stdout == ""
    names = (("list", "-a", "Nonsense"), ("show", "DAR", "-a", "Nonsense"))
    for words in names:
        assert isinstance(run(*words).exception, DictionaryError), words
