"""`mtc pcap`: what can be done with packet captures; one verb a file in `nfs/cli/_pcap/`, imported when called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

import click

from diameter.errors import LocalError

VERBS: Final[Mapping[str, str]] = {
    "check": "Say what is wrong in a capture, and in which clause.",
    "decode": "Show the messages of a capture: a line each, as trees, or as JSON.",
    "ladder": "Draw a capture as a ladder diagram: one HTML file, or an SVG.",
    "extract": "Turn a session or a transaction into a scenario to read, change and play.",
    "anonymise": "Replace everybody in a capture by somebody else.",
    "replay": "Play a scenario against a live peer, and compare what comes.",
}


class Verbs(click.Group):
    """A group whose commands are found by name; `VERBS` holds their one-line helps."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in alphabetical order."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of verb `cmd_name`, importing its module; None when there is no such verb."""
        if cmd_name not in VERBS:
            return None
        found = importlib.import_module(f"nfs.cli._pcap.{cmd_name}").command
        assert isinstance(found, click.Command)
        return found

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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs from `VERBS`; none is imported for it."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, VERBS[verb]) for verb in self.list_commands(ctx)])


@click.group(cls=Verbs, subcommand_metavar="VERB ...")
def command() -> None:
    """Work on packet captures: pcap and pcapng.

    \b
    Example: mtc pcap decode trigger.pcapng
             mtc pcap check trigger.pcapng
             mtc pcap ladder trigger.pcapng -o trigger.html
    """
