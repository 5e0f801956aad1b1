"""A report that must arrive: one host after the other is asked, until one has taken it.

The hosts are instances of one function that know the same: several MTC-IWF on one store, several hosts of an SCS.  Each
attempt is a request of its own, with a new Session-Id; what it is about is recognised by its content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from diameter import Message, RequestError, ResultCode
from diameter.app import Application

ELSEWHERE: Final = ((0, int(ResultCode.UNABLE_TO_DELIVER)), (0, int(ResultCode.TOO_BUSY)))
"""Results after which another host may do better."""


def in_turn(first: str, hosts: Sequence[str]) -> tuple[str, ...]:
    """`first`, and when it is one of `hosts` the others in their order, those behind it before those in front of it."""
    names = [host.lower() for host in hosts]
    if first.lower() not in names:
        return (first,)
    at = names.index(first.lower())
    others = (*hosts[at + 1 :], *hosts[:at])
    return (first, *(host for host in others if host.lower() != first.lower()))


async def ask_in_turn(
    application: Application, command: str, avps: Mapping[str, Any], *, hosts: Sequence[str], realm: str
) -> Message:
    """The answer of the first host that gives one that is no 3002 or 3004; else what the last one said.

    Raises RequestError when the last one gave no answer, or one that is a protocol error.
    """
    *others, last = hosts
    for host in others:
        try:
            answer = await application.request(command, avps, to=host, realm=realm)
        except RequestError:
            continue
        if answer.result not in ELSEWHERE:
            return answer
    return await application.request(command, avps, to=last, realm=realm)
