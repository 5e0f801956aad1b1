"""`mtc decode`: octets to a message tree or JSON, with what is wrong and in which clause."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from diameter.errors import LocalError

CAPTURES: Final = (
    b"\x0a\x0d\x0d\x0a",
    b"\xa1\xb2\xc3\xd4",
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x4d\x3c\xb2\xa1",
)
"""First octets of pcapng and pcap files."""
_DUMP_LINE: Final = re.compile(
    r"^\s*[0-9a-fA-F]{4,8}:?\s{1,3}((?:[0-9a-fA-F]{2}[ \t]{0,2}){1,16})(?:[ \t]+\|?.{1,18})?$"
)
_DUMP_END: Final = re.compile(r"^\s*[0-9a-fA-F]{4,8}\s*$")
_HEX_NOISE: Final = re.compile(r"0[xX]|\\x|[\s,:;\"'-]")


@click.command()
@click.argument("source", metavar="[HEX|FILE|-]", default="-")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each message, schema 1.")
@click.option(
    "--dict", "dictionaries", multiple=True, type=click.Path(path_type=Path), help="A further dictionary file."
)
def command(source: str, as_json: bool, dictionaries: tuple[Path, ...]) -> None:
    """Show octets as a message tree or JSON, with faults and clauses.

    Octets come as hex on the command line, from a FILE (hex, a hex dump, or binary) or from standard input; several
    messages may follow each other.  Exit status 1 when one of them has a fault that a node would refuse.

    \b
    Example: mtc decode 01000014800001180000000000000001000000ff
             mtc decode --json message.hex
    """
    from diameter import Dictionary, decode
    from diameter.capture.text import tree

    dictionary = Dictionary.load(*dictionaries)
    refused = False
    for number, octets in enumerate(messages(octets_of(source))):
        message = decode(octets, dictionary)
        if as_json:
            click.echo(message.to_json())
        else:
            click.echo(("\n" if number else "") + tree(message))
        refused = refused or any(one.verdict == "refuse" for one in message.faults)
    if refused:
        raise click.exceptions.Exit(1)


def octets_of(source: str) -> bytes:
    """The octets that `source` names: "-" standard input, a file, or hex itself.  LocalError when there are none."""
    if source == "-":
        return _from_file(sys.stdin.buffer.read(), "standard input")
    path = Path(source)
    if len(source) < 256 and path.is_file():
        return _from_file(path.read_bytes(), source)
    octets = from_hex(source)
    if octets is None:
        what = "neither hex nor a file" if re.search(r"[g-zG-Z./]", source) else "hex with half an octet"
        raise LocalError(f"{source if len(source) < 80 else source[:77] + '...'}: {what}")
    return octets


def _from_file(content: bytes, name: str) -> bytes:
    if not content.strip():
        raise LocalError(f"{name}: no octets")
    if content[:4] in CAPTURES:
        raise LocalError(f"{name}: a packet capture; this verb reads the octets of messages alone")
    if content[0] != 1 and content.isascii():
        octets = from_hex(content.decode())
        if octets is None:
            raise LocalError(f"{name}: text, but not hex")
        return octets
    return content


def from_hex(text: str) -> bytes | None:
    """Octets of hex text: digits in any grouping, or a hex dump with offsets and characters; None if neither."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and _DUMP_END.match(lines[-1]):
        lines.pop()
    dump = [_DUMP_LINE.match(line) for line in lines]
    if len(lines) > 1 and all(dump):
        text = "".join(match[1] for match in dump if match)
    try:
        return bytes.fromhex(_HEX_NOISE.sub("", text))
    except ValueError:
        return None


def messages(octets: bytes) -> Iterator[bytes]:
    """The messages that stand one behind the other; what cannot be framed comes last, as it is."""
    from diameter.wire.framing import Framer

    framer = Framer(limit=0xFFFFFF)
    yield from framer.feed(octets)
    if framer.rest:
        yield framer.rest
