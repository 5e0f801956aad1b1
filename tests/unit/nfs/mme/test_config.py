"""The MME's configuration: attaching needs an HSS and cards."""

from __future__ import annotations

from pathlib import Path

import pytest

from diameter.config import parse
from diameter.errors import ConfigError
from helpers.private import private
from nfs.mme.config import MmeConfig

NODE = '[node]\norigin_host = "mme.example.org"\norigin_realm = "example.org"\n'
UES = '[[ues]]\nfirst_imsi = "001010000000001"\nattach = true\n'


def config(folder: Path, text: str) -> MmeConfig:
    return parse(NODE + text, MmeConfig, source="mme.toml", base=folder)


def test_attaching(tmp_path: Path) -> None:
    private(tmp_path / "cards.csv", "imsi\n")
    mme = '[mme]\ncards = "cards.csv"\nplmn = "310150"\nnumber = "+15550000300"\n'
    found = config(tmp_path, f'[hss]\nrealm = "example.org"\n{mme}{UES}')
    assert (found.mme.plmn, found.mme.number, found.ues[0].attach) == ("310150", "15550000300", True)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [(UES, "say where and with which keys"), ('[mme]\nplmn = "1"\n', "mme.plmn"), ('[mme]\nrat = "nr"\n', "mme.rat")],
)
def test_what_will_not_do(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        config(tmp_path, text)
