"""What a link says could not be sent: requests go elsewhere as if they were new, answers are counted as lost."""

from __future__ import annotations

import pytest

from diameter import Message
from diameter.app import Later
from diameter.errors import Undeliverable
from diameter.trace import Drop, Point
from diameter.wire import header
from helpers.nodes import Waiting
from helpers.several import Counting, Several, host


async def never(request: Message) -> Message:
    return await Later[Message]()


def written(net: Several, name: str) -> list[bytes]:
    """The requests that wait for their answer on the link to a server."""
    link = net.link_to(name)
    return [each.octets for each in net.client._requests.pending.on_link(link.id)]


def test_requests_that_never_left_go_to_another_peer_without_t() -> None:
    b = Counting()
    with Several({"a": Waiting(never), "b": b}) as net:
        asked = [net.ask(number) for number in range(5)]
        net.pass_time(0.01)
        octets = written(net, "a")
        net.client.link_unsent(net.link_to("a"), octets[3:])
        answers = [net.run(later) for later in asked[3:]]
        assert [answer["Origin-Host"] for answer in answers] == [host("b")] * 2
        assert [message.retransmitted for message in b.seen] == [False, False]
        net.cut("a")
        for later in asked[:3]:
            net.run(later)
        assert [message.retransmitted for message in b.seen] == [False, False, True, True, True]
        assert net.client.stats.failed_over == 5
        reasons = [fields["reason"] for fields in net.said["client"].of(Point.FAILOVER)]
        assert reasons[0] == "they could not be sent"


def test_with_nobody_else_they_fail() -> None:
    with Several({"a": Waiting(never)}) as net:
        later = net.ask()
        net.pass_time(0.01)
        net.client.link_unsent(net.link_to("a"), written(net, "a"))
        with pytest.raises(Undeliverable, match="could not be sent to a.example.org"):
            net.run(later)
        assert net.client.pending == 0


def test_answers_and_what_nobody_waits_for_are_counted() -> None:
    with Several({"a": Counting()}) as net:
        answer = net.run(net.ask())
        link = net.link_to("a")
        net.client.link_unsent(link, [answer.octets, header.with_flags(answer.octets, 0xC0)])
        assert net.client.stats.dropped[Drop.LINK_GONE] == 2
        assert net.said["client"].of(Point.DROPPED)[0]["command"] == "2 messages"


def test_whole_messages_and_notes() -> None:
    """What a message-oriented link delivers is handled in one pass; what it notes is a trace point."""
    a = Counting()
    with Several({"a": a}) as net:
        _ = net.ask()
        node, far = net.nodes["a"], net.link_to("a").other
        octets = written(net, "a")[0]
        net.pass_time(0.01)
        before = node.stats.wake_ups, len(a.seen)
        again = [octets[:12] + number.to_bytes(8) + octets[20:] for number in (1, 2, 3)]
        node.link_messages(far, again)
        assert (node.stats.wake_ups - before[0], len(a.seen) - before[1]) == (1, 3)
        node.link_note(far, "path 192.0.2.1 is unreachable")
        assert net.said["a"].of(Point.LINK_NOTE)[0]["reason"] == "path 192.0.2.1 is unreachable"
        node._core.lines.pop(far.id)
        node.link_messages(far, again)
        node.link_unsent(far, again)
        assert len(a.seen) - before[1] == 3
        node._core.lines.clear()
