"""`mtc pcap decode`: the messages of a capture, a line each, as trees, or as JSON."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("source", metavar="FILE|-")
@click.option("--tree", "as_tree", is_flag=True, help="Each message as its AVP tree.")
@click.option(
    "--dict", "dictionaries", multiple=True, type=click.Path(path_type=Path), help="A further dictionary file."
)
def command(source: str, as_tree: bool, dictionaries: tuple[Path, ...]) -> None:
    """Show the messages of a capture.

    Exit status 1 when there is none.

    \b
    Example: mtc pcap decode trigger.pcapng
             mtc pcap decode --tree trigger.pcapng
    """
    from diameter import Dictionary
    from diameter.capture import CaptureReader
    from diameter.capture.records import endpoint_text
    from diameter.capture.text import summary, tree

    dictionary = Dictionary.load(*dictionaries)
    reader = CaptureReader(sys.stdin.buffer if source == "-" else source)
    count = 0
    for captured in reader:
        message = captured.message(dictionary)
        where = f"{endpoint_text(captured.source)} -> {endpoint_text(captured.destination)}"
        click.echo(f"{captured.frame:6}  {where}  {captured.transport}  {summary(message)}")
        if as_tree:
            click.echo(tree(message) + "\n")
        count += 1
    if not count:
        click.echo(f"{source}: no Diameter found", err=True)
        raise click.exceptions.Exit(1)
