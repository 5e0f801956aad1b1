"""What a request of ours is filled with, by the grammar of its command."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Dictionary
from diameter.errors import EncodeError
from diameter.routing.originate import Originator


def filled(application: str, command: str, avps: dict[str, Any] | None = None) -> dict[str, Any]:
    dictionary = Dictionary.load()
    originator = Originator("a.example.org", "example.org")
    plan = originator.plan(dictionary.scope(dictionary.application(application).id), command)
    return originator.fill(plan, avps or {}, "session", "b.example.net", "example.net")


def test_tsp_names_its_application_bare() -> None:
    found = filled("Tsp", "Device-Action")
    assert found == {
        "Session-Id": "session", "Auth-Application-Id": 16777309, "Auth-Session-State": 1,
        "Origin-Host": "a.example.org", "Origin-Realm": "example.org",
        "Destination-Host": "b.example.net", "Destination-Realm": "example.net",
    }  # fmt: skip
    assert next(iter(found)) == "Session-Id"


@pytest.mark.parametrize(
    ("application", "command", "number"),
    [
        ("S6a", "Update-Location", 16777251),  # optional by its grammar
        ("SGd", "MO-Forward-Short-Message", 16777313),
        ("Zh", "Multimedia-Auth", 16777221),  # required
    ],
)
def test_a_vendors_application_is_named_with_its_vendor_where_there_is_a_place(
    application: str, command: str, number: int
) -> None:
    named = filled(application, command)["Vendor-Specific-Application-Id"]
    assert named == {"Vendor-Id": 10415, "Auth-Application-Id": number}


def test_what_the_caller_gives_is_not_touched() -> None:
    given = {"Vendor-Specific-Application-Id": {"Vendor-Id": 1, "Auth-Application-Id": 2}, "Origin-Host": "proxied"}
    found = filled("S6a", "Update-Location", given)
    assert {name: found[name] for name in given} == given


def test_a_command_that_the_application_does_not_have() -> None:
    with pytest.raises(EncodeError, match="Tsp has no command Update-Location-Request"):
        filled("Tsp", "Update-Location")
