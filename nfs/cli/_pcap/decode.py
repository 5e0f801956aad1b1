"""`mtc pcap decode`: the messages of a capture, a line each, as trees, or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import click

if TYPE_CHECKING:
    from diameter.capture import CaptureReader

FILTERS: Final = (
    ("--command", "commands", "Device-Action, DAR or 8388639."),
    ("--app", "applications", "Application, by name or id: Tsp or 16777309."),
    ("--peer", "peers", "Address, with or without port, or Origin-Host or Destination-Host; * fits anything."),
    ("--session", "sessions", "A part of Session-Id."),
    ("--result", "results", "5012, 10415:5001, 3xxx or DIAMETER_TOO_BUSY; answers only."),
    ("--imsi", "subscribers", "IMSI, MSISDN or External-Identifier, anywhere in the message."),
    ("--transport", "transports", "tcp, tls, sctp, dtls or udp."),
)
_HELD: Final = 256


def _filters(function: Any) -> Any:
    for option, name, text in reversed(FILTERS):
        function = click.option(option, name, multiple=True, help=text)(function)
    return function


def source_options(function: Any) -> Any:
    """How a capture is read, the same for every verb that reads one."""
    for option in (
        click.option("--port", "ports", multiple=True, type=click.IntRange(1, 65535), help="Another port of Diameter."),
        click.option(
            "--keylog",
            "--key-log",
            "keylog",
            type=click.Path(path_type=Path),
            help="NSS key log that opens TLS and DTLS.",
        ),
        click.option(
            "--dict", "dictionaries", multiple=True, type=click.Path(path_type=Path), help="A further dictionary file."
        ),
    ):
        function = option(function)
    return function


@click.command()
@click.argument("source", metavar="FILE|-")
@click.option("--tree", "form", flag_value="tree", help="Each message as its AVP tree.")
@click.option("--json", "form", flag_value="json", help="One JSON object a line, schema 1.")
@click.option("--line", "form", flag_value="line", default=True, hidden=True)
@_filters
@click.option("--from", "begin", default="", metavar="TIME", help="Seconds from the first message, or ISO 8601.")
@click.option("--to", "end", default="", metavar="TIME", help="The same; messages up to then.")
@click.option("--relative", is_flag=True, help="Times in seconds from the first message.")
@click.option("--events", is_flag=True, help="Also what happened to the links: SYN, INIT, RST, alerts, repetitions.")
@click.option("--show-identities", "show", is_flag=True, help="IMSI, MSISDN and the like are masked otherwise.")
@source_options
def command(
    source: str,
    form: str,
    begin: str,
    end: str,
    relative: bool,
    events: bool,
    show: bool,
    ports: tuple[int, ...],
    keylog: Path | None,
    dictionaries: tuple[Path, ...],
    **filters: tuple[str, ...],
) -> None:
    """Show the messages of a capture (pcap or pcapng; "-": standard input, as it comes).

    Every filter may be given several times and then means any of its values; different filters must all hold.  An
    answer is shown with its request.  Exit status 1 when the file holds no Diameter.

    \b
    Example: mtc pcap decode trigger.pcapng
             mtc pcap decode --tree --command DAR --imsi 001010000000001 trigger.pcapng
             tcpdump -U -w - port 3868 | mtc pcap decode --json -
    """
    from diameter import Dictionary
    from diameter.capture import NoDiameter
    from diameter.capture.select import Selection

    dictionary = Dictionary.load(*dictionaries)
    selection = Selection(dictionary, **filters, begin=begin, end=end)
    out = _Out()
    reader = opened(source, ports, keylog, out.flush)
    try:
        found = _print(reader, dictionary, selection, out, form, relative=relative, events=events, show=show)
    finally:
        out.flush()
    said_truncated(reader)
    if not found:
        raise NoDiameter(f"{reader.name}: {reader.no_diameter()}")
    if not (out.lines or selection.everything):
        click.echo(f"mtc: {reader.name}: {found} messages, and none is what was asked for", err=True)


class _Out:
    """Lines on standard output, some at a time."""

    def __init__(self) -> None:
        self._held: list[str] = []
        self.lines = 0

    def line(self, text: str) -> None:
        self._held.append(text)
        self.lines += 1
        if len(self._held) >= _HELD:
            self.flush()

    def flush(self) -> None:
        if self._held:
            text = "\n".join(self._held) + "\n"
            self._held.clear()
            sys.stdout.write(text)
        sys.stdout.flush()


class _Pipe:
    """Standard input; what is due is printed before anyone waits for more."""

    name = "standard input"

    def __init__(self, stream: BinaryIO, before: Callable[[], None]) -> None:
        self._stream = stream
        self._before = before

    def read1(self, size: int) -> bytes:
        self._before()
        return cast("bytes", self._stream.read1(size))  # type: ignore[attr-defined]  # a BufferedReader has it

    read = read1


def opened(
    source: str, ports: tuple[int, ...], keylog: Path | None, before: Callable[[], None] = lambda: None
) -> CaptureReader:
    """The reader of a file, or of standard input; `before` is called before it waits for more of that."""
    from diameter.capture import CaptureReader
    from diameter.capture.shape import PORTS

    stream = cast("BinaryIO", _Pipe(sys.stdin.buffer, before)) if source == "-" else source
    return CaptureReader(stream, ports=PORTS | set(ports), key_log=keylog)


def said_truncated(reader: CaptureReader) -> None:
    """Say on stderr where the file broke off, if it did."""
    if reader.truncated:
        click.echo(f"mtc: {reader.truncated}", err=True)


def _print(
    reader: CaptureReader, dictionary: Any, selection: Any, out: _Out, form: str, *, relative: bool, events: bool,
    show: bool,
) -> int:  # fmt: skip
    """Print what is wanted; how many messages there were, wanted or not."""
    from diameter.capture import show as shown
    from diameter.capture.pairing import Asked, Pairing
    from diameter.capture.records import Captured
    from diameter.message import decode

    lines = shown.JsonLines(dictionary, show=show) if form == "json" else shown.Lines(relative=relative)
    pairs: Pairing[bool] = Pairing()
    every, found = selection.everything, 0
    for record in reader.records():
        if not isinstance(record, Captured):
            if events:
                out.line(lines.event(record))
            continue
        found += 1
        octets = record[3]
        message = decode(octets, dictionary)
        asked: Asked[bool] | None = None
        if message.request:
            pairs.request(record, every or selection.shared(record, message))
        else:
            asked = pairs.answer(record)
        if every or selection.wants(record, message, asked is not None and asked.mark):
            out.line(lines.line(record, message, asked))
            if form == "tree":
                out.line(shown.tree_text(message, dictionary, show=show) + "\n")
    return found
