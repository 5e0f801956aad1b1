"""`mtc send PEER FILE`: messages written as text or JSON to a peer, and its answers; or as load, and the times."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import click

from diameter.errors import LocalError
from nfs.cli._target import advertised, capturing, identity, timeout, transport, who

if TYPE_CHECKING:
    from diameter import Dictionary
    from nfs.cli._ping import Report
    from nfs.cli._send import Pace, Sent

RESULT: Final = re.compile(r"(\d+:)?\d+")
OPEN_AT_ONCE: Final = 1000


@click.command(no_args_is_help=True)
@click.argument("peer", metavar="PEER")
@click.argument("source", metavar="[FILE|-]", default="-")
@transport
@click.option("--expect", metavar="CODE", help="Result wanted of every answer: 2001, or VENDOR:CODE.")
@click.option("--count", type=click.IntRange(min=1), help="Send so many, the messages of FILE in turn.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Send so many a second, answered or not.")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    help=f"Keep so many open at once, at most.  [default: 1; {OPEN_AT_ONCE} with --rate]",
)
@click.option("--duration", type=click.FloatRange(min=0, min_open=True), help="Send for so many seconds.")
@timeout
@click.option("--app", "apps", multiple=True, help="Application to advertise; those of the messages by default.")
@identity
@capturing
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def command(**given: Any) -> int:
    """Connect to PEER as a client, send the requests of FILE, print the answers, disconnect with DPR.

    FILE holds what `mtc decode` prints, with --json or without, or a short form of `mtc encode`: text by hand, or
    command, application and a mapping of AVPs.  In a short form Session-Id, Origin-Host, Origin-Realm,
    Destination-Realm and the application's own AVPs are filled in where they are missing; the identifiers in the
    header are new in each message.  With --count, --rate, --duration or --concurrency the numbers are printed instead
    of the answers; with --rate a time counts from when its message was due.

    PEER is HOST, HOST:PORT, tcp:HOST:PORT, tls:HOST:PORT, sctp:HOST:PORT or dtls:HOST:PORT, or with -c the Origin-Host
    of a peer in that file.  Exit status: 0 when every request was answered (with --expect: so), 1 when not, 2 for wrong
    usage.

    \b
    Example: mtc send tcp:127.0.0.1:3868 dar.txt --origin-host scs.example.net
             mtc send iwf.example.org dar.json -c scs.toml --expect 2001 --json
             mtc send tcp:127.0.0.1:3868 dar.json --rate 500 --duration 10 --json
    """
    from diameter import Dictionary
    from nfs.cli._react import run
    from nfs.cli._send import document, letters, send
    from nfs.cli.encode import called, documents
    from nfs.common.capturing import asked_for, open_capture

    expected = given["expect"]
    if expected is not None and not RESULT.fullmatch(expected):
        raise click.UsageError(f"--expect: {expected!r} is no result code (2001, or 10415:5001)")
    dictionary = Dictionary.load(*given["dictionaries"])
    config, peer = who(given, "send")
    wanted = documents(given["source"], dictionary)
    try:
        messages = letters(wanted, dictionary, (config.origin_host, config.origin_realm), "invalid")
    except LocalError as error:
        raise LocalError(f"{called(given['source'])}: {error}") from None
    load, pace = _pace(given, len(wanted))
    tap = open_capture(asked_for(given), dictionary)
    quiet = given["as_json"]
    report, sent = run(
        lambda reactor: send(
            reactor,
            config,
            peer,
            dictionary,
            wanted,
            applications=advertised(given["apps"] or _applications(messages, dictionary), dictionary),
            pace=pace,
            keep=not load,
            tell=(lambda text: None) if quiet else (lambda text: click.echo(text, err=True)),
            tap=tap,
        )
    )
    if quiet:
        click.echo(json.dumps(document(report, sent, expected), indent=2))
    else:
        _show(report, sent, load)
    return 0 if not report.trouble and sent.is_well(expected) else 1


def _pace(given: dict[str, Any], messages: int) -> tuple[bool, Pace]:
    """(whether this is a load, how fast).  A rate alone sends each message once."""
    from nfs.cli._send import Pace

    count, duration_s = given["count"], given["duration"]
    load = any(given[name] is not None for name in ("count", "rate", "concurrency", "duration"))
    return load, Pace(
        count=messages if count is None and duration_s is None else count,
        rate_per_s=given["rate"],
        concurrency=given["concurrency"] or (OPEN_AT_ONCE if given["rate"] else 1),
        duration_s=duration_s,
        timeout_s=given["timeout"],
    )


def _applications(messages: list[Any], dictionary: Dictionary) -> list[int]:
    """Those of the messages that the dictionary knows, without the base protocol."""
    return sorted({one.application_id for one in messages} & dictionary.applications.keys() - {0})


def _show(report: Report, sent: Sent, load: bool) -> None:
    """The answers as trees, or the numbers a line each; then what went wrong."""
    from diameter.capture.text import tree

    for answer in sent.answers:
        click.echo(tree(answer))
    summary = sent.summary()
    if load:
        rows = [(name, str(number)) for name, number in summary["outcomes"].items()]
        rows += [("time", f"{summary['elapsed_s']:.2f} s"), ("rate", f"{summary['rate_per_s']:.1f} answers a second")]
        rows += [
            (name.removesuffix("_ms"), f"{summary[name]:.1f} ms")
            for name in ("p50_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms")
            if summary[name] is not None
        ]
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            click.echo(f"{name:<{width}}  {value}")
    elif "no answer" in summary["outcomes"]:
        click.echo(f"{report.peer}: {summary['outcomes']['no answer']} without an answer", err=True)
    if report.trouble:
        click.echo(f"{report.peer}: {report.trouble}", err=True)
