"""The rules of `mtc pcap check`, one a function, in the order in which a message meets them.

Each module holds the rules of one clause or topic and puts them into `rules.RULES`; importing this package fills it.
"""

from diameter.capture.checks import (
    exchanges,
    faults,
    identifiers,
    peers,
    results,
    routing,
    security,
    sessions,
    watchdog,
)

__all__ = ["exchanges", "faults", "identifiers", "peers", "results", "routing", "security", "sessions", "watchdog"]
