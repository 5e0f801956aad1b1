"""What is checked of a peer's message: one thing that was looked at, and the checks that every answer has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from diameter import Message

Verdict = Literal["ok", "wrong", "note"]
SUCCESS: Final = (0, 2001)
NO_RESULT: Final = "none"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.  "note": not as most peers do it, and yet no fault."""

    verdict: Verdict
    what: str
    detail: str = ""


def proper(good: bool, what: str, detail: str = "") -> Check:
    """A check with two outcomes; `detail` is for the bad one."""
    return Check("ok" if good else "wrong", what, "" if good else detail)


def grammar(message: Message) -> Iterator[Check]:
    """Every AVP, in groups too, as the command's ABNF has it."""
    faults = message.faults
    refused = [fault for fault in faults if fault.verdict == "refuse"]
    yield proper(not refused, "ABNF", "; ".join(fault.text for fault in refused))
    for fault in faults:
        if fault.verdict != "refuse":
            yield Check("note", "ABNF", fault.text)


def result(answer: Message, wanted: tuple[int, int] = SUCCESS) -> Check:
    """The Result-Code or Experimental-Result."""
    found = answer.result
    said = NO_RESULT if found is None else str(found[1]) if not found[0] else f"{found[0]}:{found[1]}"
    return proper(found == wanted, "result", f"{said}, {wanted[1]} expected")
