"""The inside as the outside sees it."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Dictionary, Message
from nfs.mtc_sgw import topology

HOST, REALM, HSS = "sgw.edge.example", "edge.example", "hss.core.example"
WORDS = frozenset({HSS.encode(), b"dra.core.example"})
NOTIFICATION = {"Reference-Number": 7, "Action-Type": 1, "Request-Status": 201}


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


def request(dictionary: Dictionary, **more: Any) -> Message:
    avps: dict[str, Any] = {
        "Session-Id": "scs1.customer.example;1;1",
        "Auth-Application-Id": 16777309,
        "Auth-Session-State": 1,
        "Origin-Host": "scs1.customer.example",
        "Origin-Realm": "customer.example",
        "Destination-Realm": "edge.example",
    }
    avps |= {name.replace("_", "-"): value for name, value in more.items()}
    return dictionary.request("Device-Action", avps, application="Tsp")


def answer(dictionary: Dictionary, **more: Any) -> Message:
    avps = {name.replace("_", "-"): value for name, value in more.items()}
    made = request(dictionary).answer(5012, {"Device-Notification": NOTIFICATION})
    have = {avp.name for avp in made.avps}
    made = made.edit(add={name: value for name, value in avps.items() if name not in have})
    return made.edit(replace={name: value for name, value in avps.items() if name in have} or None)


def hide(message: Message) -> Message:
    return topology.hide(message, host=HOST, realm=REALM, words=WORDS)


def test_with_nothing_to_hide_a_message_is_left_as_it_is(dictionary: Dictionary) -> None:
    clean = answer(dictionary, Origin_Host=HOST, Origin_Realm=REALM, Error_Message="busy")
    assert hide(clean) is clean


@pytest.mark.requirement("R-IP-04", "T-IP-02")
def test_an_answer_of_an_inner_node_is_the_gateway_s(dictionary: Dictionary) -> None:
    shown = hide(answer(dictionary, Origin_Host=HSS.upper(), Origin_Realm="core.example", Error_Reporting_Host=HSS))
    assert (shown["Origin-Host"], shown["Origin-Realm"], shown["Error-Reporting-Host"]) == (HOST, REALM, HOST)
    assert shown["Device-Notification"]["Reference-Number"] == 7
    assert shown.result == (0, 5012)
    assert b"core" not in shown.octets


@pytest.mark.requirement("R-IP-04", "T-IP-02")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Route-Record", [HSS, "x.example"]),
        ("Error-Message", f"no route to {HSS}"),
        ("Failed-AVP", {"Route-Record": HSS}),
        ("Load", {"Load-Type": 0, "Load-Value": 7, "SourceID": HSS}),
        ("Redirect-Host", [f"aaa://{HSS}:3868", "aaa://x.example"]),
        ("Proxy-Info", {"Proxy-Host": HSS, "Proxy-State": b"1"}),
    ],
)
def test_what_names_an_inner_node_goes(dictionary: Dictionary, name: str, value: Any) -> None:
    shown = hide(answer(dictionary, Origin_Host=HOST, Origin_Realm=REALM, **{name.replace("-", "_"): value}))
    assert name not in shown
    assert HSS.encode() not in shown.octets
    assert shown.faults == ()


def test_how_to_use_a_redirection_goes_with_it(dictionary: Dictionary) -> None:
    redirection = {"Redirect_Host": f"aaa://{HSS}", "Redirect_Host_Usage": 1, "Redirect_Max_Cache_Time": 60}
    shown = hide(answer(dictionary, **redirection))
    assert not any(name in shown for name in topology.REDIRECTION)


@pytest.mark.requirement("R-IP-04")
def test_the_state_of_an_outer_proxy_comes_back_to_it(dictionary: Dictionary) -> None:
    outer = {"Proxy-Host": "dra.customer.example", "Proxy-State": b"mine"}
    inner = {"Proxy-Host": "dra.core.example", "Proxy-State": b"ours"}
    shown = hide(answer(dictionary, Proxy_Info=[outer, inner]))
    (kept,) = shown.all("Proxy-Info")
    assert (kept["Proxy-Host"], kept["Proxy-State"]) == ("dra.customer.example", b"mine")


@pytest.mark.requirement("R-IP-04")
def test_a_request_goes_out_without_its_route(dictionary: Dictionary) -> None:
    assert "Route-Record" not in hide(request(dictionary, Route_Record=["x.example"]))
