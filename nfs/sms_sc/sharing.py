"""What an SMS-SC keeps, put together from its configuration: on a file of its own, or on a store that others share."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic

from diameter.errors import LocalError
from nfs.common.database import is_shared
from nfs.common.function import Surroundings
from nfs.sms_sc.charged import Charged
from nfs.sms_sc.config import SmsScConfig
from nfs.sms_sc.delivery import Delivery
from nfs.sms_sc.keep import MIGRATIONS, Keep
from nfs.sms_sc.lease import Lease
from nfs.sms_sc.logic import ServiceCentre, Trigger
from nfs.sms_sc.shared import SharedKeep
from nfs.sms_sc.t4 import T4


class Kept:
    """The store with its keep, and on a shared one the lease.  Raises ConfigError when the database cannot be used.

    say: writes a line to the log.
    """

    def __init__(self, config: SmsScConfig, around: Surroundings, say: Callable[[str], None]) -> None:
        self._say = say
        self._lease_s = config.sms_sc.lease_s
        self._call_later = around.reactor.callLater
        self._lease: Lease | None = None
        database, name = config.sms_sc.database, "sms-sc"
        if is_shared(database):
            self.store = around.open_store(database, migrations=MIGRATIONS, name=name, isolation="READ COMMITTED")
            host, token = config.node.origin_host.lower(), secrets.token_hex(16)
            self.charged = Charged(config, self.store, around.reactor, say)
            self.keep: Keep = self.charged.shared(host, token, around.reactor.seconds)
        else:
            self.store = around.open_store(database, migrations=MIGRATIONS, name=name)
            self.charged = Charged(config, self.store, around.reactor, say)
            self.keep = self.charged.alone()

    async def take_up(self, centre: ServiceCentre, t4: T4, delivery: Delivery) -> None:
        """Take up what is ours, and on a shared store what others leave.  Raises StoreError for a file."""

        def begin(triggers: Sequence[Trigger]) -> None:
            centre.clear()  # of what was on its way into the store while it was lost
            centre.restore(triggers)
            t4.loading = False
            delivery.resume()

        def lost() -> None:
            t4.loading = True
            delivery.suspend()

        self.charged.start(t4.spawn)
        if not isinstance(self.keep, SharedKeep):
            begin(await self.keep.load())
            return
        self._lease = Lease(
            self.keep,
            self._lease_s,
            begin=begin,
            more=delivery.adopt,
            lost=lost,
            clock=monotonic,
            call_later=self._call_later,
            spawn=t4.spawn,
            say=self._say,
        )
        await self._lease.start()

    def stop(self) -> None:
        """Take nothing more from others."""
        if self._lease is not None:
            self._lease.stop()

    async def close(self) -> None:
        """Leave to others what is not finished, and close the store; when that is away, they find out by themselves."""
        await self.charged.stop()
        if isinstance(self.keep, SharedKeep):
            with suppress(LocalError):
                await self.keep.leave()
        await self.store.close()
