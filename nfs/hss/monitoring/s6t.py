"""S6t, HSS side (TS 29.336 clauses 7 and 8): what SCEFs configure, and NIDD that they ask to be authorised.

Decisions are in `logic`, what they do to the database in `configure` and `groups`, reports in `outbox`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from diameter import Message, ResultCode
from diameter.app import Application, answers
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.identities import IdentityError
from nfs.common.store import Store, StoreError
from nfs.hss.monitoring import avps, coverage, nodes, outbox_tables, telling
from nfs.hss.monitoring.asking import Question, Work, question
from nfs.hss.monitoring.cia import answer_of, group_answer_of
from nfs.hss.monitoring.config import Exposing, MonitoringTable, ScefTable
from nfs.hss.monitoring.configure import Applied, Target, reported, settle
from nfs.hss.monitoring.follow import Follow
from nfs.hss.monitoring.groups import GroupApplied, member, outcome
from nfs.hss.monitoring.logic import BASE, Error, Refused, Timers
from nfs.hss.monitoring.nidd_asking import Nidd
from nfs.hss.monitoring.outbox import Outbox
from nfs.hss.monitoring.outbox_tables import Note
from nfs.hss.monitoring.telling import Telling
from nfs.hss.profiles import ProfileTable
from nfs.hss.s6a import S6a
from nfs.hss.s6a_orders import Insert

TGPP: Final = 10415
TRIES: Final = 5
"""How often the node of a group's member is tried again that gives no answer: a minute in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What S6t uses of the HSS.  `insert`: IDR to where a device is; `profiles`: those of the configuration now.

    clock: seconds since 1970.
    """

    store: Store
    audit: AuditLog
    insert: Insert
    profiles: Callable[[], Mapping[str, ProfileTable]]
    clock: Callable[[], float]
    call_later: Callable[[float, Callable[[], None]], Any]


class S6t(Application):
    """See the module.  `scefs`: who may ask."""

    dictionary = "ts29336_s6t"

    def __init__(self, core: Core, scefs: tuple[ScefTable, ...], config: MonitoringTable) -> None:
        self.core = core
        self.reload(scefs)
        self.config = config
        self.outbox = Outbox(self, core.store, config, core.clock, core.call_later, self.for_nodes)
        self._nidd = Nidd(core, config, self.outbox.wake)
        self._telling = Telling(core, config)

    def reload(self, scefs: tuple[ScefTable, ...]) -> None:
        """Take over who may ask from now on."""
        self.scefs = {each.host.lower(): each for each in scefs}

    @answers("Configuration-Information-Request")
    async def configuration_information(self, request: Message) -> Message:
        """Answer a Configuration-Information-Request (7.2.1)."""
        return await self._answered(request, self._configure)

    @answers("NIDD-Information-Request")
    async def nidd_information(self, request: Message) -> Message:
        """Answer a NIDD-Information-Request (7.2.3)."""
        return await self._answered(request, self._nidd.answer)

    async def _answered(self, request: Message, work: Callable[[Message, ScefTable], Any]) -> Message:
        try:
            answer: Message = await work(request, self._who(request))
        except Refused as refused:
            return self._refuse(request, refused)
        except IdentityError as error:
            return self._refuse(request, Refused(Error.USER_UNKNOWN, str(error)))
        except StoreError:
            return request.answer(ResultCode.UNABLE_TO_COMPLY, self._common(request, {"Error-Message": "database"}))
        self.outbox.wake()
        return answer

    def _who(self, request: Message) -> ScefTable:
        """The SCEF that asks: one of ours, over its own link or a relay that may speak for it.  Raises Refused."""
        host, peer = request.text("Origin-Host"), self.peer_of(request).host
        found = self.scefs.get(host.lower())
        if found is None:
            raise Refused(Error.UNAUTHORIZED_REQUESTING_ENTITY, "no SCEF of ours")
        if peer.lower() not in {each.lower() for each in found.via or (found.host,)}:
            raise Refused(Error.UNAUTHORIZED_REQUESTING_ENTITY, f"{found.host} does not come through {peer}")
        return found

    async def _configure(self, request: Message, scef: ScefTable) -> Message:
        asked = question(request, scef, self.config)
        work = Work(asked, int(self.core.clock()))
        found = await self.core.store.do(work.apply)
        if isinstance(found, GroupApplied):
            return request.answer(ResultCode.SUCCESS, self._common(request, group_answer_of(found)))
        if isinstance(found, coverage.Set):
            profile = self.core.profiles().get(found.on.subscriber.profile or "")
            found = await coverage.push(self.core.store, self.core.insert, found, profile)
        if isinstance(found, dict):
            return request.answer(ResultCode.SUCCESS, self._common(request, found))
        on, done, timers = found
        await self._tell(on, done, timers)
        self._note(request, asked, done)
        return request.answer(ResultCode.SUCCESS, self._common(request, answer_of(asked, on, done)))

    async def _tell(self, on: Target, done: Applied, timers: Timers | None) -> None:
        """Tell serving nodes, and take over what they say.  Raises StoreError."""
        said, reports = await nodes.tell(self.core.insert, done, on, timers if done.timers else None)

        def work(connection: Connection) -> None:
            settle(connection, done, said)
            reported(connection, done, reports)
            telling.said(connection, done, int(self.core.clock()))

        if done.asked or done.gone or done.held:
            await self.core.store.do(work)

    async def for_nodes(self, note: Note) -> bool:
        """Configure a member of a group, or have nodes know what is kept; False to try again.  Raises StoreError."""
        if note.what != "member":
            return await self._telling.catch_up(note)
        scef, now = self.scefs.get(note.scef.lower()), int(self.core.clock())
        if scef is None:
            return True
        found = await self.core.store.do(lambda connection: member(connection, note, scef, self.config, now))
        if found is None:
            return True
        item, on, done = found
        await self._tell(on, done, None)
        if done.silent and note.tries < TRIES and any(result.error is not None for _, _, result in done.asked):
            later = outbox_tables.later(note, int(self.core.clock()))  # others of this SCEF need not wait for this node
            await self.core.store.do(lambda connection: outbox_tables.add(connection, [later]))
            return True
        said = outcome(item, note, done, int(self.core.clock()))
        if said is not None:
            await self.core.store.do(lambda connection: outbox_tables.add(connection, [said]))
        return True

    def _common(self, request: Message, members: Mapping[str, Any]) -> dict[str, Any]:
        """The members of every answer of S6t."""
        theirs = avps.features(request)
        ours = {} if theirs is None else {"Supported-Features": avps.supported(avps.OURS)}
        return {"Auth-Session-State": 1, **ours, **members}

    def _note(self, request: Message, asked: Question, done: Applied) -> None:
        """Audit each event that was refused."""
        for result in (*done.results, *done.patterns):
            if result.error in (Error.UNAUTHORIZED_REQUESTING_ENTITY, Error.UNAUTHORIZED_SERVICE):
                self._audit(request, result.error.name, f"reference {result.reference.number}", asked.called)

    def _refuse(self, request: Message, refused: Refused) -> Message:
        self._audit(request, refused.error.name, refused.why, "")
        vendor = 0 if refused.error in BASE else TGPP
        return request.answer(refused.error, self._common(request, {}), vendor=vendor)

    def _audit(self, request: Message, result: str, reason: str, target: str) -> None:
        user = request.get("User-Identifier")
        name = target or ("" if user is None else user.get("External-Identifier", ""))
        self.core.audit.refuse(
            Refusal(
                check="exposure",
                stage=Stage.AUTHORISATION,
                area=Area.CORE,
                peer=self.peer_of(request).host,
                origin=request.text("Origin-Host"),
                command=request.command,
                target=name,
                result=result,
                reason=reason,
            )
        )


def exposing(s6a: S6a, follow: Follow, config: Exposing, store: Store, audit: AuditLog, reactor: Any) -> S6t:
    """S6t beside the S6a of an HSS, which follows devices for it."""
    core = Core(
        store=store,
        audit=audit,
        insert=s6a.orders.insert,
        profiles=lambda: s6a.profiles,
        clock=reactor.seconds,
        call_later=reactor.callLater,
    )
    made = S6t(core, config.scef, config.monitoring)
    follow.noted = made.outbox.wake
    return made
