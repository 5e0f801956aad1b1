"""`mtc pcap replay`: a scenario played against a live peer, its answers compared AVP by AVP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nfs.cli._target import capturing, identity, timeout

if TYPE_CHECKING:
    from diameter.capture.scenario import Party, Scenario
    from nfs.cli._pcap._play import Outcome


@click.command(no_args_is_help=True)
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option(
    "--connect", metavar="PEER", help="Dial PEER: tcp:, tls:, sctp: or dtls:HOST:PORT; with -c a peer's host."
)
@click.option("--listen", metavar="ENDPOINT",
              help="Wait at tcp:, tls:, sctp: or dtls:HOST:PORT; with -c as its [[node.listen]] does.")  # fmt: skip
@click.option("--as", "party", type=click.Choice(["client", "server"]),
              help="Which part to play; client with --connect, server with --listen.")  # fmt: skip
@click.option("--set", "given_names", multiple=True, metavar="NAME=VALUE", help="Another value for a placeholder.")
@click.option("--ignore", multiple=True, metavar="AVP", help="Do not compare this AVP: a name, or a path with dots.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write a report in JUnit's form as well.")
@click.option("--wait", "wait_s", type=click.FloatRange(min=0.1), default=60.0, show_default=True,
              help="Seconds to wait for a peer with --listen.")  # fmt: skip
@timeout
@identity
@capturing
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end instead of lines.")
def command(**given: Any) -> int:
    """Play a scenario as its client or its server against a live peer, and compare what comes with what it has.

    Our identity is that of our part of the scenario, unless --origin-host says otherwise; the peer's is what it says
    of itself.  Session-Ids are made anew.  Exit status: 0 when everything was as in the scenario, 1 when something
    differs or did not come, 2 for wrong usage.

    \b
    Example: mtc pcap replay lookup.toml --connect tcp:127.0.0.1:3868
             mtc pcap replay lookup.toml --listen tcp:127.0.0.1:3868 --junit report.xml
             mtc pcap replay lookup.toml --listen sctp:192.0.2.7 -c hss.toml
             mtc pcap replay lookup.toml --connect sctp:192.0.2.7 --set imsi=001010000000002 --ignore MSISDN
    """
    from diameter import Dictionary
    from diameter.capture.scenario import load
    from diameter.capture.stepping import check_all
    from nfs.cli._pcap._stage import Stage, junit
    from nfs.cli._react import run
    from nfs.common.capturing import asked_for, open_capture

    if (given["connect"] is None) == (given["listen"] is None):
        raise click.UsageError("one of --connect and --listen is wanted")
    path: Path = given["scenario"]
    scenario = load(path)
    names = _names(given["given_names"], scenario)
    party: Party = given["party"] or ("client" if given["connect"] else "server")
    dictionary = Dictionary.load(*given["dictionaries"])
    check_all(scenario, dictionary, str(path))
    tap = open_capture(asked_for(given), dictionary)
    quiet = given["as_json"]
    stage = Stage(scenario, party, dictionary, names, given, tap, lambda text: click.echo(text, err=quiet))
    try:
        outcomes = run(stage.play)
    finally:
        if tap is not None:
            tap.close()
    well = all(one.reached and not one.wrong for one in outcomes)
    if given["junit"] is not None:
        given["junit"].write_text(junit(path.stem, outcomes), encoding="utf-8")
    if quiet:
        click.echo(json.dumps({"schema": 1, "ok": well, "scenario": str(path), "as": party, "peer": stage.peer,
                               "messages": [_row(one) for one in outcomes]}, indent=2))  # fmt: skip
    else:
        _show(outcomes, well)
    return 0 if well else 1


def _names(given: tuple[str, ...], scenario: Scenario) -> dict[str, str]:
    names = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in scenario.names:
            raise click.UsageError(f"--set {text}: NAME=VALUE wanted, of {', '.join(scenario.names)}")
        names[name] = value
    return names


def _row(one: Outcome) -> dict[str, Any]:
    result = "not reached" if not one.reached else "wrong" if one.wrong else "ok"
    took = None if one.took_ms is None else round(one.took_ms, 3)
    return {"number": one.number, "title": one.title, "result": result, "note": one.note, "took_ms": took,
            "differences": one.wrong}  # fmt: skip


def _show(outcomes: list[Outcome], well: bool) -> None:
    for one in outcomes:
        took = f", {one.took_ms:.1f} ms" if one.took_ms is not None else ""
        state = "not reached" if not one.reached else f"DIFFERS {one.note}" if one.wrong else f"ok {one.note}"
        click.echo(f"{one.number:3}  {one.title:<60}  {state.strip()}{took}")
        for line in one.wrong:
            click.echo(f"       {line}")
    differ = sum(bool(one.wrong) for one in outcomes)
    missed = sum(not one.reached for one in outcomes)
    click.echo("as in the scenario" if well else f"{differ} of {len(outcomes)} messages differ, {missed} not reached")
