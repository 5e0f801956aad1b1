"""The files for cores that are not here: ours are right, theirs have only the places that the steps speak of."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from helpers.other_cores import CORES, Core, absent, answering, filled, mtc, pyhss_of

pytestmark = pytest.mark.interop
HERE = Path(__file__).parent


def test_our_side_of_open5gs(tmp_path: Path) -> None:
    folder = shutil.copytree(HERE / "open5gs", tmp_path / "open5gs")
    assert mtc("subscriber", "new-key", str(folder / "our.key")).returncode == 0
    checked = mtc("config", "check", str(folder / "our-hss.toml"))
    assert checked.returncode == 0, checked.stderr
    done = mtc("subscriber", "import", str(folder / "subscribers.csv"), "-c", str(folder / "our-hss.toml"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("core", CORES, ids=lambda core: core.test)
def test_places_in_their_files(core: Core, tmp_path: Path) -> None:
    folder = HERE / core.folder
    page = (folder / "README.md").read_text(encoding="utf-8")
    places = dict.fromkeys(("CERTIFICATES", "EXTENSIONS", "FOLDER"), tmp_path)
    for source in sorted({*folder.glob("*.conf"), *folder.glob("*.yaml")}):
        assert f"`{source.name}`" in page
        filled(source, tmp_path / source.name, places)
        text = (tmp_path / source.name).read_text(encoding="utf-8")
        assert not re.search(r"@[A-Z]+@", text)
        assert not re.search(r"(?<![\d.])(?!127\.)\d+\.\d+\.\d+\.\d+", text), "only loopback"


def test_why_a_core_is_not_met(tmp_path: Path) -> None:
    assert "MTC_PYHSS" in pyhss_of({})
    assert "hssService.py" in pyhss_of({"MTC_PYHSS": str(tmp_path), "MTC_PYHSS_PYTHON": str(tmp_path)})
    assert all(absent().values())
    with pytest.raises(AssertionError, match="nobody listens"):
        answering(1, patience_s=0.0)
