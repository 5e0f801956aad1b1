"""DTLS over SCTP: records and the handshake between two ends, changed, repeated, reordered, cut and made up on the way.

Whatever arrives, an end goes on or says why it does not; nothing comes out that the other end did not put in, and
nothing twice; what nobody changed comes out whole.
"""

from __future__ import annotations

from collections import Counter
from struct import pack

from helpers.fuzz import Choices, drive, instrumented

with instrumented(__name__):
    from diameter.security.dtls import DtlsContext, DtlsProtector
    from diameter.security.link import ProtectionFailed
    from diameter.security.protector import ActivateKey, InstallKey, RemoveKey, Send, Settle
    from helpers.dtls import CLIENT, SERVER

    CONTEXTS = DtlsContext(CLIENT.credentials()), DtlsContext(SERVER.credentials())

STEPS = 64
"""Decisions of one input."""
KINDS = (20, 21, 22, 23, 24, 0)


class Line:
    """Both ends with what is on its way; `spoiled`: something was lost, changed or made up."""

    def __init__(self) -> None:
        self.ends: tuple[DtlsProtector, DtlsProtector] = (
            CONTEXTS[0].messages(server=False),
            CONTEXTS[1].messages(server=True),
        )
        self.ways: tuple[list[bytes], list[bytes]] = ([], [])
        self.put: tuple[list[bytes], list[bytes]] = ([], [])
        self.got: tuple[list[bytes], list[bytes]] = ([], [])
        self.dead = [False, False]
        self.parted = [False, False]
        self.spoiled = False
        self.reasons: list[str] = []
        for end in self.ends:
            end.start()
        self.collect()

    def collect(self) -> None:
        """Put on its way what the ends want to send."""
        for at, end in enumerate(self.ends):
            for step in end.steps():
                assert isinstance(step, Send | Settle | InstallKey | ActivateKey | RemoveKey)
                if isinstance(step, Send):
                    self.ways[1 - at].append(step.record)

    def deliver(self, to: int, record: bytes, stream: int = 0) -> None:
        """One message of SCTP."""
        if self.dead[to]:
            return
        end = self.ends[to]
        before = end.established
        try:
            clear = end.receive(record, stream)
        except ProtectionFailed as failed:
            self.dead[to] = self.spoiled = True
            self.reasons.append(str(failed))
        else:
            assert before or end.established or not clear
            self.got[to].extend(clear)
        self.collect()

    def speak(self, end: int, count: int) -> None:
        """Seal some messages."""
        if self.ends[end].established and not self.parted[end] and not self.dead[end]:
            for _ in range(count):
                clear = b"%d %06d" % (end, len(self.put[end]))
                self.put[end].append(clear)
                self.ways[1 - end].append(self.ends[end].seal(clear))

    def check(self) -> None:
        """Nothing that was not said, nothing twice, no end without a reason."""
        assert all(self.reasons)
        for to in (0, 1):
            assert not Counter(self.got[to]) - Counter(self.put[1 - to])
            if not self.spoiled and not self.ways[to]:
                assert sorted(self.got[to]) == sorted(self.put[1 - to])


def oracle(data: bytes) -> None:
    """Octet 0: records that pass untouched first, which decides how far it gets; then an octet a decision."""
    choices, line = Choices(data), Line()
    untouched = choices.below(32)
    for _ in range(untouched):
        to = 0 if line.ways[0] else 1
        if line.ways[to]:
            line.deliver(to, line.ways[to].pop(0))
    for _ in range(STEPS):
        if not choices.left:
            break
        _decide(line, choices)
    for _ in range(STEPS):
        for to in (0, 1):
            while line.ways[to]:
                line.deliver(to, line.ways[to].pop(0), stream=int(line.ends[to].established))
    line.check()


def _decide(line: Line, choices: Choices) -> None:
    """One thing that happens on the line."""
    choice = choices.octet()
    to, what = choice & 1, choice >> 1 & 15
    way = line.ways[to]
    at = choices.below(len(way)) if what > 2 and way else 0
    if what == 0:
        line.speak(to, choices.below(100))
    elif what == 1:
        _made_up(line, to, choices)
    elif what == 2:
        _goodbye(line, to)
    elif not way:
        return
    elif what <= 6:
        _in_another_order(line, to, at)
    else:
        _touched(line, to, at, what, choices)


def _in_another_order(line: Line, to: int, at: int) -> None:
    """Streams of SCTP overtake each other once the handshake is over; its own has one."""
    way = line.ways[to]
    record = way[at]
    if line.ends[to].established and record[0] == 23:
        line.deliver(to, way.pop(at), 1 + at)
    else:
        line.deliver(to, way.pop(0))


def _touched(line: Line, to: int, at: int, what: int, choices: Choices) -> None:
    """Lost, changed, repeated, on a wrong stream, cut."""
    way = line.ways[to]
    record = way.pop(at)
    if what == 7 and line.ends[to].established:
        line.deliver(to, record, 1)
        line.deliver(to, record, 2)  # a replay: refused, and nothing else happens
        return
    line.spoiled = True
    if what == 8:
        return
    if what == 9:
        line.deliver(to, record, choices.octet())
    elif what == 10:
        for piece in _pieces(record, choices):
            line.deliver(to, piece)
    elif what == 11:
        line.deliver(to, record[: choices.octet()])
    elif what == 12:
        line.deliver(to, record + choices.rest()[:64])
    else:
        place, change = choices.octet() % len(record), choices.octet()
        line.deliver(to, record[:place] + bytes((record[place] ^ change,)) + record[place + 1 :])


def _made_up(line: Line, to: int, choices: Choices) -> None:
    """A record with a sound head and any octets, or any octets."""
    line.spoiled = True
    kind, epoch, number = KINDS[choices.below(len(KINDS))], choices.below(3), choices.octet()
    octets = bytes(choices.octet() for _ in range(choices.octet()))
    line.deliver(
        to, pack("!BHHIHH", kind, 0xFEFD, epoch, 0, number, len(octets))[:11] + pack("!H", len(octets)) + octets
    )
    line.deliver(to, octets)


def _goodbye(line: Line, end: int) -> None:
    """One end says that nothing more will come, when the other has everything."""
    if line.ends[end].established and not line.ways[1 - end] and not line.dead[end]:
        line.parted[end] = True
        line.ends[end].close()
        line.collect()


def _pieces(record: bytes, choices: Choices) -> list[bytes]:
    """A message of the handshake in clear as two records with a piece of it each; another record as it is."""
    if record[0] != 22 or record[3:5] != b"\0\0" or len(record) < 26:
        return [record]
    head, message, body = record[:11], record[13:25], record[25:]
    cut = choices.octet() % (len(body) + 1)
    found = []
    for start, piece in ((0, body[:cut]), (cut, body[cut:])):
        part = message[:6] + start.to_bytes(3) + len(piece).to_bytes(3) + piece
        found.append(head + pack("!H", len(part)) + part)
    return found


if __name__ == "__main__":
    drive(oracle)
