"""IPsec with keys set by hand: the hook `xfrm`.

The two ends have the same files of keys.  The security associations and the rules that demand them are put into the
kernel when a listener opens or a link is dialled, and what is there is read again after every change that the kernel
tells of: one that another program has put in the place of ours counts, if it is for the same addresses and of the
profile.  They stay in the kernel when links end, and when the program does: their sequence numbers have to go on, since
the other end throws away what it has seen.  Whoever wants to be rid of them flushes them.

Who is at the other end is not proved by anybody: whoever has the key is taken for the `identity` in the configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from diameter.config import IpsecConfig, ManualSa
from diameter.config.ipsec import CIPHERS
from diameter.errors import ConfigError
from diameter.security.link import LinkSecurity
from diameter.transport.ipsec import netlink
from diameter.transport.ipsec.hook import Flow, Guarded, Protection
from diameter.transport.ipsec.layouts import (
    Action,
    Algorithm,
    Mode,
    Policy,
    State,
    Template,
    best,
    family_of,
)
from diameter.transport.ipsec.netlink import Netlink
from diameter.transport.ipsec.require import EVERYWHERE, packets

REQID: Final = 3868
"""Request number of the security associations: what a socket demands by its policy of what leaves."""
PRIORITY: Final = 3868
"""Of the rules that demand IPsec: before those that block (`require.LAST`)."""
GCM: Final = Algorithm("rfc4106(gcm(aes))", 128)
CBC: Final = Algorithm("cbc(aes)")
SHA256: Final = Algorithm("hmac(sha256)", 128)
KNOWN: Final = frozenset({"rfc4106(gcm(aes))", "cbc(aes)"})
KNOWN_INTEGRITY: Final = {"hmac(sha256)": 128, "hmac(sha384)": 192, "hmac(sha512)": 256}


class Xfrm:
    """The hook; one for a node."""

    reqid = REQID

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._following: set[Following] = set()
        self._changes: Changes | None = None

    def check(self, options: IpsecConfig, /) -> None:
        """Keys of the right length, never one for both directions, and a kernel that lets us.  Raises ConfigError."""
        wrong = []
        for at, sa in enumerate(options.sa):
            keys = []
            for name, path in (("key_in", sa.key_in), ("key_out", sa.key_out)):
                try:
                    keys.append(read_key(path, sa.cipher))
                except ConfigError as error:
                    wrong.append(f"sa.{at}.{name}: {error}")
            if len(keys) == 2 and keys[0] == keys[1]:
                wrong.append(f"sa.{at}.key_out: the same key as key_in; each direction needs its own")
        lack = netlink.lacking()
        if lack:
            wrong.append(f'hook = "xfrm" cannot be used: {lack}')
        if wrong:
            raise ConfigError(*wrong)

    def listen(self, flow: Flow, /) -> Protection:
        """Put in what the peers of a listener have the keys for.  Raises ConfigError, OSError."""
        install(flow, matching(flow))
        return Nothing()

    def protect(self, flow: Flow, owner: Guarded, /) -> Protection:
        """Put in what is missing (`flow.dialled`), verify, follow."""
        following = Following(self, flow, owner)
        self._following.add(following)
        self._reactor.callLater(0, following.begin)
        return following

    def stop(self) -> Deferred[None]:
        """Listen to the kernel no longer."""
        changes, self._changes = self._changes, None
        if changes is not None:
            changes.close()
        return succeed(None)

    def follow(self) -> None:
        """Hear of changes from now on.  Raises XfrmError."""
        if self._changes is None:
            self._changes = Changes(self._reactor, self._changed)

    def forget(self, following: Following) -> None:
        """It is followed no longer."""
        self._following.discard(following)

    def _changed(self) -> None:
        for each in tuple(self._following):
            each.look()


class Following:
    """The protection of one flow."""

    def __init__(self, hook: Xfrm, flow: Flow, owner: Guarded) -> None:
        self._hook = hook
        self._flow = flow
        self._owner = owner
        self._found: frozenset[tuple[str, int]] = frozenset()
        self._told = self._over = False

    def release(self) -> None:
        """Follow it no longer."""
        self._over = True
        self._hook.forget(self)

    def begin(self) -> None:
        """Say `up` or `failed`."""
        if self._over:
            return
        flow = self._flow
        mine = matching(flow)
        try:
            if flow.dialled:
                install(flow, mine)
            self._hook.follow()
            found, reason = verify(flow, *_read())
        except (ConfigError, OSError) as error:
            found, reason = frozenset(), str(error)
        if not reason and not mine:
            reason = f"no keys set by hand for {', '.join(flow.remote)}"
        identities = {sa.identity.lower() for sa in mine}
        if not reason and len(identities) != 1:
            reason = f"keys of several identities for {', '.join(flow.remote)}: {', '.join(sorted(identities))}"
        if not reason and flow.identity and flow.identity.lower() not in identities:
            reason = f"the keys are of {', '.join(identities)}, not of {flow.identity}"
        if reason:
            self._hook.forget(self)
            self._owner.failed(reason)
        else:
            self._found, self._told = found, True
            self._owner.up(self._security(mine))

    def look(self) -> None:
        """Something has changed."""
        if not self._told or self._over:
            return
        try:
            found, reason = verify(self._flow, *_read())
        except OSError as error:
            found, reason = frozenset(), str(error)
        before, self._found = self._found, found
        if reason and before:
            self._owner.down(reason)
        elif found - before:
            self._owner.rekeyed(self._security(matching(self._flow)))

    def _security(self, mine: Sequence[ManualSa]) -> LinkSecurity:
        return LinkSecurity(
            mechanism="ipsec", version="manual", cipher=mine[0].cipher.upper(), peer_names=(mine[0].identity.lower(),)
        )


class Nothing:
    """Of a listener: what was put in stays."""

    def release(self) -> None:
        """See the top of this module."""


@implementer(IReadDescriptor)
class Changes:
    """Calls `changed` after the kernel has told of changes."""

    def __init__(self, reactor: Any, changed: Any) -> None:
        """Raises XfrmError."""
        self._reactor = reactor
        self._changed = changed
        self._sock = netlink.events()
        reactor.addReader(self)

    def fileno(self) -> int:
        """The socket's number."""
        return self._sock.fileno()

    def logPrefix(self) -> str:
        """For Twisted's log."""
        return "xfrm"

    def doRead(self) -> None:
        """Events wait."""
        if netlink.changed(self._sock):
            self._changed()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor found the socket broken."""
        self.close()

    def close(self) -> None:
        """Hear no more."""
        if self._sock.fileno() >= 0:
            self._reactor.removeReader(self)
            self._sock.close()


def read_key(path: Path, cipher: str) -> bytes:
    """The key in a file: hex digits, white space between them as one likes.  Raises ConfigError without its content."""
    try:
        octets = bytes.fromhex("".join(path.read_text(encoding="ascii").split()).removeprefix("0x"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"{path}: not hex digits") from None
    wanted = sum(CIPHERS[cipher])
    if len(octets) != wanted:
        parts = "cipher key and salt" if not CIPHERS[cipher][1] else "cipher key, then integrity key"
        raise ConfigError(f"{path}: {len(octets)} octets, and {cipher} needs {wanted} ({parts})")
    return octets


def matching(flow: Flow) -> list[ManualSa]:
    """The keys for the addresses of a flow; a listener's: all for its own addresses."""
    return [
        sa
        for sa in flow.options.sa
        if (sa.local in flow.local or EVERYWHERE & {*flow.local}) and (not flow.remote or sa.remote in flow.remote)
    ]


