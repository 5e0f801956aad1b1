"""What an operator sees of a node that is several processes: the pages of its workers made one.  No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from diameter.admin import PENDING_SHOWN
from diameter.admin.alarms import PEER_DOWN, ordered
from diameter.metrics import Figures, families
from diameter.standing import Alarm

Page = dict[str, Any]
Pages = Mapping[int, Page]
"""By worker; those that did not answer are left out."""
ELSEWHERE: Final = "worker"


def health(pages: Pages, workers: Iterable[Page], uptime_s: float, origin_host: str, stopping: bool) -> Page:
    """One page of `/health`; `workers`: how each process is."""
    states = list(workers)
    whole = bool(pages) and all(one["state"] == "ready" for one in states)
    one = next(iter(pages.values()), {"peers": 0, "peers_usable": 0})
    return {
        "status": "stopping" if stopping else "ok" if pages else "starting",
        "origin_host": origin_host,
        "uptime_s": round(uptime_s, 1),
        "peers": max((page["peers"] for page in pages.values()), default=0),
        "peers_usable": max((page["peers_usable"] for page in pages.values()), default=one["peers_usable"]),
        "pending": sum(page["pending"] for page in pages.values()),
        "in_work": sum(page["in_work"] for page in pages.values()),
        "whole": whole,
        "workers": states,
    }


def peers(pages: Pages) -> Page:
    """Every peer once: as the worker says that has it, else as the one says that knows why it is not open."""
    found: dict[str, tuple[int, Page]] = {}
    for worker, page in sorted(pages.items()):
        for row in page["peers"]:
            key = row["host"].lower()
            before = found.get(key)
            if before is None or _telling(row) > _telling(before[1]):
                found[key] = worker, row
    return {
        "peers": [
            {**row, "worker": worker if _telling(row) == HERE else None}
            for worker, row in (found[key] for key in sorted(found))
        ]
    }


HERE: Final = 3


def _telling(row: Page) -> int:
    """How much the page of one worker says about a peer."""
    if row["transport"] is not None:
        return HERE if row["transport"] != ELSEWHERE else 0
    return 2 if row["trouble"] else 1


def routes(pages: Pages) -> Page:
    """Every route once: those of the configuration are the same everywhere, what was found out one worker may know."""
    found: dict[tuple[object, ...], Page] = {}
    for page in pages.values():
        for route in page["routes"]:
            found.setdefault((route["realm"], route["application"], route["source"]), route)
    return {"routes": list(found.values())}


def faults(pages: Pages) -> Page:
    """The fault rules, which are the same everywhere; how often each was carried out is added up."""
    first, *others = list(pages.values()) or [{"faults": []}]
    rules = [dict(rule) for rule in first["faults"]]
    for page in others:
        for rule, other in zip(rules, page["faults"], strict=False):
            rule["met"] += other["met"]
    return {**first, "faults": rules}


def security(pages: Pages) -> Page:
    """The open links of all workers but those between them; files are the same everywhere, counters are added up."""
    first = next(iter(pages.values()), {"origin_host": "", "papers": []})
    links = [
        {**row, "worker": worker}
        for worker, page in sorted(pages.items())
        for row in page["links"]
        if row["transport"] != ELSEWHERE
    ]
    counts = ("links_refused", "links_broken", "records_replayed")
    return {**first, **{name: sum(page[name] for page in pages.values()) for name in counts}, "links": links}


def pending(pages: Pages) -> Page:
    """Requests without an answer of all workers, oldest first."""
    rows = [{**row, "worker": worker} for worker, page in pages.items() for row in page["pending"]]
    rows.sort(key=lambda row: -row["age_s"])
    return {"count": sum(page["count"] for page in pages.values()), "pending": rows[:PENDING_SHOWN]}


def standing(pages: Pages) -> Page:
    """Queues, counters and traffic added up; each alarm once, and a peer is down only where no worker can use it."""
    queues: dict[str, Page] = {}
    counts: dict[tuple[Any, ...], Page] = {}
    alarms: dict[tuple[Any, ...], Page] = {}
    said: Counter[tuple[Any, ...]] = Counter()
    traffic: Counter[str] = Counter()
    for page in pages.values():
        for row in page["queues"]:
            queue = queues.setdefault(row["name"], {**row, "length": 0, "limit": None, "oldest_s": None})
            queue["length"] += row["length"]
            queue["limit"] = _either(queue["limit"], row["limit"], sum)
            queue["oldest_s"] = _either(queue["oldest_s"], row["oldest_s"], max)
        for row in page["counts"]:
            count = counts.setdefault((row["name"], *row["labels"].items()), {**row, "value": 0})
            count["value"] += row["value"]
        for row in page["alarms"]:
            key = tuple(row[name] for name in ("severity", "name", "subject"))
            alarms.setdefault(key, row)
            said[key] += 1
        traffic.update(page["traffic"])
    everywhere = len(pages)
    shown = ordered(Alarm(**row) for key, row in alarms.items() if row["name"] != PEER_DOWN or said[key] == everywhere)
    return {
        "queues": list(queues.values()),
        "alarms": [one._asdict() for one in shown],
        "counts": list(counts.values()),
        "traffic": dict(traffic),
    }


def _either(one: Any, other: Any, both: Callable[[tuple[Any, Any]], Any]) -> Any:
    """What is there of two values that may be None."""
    if one is None or other is None:
        return other if one is None else one
    return both((one, other))


def recent(pages: Pages) -> Page:
    """The last messages of all workers."""
    return {"messages": [row for page in pages.values() for row in page["messages"]]}


def added(pages: Pages) -> Figures:
    """Counters added up; of each peer what the worker says that can use it."""
    total: Figures = {"pending": 0, "in_work": 0, "captures_resting": 0}
    for name in ("numbers", "refused", "dropped"):
        counter: Counter[str] = Counter()
        for page in pages.values():
            for key, value in page[name].items():
                counter[key] += value
        total[name] = dict(counter)
    answers: Counter[tuple[str, ...]] = Counter()
    states: dict[str, list[Any]] = {}
    for page in pages.values():
        for *labels, count in page["answers"]:
            answers[tuple(labels)] += count
        for row in page["peers"]:
            key = row[0].lower()
            if key not in states or row[2] > states[key][2]:
                states[key] = row
        total["pending"] += page["pending"]
        total["in_work"] += page["in_work"]
        total["captures_resting"] += page.get("captures_resting", 0)
    total["answers"] = [[*labels, count] for labels, count in sorted(answers.items()) if count]
    total["ends"] = next((page["ends"] for page in pages.values()), [])
    total["standing"] = standing({worker: page["standing"] for worker, page in pages.items()})
    total["peers"] = [states[key] for key in sorted(states)]
    return total


def metrics(pages: Pages, workers: Iterable[Page]) -> Iterator[Metric]:
    """The metrics of the node, then a few of each worker."""
    yield from families(added(pages))
    up = GaugeMetricFamily("diameter_worker_up", "1 while the process takes requests", labels=["worker"])
    starts = CounterMetricFamily("diameter_worker_starts", "Times the process was started", labels=["worker"])
    has = GaugeMetricFamily("diameter_worker_peers", "Peers that it has or dials", labels=["worker"])
    for state in workers:
        label = [str(state["worker"])]
        up.add_metric(label, int(state["state"] == "ready"))
        starts.add_metric(label, state["starts"])
        has.add_metric(label, state["peers"])
    yield from (up, starts, has)
    cpu = CounterMetricFamily("diameter_worker_cpu_seconds", "CPU time of the process", labels=["worker"])
    came = CounterMetricFamily("diameter_worker_requests_in", "Application requests it received", labels=["worker"])
    for worker, page in sorted(pages.items()):
        cpu.add_metric([str(worker)], page["cpu_s"])
        came.add_metric([str(worker)], page["numbers"]["requests_in"])
    yield from (cpu, came)
