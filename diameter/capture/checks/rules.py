"""What a rule is, and the table of all rules: name, severity, clause, words.

A rule is a function that sees one message with what went before it (`sight.Sight`) and gives a Hit, several, or none.
It asks nothing of the order in which rules run: state moves on when all of them have seen the message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from diameter.capture.checks.sight import Sight

ERROR: Final = "error"
"""The octets break a MUST, or make the exchange fail."""
WARNING: Final = "warning"
"""They break a SHOULD, or look like trouble."""
NOTE: Final = "note"
"""Worth knowing, maybe in order."""
SEVERITIES: Final = (ERROR, WARNING, NOTE)

MESSAGE: Final = "message"
"""The rule looks at requests and answers."""
REQUEST: Final = "request"
ANSWER: Final = "answer"


class Hit(NamedTuple):
    """Something wrong.  `what`: a few words that are the same wherever the same is wrong, to group findings by.

    `offset`: of the AVP or header octet, from the start of the message; -1: none in particular.  `clause`: where it
    is another than the rule's own.
    """

    text: str
    what: str = ""
    offset: int = -1
    clause: str = ""


class Rule(NamedTuple):
    """A line of the table.  `severity`: one of SEVERITIES."""

    name: str
    severity: str
    clause: str
    text: str


Found = Iterable[Hit]
"""What a rule gives; `()` when all is in order."""
NONE: Final[Found] = ()
Look = Callable[["Sight"], Found]

RULES: Final[dict[str, Rule]] = {}
"""Every rule by its name."""
LOOKS: Final[dict[str, list[tuple[Rule, Look]]]] = {MESSAGE: [], REQUEST: [], ANSWER: []}


def rule(name: str, severity: str, clause: str, text: str, kind: str = MESSAGE) -> Callable[[Look], Look]:
    """Put a function into the table.  `kind`: which messages it looks at."""
    entry = table(name, severity, clause, text)

    def put(look: Look) -> Look:
        LOOKS[kind].append((entry, look))
        return look

    return put


def table(name: str, severity: str, clause: str, text: str) -> Rule:
    """Put a rule into the table whose findings come from elsewhere; a name stands for one rule only."""
    assert name not in RULES, name
    entry = RULES[name] = Rule(name, severity, clause, text)
    return entry
