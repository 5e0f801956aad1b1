"""`mtc encode`: messages written as text or JSON to octets."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diameter.errors import LocalError

if TYPE_CHECKING:
    from diameter import Dictionary


@click.command()
@click.argument("source", metavar="[FILE|-]", default="-")
@click.option("--binary", is_flag=True, help="Write octets instead of hex.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write to this file instead of standard output.")
@click.option("--check", is_flag=True, help="Exit status 1 when the message has a fault that a node would refuse.")
@click.option(
    "--dict", "dictionaries", multiple=True, type=click.Path(path_type=Path), help="A further dictionary file."
)
def command(source: str, binary: bool, output: Path | None, check: bool, dictionaries: tuple[Path, ...]) -> None:
    """Turn messages written as text or JSON into octets, hex on a line each.

    Text is what `mtc decode` prints, or the same by hand: the command at the margin, an AVP a line by name and value,
    members of a group deeper than the group.  JSON is what `mtc decode --json` prints (brought back octet for octet),
    or the short form: command, application and a mapping of AVPs by name.  OctetString as hex, values of
    enumerations also by name.

    \b
    Example: mtc decode --json message.hex | mtc encode
             echo '{"command": "Device-Watchdog-Request", "avps": {"Origin-Host": "a.example",
                    "Origin-Realm": "example"}}' | mtc encode
    """
    from diameter import Dictionary
    from diameter.message.json import from_dict

    name = "standard input" if source == "-" else source
    dictionary = Dictionary.load(*dictionaries)
    parts: list[bytes] = []
    refused = False
    for number, document in enumerate(documents(source, dictionary), start=1):
        try:
            message = from_dict(document, dictionary)
        except LocalError as error:
            raise LocalError(f"{name}: message {number}: {error}") from None
        for fault in message.faults if check else ():
            if fault.verdict == "refuse":
                refused = True
                click.echo(f"message {number}: {fault.result_code}: {fault.text} ({fault.clause})", err=True)
        parts.append(message.octets if binary else message.octets.hex().encode() + b"\n")
    if output is not None:
        output.write_bytes(b"".join(parts))
    else:
        sys.stdout.buffer.write(b"".join(parts))
    if refused:
        raise click.exceptions.Exit(1)


def called(source: str) -> str:
    """What complaints call a file of messages."""
    return "standard input" if source == "-" else source


def documents(source: str, dictionary: Dictionary) -> list[dict[str, Any]]:
    """The messages of a file as JSON objects: text, or JSON: one, a list, or one a line.  LocalError names the line."""
    name = called(source)
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise LocalError(f"{name}: {error.strerror}") from None
    if text.lstrip()[:1] not in ("{", "["):
        return _in_words(text, name, dictionary)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = [_line(line, f"{name}:{number}") for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    found = found if isinstance(found, list) else [found]
    if not found:
        raise LocalError(f"{name}: no message")
    for number, one in enumerate(found, start=1):
        if not isinstance(one, dict):
            raise LocalError(f"{name}: message {number}: an object wanted, not {type(one).__name__}")
    return found


def _in_words(text: str, name: str, dictionary: Dictionary) -> list[dict[str, Any]]:
    from diameter.capture import written

    try:
        found = written.documents(text, dictionary)
    except LocalError as error:
        raise LocalError(f"{name}: {error}") from None
    if not found:
        raise LocalError(f"{name}: no message")
    return found


def _line(line: str, where: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LocalError(f"{where}: not JSON: {error}") from None
