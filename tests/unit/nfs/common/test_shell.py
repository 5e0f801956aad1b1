"""What a function that cannot start says."""

from __future__ import annotations

from pathlib import Path

import pytest

from diameter.errors import ConfigError
from nfs.common.shell import complain

PATH = Path("lab/relay.toml")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("node.listen.0: cannot listen", "relay: lab/relay.toml: node.listen.0: cannot listen"),
        ("rewrite.0.remove: no AVP", "relay: lab/relay.toml: rewrite.0.remove: no AVP"),
        ("rewrite.0.add.No-Such-AVP: no", "relay: lab/relay.toml: rewrite.0.add.No-Such-AVP: no"),
        ("lab/relay.toml: node.tls: missing", "relay: lab/relay.toml: node.tls: missing"),
        ("audit /var/log/audit: Is a directory", "relay: audit /var/log/audit: Is a directory"),
    ],
)
def test_a_key_has_its_file_before_it(capsys: pytest.CaptureFixture[str], line: str, said: str) -> None:
    complain("relay", ConfigError(line), PATH)
    assert capsys.readouterr().err == f"{said}\n"


def test_a_line_for_each_and_never_none(capsys: pytest.CaptureFixture[str]) -> None:
    complain("relay", ConfigError("node.a: one", "node.b: two"), PATH)
    complain("relay", OSError(), PATH)
    assert capsys.readouterr().err == (
        "relay: lab/relay.toml: node.a: one\nrelay: lab/relay.toml: node.b: two\nrelay: OSError\n"
    )
