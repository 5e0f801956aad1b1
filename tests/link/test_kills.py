"""kill -9 under load: whatever was accepted is reported, once to the application and once to the device.

`MTC_KILLS=200 pytest tests/link/test_kills.py -s` makes a longer run and prints its counts; MTC_SEED is the seed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest

from helpers.kills import KillLab, asked_for
from helpers.postgres import Postgres

KILLS, SEED = asked_for(10)
DEVICES: Final = 400
pytestmark = [pytest.mark.link, pytest.mark.timeout(120 + 20 * KILLS)]


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


def counts(lab: KillLab) -> tuple[int, int]:
    """Triggers that the MTC-IWFs remember, and what their quota came to."""
    with psycopg.connect(lab.database) as connection:
        found = connection.execute(
            "SELECT (SELECT count(*) FROM trigger), (SELECT sum(count) FROM quota_count WHERE scope LIKE 'gateway/%')"
        ).fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


@pytest.mark.requirement("C-GEN-03")
def test_what_was_accepted_is_reported_once_whoever_is_killed(tmp_path: Path, postgres: Postgres) -> None:
    lab = KillLab(tmp_path / "lab", postgres, DEVICES)
    try:
        lab.start()
        lab.run(KILLS, SEED)
    finally:
        bad = lab.stop()
    seen, received, (remembered, counted) = lab.seen, lab.received(), counts(lab)
    twice = {what: times for what, times in seen.reported.items() if times > 1}
    again = {what: times for what, times in received.items() if times > 1}
    sys.stdout.write(
        f"\nseed {SEED}: {sum(lab.kills.values())} kills {dict(lab.kills)}; accepted {len(seen.accepted)}, "
        f"reported {len(seen.reported)}, of the accepted not reported {len(seen.owed)}, reported twice {len(twice)}; "
        f"UEs were handed {len(received)}, twice {len(again)}; remembered {remembered}, counted {counted}; "
        f"not accepted {dict(seen.refused)}\n"
    )
    assert (bad, twice, again) == ([], {}, {})
    assert seen.accepted <= set(seen.reported)
    assert seen.accepted <= seen.delivered
    assert len(received) >= len(seen.accepted)
    assert counted == remembered  # each trigger counts in the quota, and however often it came, once
    assert sum(lab.kills.values()) == KILLS
