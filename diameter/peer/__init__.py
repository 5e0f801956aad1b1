"""Peer layer: RFC 6733 section 5 and the watchdog of RFC 3539, without sockets or clocks.

Time enters as `now` (seconds of any monotonic clock), randomness and identifiers come from injected callables, and
results leave as the values of `inputs.py`.  `fsm.py` and `watchdog.py` are two tables that know nothing of each
other: `Peer` composes them, so the state of section 5.6 is never merged with the state of RFC 3539.
"""
