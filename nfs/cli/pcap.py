"""`mtc pcap`: what can be done with packet captures; one verb a file in `nfs/cli/_pcap/`, imported when called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from diameter.errors import LocalError
from nfs.cli._verbs import Verbs

VERBS: Final[Mapping[str, str]] = {
    "check": "Say what is wrong in a capture, and in which clause.",
    "decode": "Show the messages of a capture: a line each, as trees, or as JSON.",
    "ladder": "Draw a capture as a ladder diagram: one HTML file, or an SVG.",
    "extract": "Turn a session or a transaction into a scenario to read, change and play.",
    "anonymise": "Replace everybody in a capture by somebody else.",
    "replay": "Play a scenario against a live peer, and compare what comes.",
}


class Captures(Verbs):
    """The verbs of captures."""

    package = "nfs.cli._pcap"
    verbs = VERBS

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; where there is no Diameter in the file, say what there is and end with status 1."""
        try:
            return super().invoke(ctx)
        except LocalError as error:
            from diameter.capture import NoDiameter  # deferred: `mtc pcap --help` needs no reader

            if not isinstance(error, NoDiameter):
                raise
            click.echo(f"mtc: {error}", err=True)
            raise click.exceptions.Exit(1) from None


@click.group(cls=Captures, subcommand_metavar="VERB ...")
def command() -> None:
    """Work on packet captures: pcap and pcapng.

    \b
    Example: mtc pcap decode trigger.pcapng
             mtc pcap check trigger.pcapng
             mtc pcap ladder trigger.pcapng -o trigger.html
    """
