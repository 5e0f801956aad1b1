"""From TOML to a model: every complaint at once, each with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from diameter.config import FunctionConfig, Table, load, parse, top_level, validate
from diameter.errors import ConfigError

GOOD = """
function = "mtc-iwf"
[node]
origin_host = "iwf.mno.example"
origin_realm = "mno.example"
[[node.listen]]
transport = "tcp"
physical_protection = true
physical_protection_reason = "one rack,\\n locked"
[[peer]]
host = "hss.mno.example."
realm = "mno.example"
transport = "tcp"
physical_protection = true
physical_protection_reason = "one rack"
connect = true
addresses = ["192.0.2.1", "::1"]
"""


def _wrong(text: str, base: Path = Path(), model: type[Table] = FunctionConfig) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        parse(text, model, source="iwf.toml", base=base)
    return [line.removeprefix("iwf.toml: ") for line in wrong.value.lines]


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "iwf.toml"
    path.write_text(GOOD)
    config = load(path, FunctionConfig)
    assert config.function == top_level(path)["function"] == "mtc-iwf"
    peer = config.peer[0]
    assert (peer.host, peer.port_number, peer.dial) == ("hss.mno.example", 3868, ("192.0.2.1", "::1"))
    assert config.node.listen[0].physical_protection_reason == "one rack, locked"
    assert config.node_config.peer == config.peer
    assert config.node_config.peer_named("HSS.mno.example.") is peer


def test_every_wrong_key_is_named_at_once(tmp_path: Path) -> None:
    text = """
        functoin = "x"
        [node]
        origin_hots = "a.b"
        origin_realm = "*.b"
        tw_s = 1
        tc_s = "30"
        product_name = 3
        capture = "no/such/folder/x.pcapng"
        limits = 5
        [[node.listen]]
        transport = "tcp"
        [[node.listen]]
        host = "localhost"
        [node.tls]
        certificate = "nowhere.pem"
        key = 1
        trust = []
        secret = "s3cret"
        [[peer]]
        prot = 5
        port = 99999
        realm = "x.y"
        host = "h"
        transport = "udp"
        connect = "yes"
    """
    found = _wrong(text, tmp_path)
    assert sorted(found) == sorted(
        [
            'functoin: unknown key (did you mean "function"?)',
            "node.origin_host: missing",
            'node.origin_hots: unknown key (did you mean "origin_host"?)',
            "node.origin_realm: not a DiameterIdentity (a host or realm name such as iwf.example.org, no wildcard)",
            "node.tw_s: must be greater than or equal to 6",
            "node.tc_s: must be a number",
            "node.product_name: must be a string",
            f"node.capture.file: cannot write {tmp_path}/no/such/folder/x.pcapng: its folder does not exist",
            "node.limits: must be a table",
            'node.listen.0: transport = "tcp" is clear text: set physical_protection = true and give a reason',
            "node.listen.1.host: not an IPv4 or IPv6 address",
            f"node.tls.certificate: cannot read {tmp_path}/nowhere.pem: No such file or directory",
            "node.tls.key: must be a string that names a file",
            "node.tls.trust: must not be empty",
            "node.tls.secret: unknown key",
            'peer.0.prot: unknown key (did you mean "port"?)',
            "peer.0.port: must be less than or equal to 65535",
            "peer.0.transport: must be 'tcp', 'tls', 'sctp' or 'dtls'",
            "peer.0.connect: must be true or false",
        ]
    )
    assert "s3cret" not in "".join(found)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("function = ", "not TOML: Invalid value (at end of document)"),
        ("a" * 5 + "=" + "[" * 100_000, "not TOML: nested too deeply"),
        ("node = []", "node: must be a table"),
        ('peer = "x"\nfunction = 5', "function: must be a string"),
    ],
)
def test_what_is_no_configuration_at_all(text: str, line: str) -> None:
    assert line in _wrong(text)


@pytest.mark.parametrize(
    ("content", "line"),
    [(None, "cannot read: No such file or directory"), (b"a = '\xff'", "not UTF-8 at octet 5")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, line: str) -> None:
    path = tmp_path / "iwf.toml"
    if content is not None:
        path.write_bytes(content)
    for read in (lambda: load(path, FunctionConfig), lambda: top_level(path)):
        with pytest.raises(ConfigError) as wrong:
            read()
        assert wrong.value.lines == (f"{path}: {line}",)


def test_relative_paths_count_from_the_file(tmp_path: Path) -> None:
    for name in ("a.pem", "a.key", "ca.pem"):
        (tmp_path / name).touch(0o600)
    path = tmp_path / "iwf.toml"
    tls = '[node.tls]\ncertificate = "a.pem"\nkey = "a.key"\ntrust = ["ca.pem"]\nkey_log = "keys.log"\n'
    path.write_text(GOOD.split("[[peer]]")[0].replace("[[node.listen]]", tls + "[[node.listen]]"))
    tables = load(path, FunctionConfig).node.tls
    assert tables is not None
    assert (tables.certificate, tables.trust) == (tmp_path / "a.pem", (tmp_path / "ca.pem",))
    assert tables.key_log == tmp_path / "keys.log"


def test_hints_reach_into_tables_of_a_subclass() -> None:
    class Inner(Table):
        first: int = 1

    class Mine(FunctionConfig):
        store: dict[str, Inner] = Field(default={}, description="")
        maybe: Inner | None = None
        known_as: int = Field(default=1, alias="known")

    text = GOOD + "[maybe]\nfrist = 1\n"
    assert _wrong(text.replace("[node]", "knwon = 2\n[node]"), model=Mine) == [
        'maybe.frist: unknown key (did you mean "first"?)',
        'knwon: unknown key (did you mean "known"?)',
    ]


def test_strings_are_numbers_only_where_that_is_asked_for() -> None:
    class Numbers(Table):
        port: int

    assert validate({"port": "5"}, Numbers, source="x", base=Path(), strict=False).port == 5
    with pytest.raises(ConfigError, match="x: port: must be an integer"):
        validate({"port": "5"}, Numbers, source="x", base=Path())


@given(st.text(alphabet=st.sampled_from(GOOD + '{}#\x00é"'), max_size=200), st.integers(0, len(GOOD)))
def test_any_text_gives_a_model_or_complaints(noise: str, at: int) -> None:
    try:
        parse(GOOD[:at] + noise + GOOD[at:], FunctionConfig, source="f", base=Path("/nonexistent"))
    except ConfigError as error:
        lines = error.lines
    else:
        lines = ("f: fine",)
    assert lines
    assert all(line.startswith("f: ") for line in lines)
