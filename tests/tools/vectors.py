"""Writes interop/vectors: `PYTHONPATH=.:tests python tests/tools/vectors.py`, the same octets each time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from diameter import Dictionary
from diameter.capture import CaptureWriter
from diameter.capture.text import result_text, short_name, tree
from helpers.vector_lab import ADDRESSES, START
from helpers.vector_scenes import Vector, vectors

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "interop" / "vectors"
MADE: Final = "Made by `PYTHONPATH=.:tests python tests/tools/vectors.py` {how}"
FUNCTIONS: Final = (
    "with the network functions of this project, as nodes in memory: SCS, MTC-IWF with its gateway, HSS, SMS-SC, MME."
)
SCRIPTED: Final = (
    "with two **scripted nodes**: no network function of this project speaks it yet. The AVPs are what the grammar "
    "asks for, and some more."
)
HEAD: Final = """# Captures of the MTC interfaces

Open captures of Tsp, S6m, T4, S6c, SGd, S6t, S6a and T6a, for whoever writes or tests another implementation. They open
in a default Wireshark and in `mtc pcap decode`; `mtc pcap extract` makes a scenario of a session, for a peer to play
against.
Identities are made up, addresses are those of RFC 5737. Each capture has a page with every AVP. Licence: that of the
project.

Where a page says so, two scripted nodes have spoken, because no network function of this project speaks that yet. Tsp
is written as exported PDUs because it went over TLS, SGd, S6t, S6a and T6a as SCTP, the rest as TCP on port 3868. The
links were in memory: nothing but the messages is to be learnt from the frames. Tests hold that the files are what the
code makes today, and that tshark reads them as we do.
"""


def page(vector: Vector, dictionary: Dictionary) -> str:
    """The text that goes with a file."""
    names = {address: host for host, address in ADDRESSES.items()}
    lines = [f"# {vector.title}", "", f"`{vector.name}.pcapng`: {vector.shows}", ""]
    lines += [MADE.format(how=SCRIPTED if vector.scripted else FUNCTIONS), ""]
    lines += ["| no. | s | from | to | message | result |", "| --- | --- | --- | --- | --- | --- |"]
    trees = []
    for number, one in enumerate(vector.messages, start=1):
        message = one.message(dictionary)
        source = str(message.get("Origin-Host") or names.get(one.source[0], one.source[0]))
        target = names.get(one.destination[0], one.destination[0])
        if vector.scripted:
            target = next(
                str(other.message(dictionary).get("Origin-Host"))
                for other in vector.messages
                if other.source == one.destination
            )
        seconds = (one.time_ns - int(START * 1e9)) / 1e9
        result = result_text(message) or "-"
        what = f"{short_name(message)} of {message.application}"
        lines.append(f"| {number} | {seconds:.3f} | {source} | {target} | {what} | {result} |")
        trees += [f"## {number}. {short_name(message)} of {source}", "", "```text", tree(message), "```", ""]
    return "\n".join([*lines, "", *trees]).rstrip() + "\n"


def index(found: Sequence[Vector]) -> str:
    """The page of the folder."""
    lines = [HEAD, "| capture | shows | messages | by |", "| --- | --- | --- | --- |"]
    for one in found:
        by = "scripted nodes" if one.scripted else "functions"
        lines.append(f"| [{one.name}]({one.name}.md) | {one.title} | {len(one.messages)} | {by} |")
    return "\n".join(lines) + "\n"


def write(folder: Path, made: Sequence[Vector] = ()) -> int:
    """Write everything, what is `made` already or what is made now; the number of files."""
    dictionary = Dictionary.load()
    found = made or vectors(dictionary)
    for vector in found:
        with CaptureWriter(folder / f"{vector.name}.pcapng") as writer:
            for one in vector.messages:
                writer.record(one)
        (folder / f"{vector.name}.pcapng").chmod(0o644)
        (folder / f"{vector.name}.md").write_text(page(vector, dictionary), encoding="utf-8")
    (folder / "README.md").write_text(index(found), encoding="utf-8")
    return len(found)


def main() -> int:
    """Write the folder of the project."""
    print(f"{write(FOLDER)} captures in {FOLDER.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
