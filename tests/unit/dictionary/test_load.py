"""Loading: by stem, by path, all; looking up; and the project's own files as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from diameter.dictionary import Definitions, files
from diameter.errors import DictionaryError

TSP, S6M, T4, S6A, S6T, T6A = 16777309, 16777310, 16777311, 16777251, 16777345, 16777346


@pytest.fixture(scope="module")
def everything() -> Definitions:
    return Definitions.load(cache=False)


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    path = tmp_path / "toy.dia"
    path.write_text("@id 7777\n@name Toy\n@inherits ts29368_tsp\n@avp_types 99\nToy-Flags 1 Unsigned32 M 1.1\n")
    return path


def test_all_of_dict_loads(everything: Definitions) -> None:
    assert {a.name for a in everything.applications.values()} >= {
        "Base", "Accounting", "Relay", "Tsp", "S6m", "S6t", "T4", "T6a", "S6c", "SGd", "S6a", "Zh", "Zn",
        "Cx", "Sh", "Gx", "Rx", "Credit-Control", "Rf", "SWx",
    }  # fmt: skip
    assert everything.sources[0].stem == "rfc6733_base"
    assert len(everything.sources) == len(list(files.folder().glob("*.dia")))


def test_a_stem_loads_with_what_it_inherits() -> None:
    definitions = Definitions.load("ts29109_zh", cache=False)
    stems = {path.stem for path in definitions.sources}
    assert stems >= {"rfc6733_base", "ts29109_zh", "ts29109_gba", "tgpp_common"}
    assert "ts29368_tsp" not in stems
    assert set(definitions.applications) == {0, 16777221}


def test_a_path_loads_beside_everything(toy: Path, everything: Definitions) -> None:
    for name in (toy, str(toy)):
        definitions = Definitions.load(name, cache=False)
        assert len(definitions.sources) == len(everything.sources) + 1
        assert definitions.scope(7777).names["Toy-Flags"].vendor == 99


def test_a_path_beside_a_stem_brings_what_it_inherits(toy: Path) -> None:
    stems = {path.stem for path in Definitions.load("rfc6733_relay", toy, cache=False).sources}
    assert stems >= {"rfc6733_relay", "toy", "ts29368_tsp"}
    assert "ts29468_mb2" not in stems


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("ts00000_nothing",), "no dictionary 'ts00000_nothing'; there are ietf_common"),
        (("nowhere/my.dia",), "nowhere/my.dia:1: expected a readable file, found No such file or directory"),
    ],
)
def test_what_is_not_there_is_said(names: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(DictionaryError, match=complaint):
        Definitions.load(*names, cache=False)


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    path = tmp_path / "bad.dia"
    path.write_bytes(b"; fine\n\xff\n")
    with pytest.raises(DictionaryError, match=r"bad\.dia:2: expected UTF-8 text, found octet 0xff"):
        Definitions.load(path, cache=False)


def test_two_files_of_one_name_are_said(tmp_path: Path) -> None:
    (tmp_path / "ts29368_tsp.dia").write_text("")
    with pytest.raises(DictionaryError, match="expected a file name not taken by .*ts29368_tsp.dia"):
        Definitions.load(tmp_path / "ts29368_tsp.dia", cache=False)


def test_applications_by_name_stem_and_id(everything: Definitions) -> None:
    found = {everything.application(word).id for word in ("Tsp", "ts29368_tsp", TSP)}
    assert found == {TSP}
    with pytest.raises(DictionaryError, match="no application 'Tps'; there are Accounting, Base"):
        everything.application("Tps")


def test_commands_by_every_name_they_have(everything: Definitions) -> None:
    assert [c.name for c in everything.commands_named("Device-Action")] == [
        "Device-Action-Request",
        "Device-Action-Answer",
    ]
    assert [c.application_id for c in everything.commands_named("DAR")] == [TSP]
    assert {c.application_id for c in everything.commands_named("Configuration-Information-Request")} == {S6T, T6A}
    assert everything.commands_named("Nothing") == ()


def test_an_unknown_application_sees_every_avp_and_the_base_commands(everything: Definitions) -> None:
    scope = everything.scope(12345)
    assert (scope.application.name, scope.application.stem) == ("12345", "")
    assert len(scope.avps) == len(list(everything.avps()))
    assert scope.commands[257 << 1 | 1].short == "CER"
    assert everything.scope(12345).avps is scope.avps


def test_unknown_applications_share_one_table(everything: Definitions) -> None:
    """A peer chooses the number, so a table each would let it fill our memory."""
    one, two = everything.scope(12345), everything.scope(12346)
    assert (one.application.id, two.application.id) == (12345, 12346)
    assert one.avps is two.avps
    assert one.memo is two.memo


def test_the_answer_message_is_no_command(everything: Definitions) -> None:
    scope = everything.scope(S6A)
    assert scope.error_answer is not None
    assert scope.error_answer.error
    assert [r.name for r in scope.error_answer.grammar.rules if r.minimum] == [
        "Origin-Host",
        "Origin-Realm",
        "Result-Code",
    ]
    assert all(command.code > 0 for command in scope.commands.values())
    assert all(command.code > 0 for command in everything.commands())


def test_each_application_has_its_own_m_rule(everything: Definitions) -> None:
    def rule(application_id: int, name: str) -> str:
        return everything.scope(application_id).names[name].mandatory

    assert [rule(a, "Monitoring-Event-Configuration") for a in (S6T, T6A, S6A)] == ["M", "M", "-"]
    assert [rule(a, "MME-Realm") for a in (16777312, 16777313, S6M)] == ["M", "-", "-"]
    assert rule(S6A, "RAT-Type") == "?"
    assert everything.scope(S6A).names["Monitoring-Event-Configuration"].stem == "ts29336_s6t"


def test_one_name_has_different_members_in_different_applications(everything: Definitions) -> None:
    def members(application_id: int, name: str) -> set[str]:
        grammar = everything.scope(application_id).names[name].grammar
        assert grammar is not None
        return {rule.name for rule in grammar.rules}

    assert "Number-Of-UE-Per-Location-Configuration" in members(T6A, "Monitoring-Event-Configuration")
    assert "Maximum-Detection-Time" in members(S6T, "Monitoring-Event-Configuration")
    assert "Maximum-Detection-Time" not in members(T6A, "Monitoring-Event-Configuration")
    assert members(S6M, "User-Identifier") - members(S6T, "User-Identifier") == {"LMSI"}
    assert members(T4, "Serving-Node") - members(S6M, "Serving-Node") == {
        f"SMSF-{network}-{what}" for network in ("3GPP", "Non-3GPP") for what in ("Name", "Realm", "Number")
    }
    s6t, t6a = everything.scope(S6T).commands, everything.scope(T6A).commands
    assert {r.name for r in s6t[8388718 << 1 | 1].grammar.rules if r.minimum} >= {"User-Identifier"}
    assert {r.name for r in t6a[8388718 << 1 | 1].grammar.rules if r.minimum} & {"User-Identifier"} == set()


def test_spellings_of_other_specifications(everything: Definitions) -> None:
    for application_id, alias, code in (
        (T4, "SMS-Application-Port-ID", 3010),
        (TSP, "External-Id", 3111),
        (S6M, "S6-Service-ID", 3103),
        (S6T, "Group-Monitoring-Event-Report", 3165),
    ):
        assert everything.scope(application_id).names[alias].code == code


def test_decode_only_files_have_no_arity(everything: Definitions) -> None:
    for application in everything.applications.values():
        if application.decode_only:
            for command in everything.scope(application.id).commands.values():
                if command.application_id == application.id:
                    assert (command.decode_only, command.grammar.rules, command.grammar.wildcard) == (True, (), True)
    assert everything.scope(4).commands[272 << 1 | 1].name == "Credit-Control-Request"
    assert everything.scope(16777238).names["Charging-Rule-Install"].decode_only


def test_experimental_results_read_by_name(everything: Definitions) -> None:
    values = everything.scope(T4).names["Experimental-Result-Code"].values
    assert (values[5001], values[5535]) == (
        "DIAMETER_ERROR_USER_UNKNOWN",
        "DIAMETER_ERROR_ORIGINAL_MESSAGE_NOT_PENDING",
    )
