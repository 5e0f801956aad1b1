"""Watchdog: a silent connection is asked whether it lives (RFC 3539 section 3.4.1, RFC 6733 section 5.5)."""

from __future__ import annotations

from typing import Final

from diameter.capture.checks.past import Late, Past
from diameter.capture.checks.rules import NONE, NOTE, REQUEST, WARNING, Found, Hit, rule
from diameter.capture.checks.sight import SECOND, WATCHDOG, Sight, seconds

TW_NS: Final = 30 * SECOND
"""Twinit as recommended; each Tw is up to two seconds away from it."""
JITTER_NS: Final = 2 * SECOND
LEAST_NS: Final = 4 * SECOND
"""Twinit is never below six seconds, before jitter."""


@rule("watchdog-silence", WARNING, "RFC 3539 section 3.4.1", "A connection is silent for longer than Tw, without DWR.")
def watchdog_silence(one: Sight) -> Found:
    """After 30 s without a message each side asks with DWR; 2 s are jitter.  A longer Tw can be configured."""
    connection = one.connection
    if connection.last is None or connection.closed or one.message.command_code == WATCHDOG:
        return NONE
    silent = one.now_ns - connection.last.clock_ns
    if silent <= TW_NS + JITTER_NS:
        return NONE
    return (Hit(f"no message for {seconds(silent)}, and no DWR", one.place.short),)


@rule("watchdog-too-often", NOTE, "RFC 3539 section 3.4.1", "DWR follow each other faster than Tw may be.", REQUEST)
def watchdog_too_often(one: Sight) -> Found:
    """Tw is six seconds at least, four with jitter."""
    if one.message.command_code != WATCHDOG:
        return NONE
    before = one.connection.last_dwr_ns.get(one.captured.source, 0)
    if not before or one.now_ns - before >= LEAST_NS:
        return NONE
    return (Hit(f"DWR {seconds(one.now_ns - before)} after the last one", "DWR"),)


def silent_to_the_end(past: Past) -> None:
    """Connections on which nothing came for two Tw when the capture ended."""
    for connection in past.connections.values():
        last = connection.last
        if last is None or connection.closed or connection.disconnecting:
            continue
        silent = past.now_ns - last.clock_ns
        if silent > 2 * TW_NS + JITTER_NS:
            text = f"no message for {seconds(silent)} to the end of the capture, and no DWR"
            past.late.append(Late("watchdog-silence", last, text, "to the end"))