def install(flow: Flow, mine: Sequence[ManualSa]) -> None:
    """Put in the security associations and rules of these keys, where they are not.  Raises ConfigError, XfrmError."""
    asking = Netlink()
    try:
        there = {(one.destination, one.spi): one for one in asking.states()}
        for sa in mine:
            for state in states(sa, flow.options):
                _put_state(asking, state, there.get((state.destination, state.spi)))
            for rule in rules(sa, flow):
                asking.put_policy(rule)
    finally:
        asking.close()


def states(sa: ManualSa, options: IpsecConfig) -> tuple[State, State]:
    """What arrives, what leaves.  Raises ConfigError for keys that cannot be read."""
    here, there = ends(sa, options)
    pairs = ((there, here, sa.spi_in, sa.key_in), (here, there, sa.spi_out, sa.key_out))
    arriving, leaving = (_state(sa, options, *pair) for pair in pairs)
    return arriving, leaving


def ends(sa: ManualSa, options: IpsecConfig) -> tuple[str, str]:
    """Our and the peer's address on the packets of ESP."""
    if options.mode == "transport":
        return sa.local, sa.remote
    return sa.tunnel_local or sa.local, sa.tunnel_remote or sa.remote


def rules(sa: ManualSa, flow: Flow) -> list[Policy]:
    """The rules that demand IPsec of a flow between the addresses of these keys."""
    options = flow.options
    here, there = ends(sa, options)
    found = []
    narrow = _between(flow, sa)
    for direction, what in packets(narrow):
        source, destination = (here, there) if direction.name == "OUT" else (there, here)
        template = Template(
            source=source, destination=destination, mode=_mode(options), reqid=REQID, family=family_of(here)
        )
        found.append(Policy(selector=what, direction=direction, priority=PRIORITY, templates=(template,)))
    return found


