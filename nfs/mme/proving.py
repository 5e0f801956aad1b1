"""An MME that asks an HSS step by step and says of each step what it looked at: `mtc s6a`.

It asks what `nfs.mme.s6a` asks, answers the HSS's orders as that does, and adds the resynchronisation that is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from diameter import Message
from diameter.errors import ErrorAnswer, RequestError
from nfs.common.aka import Algorithm, auts
from nfs.common.identities import encode_number, encode_plmn
from nfs.mme.checks import Authentication, Check, challenge, grammar, location, order, proper, purged, result
from nfs.mme.mobility import Attachments, Context
from nfs.mme.s6a import FEATURES, FOR_SMS, INITIAL, S6A, SMS_IN_MME, S6a, Site, features_of, plain
from nfs.ue.usim import IND_BITS, Usim

STEPS: Final = ("air", "resync", "forged", "ulr", "nor", "wait", "pur")
USUAL: Final = ("air", "resync", "ulr", "nor", "pur")
AHEAD: Final = 1 << 10
"""By how many SEQ the USIM of a resynchronisation on purpose is ahead."""
UE_PRESENT: Final = 0
READY: Final = 1 << 8 | 1 << 6 | 1 << 3
"""NOR-Flags: S6a/S6d-Indicator, Ready-for-SM-from-MME, UE-Reachable-from-MME."""


@dataclass(slots=True, kw_only=True)
class Step:
    """One exchange: `result` is (vendor, code) of the answer, None when there was none."""

    step: str
    command: str
    result: tuple[int, int] | None = None
    took_ms: float | None = None
    checks: list[Check] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was wrong."""
        return all(check.verdict != "wrong" for check in self.checks)

    def form(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "step": self.step,
            "command": self.command,
            "result": None if self.result is None else {"vendor": self.result[0], "code": self.result[1]},
            "took_ms": None if self.took_ms is None else round(self.took_ms, 3),
            "checks": [{"verdict": one.verdict, "what": one.what, "detail": one.detail} for one in self.checks],
        }


