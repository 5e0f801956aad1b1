"""S6a, the MME's side (TS 29.272): attach and detach against any HSS, and answers to what an HSS asks."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from diameter import Message, ResultCode
from diameter.app import Application, answers
from diameter.errors import RequestError
from diameter.message import Grouped
from nfs.common.eps_identity import gummei
from nfs.common.identities import encode_number, encode_plmn
from nfs.common.nas_security import NasError
from nfs.mme.mobility import CONNECTED, Attachments, Context, Outcome
from nfs.mme.radio import Radio
from nfs.ue.nas import Terminal

TGPP: Final = 10415
USER_UNKNOWN: Final = 5001
S6A, INITIAL = 1 << 1, 1 << 5  # ULR-Flags
FOR_SMS: Final = 1 << 1  # ULA-Flags
REACHABILITY, USER_STATE, LOCATION, NO_SMS = 1 << 0, 1 << 2, 1 << 3, 1 << 6  # IDR-Flags
FEATURES: Final = {1: 1 << 0 | 1 << 28, 2: 1 << 19}
SMS_IN_MME: Final = 1 << 0
EVENTS: Final = frozenset({0, 1, 2, 3, 4})
"""Monitoring-Type values this MME executes: loss of connectivity, reachability, location, IMSI-IMEI, roaming."""
LOCATION_REPORT: Final = 2
MME_NODE: Final = 1
_LISTS: Final = frozenset(
    {
        "APN-Configuration",
        "IMSI-Group-Id",
        "Monitoring-Event-Configuration",
        "SCEF-Reference-ID-for-Deletion",
        "TS-Code",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the MME is.  `number`: E.164 for short messages, "" for none; `rat`: RAT-Type; `plmn`: digits.

    `group`, `code`: MME Group ID and MME Code.
    """

    plmn: str
    realm: str
    host: str | None = None
    rat: int = 1004
    tac: int = 1
    cell: int = 1
    number: str = ""
    group: int = 1
    code: int = 1


