"""The operator's pages of several workers made one."""

from __future__ import annotations

from typing import Any

from diameter.metrics import text_of
from diameter.workers import gather


def peer(host: str, transport: str | None, *, trouble: str = "", usable: bool = False) -> dict[str, Any]:
    return {"host": host, "transport": transport, "trouble": trouble, "usable": usable}


def figures(requests: int, *answers: list[Any], peers: list[list[Any]]) -> dict[str, Any]:
    return {
        "numbers": {"requests_in": requests}, "refused": {"3002": requests}, "dropped": {}, "answers": list(answers),
        "peers": peers, "pending": 1, "in_work": 2, "cpu_s": 0.5,
        "ends": [["crl", "CN=CA", 1.0]], "standing": {"queues": [], "alarms": [], "counts": [], "traffic": {}},
    }  # fmt: skip


STATES: list[dict[str, Any]] = [
    {"worker": 0, "pid": 10, "state": "ready", "starts": 1, "peers": 2, "connections": 1},
    {"worker": 1, "pid": None, "state": "down", "starts": 3, "peers": 0, "connections": 0},
]


def test_a_peer_is_shown_as_the_worker_says_that_has_it() -> None:
    pages = {
        0: {"peers": [peer("a", "worker"), peer("b", "tcp", usable=True), peer("c", None)]},
        1: {"peers": [peer("a", "tls", usable=True), peer("B", "worker"), peer("c", None, trouble="refused")]},
    }
    rows = gather.peers(pages)["peers"]
    assert [(row["host"], row["worker"], row["trouble"]) for row in rows] == [
        ("a", 1, ""), ("b", 0, ""), ("c", None, "refused"),
    ]  # fmt: skip


def test_routes_once_and_pending_oldest_first() -> None:
    route = {"realm": "r", "application": None, "source": "configured"}
    learnt = {"realm": "r", "application": 4, "source": "redirect"}
    assert gather.routes({0: {"routes": [route]}, 1: {"routes": [route, learnt]}}) == {"routes": [route, learnt]}
    pages = {0: {"count": 2, "pending": [{"age_s": 1.0}]}, 1: {"count": 1, "pending": [{"age_s": 2.0}]}}
    assert gather.pending(pages) == {"count": 3, "pending": [{"age_s": 2.0, "worker": 1}, {"age_s": 1.0, "worker": 0}]}


def test_links_of_all_workers_but_those_between_them() -> None:
    counts = {"links_refused": 1, "links_broken": 2, "records_replayed": 3}
    rows = [{"transport": "tls"}, {"transport": "worker"}]
    pages: dict[int, dict[str, Any]] = {
        at: {"origin_host": "r.example", "papers": [at], "links": rows, **counts} for at in (0, 1)
    }
    found = gather.security(pages)
    assert found["links"] == [{"transport": "tls", "worker": 0}, {"transport": "tls", "worker": 1}]
    assert (found["links_refused"], found["links_broken"], found["records_replayed"]) == (2, 4, 6)
    assert (found["papers"], gather.security({})["links"]) == ([0], [])


def test_health_says_whether_every_worker_is_there() -> None:
    page = {"peers": 3, "peers_usable": 2, "pending": 4, "in_work": 5}
    whole = gather.health({0: page, 1: page}, STATES[:1], 1.23, "m", stopping=False)
    assert (whole["status"], whole["whole"], whole["pending"], whole["peers"]) == ("ok", True, 8, 3)
    part = gather.health({0: page}, STATES, 1.0, "m", stopping=False)
    assert (part["status"], part["whole"]) == ("ok", False)
    assert gather.health({}, STATES, 1.0, "m", stopping=False)["status"] == "starting"
    assert gather.health({}, STATES, 1.0, "m", stopping=True)["status"] == "stopping"


def test_fault_rules_are_the_same_everywhere_and_their_counts_are_added() -> None:
    pages = {0: {"faults": [{"name": "x", "met": 1}]}, 1: {"faults": [{"name": "x", "met": 2}]}}
    assert gather.faults(pages) == {"faults": [{"name": "x", "met": 3}]}
    assert gather.faults({}) == {"faults": []}


def test_counters_are_added_up_and_workers_have_a_few_of_their_own() -> None:
    answer = ["a", "out", "S6a", "Update-Location", "2001"]
    pages = {
        0: figures(3, [*answer, 2], peers=[["a", "R-Open", 1]]),
        1: figures(4, [*answer, 5], ["b", "in", "x", "y", "z", 0], peers=[["A", "Closed", 0], ["b", "Closed", 0]]),
    }
    text = text_of(gather.metrics(pages, STATES)).decode()
    assert "diameter_requests_in_total 7.0" in text
    assert 'diameter_refused_total{result="3002"} 7.0' in text
    assert (
        'diameter_answers_total{application="S6a",command="Update-Location",direction="out",peer="a",result="2001"} 7.0'
        in text
    )
    assert 'peer="b",result="z"' not in text
    assert 'diameter_peer_usable{peer="a",state="R-Open"} 1.0' in text
    assert "diameter_requests_pending 2.0" in text
    assert 'diameter_worker_up{worker="1"} 0.0' in text
    assert 'diameter_worker_requests_in_total{worker="1"} 4.0' in text
    assert 'diameter_worker_starts_total{worker="1"} 3.0' in text


def standing(**changed: Any) -> dict[str, Any]:
    return {"queues": [], "alarms": [], "counts": [], "traffic": {"requests_in": 1}, **changed}


def test_what_waits_and_was_counted_is_added_up_and_alarms_are_said_once() -> None:
    queue = {"name": "q", "length": 2, "limit": 10, "oldest_s": 3.0}
    bare = {"name": "q", "length": 1, "limit": None, "oldest_s": None}
    count = {"name": "c", "text": "C", "labels": {"check": "rate"}, "value": 4}
    down = {"severity": "major", "name": "peer-down", "subject": "a", "text": "is CLOSED"}
    gone = {**down, "subject": "b"}
    lost = {"severity": "critical", "name": "audit-lost", "subject": "audit log", "text": "1 line"}
    pages = {
        0: standing(queues=[queue], counts=[count], alarms=[down, gone]),
        1: standing(queues=[bare, {**bare, "name": "r"}], counts=[count], alarms=[gone, lost]),
    }
    found = gather.standing(pages)
    assert found["queues"] == [{**queue, "length": 3}, {**bare, "name": "r"}]
    assert [one["value"] for one in found["counts"]] == [8]
    assert found["alarms"] == [lost, gone]  # another worker can use the peer "a"
    assert found["traffic"] == {"requests_in": 2}
    assert gather.recent({0: {"messages": [[1]]}, 1: {"messages": [[2]]}}) == {"messages": [[1], [2]]}
