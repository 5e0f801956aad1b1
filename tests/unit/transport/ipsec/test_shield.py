"""A hook of a package that fails: the link is not made, and says why; nothing else is taken along."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from diameter.config import IpsecConfig
from diameter.transport.ipsec.hook import Flow
from diameter.transport.ipsec.shield import NotProtected, Shield


class Faulty:
    """A hook with a mistake."""

    reqid = 0

    def protect(self, flow: Flow, _owner: object) -> object:
        raise KeyError(flow.peer)


def test_a_hook_that_raises_protects_nothing() -> None:
    clock: Any = Clock()
    no_node: Any = None
    shield = Shield(clock, no_node, no_node, lambda: 0)
    shield._hooks["faulty"] = Faulty()  # type: ignore[assignment]
    options = IpsecConfig(hook="faulty")
    flow = Flow(
        peer="scs.example", identity="", local_identity="iwf.example", local=("127.0.0.1",), remote=("127.0.0.2",),
        protocol="tcp", local_port=0, remote_port=3868, dialled=False, options=options, rsa_bits=2048, ec_bits=256,
    )  # fmt: skip
    failed: list[Any] = []
    _ = shield.protect(flow).addErrback(failed.append)
    assert failed[0].check(NotProtected)
    assert str(failed[0].value) == "IPsec: the hook faulty raised KeyError"
    assert clock.getDelayedCalls() == []
    assert shield._live == 0
