"""The local store of associations: what stands in the file, until when, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from diameter import ConfigError
from nfs.mtc_sgw.associations import Associations

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z
FILE = """scs,device,until
15550001,meter-1@Customer.Example,
15550001,meter-2@customer.example,2023-11-14T22:13:21Z
15550001,15550100001,2023-11-14T22:13:20
15550002,*@other.example,2030-01-01T00:00:00+01:00
"""


def read(folder: Path, text: str) -> Associations:
    path = folder / "associations.csv"
    path.write_text(text)
    return Associations.read(path)


@pytest.mark.requirement("E-TRIG-15")
def test_a_pair_holds_until_its_time(tmp_path: Path) -> None:
    store = read(tmp_path, FILE)
    assert len(store) == 4
    assert store.hold("15550001", "meter-1@customer.example", NOW)
    assert store.hold("15550001", "meter-2@customer.example", NOW)
    assert not store.hold("15550001", "meter-2@customer.example", NOW + 1)
    assert not store.hold("15550001", "15550100001", NOW)
    assert store.hold("15550002", "any@other.example", NOW)


def test_nobody_has_what_is_somebody_else_s(tmp_path: Path) -> None:
    store = read(tmp_path, FILE)
    assert not store.hold("15550002", "meter-1@customer.example", NOW)
    assert not store.hold("15550001", "any@other.example", NOW)
    assert not store.hold("15550001", "", NOW)


def test_every_line_that_is_wrong_is_named_and_no_identity_is(tmp_path: Path) -> None:
    text = "scs,device,until\nx,meter@a.example,\n15550001,@,\n15550001,a@b.example,soon\n15550001\n"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text + "15550001,c@b.example,\n15550001,c@B.example,\n")
    places = [line.partition(".csv:")[2].partition(":")[0] for line in caught.value.lines]
    assert places == ["2", "3", "4", "5", "7"]
    assert "meter" not in str(caught.value)


def test_a_file_with_other_columns_or_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="scs,device,until"):
        read(tmp_path, "device,scs\n")
    with pytest.raises(ConfigError, match=r"none\.csv"):
        Associations.read(tmp_path / "none.csv")
