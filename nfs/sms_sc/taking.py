"""Taking a message: accepted in memory, written down, and only then to be delivered and acknowledged."""

from __future__ import annotations

from collections.abc import Callable

from diameter.errors import LocalError
from nfs.sms_sc.answers import SC_CONGESTION, Acceptance, Refused
from nfs.sms_sc.keep import Keep
from nfs.sms_sc.logic import ServiceCentre, Trigger


class NotStored(Refused):
    """The store does not work just now."""

    def __init__(self) -> None:
        super().__init__(SC_CONGESTION, "cannot store")


async def take(
    centre: ServiceCentre, keep: Keep, trigger: Trigger, clock: Callable[[], float]
) -> tuple[Acceptance, Trigger]:
    """What became of a trigger, and the trigger as it is kept.  Raises Refused; 5531 where it cannot be stored."""
    acceptance, kept = centre.accept(trigger, clock())
    new = acceptance in (Acceptance.NEW, Acceptance.RENEWED)
    if new:
        centre.hold(kept.key)
    try:
        written = await (keep.add(kept) if acceptance is Acceptance.NEW else keep.put(kept))
    except (LocalError, Refused) as error:
        if new:
            centre.withdraw(kept)
        raise error if isinstance(error, Refused) else NotStored from None
    centre.written(kept, written.trigger, written.acceptance)
    return written.acceptance or acceptance, written.trigger
