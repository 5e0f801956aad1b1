"""The peer, RFC 6733 section 5.6 with RFC 3539 beside it: any sequence of inputs keeps its promises and every state
stays one of the tables'.
"""

from __future__ import annotations

from helpers.fuzz import Choices, drive, instrumented

with instrumented(__name__):
    from diameter.message import decode
    from diameter.peer import fsm
    from diameter.peer.inputs import Close, Timers
    from helpers.pair import dictionary
    from helpers.peer_inputs import INPUTS, LINKS, OPEN, check
    from helpers.peers import Rig

NAMES = sorted(INPUTS)
RAW = len(NAMES)
"""The choice beside the named inputs: octets of the fuzzer as a message."""


def oracle(data: bytes) -> None:
    """Octet 0: identity of the other side and settings; then an input an octet, or a message of up to 255 octets."""
    choices = Choices(data)
    settings = choices.octet()
    timers = Timers(reopen_dwas=settings >> 1 & 3, tc_backoff=1 + (settings >> 3 & 1))
    rig = Rig(remote="az"[settings & 1] + ".example.org", timers=timers, initiate=settings & 16 == 0)
    steps = 0
    while choices.left and steps < 200:
        steps += 1
        before = rig.state()
        choice = choices.below(RAW + 4)
        if choice < RAW:
            INPUTS[NAMES[choice]](rig)
        else:
            _message(rig, choices, list(LINKS.values())[(choice - RAW) % 3])
        rig.now += 0.1
        check(rig, before, rig.out())
        assert _reachable(before, rig.state())
    _end(rig)


def _message(rig: Rig, choices: Choices, link: int) -> None:
    """A message made of octets of the fuzzer: what the glue would hand over when its faults are not refused."""
    octets = bytes(choices.octet() for _ in range(choices.octet()))
    message = decode(octets, dictionary())
    if message.framed:
        rig.receive(link, message)


def _reachable(before: fsm.State, after: fsm.State) -> bool:
    """One input is one row, or two where an election or the watchdog follows at once."""
    if before is after:
        return True
    one = {state for (start, _), (_, state) in (*fsm.TABLE.items(), *fsm.OURS.items()) if start is before}
    two = {state for (start, _), (_, state) in (*fsm.TABLE.items(), *fsm.OURS.items()) if start in one}
    return after in one | two


def _end(rig: Rig) -> None:
    """Whatever happened: told to stop and cut off, the peer comes to rest."""
    rig.peer.stop(rig.now)
    for link in LINKS.values():
        rig.lose(link)
    rig.wait(60)
    outputs = rig.out()
    assert rig.state() is fsm.State.CLOSED
    assert rig.state() not in OPEN
    assert rig.peer.deadline() is None
    assert len(outputs) < 20
    assert sum(isinstance(one, Close) for one in outputs) <= len(LINKS)


if __name__ == "__main__":
    drive(oracle, "-max_len=400")
