"""The programs at the top of `diameter.node` and `diameter.testing` are what they claim to be."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

import diameter.node
from diameter._node.setup import quick_config
from diameter.app import Application
from diameter.testing import FakeRequester
from helpers.nodes import ACTION, dictionary


def program() -> str:
    """The indented block of the module's docstring."""
    text = diameter.node.__doc__ or ""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("    from diameter"))
    block = []
    for line in lines[first:]:
        if line and not line.startswith("    "):
            break
        block.append(line)
    return textwrap.dedent("\n".join(block)).strip() + "\n"


def test_a_node_in_under_thirty_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[Application, dict[str, Any]]] = []
    monkeypatch.setattr(diameter.node, "run", lambda application, **how: started.append((application, how)))
    source = program()
    assert len(source.splitlines()) < 30
    exec(compile(source, "docstring", "exec"), {"__name__": "docstring"})
    ((application, how),) = started
    config = quick_config(how.pop("identity"), how.pop("realm"), **how)
    assert config.listen[0].port_number == 3868
    answer = FakeRequester(application, dictionary()).deliver("Device-Action", ACTION)
    assert answer.result == (0, 2001)
    assert answer["Device-Notification"]["Reference-Number"] == 7
    assert answer.faults == ()
