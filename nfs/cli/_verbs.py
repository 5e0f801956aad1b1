"""Groups of commands in which a verb is a file, imported only when it is called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click


class Verbs(click.Group):
    """A click group whose commands are found by name: the `command` of the module of that name in a package."""

    package: str
    verbs: Mapping[str, str]
    """Names to one-line helps, so that a list of them imports no verb."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in alphabetical order."""
        return sorted(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of verb `cmd_name`, importing its module; None when there is no such verb."""
        if cmd_name not in self.verbs:
            return None
        found = importlib.import_module(f"{self.package}.{cmd_name}").command
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs with their helps; no verb is imported for it."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, self.verbs[verb]) for verb in self.list_commands(ctx)])
