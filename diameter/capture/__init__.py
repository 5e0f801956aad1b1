"""Captures: written by nodes, read, merged, and drawn as a ladder.

writer = CaptureWriter("node.pcapng")              # a tap for a Node; ring=Ring(100_000_000, 20) keeps 2 GB
merge(["scs.pcapng", "hss.pcapng"], "all.pcapng")  # each message once, in time order
for message in CaptureReader("all.pcapng"): ...    # Captured: time_ns, source, destination, transport, octets, ...
for record in CaptureReader("all.pcapng").records(): ...    # Captured and LinkEvent, as they stand in the file
ladder.write("all.pcapng", "all.html", Dictionary.load())
check.run("all.pcapng", Dictionary.load()).groups   # what is wrong, in which clause
"""

from diameter.capture import check, ladder, report, text
from diameter.capture.choice import Choice
from diameter.capture.merging import merge
from diameter.capture.read import CaptureReader
from diameter.capture.records import Captured, CaptureError, LinkEvent, NoDiameter, Record
from diameter.capture.ring import Ring
from diameter.capture.write import CaptureWriter

__all__ = [
    "CaptureError",
    "CaptureReader",
    "CaptureWriter",
    "Captured",
    "Choice",
    "LinkEvent",
    "NoDiameter",
    "Record",
    "Ring",
    "check",
    "ladder",
    "merge",
    "report",
    "text",
]
