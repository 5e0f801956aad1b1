"""Whether a UE is a member of the group it says: asked before it gets the group's credentials (TR 33.868 4.1.3).

In two steps (option 1 of 4.1.4.4): the UE itself is authenticated by AKA when it attaches, and only then is what it
says held against IMSI-Group-Id of its subscription, as the HSS has told it in ULA or IDR (TS 29.272 7.3.2).  What the
UE says counts for nothing else.  A claim that is refused is audited and counted, and the UE gets nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from nfs.common import group_keys
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.imsi_group import ImsiGroupId
from nfs.mme.mobility import Attachments, Outcome
from nfs.ue.membership import Credentials, Keyring

if TYPE_CHECKING:
    from nfs.mme.config import GroupTable

CLAIMS: Final = ("mtc_ue_group_claims", "Claims of UEs to be members of a group, by what became of them", "outcome")
"""Family of counters."""


class Verdict(StrEnum):
    """What became of a claim."""

    MEMBER = "member"
    NOT_AUTHENTICATED = "not authenticated"
    NOT_A_MEMBER = "not a member"
    NO_CREDENTIALS = "no credentials"


class Desk:
    """Gives credentials of groups to their members.  `node`: the MME's Origin-Host; `keyring`: what UEs were given."""

    def __init__(
        self, ues: Attachments, credentials: Mapping[ImsiGroupId, Credentials], audit: AuditLog, node: str
    ) -> None:
        self._ues = ues
        self._credentials = credentials
        self._audit = audit
        self._node = node
        self.keyring = Keyring()
        self.counters: dict[str, int] = {}

    def join(self, imsi: str, claim: str) -> bool:
        """A UE says that it is a member of a group; whether it has its credentials now.  Raises IdentityError."""
        group = ImsiGroupId.parse(claim)
        verdict = self._judge(imsi, group)
        self.counters[verdict] = self.counters.get(verdict, 0) + 1
        good = verdict is Verdict.MEMBER
        if good:
            self.keyring.take(imsi, self._credentials[group])
        else:
            self._refuse(imsi, verdict)
        self._ues.told(Outcome(imsi=imsi, event="join", step="membership", good=good, why="" if good else verdict))
        return good

    def key(self, imsi: str, claim: str) -> bytes:
        """The key of a group that a UE was given.  Raises KeyError."""
        return self.keyring[imsi][ImsiGroupId.parse(claim)].key

    def _judge(self, imsi: str, group: ImsiGroupId) -> Verdict:
        context = self._ues.contexts.get(imsi)
        if context is None:
            return Verdict.NOT_AUTHENTICATED
        if group not in context.groups:
            return Verdict.NOT_A_MEMBER
        return Verdict.MEMBER if group in self._credentials else Verdict.NO_CREDENTIALS

    def _refuse(self, imsi: str, verdict: Verdict) -> None:
        """Without the group in the words: a Local-Group-Id stays inside."""
        unknown = verdict is Verdict.NOT_AUTHENTICATED
        self._audit.refuse(
            Refusal(
                check="group-membership",
                stage=Stage.AUTHENTICATION if unknown else Stage.AUTHORISATION,
                area=Area.A2,
                peer=self._node,
                command="join",
                target=imsi,
                result="no credentials given",
                reason=verdict,
            )
        )


def read_credentials(tables: Iterable[GroupTable]) -> dict[ImsiGroupId, Credentials]:
    """The credentials of the groups of a configuration.  Raises ConfigError that names the file of a bad key."""
    found: dict[ImsiGroupId, Credentials] = {}
    for table in tables:
        group, key = ImsiGroupId.parse(table.id), group_keys.read(table.key_file).current
        found[group] = Credentials(group=group, key_id=key.number or table.key_id, key=key.octets)
    return found
