"""Scenario files: any text gives a scenario or a LocalError that names the file; messages of one are made, or a
LocalError says what cannot be; what is written of one says the same.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from diameter import Dictionary
    from diameter.capture.scenario import Scenario, parse
    from diameter.capture.stepping import bind, command_of, differences, message_of
    from diameter.capture.tomlform import write
    from diameter.errors import LocalError


@cache
def known() -> Dictionary:
    return Dictionary.load("rfc6733_base", "ts29368_tsp", "ts29336_s6m")


def oracle(data: bytes) -> None:
    """The octets as the text of one file."""
    scenario, complaint = None, ""
    try:
        scenario = parse(data.decode("utf-8", "replace"), "fuzz.toml")
    except LocalError as error:
        complaint = str(error)
    if scenario is None:
        assert complaint.startswith("fuzz.toml: ")
        return
    written = write(scenario)
    again = parse(written, "again.toml")
    assert repr(again) == repr(scenario)  # NaN is not itself
    play(scenario)


def play(scenario: Scenario) -> None:
    """Every message as it would be sent, taken for one that came."""
    names: dict[str, Any] = dict(scenario.names)
    for step in scenario.steps:
        try:
            command_of(step, known())
            message = message_of(step, known(), names, 1, 2)
        except LocalError:
            continue
        assert message.faults is not None
        bind(step, message, names)
        assert differences(message, message) == []
        assert all(isinstance(value, str) for value in names.values())


if __name__ == "__main__":
    drive(oracle)
