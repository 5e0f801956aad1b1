"""`mtc bench`: what the stack costs, beside every other stack that is installed, measured in turn in one run."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

PYTHON: Final = Path(".venv-peers/bin/python")
EXAMPLE: Final = """
\b
Example: mtc bench codec
         mtc bench e2e --window 1 --window 256 --json > e2e.json
         mtc bench scale --peers 10 --peers 1000
         mtc bench all --out figures     figures/bench.json, .html, .md
         mtc bench all --quick           everything small, in a minute or two: does it work?
"""
OPTIONS: Final = (
    click.option("--json", "as_json", is_flag=True, help="Print the document of docs/schema/bench.json instead."),
    click.option("--out", type=click.Path(path_type=Path), help="Write bench.json, .html and .md into this folder."),
    click.option("--quick", is_flag=True, help="Small and short: to see that it works, not to measure."),
    click.option("--rounds", default=3, type=click.IntRange(1), show_default=True, help="Rounds, stacks in turn."),
    click.option("--seconds", default=2.0, show_default=True, type=click.FloatRange(0.2), help="Measured, each round."),
    click.option("--scenario", "names", multiple=True, help="Only this one; `mtc bench list` shows them."),
    click.option("--stack", "stacks", multiple=True, help="Only this one, by its name in the records."),
    click.option(
        "--python-diameter", "python", type=click.Path(path_type=Path), default=PYTHON, show_default=True,
        help="An interpreter with python-diameter.",
    ),
)  # fmt: skip
WINDOW: Final = click.option(
    "--window", "windows", multiple=True, default=(1, 32, 256), show_default=True, type=click.IntRange(1, 10_000),
    help="Requests outstanding.",
)  # fmt: skip
SCALE: Final = (
    click.option(
        "--peers", multiple=True, default=(10, 1000, 10_000), show_default=True, type=click.IntRange(10, 50_000),
        help="Peers connected; each figure is a step.",
    ),
    click.option(
        "--subscribers", multiple=True, default=(1000, 10_000, 100_000), show_default=True,
        type=click.IntRange(1, 10_000_000), help="Subscribers of an HSS.",
    ),
    click.option(
        "--database", "databases", multiple=True, default=("sqlite",), show_default=True,
        type=click.Choice(["sqlite", "postgresql"]), help="What an HSS and an SMS-SC keep theirs in.",
    ),
    click.option(
        "--ues", multiple=True, default=(100_000,), show_default=True, type=click.IntRange(1, 1_000_000),
        help="Simulated UEs of an MME.",
    ),
    click.option(
        "--routes", multiple=True, default=(1, 1000), show_default=True, type=click.IntRange(1, 50_000), help="Routes.",
    ),
)  # fmt: skip


def _with(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return add


@click.group(epilog=EXAMPLE)
def command() -> None:
    """Measure the codec, request/answer traffic, many peers and routes, the ladder, and captures.

    Stacks are measured in turn in the same run; quote the ratios, machines differ.
    """


@command.command("list")
def listing() -> None:
    """The scenarios, with the verb that runs each.

    Example: mtc bench list
    """
    from nfs.cli._bench.scenarios import scenarios

    for one in scenarios():
        click.echo(f"{one.name:<12} {one.group:<8} {one.title}")


@command.command()
@_with(*OPTIONS)
def codec(**asked: Any) -> None:
    """CPU microseconds to decode, check and build a message of 22 AVPs; load time of the dictionaries.

    Example: mtc bench codec --rounds 9 --json
    """
    _run("codec", **asked)


@command.command()
@_with(*OPTIONS, WINDOW)
def e2e(**asked: Any) -> None:
    """Request and answer over TCP, TLS and SCTP: each side alone, in pairs, through a relay, with and without a window.

    Rate, CPU microseconds of each process for one transaction, latency, memory.

    Example: mtc bench e2e --scenario server --window 256
    """
    _run("e2e", **asked)


@command.command()
@_with(*OPTIONS, *SCALE)
def scale(**asked: Any) -> None:
    """What a request costs with many peers, routes and AVPs, and what a peer costs that does nothing.

    The server has its watchdog on and its metrics are read at the end of each step.  All peers are sockets of this
    process: exit status 2 where so many open files are not allowed.

    Example: mtc bench scale --peers 10 --peers 1000 --routes 1
    """
    _run("scale", **asked)


@command.command()
@_with(*OPTIONS)
def ladder(**asked: Any) -> None:
    """A ladder of 20,000 messages: writing it, its first paint and a filter in a headless Chromium.

    Example: mtc bench ladder --rounds 3
    """
    _run("ladder", **asked)


@command.command()
@_with(*OPTIONS)
def capture(**asked: Any) -> None:
    """A capture of 1,000,000 messages as JSON lines, beside tshark; its peak memory beside that of a tenth.

    About 600 MB in a temporary folder while it runs, and some minutes of tshark.

    Example: mtc bench capture --quick
    """
    _run("capture", **asked)


@command.command("all")
@_with(*OPTIONS, WINDOW, *SCALE)
def everything(**asked: Any) -> None:
    """All of it.

    Example: mtc bench all --out figures
    """
    _run("", **asked)


def _run(group: str, *, as_json: bool, out: Path | None, names: tuple[str, ...], **asked: Any) -> None:
    """Run the scenarios of a verb; "" for all.  Ends with status 1 when a figure of ours is void."""
    from nfs.cli._bench.report import document, lines, markdown
    from nfs.cli._bench.run import Options, prepared
    from nfs.cli._bench.scenarios import scenarios

    every = scenarios()
    known = [one.name for one in every if group in ("", one.group)]
    for name in names:
        if name not in known:
            raise click.UsageError(f"{name!r} is no scenario here: {', '.join(known)}")
    chosen = [one for one in every if one.name in (names or known)]
    options = Options(**asked)
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # what we started ends with us
    try:
        with prepared(_small(options) if options.quick else options, lambda text: click.echo(text, err=True)) as run:
            for one in chosen:
                one.measure(run)
    finally:
        signal.signal(signal.SIGTERM, before)
    found = document(run, chosen, " ".join(["mtc", *sys.argv[1:]]))
    if out is not None:
        from nfs.cli._bench.page import page

        out.mkdir(parents=True, exist_ok=True)
        (out / "bench.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        (out / "bench.html").write_text(page(found), encoding="utf-8")
        (out / "bench.md").write_text(markdown(found), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for line in lines(found):
            click.echo(line)
    if found["void"]:
        sys.exit(1)


def _small(options: Any) -> Any:
    """The same, as short as it can be and still come to figures."""
    from dataclasses import replace

    windows = options.windows if len(options.windows) < 3 else (1, 32)
    few = {"peers": (10, 30), "routes": (20,)} if options.peers == (10, 1000, 10_000) else {}
    return replace(options, rounds=1, seconds=0.2, windows=windows, subscribers=(100,), ues=(50,), **few)
