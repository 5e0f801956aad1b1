"""`[[fault]]` in a configuration: what fits together, and where rules are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diameter.config import FunctionConfig, validate
from diameter.errors import ConfigError

CLEAR = {"transport": "tcp", "physical_protection": True, "physical_protection_reason": "test"}


def config(*rules: dict[str, Any], lab: bool = False, placement: str = "inside") -> FunctionConfig:
    """A node with a peer and these rules."""
    tables = {
        "node": {"origin_host": "hss.example.org", "origin_realm": "example.org", "lab": lab},
        "peer": [{"host": "iwf.example.org", "realm": "example.org", "placement": placement, **CLEAR}],
        "fault": list(rules),
    }
    return validate(tables, FunctionConfig, source="file", base=Path())


def test_none_by_default() -> None:
    assert config().fault == ()
    assert config({"do": "drop"}).node_config.fault[0].do == "drop"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "file: fault.0.do: missing"),
        ({"do": "explode"}, "file: fault.0.do: must be 'result'"),
        ({"do": "result"}, "file: fault.0.result_code: missing"),
        ({"do": "drop", "delay_s": 1.0}, 'file: fault.0.delay_s: means nothing with do = "drop"'),
        ({"do": "edit"}, "file: fault.0.remove: nothing to remove and nothing to add"),
        ({"do": "octets"}, "file: fault.0.octets: missing"),
        ({"do": "octets", "octets": "0g", "direction": "out"}, "file: fault.0.octets: not octets in hex"),
        ({"do": "no-dwa", "command": "DWR"}, "file: fault.0.command: is said by no-dwa itself"),
        ({"do": "drop", "percent": 0.0}, "file: fault.0.percent:"),
        ({"do": "drop", "peer": "who.example.org"}, "file: fault.0: who.example.org is no [[peer]]"),
    ],
)
def test_what_does_not_fit_is_one_line(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(rule)
    (line,) = caught.value.lines
    assert line.startswith(said)


@pytest.mark.parametrize("peer", ["", "IWF.example.org"])
def test_outside_the_domain_only_in_a_lab(peer: str) -> None:
    rule = {"do": "drop", "peer": peer}
    with pytest.raises(ConfigError, match=r"file: fault\.0: meets .*, outside the operator's domain"):
        config(rule, placement="outside")
    assert config(rule, placement="outside", lab=True).fault
    assert config(rule, placement="inside").fault
    assert config({**rule, "enabled": False}, placement="outside").fault
