"""The checks that remember: replays, rates and quotas, as a configuration has them."""

from __future__ import annotations

from dataclasses import dataclass

from nfs.mtc_sgw.config import EdgeTable
from nfs.mtc_sgw.logic import Check
from nfs.mtc_sgw.quotas import Quotas
from nfs.mtc_sgw.rates import Rates
from nfs.mtc_sgw.replay import Replay


@dataclass(frozen=True, slots=True)
class Bounds:
    """The checks of the gateway that remember, with what they remember."""

    replay: Replay
    rates: Rates
    quotas: Quotas

    @classmethod
    def of(cls, config: EdgeTable) -> Bounds:
        """None of them has counted anything yet."""
        return cls(
            Replay(config.replay_window_s, remembered=config.remembered),
            Rates(config.rates(), remembered=config.remembered),
            Quotas(config.quotas(), remembered=config.remembered),
        )

    @property
    def checks(self) -> tuple[tuple[str, Check], ...]:
        """In the order in which they are asked: last, so that only what could pass counts."""
        return (("replay", self.replay.check), ("rate", self.rates.check), ("quota", self.quotas.check))

    def reload(self, config: EdgeTable) -> None:
        """Go by other limits from now on; what was counted stays."""
        self.replay.window_s = config.replay_window_s
        self.rates.limits, self.quotas.limits = config.rates(), config.quotas()
