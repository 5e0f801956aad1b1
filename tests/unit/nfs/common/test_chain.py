"""The chain of an audit log: what changes it is found, what rotates or tears it does not break it."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfs.common.audit_check import Verdict, verify
from nfs.common.chain import ZERO, Chain, beside, read_head, seal

FIELDS: Final = {"schema": 1, "time": "2026-01-02T03:04:05.000600Z", "node": "iwf.example", "event": "refusal"}
KEY: Final = b"the key of the chain"


def write(path: Path, count: int, key: bytes | None = None, **more: Any) -> None:
    chain = Chain(path, key)
    for number in range(count):
        chain.append({**FIELDS, "reference": number, **more})
    chain.close()


def checked(*paths: Path, key: bytes | None = None) -> Verdict:
    return verify(paths, key, read_head(beside(paths[-1], "head").read_bytes()))


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_anybody_can_check_a_line_with_sha256_alone(tmp_path: Path) -> None:
    write(tmp_path / "a", 2)
    first, second = (tmp_path / "a").read_bytes().splitlines()
    body, _, own = first.rpartition(b', "hash": ')
    assert hashlib.sha256(body).hexdigest() == json.loads(first)["hash"] == own.decode().strip('"}')
    assert json.loads(first)["prev"] == ZERO
    assert (json.loads(second)["seq"], json.loads(second)["prev"]) == (2, json.loads(first)["hash"])


@pytest.mark.parametrize("key", [None, KEY])
def test_a_log_that_nobody_touched(tmp_path: Path, key: bytes | None) -> None:
    write(tmp_path / "a", 3, key)
    write(tmp_path / "a", 2, key)  # another start
    found = checked(tmp_path / "a", key=key)
    assert (found.fault, found.first, found.last, found.notes) == ("", 1, 5, ())


def specimen() -> bytes:
    """Three lines of a log."""
    octets, prev = b"", ZERO
    for number in (1, 2, 3):
        line, prev = seal({**FIELDS, "n": number}, number, prev, None)
        octets += line
    return octets


WHOLE: Final = specimen()
NEWEST: Final = (3, json.loads(WHOLE.splitlines()[-1])["hash"])


def verdict_on(octets: bytes, key: bytes | None = None) -> Verdict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(octets)
        found = verify([path], key, NEWEST)
        return Verdict(fault=found.fault.removeprefix(f"{folder}/"), first=found.first, last=found.last)


def test_the_specimen_is_whole() -> None:
    assert verdict_on(WHOLE) == Verdict(first=1, last=3)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_any_octet_changed_is_found(at: int, other: int) -> None:
    changed = bytearray(WHOLE)
    changed[at] ^= other
    line = WHOLE[:at].count(b"\n") + 1
    found = verdict_on(bytes(changed)).fault
    assert found.startswith((f"a:{line}: ", f"a:{line + 1}: ")) or "missing at the end" in found


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, len(WHOLE)))
def test_any_piece_taken_out_is_found(at: int, count: int) -> None:
    verdict = verdict_on(WHOLE[:at] + WHOLE[at + count :])
    assert verdict.fault or verdict.first > 1  # whole lines of the beginning may have been put away


@given(st.integers(0, len(WHOLE)), st.binary(min_size=1, max_size=40))
def test_anything_put_in_is_found(at: int, more: bytes) -> None:
    changed = WHOLE[:at] + more + WHOLE[at:]
    assert changed == WHOLE or verdict_on(changed).fault


@given(st.binary(max_size=200))
def test_any_octets_give_a_verdict(octets: bytes) -> None:
    assert verdict_on(octets).fault
    assert verdict_on(octets + WHOLE).fault or not octets


def again(line: dict[str, Any], **changes: Any) -> bytes:
    """A line with other fields, and the hash that belongs to them."""
    plain = {name: value for name, value in line.items() if name not in ("hash", "seq", "prev")}
    return seal({**plain, **changes}, line["seq"], line["prev"], None)[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a, b, c: [a, c], "a:2: lines 2 to 2 before it were removed"),
        (lambda a, b, c: [b, c], ""),  # an older file may hold it
        (lambda a, b, c: [a, b], "a: lines 3 to 3 are missing at the end"),
        (lambda a, b, c: [a, c, b], "a:2: line 3 stands where line 2 was due: out of order"),
        (lambda a, b, c: [a, b, b, c], "a:3: line 2 comes again, inserted or out of order"),
        (lambda a, b, c: [a, again(json.loads(b), n=9), c], "a:3: line 3 does not follow line 2"),
        (lambda a, b, c: [a, b, again(json.loads(c), n=9)], "a:3: not the line 3 that was written"),
        (lambda a, b, c: [a, b, c[:-1]], "a:3: torn"),
        (lambda a, b, c: [a, b"{}\n", b, c], "a:2: changed: no line of a chain"),
        (lambda a, b, c: [], "a: lines 1 to 3 are missing at the end"),
    ],
)
def test_what_does_not_fit_is_named(change: Callable[..., list[bytes]], said: str) -> None:
    found = verdict_on(b"".join(change(*WHOLE.splitlines(keepends=True)))).fault
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_with_a_key_nobody_else_can_make_the_chain_anew(tmp_path: Path) -> None:
    write(tmp_path / "a", 2, KEY)
    assert "needed to check" in checked(tmp_path / "a").fault
    assert "changed" in checked(tmp_path / "a", key=b"another key").fault
    assert "without the key" in verdict_on(WHOLE, KEY).fault


def test_rotation_keeps_the_chain_while_running_and_over_a_restart(tmp_path: Path) -> None:
    path, old, older = tmp_path / "a", tmp_path / "a.1", tmp_path / "a.2"
    chain = Chain(path)
    chain.append(FIELDS)
    path.rename(older)
    chain.append(FIELDS)
    chain.append(FIELDS)
    chain.close()
    path.rename(old)
    write(path, 1)
    assert records(old)[0]["prev"] == records(older)[-1]["hash"]
    assert [line["seq"] for line in records(old) + records(path)] == [2, 3, 4]
    found = checked(older, old, path)
    assert (found.fault, found.last) == ("", 4)
    assert checked(path).notes == ("lines 1 to 3 stand in older files",)
    assert checked(older, path).fault == f"{path}:1: lines 2 to 3 before it were removed"
    assert "out of order" in checked(old, older, path).fault


def test_a_copied_and_emptied_file_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a"
    chain = Chain(path)
    chain.append(FIELDS)
    (tmp_path / "a.1").write_bytes(path.read_bytes())
    with path.open("r+b") as file:
        file.truncate()
    chain.append(FIELDS)
    chain.close()
    assert checked(tmp_path / "a.1", path).last == 2


def test_a_torn_last_line_is_moved_aside_and_said(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write(path, 2)
    with path.open("ab") as file:
        file.write(b'{"schema": 1, "ti')
    write(path, 1)
    third, fourth = records(path)[2:]
    assert (third["event"], third["seq"], fourth["seq"]) == ("repaired", 3, 4)
    assert third["reason"] == "the last line was torn: 17 octets moved to a.torn"
    assert beside(path, "torn").read_bytes() == b'{"schema": 1, "ti\n'
    assert third["torn_sha256"] == hashlib.sha256(b'{"schema": 1, "ti').hexdigest()
    assert (checked(path).fault, checked(path).last) == ("", 4)


def test_a_cut_end_stays_seen_after_more_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write(path, 3)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    assert checked(path).fault == f"{path}: lines 3 to 3 are missing at the end"
    write(path, 1)
    assert checked(path).fault == f"{path}:3: lines 3 to 3 before it were removed"


def test_two_writers_make_one_chain(tmp_path: Path) -> None:
    one, other = Chain(tmp_path / "a"), Chain(tmp_path / "a")
    for chain in (one, other, other, one, one):
        chain.append(FIELDS)
    (tmp_path / "a").rename(tmp_path / "a.1")
    for chain in (other, one, other):
        chain.append(FIELDS)
    one.close()
    other.close()
    assert [line["seq"] for line in records(tmp_path / "a")] == [6, 7, 8]
    assert checked(tmp_path / "a.1", tmp_path / "a").last == 8


def test_what_was_written_in_part_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    write(path, 1)
    before = path.read_bytes()
    chain = Chain(path)
    with monkeypatch.context() as full:
        whole = os.write
        full.setattr("os.write", lambda file, octets: whole(file, octets[:20]))
        with pytest.raises(OSError, match="No space left"):
            chain.append(FIELDS)
    assert path.read_bytes() == before
    chain.append(FIELDS)
    chain.close()
    assert checked(path).last == 2


def test_an_older_log_without_a_chain_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b'{"schema": 1}\n')
    write(path, 1)
    assert checked(path).fault == f"{path}:1: changed: no line of a chain"
    assert verify([path]).notes == ("without the head, lines taken off the end cannot be seen",)
