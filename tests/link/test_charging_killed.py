"""A process that charges is killed again and again: what it acknowledged is in its files, each event once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Final

import pytest

from nfs.common.charging.headers import read_file_header
from nfs.common.charging.reader import Check, records

pytestmark = pytest.mark.link

KILLS: Final = 4
PROGRAM: Final = """
import sys
from pathlib import Path
from nfs.common.charging.book import Book
from nfs.common.charging.events import Event, Kind
from nfs.common.charging.files import CdrFiles, Limits
from nfs.common.charging.headers import Closure
from nfs.common.charging.records import Maker
from nfs.common.database import database_url, open_engine

folder, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
engine = open_engine(database_url("store.db", folder), migrations="nfs.sms_sc:migrations", name="sms-sc")
now = 1795316640.0
files = CdrFiles(folder / "cdr", "sms-sc.example.org", Limits(records=40), now=now)
book = Book("sms-sc.example.org", Maker("15550000200"), files)
for number in range(first, last):
    with engine.begin() as connection:
        book.enter(connection, Event(kind=Kind.TRIGGER, at=now, reference=number))
    print(number, flush=True)
    if number % 3 == 0:
        with engine.begin() as connection:
            book.bring(connection, now)
more = True
while more:
    with engine.begin() as connection:
        more = book.bring(connection, now)
files.close(Closure.NORMAL)
"""


def killed(folder: Path, first: int, lines: int) -> list[int]:
    """What a process acknowledged until it was killed, which happens some time after so many lines."""
    command = [sys.executable, "-c", PROGRAM, str(folder), str(first), "1000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = [int(process.stdout.readline()) for _ in range(lines)]
        process.kill()
        found += [int(line) for line in process.stdout.read().splitlines() if line.strip()]
    return found


def test_what_was_acknowledged_has_one_record(tmp_path: Path) -> None:
    random, acknowledged, first = Random(8), list[int](), 0
    for _ in range(KILLS):
        acknowledged += killed(tmp_path, first, random.randint(5, 60))
        first = acknowledged[-1] + 1000  # one that was committed, and not told, is between
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), "0", "0"]
    subprocess.run(command, check=True, timeout=300)
    paths = sorted((tmp_path / "cdr").iterdir())
    check, references = Check([]), list[int]()
    for path in paths:
        octets = path.read_bytes()
        check.file(path.name, octets)
        for found in records(octets, read_file_header(octets).header_length):
            references.append(found.record()[1]["sMDeviceTriggerInformation"]["sMDTReferenceNumber"])
    assert check.faults == []  # no number is missing, and none comes twice
    assert all(path.suffix == ".cdr" for path in paths)
    assert len(references) == len(set(references))
    assert set(acknowledged) <= set(references)
    assert len(references) - len(acknowledged) <= KILLS
