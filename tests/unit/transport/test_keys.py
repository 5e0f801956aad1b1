"""The files of a TlsConfig: read, read again, and complained about by key and name."""

from __future__ import annotations

from pathlib import Path

import pytest

from diameter.config import TlsConfig
from diameter.errors import ConfigError
from diameter.transport.keys import TlsKeys
from helpers.certificates import Ca, pem
from helpers.dtls import Wire
from helpers.links import tls_table

CA = Ca()


class Watched:
    """Counts how often it was asked to look again."""

    def __init__(self) -> None:
        self.rechecks = 0

    def recheck(self) -> None:
        self.rechecks += 1


def _table(folder: Path) -> TlsConfig:
    (folder / "ca.crl").write_bytes(pem(CA.crl()))
    return tls_table(folder, "a", CA.issue(), crl=(folder / "ca.crl",))


def test_reading_again_makes_every_link_look_again(tmp_path: Path) -> None:
    keys = TlsKeys(_table(tmp_path))
    first, one, gone = keys.context, Watched(), Watched()
    keys.watch(one)
    keys.watch(gone)
    keys.forget(gone)
    keys.forget(gone)
    keys.reload()
    assert keys.context is not first
    assert (one.rechecks, gone.rechecks) == (1, 0)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.pem", b"x", "node.tls.certificate: {folder}/a.pem: no PEM certificate in it"),
        ("a.key", b"x", "node.tls.key: {folder}/a.key: not a PEM private key"),
        ("a.key", pem(CA.key), "node.tls.key: {folder}/a.key: does not belong to the certificate"),
        ("a-trust.pem", b"", "node.tls.trust.0: {folder}/a-trust.pem: no PEM certificate in it"),
        ("ca.crl", b"x", "node.tls.crl.0: {folder}/ca.crl: not a revocation list in PEM or DER"),
        ("a.key", None, "node.tls.key: cannot read {folder}/a.key: No such file or directory"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, content: bytes | None, line: str) -> None:
    table = _table(tmp_path)
    keys = TlsKeys(table)
    before = keys.context
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    for read in (lambda: TlsKeys(table), keys.reload):
        with pytest.raises(ConfigError) as wrong:
            read()
        assert wrong.value.lines == (line.format(folder=tmp_path),)
    assert keys.context is before


@pytest.mark.parametrize("days", [(-9.0, -1.0), (1.0, 9.0)])
def test_our_own_certificate_must_be_valid_now(tmp_path: Path, days: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match=r"node\.tls\.certificate: .*our own certificate is valid from"):
        TlsKeys(tls_table(tmp_path, "a", CA.issue(days=days)))


def test_the_key_log_of_a_lab_has_the_secrets_of_dtls_too(tmp_path: Path) -> None:
    log = tmp_path / "keys.log"
    keys = TlsKeys(_table(tmp_path).model_copy(update={"key_log": log})).dtls
    wire = Wire(keys.messages(server=False), keys.messages(server=True))
    assert wire.shake() == []
    lines = log.read_text().splitlines()
    assert {line.split()[0] for line in lines} == {"CLIENT_RANDOM"}
    assert log.stat().st_mode & 0o777 == 0o600
