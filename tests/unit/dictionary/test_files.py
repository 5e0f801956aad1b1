"""The cache: used when it agrees, passed over in silence when it does not."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest

from diameter.dictionary import Definitions, files, read
from diameter.dictionary.plain import Linked
from diameter.errors import DictionaryError


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that files are parsed."""
    seen: list[int] = []
    real = read.read_files

    def counted(paths: list[Path]) -> Linked:
        seen.append(len(paths))
        return real(paths)

    monkeypatch.setattr(read, "read_files", counted)
    return seen


def cached(place: Path) -> Path:
    (found,) = place.glob("*.marshal")
    return found


def test_the_second_load_reads_no_file(tmp_path: Path, reads: list[int]) -> None:
    first = Definitions.load("ts29368_tsp", cache=tmp_path)
    second = Definitions.load("ts29368_tsp", cache=tmp_path)
    assert len(reads) == 1
    assert second.files() == first.files()
    assert [avp.key for avp in second.avps()] == [avp.key for avp in first.avps()]
    assert second.scope(16777309).names["Payload"].reference == "TS 29.368 6.4.5"


def test_another_set_of_files_has_another_cache(tmp_path: Path, reads: list[int]) -> None:
    Definitions.load("ts29368_tsp", cache=tmp_path)
    Definitions.load("ts29109_zh", cache=tmp_path)
    assert len(reads) == 2
    assert len(list(tmp_path.glob("*.marshal"))) == 2


def test_a_changed_file_is_read_again(tmp_path: Path, reads: list[int]) -> None:
    own = tmp_path / "own.dia"
    own.write_text("@avp_types 9\nOwn 1 Unsigned32 M\n")
    Definitions.load("rfc6733_relay", own, cache=tmp_path)
    own.write_text("@avp_types 9\nOwn 2 Unsigned32 M\n")
    os.utime(own, ns=(1, 1))
    assert Definitions.load("rfc6733_relay", own, cache=tmp_path).scope(0).names["Own"].code == 2
    assert len(reads) == 2


@pytest.mark.parametrize("cut", [0, 5, 30, 200, -1])
def test_a_cut_cache_is_rebuilt(tmp_path: Path, reads: list[int], cut: int) -> None:
    Definitions.load("ts29109_zh", cache=tmp_path)
    path = cached(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    for _ in range(2):
        Definitions.load("ts29109_zh", cache=tmp_path)
    assert len(reads) == 2


@pytest.mark.parametrize("at", [0, 28, 40, 1000])
def test_a_flipped_bit_is_noticed(tmp_path: Path, reads: list[int], at: int) -> None:
    Definitions.load("ts29109_zh", cache=tmp_path)
    path = cached(tmp_path)
    octets = bytearray(path.read_bytes())
    octets[at] ^= 1
    path.write_bytes(octets)
    Definitions.load("ts29109_zh", cache=tmp_path)
    assert len(reads) == 2


def test_a_cache_of_another_format_is_rebuilt(
    tmp_path: Path, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    Definitions.load("ts29109_zh", cache=tmp_path)
    monkeypatch.setattr(files, "FORMAT", files.FORMAT + 1)
    Definitions.load("ts29109_zh", cache=tmp_path)
    assert len(reads) == 2


def test_a_cache_of_another_user_is_not_believed(
    tmp_path: Path, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    Definitions.load("ts29109_zh", cache=tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(tmp_path).st_uid + 1)
    Definitions.load("ts29109_zh", cache=tmp_path)
    assert len(reads) == 2


def test_a_place_that_cannot_be_written_is_no_complaint(tmp_path: Path, reads: list[int]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    for _ in range(2):
        assert Definitions.load("ts29109_zh", cache=blocked / "below").application("Zh").id == 16777221
    assert len(reads) == 2


def test_the_users_cache_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    Definitions.load("rfc6733_relay")
    assert cached(tmp_path / "mtc-diameter").stat().st_size > 1000
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    place = files.cache_file([])
    assert place is not None
    assert place.parent == tmp_path / "home" / ".cache" / "mtc-diameter"


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert files.cache_file([]) is None
    assert Definitions.load("rfc6733_relay").application("Relay").id == 0xFFFFFFFF


def test_an_installation_without_dictionaries_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "__file__", str(tmp_path / "diameter" / "dictionary" / "files.py"))
    with pytest.raises(DictionaryError, match="dicts:1: expected the dictionaries of this installation"):
        files.folder()
    installed = tmp_path / "diameter" / "dicts"
    installed.mkdir(parents=True)
    (installed / "rfc6733_base.dia").write_text("")
    assert files.folder() == installed


def test_a_file_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE", 10)
    (tmp_path / "long.dia").write_text(";" * 11)
    with pytest.raises(DictionaryError, match=r"long\.dia:1: expected a file of at most 10 octets"):
        files.read_text(tmp_path / "long.dia")


def test_a_cache_that_agrees_in_form_only_is_rebuilt(tmp_path: Path) -> None:
    place = tmp_path / "cache"
    files.keep(place, ("another",), Linked((), {}))
    assert files.recall(place, ("another",)) == Linked((), {})
    assert files.recall(place, ("wanted",)) is None
    body = b"\x00not marshal"
    place.write_bytes(files.MAGIC + zlib.crc32(body).to_bytes(4) + body)
    assert files.recall(place, ("wanted",)) is None
