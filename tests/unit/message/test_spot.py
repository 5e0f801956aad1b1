"""What Failed-AVP shows of a message (RFC 6733 section 7.5)."""

from __future__ import annotations

import pytest

from diameter import Dictionary, Message, decode


@pytest.fixture(scope="module")
def request_() -> Message:
    dictionary = Dictionary.load("ts29368_tsp")
    built = dictionary.request(
        "Device-Action",
        {
            "Session-Id": "scs;1;1",
            "Auth-Session-State": 1,
            "Origin-Host": "scs.example",
            "Origin-Realm": "example",
            "Destination-Realm": "core",
            "Device-Action": {"Reference-Number": 7, "Action-Type": 0},
        },
        application="Tsp",
    )
    return decode(built.octets, dictionary)


def shown(request: Message, *path: str) -> Message:
    return request.answer(5004, {"Failed-AVP": request.quote(*path)})


def test_an_avp_is_quoted_as_it_came_inside_its_group(request_: Message) -> None:
    group = shown(request_, "Device-Action", "Action-Type")["Failed-AVP"]["Device-Action"]
    assert [(one.name, one.value) for one in group.avps] == [("Action-Type", 0)]


def test_one_of_the_top_level_stands_alone(request_: Message) -> None:
    assert shown(request_, "Origin-Host")["Failed-AVP"]["Origin-Host"] == "scs.example"


def test_an_absent_one_is_shown_by_an_example(request_: Message) -> None:
    group = shown(request_, "Device-Action", "Validity-Time")["Failed-AVP"]["Device-Action"]
    assert [(one.name, one.data) for one in group.avps] == [("Validity-Time", bytes(4))]


def test_an_absent_group_is_made_around_the_example(request_: Message) -> None:
    failed = shown(request_, "Device-Action", "Trigger-Data", "Priority-Indication")["Failed-AVP"]
    inner = failed["Device-Action"]["Trigger-Data"]
    assert [(one.name, one.data) for one in inner.avps] == [("Priority-Indication", bytes(4))]


def test_a_name_of_no_dictionary(request_: Message) -> None:
    with pytest.raises(KeyError):
        request_.quote("No-Such-AVP")