def verify(flow: Flow, known: Sequence[State], policies: Sequence[Policy]) -> tuple[frozenset[tuple[str, int]], str]:
    """(destination, SPI) of what protects a flow, and "" or why nothing does.

    For each address of ours and of the peer there must be security associations in both directions, and the rule that
    the kernel uses for its packets must demand them.
    """
    options = flow.options
    found: set[tuple[str, int]] = set()
    bare: dict[str, str] = {}
    fine: set[str] = set()
    for sa in matching(flow):
        here, there = ends(sa, options)
        for source, destination, what in ((there, here, "from"), (here, there, "to")):
            mine = [one for one in known if _serves(one, source, destination, options)]
            found.update((one.destination, one.spi) for one in mine)
            if not mine:
                bare.setdefault(sa.remote, f"no security association {what} {there}")
        if sa.remote not in bare and (wrong := _unruled(sa, flow, policies)):
            bare[sa.remote] = wrong[0]
        if sa.remote not in bare:
            fine |= {sa.remote, sa.local}
    wanting = (*flow.remote, *(each for each in flow.local if each not in EVERYWHERE))
    missing = [each for each in wanting if each not in fine]
    if not missing:
        return frozenset(found), ""
    reasons = list(bare.values()) or [f"no keys set by hand for {', '.join(missing)}"]
    return frozenset(), reasons[0]


def _unruled(sa: ManualSa, flow: Flow, policies: Sequence[Policy]) -> list[str]:
    """What is wrong with the rules that the kernel uses for a flow between the addresses of these keys."""
    wrong = []
    for direction, what in packets(_between(flow, sa)):
        rule = best(policies, direction, what)
        if rule is None or rule.action is not Action.ALLOW or not _demands(rule, flow.options):
            wrong.append(f"no IPsec policy {direction.name.lower()} for {sa.remote}")
    return wrong


def _demands(rule: Policy, options: IpsecConfig) -> bool:
    return any(one.mode is _mode(options) and not one.optional for one in rule.templates)


def _serves(one: State, source: str, destination: str, options: IpsecConfig) -> bool:
    """Is it for these addresses, found by our rules, and of the profile?"""
    strong = one.aead.name in KNOWN and one.aead.bits == 128 and one.aead.key_bits >= 128 + 32
    if one.cipher.name in KNOWN and one.cipher.key_bits >= 128:
        strong = 0 < KNOWN_INTEGRITY.get(one.integrity.name, 0) <= one.integrity.bits
    return (
        strong
        and (one.source, one.destination) == (source, destination)
        and one.mode is _mode(options)
        and one.reqid == REQID
    )


def _between(flow: Flow, sa: ManualSa) -> Flow:
    """The part of a flow that is between the addresses of these keys."""
    return Flow(
        peer=flow.peer, identity=flow.identity, local_identity=flow.local_identity, local=(sa.local,),
        remote=(sa.remote,), protocol=flow.protocol, local_port=flow.local_port, remote_port=flow.remote_port,
        dialled=flow.dialled, options=flow.options,
    )  # fmt: skip


def _state(sa: ManualSa, options: IpsecConfig, source: str, destination: str, spi: int, path: Path) -> State:
    key = read_key(path, sa.cipher)
    size, _ = CIPHERS[sa.cipher]
    gcm = "gcm" in sa.cipher
    return State(
        source=source, destination=destination, spi=spi, mode=_mode(options), reqid=REQID,
        aead=GCM if gcm else Algorithm(""), cipher=Algorithm("") if gcm else CBC,
        integrity=Algorithm("") if gcm else SHA256, key=key[:size], integrity_key=key[size:],
    )  # fmt: skip


def _mode(options: IpsecConfig) -> Mode:
    return Mode.TUNNEL if options.mode == "tunnel" else Mode.TRANSPORT


def _put_state(asking: Netlink, wanted: State, known: State | None) -> None:
    """Put in a security association; one with the same keys stays, for its sequence numbers."""
    if known is not None:
        if known.reqid != REQID:
            raise ConfigError(f"SPI {wanted.spi:#x} to {wanted.destination} is used by another program")
        if _same(known, wanted):
            return
        asking.delete_state(known)
    asking.add_state(wanted)


def _same(known: State, wanted: State) -> bool:
    names = [(one.aead.name, one.cipher.name, one.integrity.name) for one in (known, wanted)]
    keys = [(one.source, one.mode, one.key, one.integrity_key) for one in (known, wanted)]
    return names[0] == names[1] and keys[0] == keys[1]


def _read() -> tuple[list[State], list[Policy]]:
    """Everything that the kernel has.  Raises XfrmError."""
    asking = Netlink()
    try:
        return asking.states(), asking.policies()
    finally:
        asking.close()
