"""Keys of subscribers: sealed in the database, kept over an import without them, shown by nobody."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from diameter.errors import ConfigError
from nfs.cli.subscriber import command
from nfs.common.aka import AkaError, Milenage, Seal, opc_of
from nfs.common.cards import Card
from nfs.common.database import database_url, open_engine
from nfs.common.tuak import Tuak, topc_of
from nfs.hss import cards, provisioning, tables
from nfs.hss.keyfile import new_key, read_seal
from nfs.hss.logic import Subscriber

K, OP = "465b5ce8b199b49faa5f0a2ee238a6bc", "cdc202d5123e20f62b6d676ac72cb318"
OPC = "cd63cb71954a9f4e48a5994e37a02baf"
TOP = "5555555555555555555555555555555555555555555555555555555555555555"
IMSI = "001010000000001"
SEAL = Seal(bytes(range(32)))
CARD = Card(k=bytes.fromhex(K), top=bytes.fromhex(OPC))
HEADER = "imsi,algorithm,k,op,opc,top,topc,amf,res_bits,iterations,profile\n"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(database_url("hss.db", tmp_path), migrations="nfs.hss:migrations", name="hss")
    with engine.begin() as connection:
        tables.save(connection, Subscriber(imsi=IMSI))
        cards.save(connection, IMSI, CARD, SEAL)
    yield engine
    engine.dispose()


def test_keys_come_back_under_their_seal_only(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        assert cards.find(connection, IMSI, SEAL) == CARD
        assert cards.find(connection, "001010000000002", SEAL) is None
        assert cards.algorithm_of(connection, IMSI) == "milenage"
        with pytest.raises(AkaError):
            cards.find(connection, IMSI, Seal(bytes(32)))
        tuak = Card(algorithm="tuak", k=bytes(range(32)), top=bytes(32), res_octets=16, iterations=2, offset=-5)
        cards.save(connection, IMSI, tuak, SEAL)
        assert cards.find(connection, IMSI, SEAL) == tuak
        assert isinstance(tuak.functions(), Tuak)
    octets = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert IMSI.encode() in octets
    assert not any(key in octets for key in (CARD.k, CARD.top, K.encode(), OPC.encode()))


def test_a_card_moved_to_another_subscriber_does_not_open(engine: Engine) -> None:
    with engine.begin() as connection:
        tables.save(connection, Subscriber(imsi="001010000000002"))
        connection.execute(cards.CARD.update().values(imsi="001010000000002"))
        with pytest.raises(AkaError):
            cards.find(connection, "001010000000002", SEAL)


def test_saving_a_subscriber_keeps_its_keys_and_removing_takes_them(engine: Engine) -> None:
    with engine.begin() as connection:
        tables.save(connection, Subscriber(imsi=IMSI, msisdn="15550100001"))
        assert cards.find(connection, IMSI, SEAL) == CARD
        tables.remove(connection, IMSI)
        assert cards.find(connection, IMSI, SEAL) is None


def test_an_offset_moves_once(engine: Engine) -> None:
    with engine.begin() as connection:
        cards.move(connection, IMSI, 0, 77)
        cards.move(connection, IMSI, 0, 99)  # what another process did in the meantime stands
        assert cards.find(connection, IMSI, SEAL) == replace(CARD, offset=77)


def test_an_import_of_keys_leaves_the_offset(engine: Engine) -> None:
    with engine.begin() as connection:
        cards.move(connection, IMSI, 0, 77)
        cards.save(connection, IMSI, CARD, SEAL)
        assert cards.find(connection, IMSI, SEAL) == replace(CARD, offset=77)
        cards.save(connection, IMSI, replace(CARD, offset=5), SEAL)
        assert cards.find(connection, IMSI, SEAL) == replace(CARD, offset=5)


def test_nothing_that_holds_keys_shows_them() -> None:
    (placed,) = provisioning.read(f"{HEADER}{IMSI},,{K},{OP},,,,,,,\n", "f")
    row = provisioning.SubscriberRow.model_validate({"imsi": IMSI, "keys": {"k": K, "opc": OPC}})
    for text in (repr(placed), str(placed), repr(row), str(row), repr(Milenage(CARD.k, CARD.top)), repr(SEAL)):
        assert not any(key in text.lower() for key in (K, OP, OPC, repr(CARD.k), repr(CARD.top)))


@pytest.mark.parametrize(
    ("cells", "card"),
    [
        (f"milenage,{K},,{OPC},,,,,", CARD),
        (f",{K},{OP},,,,,,", CARD),
        (f",{K.upper()},{OP},,,,b9b9,,", replace(CARD, amf=0xB9B9)),
        (
            f"tuak,{K},,,{TOP},,8000,128,2",
            Card(
                algorithm="tuak",
                k=bytes.fromhex(K),
                top=topc_of(bytes.fromhex(K), bytes.fromhex(TOP), 2),
                res_octets=16,
                iterations=2,
            ),
        ),
        (f"tuak,{K + K},,,,{TOP},,,", Card(algorithm="tuak", k=bytes.fromhex(K + K), top=bytes.fromhex(TOP))),
    ],
)
def test_keys_of_a_table(cells: str, card: Card) -> None:
    (placed,) = provisioning.read(f"{HEADER}{IMSI},{cells},iot\n", "f")
    assert placed.card == card
    assert placed.subscriber.profile == "iot"
    assert opc_of(bytes.fromhex(K), bytes.fromhex(OP)).hex() == OPC


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        (f",{K},,,,,,,", "k with op or opc, one of the two"),
        (f",{K},{OP},{OPC},,,,,", "one of the two"),
        (f",{K},{OP},,{TOP},,,,", "one of the two"),
        (f",,{OP},,,,,,", "keys.k: field required"),
        (f",{K[:-2]},{OP},,,,,,", "K of 128 bits"),
        (f",{K},,{OPC}00,,,,,", "OPc of 128 bits"),
        (f",{K[:-1]},{OP},,,,,,", "keys.k: value error, hexadecimal digits expected"),
        (f",{K},{OP},,,,80000000,,", "amf of 4 digits"),
        (f",{K},{OP},,,,,128,", "belong to tuak"),
        (f"comp128,{K},{OP},,,,,,", "keys.algorithm"),
        (f"tuak,{K},,,{OPC},,,,", "TOPc of 256 bits"),
        (f"tuak,{K},,,{TOP},,,65,", "keys.res_bits"),
        (f"tuak,{K},,,{TOP},,,x,", "res_bits: a number expected"),
        (f"tuak,{K},,,{TOP},,,,0", "keys.iterations"),
    ],
)
def test_bad_keys_are_named_and_not_repeated(cells: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        provisioning.read(f"{HEADER}{IMSI},{cells},\n", "f.csv")
    assert str(caught.value).startswith("f.csv:2: ")
    assert complaint in str(caught.value)
    assert not any(key in str(caught.value) for key in (K[:-2], OP, OPC, TOP))


class Cli:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "s.csv").write_text(f"{HEADER}{IMSI},,{K},{OP},,,,,,,iot\n")

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(command, [*arguments, "-d", str(self.folder / "cli.db")], catch_exceptions=False)

    def path(self, name: str) -> str:
        return str(self.folder / name)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def test_import_with_a_key_file_and_nothing_shown(cli: Cli) -> None:
    made = CliRunner().invoke(command, ["new-key", cli.path("hss.key")], catch_exceptions=False)
    assert made.output == f"{cli.path('hss.key')} written\n"
    assert cli("import", cli.path("s.csv"), "--key", cli.path("hss.key")).output == "1 subscribers imported\n"
    shown = cli("show", IMSI).output
    assert "keys          milenage" in shown
    assert "profile       iot" in shown
    every = [shown, *(cli(*words).output for words in (("show", IMSI, "--json"), ("list",), ("list", "--json")))]
    every += [cli("export", "--format", form).output for form in ("csv", "json")]
    assert not any(key in text for text in every for key in (K, OP, OPC, read_text(cli.path("hss.key"))))
    again = cli.folder / "again.json"
    again.write_text(every[-1])
    assert cli("import", str(again)).exit_code == 0
    assert "keys          milenage" in cli("show", IMSI).output
    assert "keys" not in json.loads(every[1])


def read_text(path: str) -> str:
    return Path(path).read_text().strip()


def test_keys_are_not_taken_without_a_key_file(cli: Cli) -> None:
    with pytest.raises(ConfigError, match="name a key file"):
        cli("import", cli.path("s.csv"))
    assert not (cli.folder / "cli.db").exists()


def _write(path: Path, text: str, mode: int) -> Path:
    path.write_text(text)
    os.chmod(path, mode)
    return path


@pytest.mark.parametrize(
    ("text", "mode", "complaint"),
    [("ab" * 32, 0o644, "chmod 600"), ("ab" * 31, 0o600, "64 hexadecimal"), ("", 0o600, "64 hexadecimal")],
)
def test_a_key_file_that_will_not_do(tmp_path: Path, text: str, mode: int, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        read_seal(_write(tmp_path / "k", text, mode))
    assert "abab" not in str(caught.value)


def test_a_key_file_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "hss.key"
    new_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    opened: Any = read_seal(path).open(read_seal(path).seal(b"x", "c"), "c")
    assert opened == b"x"
    for wrong in (path, tmp_path / "no" / "hss.key"):
        with pytest.raises(ConfigError):
            new_key(wrong)
    with pytest.raises(ConfigError, match="No such file"):
        read_seal(tmp_path / "none")