class S6a(Application):
    """Speaks for the UEs of `ues`."""

    dictionary = "ts29272_s6a"

    def __init__(self, site: Site, ues: Attachments) -> None:
        self._site = site
        self._plmn = encode_plmn(site.plmn)
        self.ues = ues
        self.radio = Radio(gummei(site.plmn, site.group, site.code), ues.usims)

    async def attach(self, imsi: str, *, initial: bool = True) -> Outcome:
        """Authenticate a UE and register it; what came of it.  Never raises for what an HSS may do.

        Not `initial`: by a tracking area update, of a UE that is attached, here or elsewhere.
        """
        outcome = await self._attach(imsi, initial)
        if not initial:
            outcome = replace(outcome, event="update")
        self.ues.told(outcome)
        return outcome

    async def detach(self, imsi: str) -> Outcome:
        """Forget a UE that leaves, and say so to the HSS (PUR)."""
        self.radio.detach(imsi)
        self.ues.contexts.pop(imsi, None)
        asked = await self._ask("Purge-UE", imsi, {"PUR-Flags": 1})
        if isinstance(asked, Outcome):
            outcome = asked
        else:
            outcome = Outcome(imsi=imsi, event="detach", step="purge", good=True, code=ResultCode.SUCCESS)
        self.ues.told(outcome)
        return outcome

    async def notify(self, imsi: str, avps: Mapping[str, Any]) -> bool:
        """Tell the HSS of a UE (NOR, 5.2.5.1); whether it took it."""
        asked = await self._ask("Notify", imsi, avps)
        return not isinstance(asked, Outcome)

    async def all(
        self, work: Callable[[S6a, str], Coroutine[Any, Any, Outcome]], imsis: Iterable[str], window: int
    ) -> None:
        """`S6a.attach` or `S6a.detach` for every UE, `window` of them at a time."""
        left = iter(imsis)

        async def some() -> None:
            for imsi in left:
                await work(self, imsi)

        for each in [self.spawn(some()) for _ in range(window)]:
            await each

    async def _attach(self, imsi: str, initial: bool) -> Outcome:
        if imsi not in self.ues.usims:
            return Outcome(imsi=imsi, event="attach", step="usim", good=False, why="no keys")
        terminal, info = self.radio.open(imsi), None
        try:
            self.radio.arrive(terminal, initial=initial)
        except NasError as error:
            return self._ended(imsi, "identity", error.reason)
        while True:
            answer = await self._vector(imsi, info)
            if isinstance(answer, Outcome):
                return answer
            try:
                vector = answer["Authentication-Info"]["E-UTRAN-Vector"]
                res, auts = self.radio.challenge(terminal, vector["RAND"], vector["AUTN"])
            except KeyError:
                return self._ended(imsi, "authentication", "no E-UTRAN-Vector in the answer")
            except NasError as error:
                return self._ended(imsi, "authentication", error.reason)
            if not auts:
                break
            if info is not None:
                return self._ended(imsi, "authentication", "out of step after resynchronisation")
            info = vector["RAND"] + auts
        same = hmac.compare_digest(terminal.key, vector["KASME"])
        if not hmac.compare_digest(res, vector["XRES"]) or not same:
            return self._ended(imsi, "authentication", "XRES or KASME is not what the USIM has")
        self.radio.hop.keyed(imsi, vector["KASME"], terminal.key)
        return await self._register(terminal, initial=initial, resynchronised=info is not None)

    async def _vector(self, imsi: str, info: bytes | None) -> Message | Outcome:
        """AIR; info: RAND and AUTS, of a USIM that is out of step."""
        asked: dict[str, Any] = {"Number-Of-Requested-Vectors": 1}
        if info is not None:
            asked["Re-Synchronization-Info"] = info
        avps = {"Requested-EUTRAN-Authentication-Info": asked, "Visited-PLMN-Id": self._plmn}
        return await self._ask("Authentication-Information", imsi, avps)

    async def _register(self, terminal: Terminal, *, initial: bool, resynchronised: bool) -> Outcome:
        site, imsi = self._site, terminal.imsi
        features = FEATURES | ({2: FEATURES[2] | SMS_IN_MME} if site.number else {})
        avps: dict[str, Any] = {
            "Supported-Features": features_of(features),
            "RAT-Type": site.rat,
            "ULR-Flags": S6A | (INITIAL if initial else 0),
            "UE-SRVCC-Capability": 0,
            "Visited-PLMN-Id": self._plmn,
        }
        if site.number:
            avps |= {"MME-Number-for-MT-SMS": encode_number(site.number), "SMS-Register-Request": 0}
        answer = await self._ask("Update-Location", imsi, avps)
        if isinstance(answer, Outcome):
            return answer
        if "Subscription-Data" not in answer:
            return self._ended(imsi, "update-location", "no Subscription-Data in the answer")
        sms = bool(answer.get("ULA-Flags", 0) & FOR_SMS)
        context = Context(imsi=imsi, data={}, kasme=terminal.key, sms=sms, share=self.ues.share)
        context.insert(plain(answer["Subscription-Data"]))
        self.ues.contexts[imsi] = context
        try:
            self.radio.accept(terminal, initial=initial)
        except NasError as error:  # registered; the UE goes by either name
            return self._ended(imsi, "accept", error.reason)
        return Outcome(
            imsi=imsi,
            event="attach",
            step="attached",
            good=True,
            code=ResultCode.SUCCESS,
            resynchronised=resynchronised,
            apns=context.apns,
        )

    async def _ask(self, command: str, imsi: str, avps: Mapping[str, Any]) -> Message | Outcome:
        """The answer, or how it ended when there is no good one."""
        event = "detach" if command == "Purge-UE" else "attach"
        step = {"Authentication-Information": "authentication", "Purge-UE": "purge"}.get(command, "update-location")
        site = self._site
        try:
            answer = await self.request(command, {"User-Name": imsi, **avps}, to=site.host, realm=site.realm)
        except RequestError as error:
            return Outcome(imsi=imsi, event=event, step=step, good=False, why=str(error))
        if answer.result == (0, ResultCode.SUCCESS):
            return answer
        vendor, code = answer.result or (0, None)
        return Outcome(imsi=imsi, event=event, step=step, good=False, why="refused", vendor=vendor, code=code)

    def _ended(self, imsi: str, step: str, why: str) -> Outcome:
        return Outcome(imsi=imsi, event="attach", step=step, good=False, why=why)

    def _let_go(self, imsi: str) -> None:
        self.radio.forget(imsi)
        self.ues.cancel(imsi)

    @answers("Cancel-Location-Request")
    def cancel_location(self, request: Message) -> Message:
        """Let go of a UE; success also when it is not here (5.2.1.2.2)."""
        self._let_go(request.text("User-Name"))
        return request.answer(ResultCode.SUCCESS)

    @answers("Insert-Subscriber-Data-Request")
    def insert_subscriber_data(self, request: Message) -> Message:
        """Take new data, watch for events, tell state and location (5.2.2.1.2)."""
        context = self.ues.contexts.get(request.text("User-Name"))
        if context is None:
            return request.answer(USER_UNKNOWN, vendor=TGPP)
        data, flags = plain(request["Subscription-Data"]), request.get("IDR-Flags", 0)
        if not data and not flags:
            return request.answer(ResultCode.UNABLE_TO_COMPLY)
        avps = self._watched(context.imsi, data.get("Monitoring-Event-Configuration", ()))
        context.insert(data)
        if flags & NO_SMS:
            context.sms = False
        if flags & USER_STATE:
            avps["EPS-User-State"] = {"MME-User-State": {"User-State": CONNECTED}}
        if flags & LOCATION:
            avps["EPS-Location-Information"] = self._location(context.imsi)
        if flags & REACHABILITY:
            self.ues.awaited(context.imsi)
        return request.answer(ResultCode.SUCCESS, avps)

    @answers("Delete-Subscriber-Data-Request")
    def delete_subscriber_data(self, request: Message) -> Message:
        """Let data of a UE go (5.2.2.2.2)."""
        context = self.ues.contexts.get(request.text("User-Name"))
        if context is None:
            return request.answer(USER_UNKNOWN, vendor=TGPP)
        context.delete(request.number("DSR-Flags"), request.all("Context-Identifier"), request.get("SCEF-ID"))
        return request.answer(ResultCode.SUCCESS)

    @answers("Reset-Request")
    def reset(self, request: Message) -> Message:
        """Note that the HSS lost what it knew of UEs (5.2.4.1.2)."""
        self.ues.reset(request.all("User-Id"))
        return request.answer(ResultCode.SUCCESS)

    def _watched(self, imsi: str, events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Monitoring-Event-Config-Status for each event, and the report of a location that is asked for once."""
        statuses, reports = [], []
        for event in events:
            if "SCEF-Reference-ID" not in event:
                continue
            wide = {name: event[name] for name in ("SCEF-Reference-ID-Ext",) if name in event}
            good = event["Monitoring-Type"] in EVENTS
            result = {
                "Vendor-Id": 0,
                "Service-Result-Code": ResultCode.SUCCESS if good else ResultCode.UNABLE_TO_COMPLY,
            }
            names = {"SCEF-Reference-ID": event["SCEF-Reference-ID"], "SCEF-ID": event["SCEF-ID"], **wide}
            report = {"Service-Result": result, "Node-Type": MME_NODE}
            statuses.append({"Service-Report": report, **names})
            if event["Monitoring-Type"] == LOCATION_REPORT and event.get("Maximum-Number-of-Reports") == 1:
                location = {"EPS-Location-Information": self._location(imsi), "Monitoring-Type": LOCATION_REPORT}
                reports.append({**names, **location})
        avps: dict[str, Any] = {"Monitoring-Event-Config-Status": statuses} if statuses else {}
        return avps | ({"Monitoring-Event-Report": reports} if reports else {})

    def _location(self, imsi: str) -> dict[str, Any]:
        site = self._site
        tac = self.ues.tac(imsi)
        cell = {
            "E-UTRAN-Cell-Global-Identity": self._plmn + site.cell.to_bytes(4),
            "Tracking-Area-Identity": self._plmn + (site.tac if tac is None else tac).to_bytes(2),
            "Age-Of-Location-Information": 0,
        }
        return {"MME-Location-Information": cell}


def features_of(lists: Mapping[int, int]) -> list[dict[str, int]]:
    """Supported-Features: Feature-List by Feature-List-ID."""
    return [{"Vendor-Id": TGPP, "Feature-List-ID": number, "Feature-List": bits} for number, bits in lists.items()]


def plain(group: Grouped) -> dict[str, Any]:
    """A group as plain values: what may come more than once as a list, groups as dictionaries."""
    found: dict[str, Any] = {}
    for each in group.avps:
        value = plain(each.value) if isinstance(each.value, Grouped) else each.value
        if each.name in _LISTS:
            found.setdefault(each.name, []).append(value)
        else:
            found.setdefault(each.name, value)
    return found
