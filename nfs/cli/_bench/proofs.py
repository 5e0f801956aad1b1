"""Proofs that what is timed is checked: faults are put into requests and answers, and must be reported.

Where one passes unseen, the figures that follow are void; the run says so and ends with status 1.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial

from diameter import Dictionary, Message, decode, encode
from diameter.wire import avp, header
from diameter.wire.framing import Framer
from nfs.cli._bench import machine
from nfs.cli._bench.messages import CLIENT, LOAD, capabilities
from nfs.cli._bench.process import Failed, Process
from nfs.cli._bench.programs.said import understood
from nfs.cli._bench.run import Run
from nfs.cli._bench.stacks import OURS, PURE, Job, Stack


def server(run: Run, stack: Stack) -> bool:
    """Whether a server of ours answers 5005 to a request without User-Name, and 5001 to one with an unknown AVP."""
    return _once(run, stack, "server", _server)


def client(run: Run, stack: Stack) -> bool:
    """Whether a client of ours counts an answer with another Session-Id, and one with an AVP too many, as bad."""
    return _once(run, stack, "client", _client)


def both(run: Run, stack: Stack) -> bool:
    """Both."""
    return server(run, stack) and client(run, stack)


def _once(run: Run, stack: Stack, role: str, proof: Callable[[Run, Stack], bool]) -> bool:
    """Only of a stack of ours, and once in a run."""
    if stack.name not in (OURS, PURE):
        return True
    key = f"{stack.name} as {role}"
    if key not in run.proved:
        run.proved[key] = proof(run, stack)
    return run.proved[key]


def _server(run: Run, stack: Stack) -> bool:
    done = False
    with run.attempt(f"{stack.name}: proof that a server finds faults", stack.name), ExitStack() as running:
        place = run.workshop.place()
        job = Job(place, port=machine.free_port())
        process = running.enter_context(Process(stack.server(job), place, [], None))
        process.until_listening(job.port)
        link = running.enter_context(closing(socket.create_connection(("127.0.0.1", job.port), timeout=60)))
        _ask_wrongly(link)
        done = True
    return bool(done)


def _ask_wrongly(link: socket.socket) -> None:
    dictionary = Dictionary.load()
    whole = dictionary.request("Update-Location", LOAD, application="S6a", hop_by_hop=2, end_to_end=2)
    unknown = header.build(0xC0, 316, whole.application_id, 4, 4, whole.octets[20:] + avp.build(65000, 0, 0x40, b""))
    ask = partial(_ask, link, dictionary, Framer())
    cer = dictionary.request("Capabilities-Exchange", capabilities(CLIENT), hop_by_hop=1, end_to_end=1)
    for octets, result in (
        (encode(cer), 2001),
        (whole.octets, 2001),
        (whole.edit(remove=["User-Name"], hop_by_hop=3).octets, 5005),
        (unknown, 5001),
    ):
        found = ask(octets)
        if found.number("Result-Code") != result or (result != 2001 and "Failed-AVP" not in found):
            raise Failed(f"void: {found.command} with {found.number('Result-Code')} where {result} belongs")


def _ask(link: socket.socket, dictionary: Dictionary, framer: Framer, octets: bytes) -> Message:
    link.sendall(octets)
    found: list[bytes] = []
    while not found:
        data = link.recv(65536)
        if not data:
            raise Failed("void: the server closed the link")
        found = [one for one in framer.feed(data) if not header.is_request(one)]
    return decode(found[0], dictionary)


def _client(run: Run, stack: Stack) -> bool:
    done = False
    for how in ("session", "avp"):
        done = False
        with run.attempt(f"{stack.name}: proof that a client finds a wrong {how}", stack.name), ExitStack() as running:
            place = run.workshop.place()
            job = Job(place, port=machine.free_port(), seconds=0.1, warm_s=0.1)
            peer = running.enter_context(Process(run.raw.spoiling(job, how), place, [], None))
            peer.until_listening(job.port)
            job = job._replace(folder=run.workshop.place())
            process = running.enter_context(Process(stack.client(job), job.folder, [], None, talks=True))
            until = time.monotonic() + 60
            while not (line := process.line(until)).startswith("END "):
                pass
            figures = understood(line)
            if figures["bad"] < figures["count"]:
                raise Failed(f"void: {figures['count'] - figures['bad']:.0f} wrong answers passed as right")
            done = True
        if not done:
            break
    return done
