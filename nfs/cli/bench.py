"""`mtc bench`: what the stack costs, beside python-diameter when an interpreter that has it is named, and at scale."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

SCRIPT = Path("bench/python_diameter.py")
PYTHON = Path(".venv-peers/bin/python")
EXAMPLE = """
\b
Example: mtc bench codec
         mtc bench e2e --window 1 --window 100 --json > e2e.json
         mtc bench scale --peers 10 --peers 1000
"""


def _peer(function: Callable[..., None]) -> Callable[..., None]:
    """The options that every measurement has."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print {schema, measurements, not_run} instead."),
        click.option("--rounds", default=5, type=click.IntRange(1), show_default=True, help="Rounds, stacks in turn."),
        click.option(
            "--python-diameter",
            "python",
            type=click.Path(path_type=Path),
            default=PYTHON,
            show_default=True,
            help="An interpreter with python-diameter.",
        ),
    ):
        function = option(function)
    return function


@click.group(epilog=EXAMPLE)
def command() -> None:
    """Measure the codec, request/answer traffic, and many peers and routes.

    Stacks are measured in turn in the same run; quote the ratios, machines differ.
    """


@command.command()
@_peer
def codec(as_json: bool, rounds: int, python: Path) -> None:
    """CPU microseconds to decode, check and build a message of 22 AVPs; load time of the dictionaries.

    Example: mtc bench codec --rounds 9 --json
    """
    from nfs.cli import _bench_codec

    missing = _missing(python)
    other = None if missing else _bench_codec.Other(python, SCRIPT)
    try:
        records = _bench_codec.measure(rounds, other, _note)
    finally:
        if other is not None:
            other.close()
    records += _bench_codec.load_times(runs=rounds + 2)
    if as_json:
        _json(records, missing)
        return
    click.echo(f"Python {platform.python_version()}, {other.version if other else 'alone'} (python-diameter), medians")
    theirs = {one["scenario"]: _number(one["us"]) for one in records if one["stack"] != _bench_codec.OURS}
    for one in records:
        if one["stack"] == _bench_codec.OURS:
            click.echo(_codec_line(one, theirs.get(one["scenario"])))
    _say_missing(missing)


def _codec_line(one: dict[str, Any], theirs: float | None) -> str:
    if one["us"] > 1000:
        return f"{one['scenario']:<40} {one['us'] / 1000:>8.1f} ms"
    line = f"{one['scenario']:<40} {one['us']:>8.2f} us"
    if theirs is not None:
        line += f"   {theirs:>8.2f} us   {one['ratio']:>5.1f} times faster (promised: {one['target_ratio']})"
    return line


@command.command()
@_peer
@click.option(
    "--window", "windows", multiple=True, default=(100,), type=click.IntRange(1), help="Requests outstanding."
)
@click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(0.5), help="Measured seconds a round.")
@click.option("--relay", is_flag=True, help="Measure a relay between client and server as well.")
def e2e(as_json: bool, rounds: int, python: Path, windows: tuple[int, ...], seconds: float, relay: bool) -> None:
    """Request and answer over loopback TCP: rate, the server's CPU microseconds for each, latency, memory.

    With --relay the same for `mtc run relay`; its line is the CPU that the relay needs.

    Example: mtc bench e2e --window 1 --window 100 --json
    """
    from nfs.cli import _bench_e2e, _bench_relay

    missing = _missing(python)
    servers = [_bench_e2e.ours()] + ([] if missing else [_bench_e2e.python_diameter(python.absolute(), SCRIPT)])
    records = _bench_e2e.measure(servers, list(windows), seconds, rounds, _note)
    relayed = _bench_relay.measure(list(windows), seconds, rounds, _note) if relay else []
    if as_json:
        _json(records + relayed, missing)
        return
    click.echo(
        f"{'stack':<18} {'window':>6} {'rate /s':>9} {'server us':>10} {'p50 us':>9} {'p99 us':>9} {'RSS MB':>7}"
    )
    for one in records + [{**each, "stack": "our relay"} for each in relayed]:
        click.echo(
            f"{one['stack']:<18} {one['window']:>6} {one['rate_per_s']:>9.0f} {one['cpu_us_server']:>10.1f}"
            f" {one['p50_us']:>9.0f} {one['p99_us']:>9.0f} {_number(one['rss_kb']) / 1024:>7.0f}"
        )
    for window in windows:
        cost = {one["stack"]: _number(one["cpu_us_server"]) for one in records if one["window"] == window}
        if len(cost) > 1:
            ratio = cost["python-diameter"] / cost["mtc-diameter"]
            click.echo(f"window {window}: the server needs {ratio:.1f} times less CPU than python-diameter's")
    _say_missing(missing)


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print {schema, measurements, not_run} instead.")
@click.option("--rounds", default=3, type=click.IntRange(1), show_default=True, help="Rounds at each step.")
@click.option(
    "--peers",
    multiple=True,
    default=(10, 1000, 10_000),
    show_default=True,
    type=click.IntRange(10, 50_000),
    help="Peers connected; each figure is a step.",
)
@click.option(
    "--routes", multiple=True, default=(1, 1000), show_default=True, type=click.IntRange(1, 50_000), help="Routes."
)
@click.option("--seconds", default=1.0, show_default=True, type=click.FloatRange(0.2), help="Measured seconds a round.")
def scale(as_json: bool, rounds: int, peers: tuple[int, ...], routes: tuple[int, ...], seconds: float) -> None:
    """What a request costs a server with many peers connected and many routes: CPU microseconds, memory for each peer.

    The server has its watchdog on and its metrics are read at the end of each step.  All peers are sockets of this
    process: exit status 2 where so many open files are not allowed.

    Example: mtc bench scale --peers 10 --peers 1000 --routes 1
    """
    from nfs.cli import _bench_scale

    steps = [_bench_scale.Step(one, many) for many in sorted(set(routes)) for one in sorted(set(peers))]
    records = _bench_scale.measure(steps, seconds, rounds, _note)
    if as_json:
        _json(records, "")
        return
    for line in _bench_scale.table(records):
        click.echo(line)


def _number(value: object) -> float:
    assert isinstance(value, float | int)
    return float(value)


def _missing(python: Path) -> str:
    """Why python-diameter cannot be measured; empty when it can."""
    if not SCRIPT.is_file():
        return f"python-diameter: {SCRIPT} is not here (run in a checkout)"
    if not python.is_file():
        return f"python-diameter: no interpreter at {python} (make bench makes one)"
    return ""


def _say_missing(missing: str) -> None:
    if missing:
        click.echo(f"not run: {missing}")


def _note(text: str) -> None:
    click.echo(text, err=True)


def _json(records: list[dict[str, Any]], missing: str) -> None:
    found = {"schema": 1, "measurements": records, "not_run": [missing] if missing else []}
    click.echo(json.dumps(found, indent=2))
