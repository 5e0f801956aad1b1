"""`mtc config`, by way of click's runner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from diameter.config import FunctionConfig
from diameter.errors import ConfigError
from diameter.transport import sctp_choice
from helpers.certificates import Ca
from nfs.cli.config import command, model_of, models

NODE = '[node]\norigin_host = "a.example"\norigin_realm = "example"\n'


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments], catch_exceptions=False)


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(NODE)
    result = run("check", path)
    assert (result.exit_code, result.output) == (0, f"{path}: ok\n")


def test_every_complaint_and_exit_status_1(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(NODE + "tw = 1\n[[peer]]\nprot = 1\n")
    result = run("check", path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert set(result.stderr.splitlines()) == {
        f'{path}: node.tw: unknown key (did you mean "tw_s"?)',
        f"{path}: peer.0.host: missing",
        f"{path}: peer.0.realm: missing",
        f'{path}: peer.0.prot: unknown key (did you mean "port"?)',
    }
    document = json.loads(run("check", path, "--json").stdout)
    assert (document["schema"], document["ok"], len(document["errors"])) == (1, False, 4)


def test_keys_are_opened_as_well(tmp_path: Path) -> None:
    ca = Ca()
    ca.issue().write(tmp_path, "a")
    Ca("Other").issue().write(tmp_path, "b")
    path = tmp_path / "a.toml"
    path.write_text(NODE + '[node.tls]\ncertificate = "a.pem"\nkey = "b.key"\ntrust = ["a-ca.pem"]\n')
    result = run("check", path)
    assert result.exit_code == 1
    assert result.stderr == f"{path}: node.tls.key: {tmp_path}/b.key: does not belong to the certificate\n"
    path.write_text(path.read_text().replace("b.key", "a.key"))
    assert run("check", path).exit_code == 0


@pytest.mark.parametrize("name", models())
def test_each_function_has_a_model_and_a_schema(name: str, tmp_path: Path) -> None:
    assert issubclass(model_of(name, "x"), FunctionConfig)
    schema = json.loads(run("schema", name).output)
    assert schema["additionalProperties"] is False
    assert {"node", "peer", "function"} <= set(schema["properties"])
    path = tmp_path / "f.toml"
    path.write_text(f'function = "{name}"\n')
    assert json.loads(run("schema", path).output) == schema
    assert f"{path}: node: missing" in run("check", path).stderr


def test_no_such_function(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('function = "mtc-ifw"\n' + NODE)
    result = run("check", path)
    assert result.exit_code == 1
    assert "function: no network function 'mtc-ifw' (known: cdf, hss, mme, mtc-iwf, " in result.stderr
    assert run("check", path, "--function", "").exit_code == 1
    wrong = run("check", path, "--function", "mtc-ifw")
    assert (wrong.exit_code, "--function: no network function 'mtc-ifw'" in wrong.stderr) == (2, True)
    with pytest.raises(ConfigError, match="no network function"):
        run("schema", "../x")


def test_no_file_at_all(tmp_path: Path) -> None:
    result = run("check", tmp_path / "none.toml")
    assert (result.exit_code, result.stderr) == (2, f"{tmp_path}/none.toml: cannot read: No such file or directory\n")


def test_each_link_that_has_no_sctp_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to do about it comes from `diameter.transport.sctp_choice`."""

    def choose(wanted: str) -> None:
        raise ConfigError(f"{wanted}: no SCTP; load its module")

    monkeypatch.setattr(sctp_choice, "choose", choose)
    path = tmp_path / "a.toml"
    link = 'transport = "{}"\nphysical_protection = true\nphysical_protection_reason = "test"\n'
    rows = f"[[node.listen]]\n{link.format('sctp')}[[node.listen]]\n{link.format('tcp')}"
    for host, connect in (("b", "true"), ("c", "false")):
        rows += f'[[peer]]\nhost = "{host}.example"\nrealm = "example"\nconnect = {connect}\nsctp = "kernel"\n'
        rows += link.format("sctp")
    path.write_text(NODE + rows)
    result = run("check", path)
    assert (result.exit_code, result.stderr.splitlines()) == (
        1,
        [
            f"{path}: node.listen.0.sctp: auto: no SCTP; load its module",
            f"{path}: peer.0.sctp: kernel: no SCTP; load its module",
        ],
    )
