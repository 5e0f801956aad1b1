"""Messages damaged by choice for fuzz targets: still framed, so that the damage reaches what reads values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from twisted.logger import LogLevel, globalLogPublisher

from diameter import Dictionary, Message, decode
from diameter.message.members import Avp, Grouped
from diameter.wire import avp, header
from diameter.wire.framing import Framer
from helpers.agents import Chain
from helpers.fuzz import Choices

BASE: Final = frozenset({257, 280, 282})
"""Commands of peers: CER, DWR, DPR."""


def edited(octets: bytes, choices: Choices, dictionary: Dictionary) -> bytes:
    """A message after up to eight edits; lengths are put right, so that the edits reach what reads values."""
    for _ in range(8):
        if not choices.left:
            break
        message = decode(octets, dictionary)
        operation, place = choices.below(8), choices.octet()
        if operation == 0:
            octets = octets[:4] + bytes([octets[4] ^ (0x80 >> place % 8)]) + octets[5:]
            continue
        count = sum(1 for _ in _flat(message.avps))
        if not count:
            break
        target = [one.offset for one in _flat(message.avps)][place % count]
        body = b"".join(_written(one, target, operation, choices) for one in message.avps)
        octets = header.build(
            message.flags, message.command_code, message.application_id, message.hop_by_hop, message.end_to_end, body
        )
    return octets


def _flat(avps: tuple[Avp, ...]) -> list[Avp]:
    return [each for one in avps for each in (one, *_flat(one.members))]


def _written(one: Avp, target: int, operation: int, choices: Choices) -> bytes:
    """An AVP anew, edited when it is the one at `target`."""
    value = one.value
    data = one.data
    if isinstance(value, Grouped):
        data = b"".join(_written(member, target, operation, choices) for member in value.avps)
    flags, copies = one.flags, 1
    if one.offset == target:
        if operation == 1:
            copies = 0
        elif operation == 2:
            copies = 2 + choices.below(3)
        elif operation == 3:
            flags ^= 0x60 & choices.octet()
        elif operation == 4:
            data = data[: choices.octet()]
        elif operation == 5:
            data = bytes(choices.octet() for _ in range(4))
        elif operation == 6:
            data = bytes(choices.octet() for _ in range(choices.below(24)))
        else:
            at = choices.below(len(data) or 1)
            data = data[:at] + bytes([choices.octet()]) + data[at + 1 :]
    return avp.build(one.code, one.vendor, flags, data) * copies


class Ends:
    """Stands before the owner of each link and edits message number `edit` of those that arrive.

    `base`: whether those of the base protocol (CER, DWR, DPR and answers) count.
    """

    def __init__(self, dictionary: Dictionary, *, base: bool = True) -> None:
        self._dictionary = dictionary
        self._base = base
        self.edit = -1
        self.edits = Choices(b"")
        self.count = 0

    def stand_before(self, link: Any) -> None:
        """See every octet that arrives there."""
        link._owner = _End(self, link._owner)

    def pass_on(self, data: bytes) -> bytes:
        """The octets, edited where it is their turn."""
        framer = Framer()
        out = []
        for octets in framer.feed(data):
            if self._base or int.from_bytes(octets[5:8]) not in BASE:
                if self.count == self.edit:
                    octets = edited(octets, self.edits, self._dictionary)
                self.count += 1
            out.append(octets)
        return b"".join(out) + framer.rest


class _End:
    """An owner of a link behind `Ends`."""

    def __init__(self, ends: Ends, owner: Any) -> None:
        self._ends = ends
        self._owner = owner

    def link_received(self, link: Any, data: bytes) -> None:
        self._owner.link_received(link, self._ends.pass_on(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._owner, name)


class Bugs:
    """What the nodes of a fuzz target have logged as bugs, and what Twisted found nobody to take."""

    def __init__(self) -> None:
        self.met: list[str] = []
        self._observer = cast(Any, self._log)
        globalLogPublisher.addObserver(self._observer)

    def close(self) -> None:
        """Listen no longer."""
        globalLogPublisher.removeObserver(self._observer)

    def _log(self, event: Any) -> None:
        if event.get("log_level") is LogLevel.critical:
            self.met.append(repr(event))


def plain_success(request: Message) -> Message:
    """The answer to a Device-Action-Request whatever stands in it."""
    return request.answer(2001, {"Device-Notification": {"Reference-Number": 7, "Action-Type": 1}})


class DamagedChain:
    """A client, an agent and servers in memory, kept from one input to the next, with damage on the way between them.

    `whole`: nothing was damaged by the last input, and no link has gone.
    """

    def __init__(self, make: Callable[[], Chain], dictionary: Dictionary) -> None:
        """`make`: the chain, anew; done again when an input has cost a link."""
        self._make = make
        self.bugs = Bugs()
        self.ends = Ends(dictionary, base=False)
        self.chain = self._open()
        self.whole = True

    def _open(self) -> Chain:
        chain = self._make().__enter__()
        for link in chain.wire.links:
            self.ends.stand_before(link)
        self._links = list(chain.wire.links)
        return chain

    def close(self) -> None:
        """Leave nothing behind."""
        self.bugs.close()
        self.chain.__exit__()

    def ask(self, requests: Sequence[Message | bytes], choices: Choices) -> list[Message]:
        """Send requests of the client; the answers that come back, while one message is edited on its way.

        The first octet chooses which: requests and answers on each link count.  Afterwards nothing is left waiting.
        """
        if self.chain.wire.links != self._links:
            self.chain.__exit__()
            self.chain = self._open()
        chain = self.chain
        self.ends.count, self.ends.edit, self.ends.edits = 0, choices.below(8), choices
        for application in chain.applications:
            application.seen.clear()
        chain.wire.passed.clear()
        chain.heard.octets.clear()
        answers = chain.inject(*requests)
        answers += chain.inject(seconds=chain.agent.config.request_timeout_s + 2)
        assert not self.bugs.met, self.bugs.met
        assert [node.stats.bugs for node in chain.nodes] == [0] * len(chain.nodes)
        assert not chain.agent.pending
        self.whole = chain.wire.links == self._links and self.ends.count <= self.ends.edit
        return answers
