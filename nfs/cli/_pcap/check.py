"""`mtc pcap check`: what is wrong in a capture, in which clause, and how bad it is."""

from __future__ import annotations

from pathlib import Path

import click

from nfs.cli._pcap.decode import opened, source_options

SEVERITIES = ("error", "warning", "note")


@click.command()
@click.argument("source", metavar="FILE|-", required=False)
@click.option("--rule", "only", multiple=True, metavar="NAME", help="Only this rule.  May be repeated.")
@click.option("--ignore", multiple=True, metavar="NAME", help="Not this rule.  May be repeated.")
@click.option(
    "--severity", type=click.Choice(SEVERITIES), default="note", show_default=True, help="Show this and what is worse."
)
@click.option(
    "--outside",
    multiple=True,
    metavar="REALM|HOST",
    help="Beyond our own network: no IMSI may go there.  May be repeated.",
)
@click.option(
    "--wait", "wait_s", type=click.FloatRange(0), default=5.0, show_default=True, metavar="SECONDS",
    help="How long a request may wait for its answer.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML file too.")
@click.option("--list", "list_rules", is_flag=True, help="Print the rules with their clauses, and end.")
@source_options
def command(
    source: str | None,
    only: tuple[str, ...],
    ignore: tuple[str, ...],
    severity: str,
    outside: tuple[str, ...],
    wait_s: float,
    as_json: bool,
    html: Path | None,
    list_rules: bool,
    ports: tuple[int, ...],
    keylog: Path | None,
    dictionaries: tuple[Path, ...],
) -> None:
    """Say what is wrong in a capture, and in which clause.

    Exit status 1 when an error was found, or when there is no Diameter in it.

    \b
    Example: mtc pcap check trigger.pcapng
             mtc pcap check --severity warning --html report.html trigger.pcapng
             mtc pcap check --outside customer.example --rule imsi-outside trigger.pcapng
             mtc pcap check --list
    """
    from diameter import Dictionary
    from diameter.capture import check, report

    if list_rules:
        click.echo(report.rules_text())
        return
    if source is None:
        raise click.UsageError("a capture FILE is needed, or - for standard input")
    reader = opened(source, ports, keylog)
    found = check.run(reader, Dictionary.load(*dictionaries), outside=outside, wait_s=wait_s, only=only, ignore=ignore)
    click.echo(report.as_json(found, least=severity) if as_json else report.as_text(found, least=severity))
    if html is not None:
        html.write_text(report.as_html(found, least=severity), encoding="utf-8")
    if found.counts["error"]:
        raise click.exceptions.Exit(1)
