"""What a node's own capture costs for each message, in every form in which a message is written."""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from diameter import Dictionary
from diameter.capture import CaptureWriter, Choice, Ring
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS

PEER: Final = "hss.operator.example"
FILTER: Final = "command=CCR,CCA"
EVERY_S: Final = 50e-6


class _Link(NamedTuple):
    transport: str
    local: tuple[str, int]
    remote: tuple[str, int]
    peer_names: tuple[str, ...] = (PEER,)


FORMS: Final = (
    ("exported PDU", "tls", 5868),
    ("TCP", "tcp", 3868),
    ("SCTP", "sctp", 3868),
    ("left out by a filter", "tls", 5868),
)


def run(run: Run) -> None:
    """CPU time of one message, disk included: a ring of files of 10 MB on the disk of the workshop."""
    if not run.of(OURS):
        return
    count = 5000 if run.options.quick else 200_000
    messages = [(run.workshop.wire / f"{name}.bin").read_bytes() for name in ("request", "answer")]
    path = run.workshop.folder / "written.pcapng"
    dictionary = Dictionary.load()
    for form, transport, port in FORMS:
        run.note(f"{OURS}, capture written as {form}")
        link = _Link(transport, ("192.0.2.1", port), ("192.0.2.2", 40_000))
        choice = Choice(FILTER, dictionary) if "filter" in form else None
        spent = []
        for _ in range(run.options.rounds):
            with CaptureWriter(path, ring=Ring(10_000_000, 3), choice=choice) as writer:
                begin = time.process_time()
                for number in range(count):
                    writer.message(1.7e9 + number * EVERY_S, number % 2 == 1, link, messages[number % 2], PEER)
                writer.flush()
                spent.append({"us": (time.process_time() - begin) / count * 1e6})
        run.add(OURS, f"capture written as {form}", spent, messages=count)
    for left in run.workshop.folder.glob("written*.pcapng"):
        left.unlink()


SCENARIO = Scenario(
    "writing",
    "capture",
    "A node's own capture, per message",
    run,
    (
        Bar(
            "a message into the capture as exported PDU, us",
            OURS,
            "us",
            5,
            (("scenario", f"capture written as {FORMS[0][0]}"),),
        ),
    ),
)
