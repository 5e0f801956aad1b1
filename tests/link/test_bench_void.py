"""A stack of ours that cheats is found by `mtc bench`: its figures are void, and none is recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from nfs.cli._bench.run import Options, Run, prepared
from nfs.cli._bench.scenarios import client as alone
from nfs.cli._bench.scenarios import pair, server
from nfs.cli._bench.stacks import OURS, Command, Job
from nfs.cli._bench.stacks.ours import Ours

pytestmark = pytest.mark.link
OPTIONS: Final = Options(rounds=1, seconds=0.2, windows=(5,), stacks=(OURS,), quick=True)
UNLOOKING: Final = """
import re, subprocess, sys
with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True) as inner:
    for line in inner.stdout:
        print(re.sub(r"bad=\\d+", "bad=0", line), end="", flush=True)
"""


TRUSTING: Final = """
import json, sys
from diameter import Message
from nfs.cli._bench.programs.server import main
Message.faults = property(lambda self: ())
main(json.loads(sys.argv[1]))
"""


class Cheat(Ours):
    """As a server: ours, but it looks for no faults.  As a client: ours, but no answer is counted as bad."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def server(self, job: Job) -> Command:
        words = super().server(job).words
        pure = {"DIAMETER_PURE": "1"}  # its classes can be changed
        return Command([sys.executable, "-c", TRUSTING, words[-1]], pure) if self._role == "server" else Command(words)

    def client(self, job: Job) -> Command:
        words = super().client(job).words
        return Command([sys.executable, "-c", UNLOOKING, *words] if self._role == "client" else words)


@pytest.fixture
def run() -> Iterator[Run]:
    with prepared(OPTIONS, lambda _: None) as one:
        yield one


@pytest.mark.parametrize(
    ("scenario", "role", "said"),
    [
        (server.run, "server", " where 5005 belongs"),
        (alone.run, "client", "wrong answers passed as right"),
        (pair.run, "server", " where 5005 belongs"),
        (pair.run, "client", "wrong answers passed as right"),
    ],
)
def test_who_does_not_look_has_no_figures(run: Run, scenario: Callable[[Run], None], role: str, said: str) -> None:
    run.stacks[:] = [Cheat(role)]
    scenario(run)
    (void,) = run.void
    assert "void: " in void
    assert said in void
    assert [one for one in run.records if one["stack"] == OURS] == []
