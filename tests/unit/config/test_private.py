"""Files with keys that others than their owner can use are refused, with the file and its mode."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from diameter.config import CertificateKeyFile, KeyFile, Table, TlsConfig, parse
from diameter.config.private import GROUP_READS, OWNER_ONLY, complaint, refuse_shared
from diameter.errors import ConfigError
from diameter.security.pki import Pki
from diameter.transport.keys import TlsKeys
from helpers.certificates import Ca
from helpers.links import tls_table
from helpers.private import private
from nfs.hss.config import HssTable
from nfs.hss.keyfile import read_seal
from nfs.mme.cards import read_keys, read_usims
from nfs.mme.config import GroupTable, MmeTable
from nfs.mme.config import ProtectionTable as Devices
from nfs.scs.protection import ProtectionTable

AUDIENCE = '[[audience]]\nname = "a"\nkey_file = "key"'
MODES = (0o600, 0o400, 0o640, 0o440, 0o660, 0o604, 0o620, 0o610, 0o644, 0o602, 0o777)


class Keys(Table):
    """One of each kind."""

    own: KeyFile
    certificate: CertificateKeyFile


@pytest.mark.parametrize("mode", MODES)
def test_the_owner_alone_and_the_group_of_a_certificate(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "key", "00")
    path.chmod(mode)
    own, group = mode in (0o600, 0o400), mode in (0o600, 0o400, 0o640, 0o440)
    said = f"mode {mode:04o}: others than its owner can use it: chmod"
    assert complaint(path) == ("" if own else f"{said} 600")
    assert complaint(path, GROUP_READS) == ("" if group else f"{said} 640")
    try:
        parse('own = "key"\ncertificate = "key"', Keys, source="a.toml", base=tmp_path)
        found: tuple[str, ...] = ()
    except ConfigError as error:
        found = error.lines
    wrong = [("own", "600")] * (not own) + [("certificate", "640")] * (not group)
    assert found == tuple(f"a.toml: {key}: {path}: {said} {good}" for key, good in wrong)


def test_what_is_no_file_is_not_looked_at_and_what_is_not_there_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o644)
    refuse_shared(tmp_path / "pipe", OWNER_ONLY)
    with pytest.raises(ConfigError, match="none: No such file"):
        refuse_shared(tmp_path / "none")
    with pytest.raises(ConfigError, match="own: cannot read .*none"):
        parse('own = "none"\ncertificate = "none"', Keys, source="a.toml", base=tmp_path)


@pytest.mark.parametrize(
    ("model", "text", "key"),
    [
        (ProtectionTable, 'signer = "scs-1"\nsecret_file = "key"', "secret_file"),
        (ProtectionTable, f'signer = "s"\nsecret_file = "good"\n{AUDIENCE}', r"audience\.0\.key_file"),
        (Devices, AUDIENCE, r"audience\.0\.key_file"),
        (GroupTable, 'id = "00000001-001-01-07"\nkey_file = "key"', "key_file"),
        (MmeTable, 'cards = "key"', "cards"),
        (HssTable, 'key_file = "key"', "key_file"),
        (TlsConfig, 'certificate = "good"\nkey = "key"\ntrust = ["good"]', "key"),
    ],
)
def test_every_key_of_a_configuration(tmp_path: Path, model: type[Table], text: str, key: str) -> None:
    private(tmp_path / "good", "00")
    private(tmp_path / "key", "00").chmod(0o604)
    with pytest.raises(ConfigError, match=rf"a\.toml: {key}.*key: mode 0604: others than its owner"):
        parse(text, model, source="a.toml", base=tmp_path)


def test_what_verbs_are_given_is_looked_at_too(tmp_path: Path) -> None:
    path = private(tmp_path / "key", "00")
    path.chmod(0o644)
    for read in (read_seal, read_usims, lambda path: read_keys(path, "001010000000001")):
        with pytest.raises(ConfigError, match="key: mode 0644: others than its owner can use it: chmod 600"):
            read(path)
    table = tls_table(tmp_path, "a", Ca().issue())
    table.key.chmod(0o640)
    keys = TlsKeys(table)
    table.key.chmod(0o644)
    with pytest.raises(ConfigError, match=r"node\.tls\.key: .*a\.key: mode 0644: .* chmod 640"):
        keys.reload()
    pki = Pki.init(tmp_path / "pki")
    (pki.folder / "ca.key").chmod(0o640)
    with pytest.raises(ConfigError, match=r"ca\.key: mode 0640"):
        Pki(pki.folder)
