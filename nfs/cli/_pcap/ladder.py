"""`mtc pcap ladder`: a capture as a ladder diagram, one HTML file for a browser or an SVG for documents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nfs.cli._pcap.decode import opened, said_truncated, source_options

if TYPE_CHECKING:
    from diameter.capture.timeline import Step


@click.command()
@click.argument("source", metavar="FILE|-")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True,
    help="Where to write: .html, or .svg for documents.",
)  # fmt: skip
@click.option("--title", default="", help="Title of the page; the name of the capture if not given.")
@click.option(
    "--mask", is_flag=True, help="Write * over identities of subscribers and devices and what was sent to them."
)
@click.option(
    "--outside",
    multiple=True,
    metavar="REALM|HOST",
    help="Beyond our own network: no IMSI may go there.  May be repeated.",
)
@click.option("--session", default="", help="SVG: only messages of this Session-Id.")
@click.option("--device", default="", help="SVG: only what is about this External-Identifier, IMSI or MSISDN.")
@click.option("--limit", type=click.IntRange(1), default=60, show_default=True, help="SVG: at most so many messages.")
@click.option("--upkeep", is_flag=True, help="SVG: capabilities exchange, watchdog, disconnect and link events too.")
@source_options
def command(
    source: str,
    output: Path,
    title: str,
    mask: bool,
    outside: tuple[str, ...],
    session: str,
    device: str,
    limit: int,
    upkeep: bool,
    ports: tuple[int, ...],
    keylog: Path | None,
    dictionaries: tuple[Path, ...],
) -> None:
    """Draw a capture as a ladder diagram.

    The HTML file needs nothing else and loads nothing; what `mtc pcap check` finds stands in place.  Exit status 1 when
    there is no Diameter in the capture.

    \b
    Example: mtc pcap ladder trigger.pcapng -o trigger.html
             mtc pcap ladder trigger.pcapng -o one.svg --device meter-1@customer.example
    """
    from diameter import Dictionary
    from diameter.capture import ladder

    kind = output.suffix.lower()
    if kind not in (".html", ".htm", ".svg"):
        raise click.UsageError(f"{output}: the name must end with .html or .svg")
    svg_only = [name for name, given in (("--session", session), ("--device", device), ("--upkeep", upkeep)) if given]
    if kind != ".svg" and svg_only:
        raise click.UsageError(f"{' and '.join(svg_only)}: for SVG only; the HTML page has a filter")

    def keep(step: Step) -> bool:
        return (upkeep or not step.upkeep) and (not session or step.session == session)

    reader = opened(source, ports, keylog)
    dictionary = Dictionary.load(*dictionaries)
    if kind == ".svg":
        count = ladder.write_svg(
            reader, output, dictionary, title=title, limit=limit, device=device, select=keep, mask=mask,
            outside=outside, events=upkeep,
        )  # fmt: skip
    else:
        count = ladder.write(reader, output, dictionary, title=title, mask=mask, outside=outside)
    said_truncated(reader)
    click.echo(f"{output}: {count} message{'' if count == 1 else 's'}")
