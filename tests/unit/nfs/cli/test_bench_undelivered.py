"""What `mtc bench e2e` says of a trigger that was not delivered, and that it says it before it gives the run up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nfs.cli._bench.process import Failed, Process
from nfs.cli._bench.programs.said import end
from nfs.cli._bench.programs.undelivered import bad_line, of_line
from nfs.cli._bench.trigger_lab import Field
from nfs.cli._lab import Lab
from nfs.scs.api import Report, Stage

REFUSED = Report(reference=0x3A3A, stage=Stage.REFUSED, result=(0, 5012), took_s=0.0125)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (REFUSED, "reference 14906 (octets 00003a3a): refused, Result-Code 5012 after 0.013 s"),
        (
            Report(reference=1, stage=Stage.REFUSED, result=(0, 2001), status=102),
            "reference 1 (octets 00000001): refused, Result-Code 2001, Request-Status INVEXTID after 0.000 s",
        ),
        (
            Report(reference=2, stage=Stage.REPORTED, result=(0, 2001), status=0, outcome=3, took_s=1),
            (
                "reference 2 (octets 00000002): reported, Result-Code 2001, Request-Status SUCCESS, Delivery-Outcome "
                "UNDELIVERABLE after 1.000 s"
            ),
        ),
        (
            Report(reference=3, stage=Stage.REFUSED, result=(10415, 5599), status=999),
            (
                "reference 3 (octets 00000003): refused, Experimental-Result-Code 5599 of 10415, Request-Status 999 "
                "after 0.000 s"
            ),
        ),
        (
            Report(reference=4, stage=Stage.FAILED, error="no\nanswer"),
            "reference 4 (octets 00000004): failed after 0.000 s: no answer",
        ),
        (Report(reference=5, stage=Stage.SENT), "reference 5 (octets 00000005): no answer yet after 0.000 s"),
        (
            Report(reference=6, stage=Stage.ACCEPTED, result=(0, 2001), status=0, took_s=20),
            (
                "reference 6 (octets 00000006): accepted, no report yet, Result-Code 2001, Request-Status SUCCESS "
                "after 20.000 s"
            ),
        ),
    ],
)
def test_each_says_how_far_it_came(report: Report, said: str) -> None:
    assert of_line(bad_line(report)) == said
    assert "\n" not in bad_line(report)


def test_other_lines_say_nothing_of_it() -> None:
    assert [of_line(line) for line in ("BEGIN", "STOP", "END count=1", "BADLY")] == [""] * 4


class Client:
    """A load that has said its lines already."""

    def __init__(self, *lines: str) -> None:
        self._lines: Iterator[str] = iter(lines)

    def line(self, until: float) -> str:
        return next(self._lines)

    def cpu_s(self) -> float:
        return 0.0


def ended(folder: Path, *between: str, bad: int = 0, lost: int = 0) -> Any:
    field = Field(cast(Lab, SimpleNamespace(folder=folder, functions=[])), 1)
    lines = ("BEGIN", *between, "STOP", end(1.0, [0.1, 0.2], bad=bad, octets=0, lost=lost))
    return field.delivered(cast(Process, Client(*lines)), 1.0)


def test_a_load_whose_triggers_are_all_delivered_has_figures(tmp_path: Path) -> None:
    assert ended(tmp_path).figures["count"] == 2


def test_a_run_is_given_up_with_what_became_of_the_trigger_and_what_was_held_back(tmp_path: Path) -> None:
    lines = [{"reason": "Reference-Number holds an address", "alarm": True}, {"reason": "unknown"}]
    (tmp_path / "mtc-iwf.audit").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(Failed) as given_up:
        ended(tmp_path, bad_line(REFUSED), bad=1)
    assert str(given_up.value) == (
        "of the authorised triggers 1 were not delivered and 0 have no report: reference 14906 (octets 00003a3a): "
        "refused, Result-Code 5012 after 0.013 s; alarm: Reference-Number holds an address"
    )
    with pytest.raises(Failed, match="0 were not delivered and 1 have no report"):
        ended(tmp_path, lost=1)