class Prover(S6a):
    """One UE of `imsi` with the keys of `functions`.  `told` hears of each step; `clock` gives seconds.

    `sqn`: the highest its USIM has taken; None: it takes the first one that comes.  `vectors`: asked for at once.
    """

    def __init__(
        self,
        site: Site,
        imsi: str,
        functions: Algorithm,
        *,
        sqn: int | None,
        vectors: int,
        told: Callable[[Step], None],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(site, Attachments(usims={}))
        self._imsi = imsi
        self._told = told
        self._clock = clock
        self._asked = vectors
        self._card = Authentication(
            functions, encode_plmn(site.plmn), None if sqn is None else Usim(functions, sqn), sqn or 0
        )
        self.orders = 0
        """Requests of the HSS so far."""
        self.ordered: Callable[[], None] = lambda: None

    async def take(self, step: str) -> None:
        """One of STEPS but "wait"."""
        await {
            "air": self._air,
            "resync": self._resync,
            "forged": self._forged,
            "ulr": self._ulr,
            "nor": self._nor,
            "pur": self._pur,
        }[step]()

    async def _air(self) -> None:
        _ = await self._vectors("air", None)

    async def _vectors(self, step: str, info: bytes | None) -> Message | None:
        asked: dict[str, Any] = {"Number-Of-Requested-Vectors": self._asked}
        if info is not None:
            asked["Re-Synchronization-Info"] = info
        return await self._exchange(
            step,
            "Authentication-Information",
            {"Requested-EUTRAN-Authentication-Info": asked, "Visited-PLMN-Id": self._plmn},
            lambda answer: self._card.vectors(answer, self._asked),
        )

    def _info(self, rand: bytes, sqn_ms: int, *, good: bool = True) -> bytes:
        """Re-Synchronization-Info about a vector."""
        token = auts(self._card.functions, rand, sqn_ms.to_bytes(6))
        return rand + (token if good else token[:-1] + bytes((token[-1] ^ 1,)))

    async def _resync(self) -> None:
        """A USIM that is AHEAD of what the HSS has given: the HSS has to follow (TS 33.102 6.3.5)."""
        rand = challenge(await self._vectors("resync", None))
        if rand is None or self._card.usim is None:
            return
        ahead = (self._card.highest + (AHEAD << IND_BITS)) % (1 << 48)
        self._card.usim = Usim(self._card.functions, ahead)
        self._card.highest = ahead
        _ = await self._vectors("resync", self._info(rand, ahead))

    async def _forged(self) -> None:
        """An AUTS whose MAC-S is wrong: nothing may come of it."""
        rand = challenge(await self._vectors("forged", None))
        if rand is None or self._card.usim is None:
            return
        asked = {
            "Number-Of-Requested-Vectors": 1,
            "Re-Synchronization-Info": self._info(rand, self._card.highest, good=False),
        }
        _ = await self._exchange(
            "forged",
            "Authentication-Information",
            {"Requested-EUTRAN-Authentication-Info": asked, "Visited-PLMN-Id": self._plmn},
            lambda answer: iter([proper(answer.result != (0, 2001), "refused", "an AUTS of other keys was taken")]),
            wanted=False,
        )

    async def _ulr(self) -> None:
        site = self._site
        features = FEATURES | ({2: FEATURES[2] | SMS_IN_MME} if site.number else {})
        avps: dict[str, Any] = {
            "Supported-Features": features_of(features),
            "RAT-Type": site.rat,
            "ULR-Flags": S6A | INITIAL,
            "UE-SRVCC-Capability": 0,
            "Visited-PLMN-Id": self._plmn,
        }
        if site.number:
            avps |= {"MME-Number-for-MT-SMS": encode_number(site.number), "SMS-Register-Request": 0}
        answer = await self._exchange(
            "ulr", "Update-Location", avps, lambda answer: location(answer, sms=bool(site.number))
        )
        if answer is None or "Subscription-Data" not in answer:
            return
        context = Context(imsi=self._imsi, data={}, kasme=b"", sms=bool(answer.get("ULA-Flags", 0) & FOR_SMS))
        context.insert(plain(answer["Subscription-Data"]))
        self.ues.contexts[self._imsi] = context

    async def _nor(self) -> None:
        avps = {"Alert-Reason": UE_PRESENT, "NOR-Flags": READY}
        _ = await self._exchange("nor", "Notify", avps, lambda answer: iter(()))

    async def _pur(self) -> None:
        self.ues.contexts.pop(self._imsi, None)
        _ = await self._exchange("pur", "Purge-UE", {"PUR-Flags": 1}, purged)

    async def _exchange(
        self,
        step: str,
        command: str,
        avps: Mapping[str, Any],
        look: Callable[[Message], Iterator[Check]],
        *,
        wanted: bool = True,
    ) -> Message | None:
        """Ask, look at the answer, tell; the answer where it is a success."""
        done = Step(step=step, command=command)
        began = self._clock()
        try:
            answer = await self.request(
                command, {"User-Name": self._imsi, **avps}, to=self._site.host, realm=self._site.realm
            )
        except ErrorAnswer as error:
            answer = error.answer
        except RequestError as error:
            done.checks.append(Check("wrong", "answer", str(error)))
            self._told(done)
            return None
        done.took_ms, done.result = (self._clock() - began) * 1000, answer.result
        done.checks += grammar(answer)
        if wanted:
            done.checks.append(result(answer))
        good = answer.result == (0, 2001)
        if good or not wanted:
            done.checks += look(answer)
        self._told(done)
        return answer if good else None

    def _heard(self, request: Message, answer: Message, more: Iterable[Check] = ()) -> Message:
        """Tell of an order of the HSS and of what we answered."""
        done = Step(step="order", command=request.command.removesuffix("-Request"), result=answer.result)
        done.checks += [*order(request, self._imsi, attached=self._imsi in self.ues.contexts), *more]
        self.orders += 1
        self._told(done)
        self.ordered()
        return answer

    def cancel_location(self, request: Message) -> Message:
        """CLR."""
        kind = request.get("Cancellation-Type")
        checks = [proper(kind in range(5), "Cancellation-Type", f"{kind}: 0 to 4 expected")]
        was = self._imsi in self.ues.contexts
        answer = super().cancel_location(request)
        return self._heard(request, answer, [*checks, *([Check("ok", "let go")] if was else [])])

    def insert_subscriber_data(self, request: Message) -> Message:
        """IDR."""
        return self._heard(request, super().insert_subscriber_data(request))

    def delete_subscriber_data(self, request: Message) -> Message:
        """DSR."""
        return self._heard(request, super().delete_subscriber_data(request))

    def reset(self, request: Message) -> Message:
        """RSR."""
        answer = super().reset(request)
        return self._heard(request, answer)
