"""What deploys the functions is text here, and is not built: it parses, names what there is, and takes no rights it
need not have.
"""

from __future__ import annotations

import configparser
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from nfs.cli.run import available

ROOT: Final = Path(__file__).resolve().parent.parent
DEPLOY: Final = ROOT / "deploy"
UNITS: Final = sorted(path for path in (DEPLOY / "systemd").iterdir() if path.suffix in (".service", ".target"))
SECTIONS: Final = {".service": ["Unit", "Service", "Install"], ".target": ["Unit", "Install"]}
INSTRUCTIONS: Final = frozenset(
    "FROM RUN COPY ENV USER WORKDIR VOLUME EXPOSE STOPSIGNAL ENTRYPOINT CMD".split()  # noqa: SIM905  # reads better
)


class Keys(dict[str, Any]):
    """Values of one section; a key that systemd takes several times keeps all of them, a line each."""

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self and isinstance(value, list) and isinstance(self[key], list):
            value = self[key] + value
        super().__setitem__(key, value)


def unit(path: Path) -> configparser.RawConfigParser:
    """A unit file, parsed; keys keep their case."""
    parser = configparser.RawConfigParser(
        strict=False, dict_type=Keys, delimiters=("=",), comment_prefixes=("#", ";"), empty_lines_in_values=False
    )
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # systemd's keys have capitals
    parser.read_string(path.read_text(encoding="utf-8"))
    return parser


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_has_the_sections_of_its_kind(path: Path) -> None:
    parsed = unit(path)
    assert parsed.sections() == SECTIONS[path.suffix]
    assert parsed["Unit"]["Description"]
    assert parsed["Install"]["WantedBy"]
    for section in parsed.sections():
        for key, value in parsed[section].items():
            assert re.fullmatch(r"[A-Z][A-Za-z]+", key), key
            assert value is not None


def test_the_service_runs_checks_and_reloads_a_function() -> None:
    service = unit(DEPLOY / "systemd" / "mtc@.service")["Service"]
    configuration = "/etc/mtc-diameter/%i.toml"
    assert shlex.split(service["ExecStart"])[1:] == ["run", "%i", "-c", configuration]
    assert "ExecStartPre" not in service  # its status would not count for RestartPreventExitStatus
    check, reload = service["ExecReload"].split("\n")
    assert shlex.split(check)[1:] == ["config", "check", configuration]
    assert shlex.split(reload) == ["/bin/kill", "-HUP", "$MAINPID"]
    assert (service["KillSignal"], service["RestartPreventExitStatus"]) == ("SIGTERM", "2")


def test_the_service_has_no_more_rights_than_it_needs() -> None:
    service = unit(DEPLOY / "systemd" / "mtc@.service")["Service"]
    assert service["User"] not in ("", "root")
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    for key in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "RestrictNamespaces", "RestrictSUIDSGID"):
        assert service[key] == "yes", key
    assert service["ProtectSystem"] == "strict"


def test_the_user_of_the_service_is_made() -> None:
    user = unit(DEPLOY / "systemd" / "mtc@.service")["Service"]["User"]
    (line,) = [
        line
        for line in (DEPLOY / "systemd" / "mtc-diameter.sysusers").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert shlex.split(line)[:2] == ["u", user]


# ---- Dockerfile


def instructions() -> Iterator[tuple[str, str]]:
    """(instruction, arguments), continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, rest.strip()


def of(word: str) -> list[str]:
    return [rest for each, rest in instructions() if each == word]


def test_the_dockerfile_has_known_instructions_only() -> None:
    found = list(instructions())
    assert {word for word, _ in found} <= INSTRUCTIONS
    assert found[0][0] == "FROM"
    assert all(rest for _, rest in found)


def test_images_are_pinned_to_a_version_that_the_project_supports() -> None:
    for image in of("FROM"):
        match = re.match(r"python:3\.(\d+)-slim-\w+( AS \w+)?$", image)
        assert match is not None, image
        assert int(match[1]) >= 11


def test_what_is_copied_is_there() -> None:
    stages = {image.partition(" AS ")[2] for image in of("FROM")}
    for arguments in of("COPY"):
        words = shlex.split(arguments)
        if words[0].startswith("--from="):
            assert words[0].removeprefix("--from=") in stages
            continue
        for source in words[:-1]:
            assert (ROOT / source).exists(), source


def test_dependencies_come_from_the_lock_with_hashes() -> None:
    (install,) = [line for line in of("RUN") if "run.lock" in line]
    assert "--require-hashes" in install
    assert any("--no-deps" in line for line in of("RUN"))


def test_the_image_does_not_run_as_root() -> None:
    last = [at for at, (word, _) in enumerate(instructions()) if word == "FROM"][-1]
    user = [rest for word, rest in list(instructions())[last:] if word == "USER"]
    assert user == ["mtc-diameter"]
    assert [json.loads(each) for each in of("ENTRYPOINT")] == [["mtc"]]
    assert [json.loads(each) for each in of("VOLUME")] == [["/var/lib/mtc-diameter"]]
    assert of("STOPSIGNAL") == ["SIGTERM"]


# ---- compose


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return found


SERVICES: Final = sorted(compose()["services"].items())


def test_compose_has_known_parts() -> None:
    document = compose()
    assert set(document) == {"name", "x-function", "services", "networks", "volumes"}
    assert (DEPLOY / document["x-function"]["build"]["context"]).resolve() == ROOT
    assert (ROOT / document["x-function"]["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize(("name", "service"), SERVICES, ids=[name for name, _ in SERVICES])
def test_each_container_runs_one_function_with_few_rights(name: str, service: dict[str, Any]) -> None:
    document = compose()
    assert name in available()
    assert service["command"] == ["run", name, "-c", f"/etc/mtc-diameter/{name}.toml"]
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert "privileged" not in service
    assert set(service["networks"]) <= set(document["networks"])
    assert set(service.get("depends_on", ())) <= set(document["services"])
    volumes = [volume.split(":") for volume in service["volumes"]]
    assert volumes[0] == ["./etc", "/etc/mtc-diameter", "ro"]
    assert [source for source, *_ in volumes[1:]] == [name]
    assert name in document["volumes"]


def test_only_the_secure_port_is_published_and_never_the_admin_port() -> None:
    published = {name: service["ports"] for name, service in SERVICES if "ports" in service}
    assert published == {"mtc-iwf": ["5868:5868"]}


def test_the_health_check_is_a_program() -> None:
    kind, *command = compose()["x-function"]["healthcheck"]["test"]
    assert (kind, command[:2]) == ("CMD", ["python", "-c"])
    compile(command[2], "healthcheck", "exec")
    assert "http://127.0.0.1:9868/health" in command[2]
