"""`mtc lab`: the network functions on several machines, from one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from nfs.cli._machines.running import RunningLab

EXAMPLE = """
\b
Example: mtc lab up -c lab.toml
         mtc lab status
         mtc lab kill sms-sc-a
         mtc lab cut a b
         mtc lab kills --count 200 --seed 1
         mtc lab down
"""
FILE = click.option("-c", "--config", "path", type=click.Path(dir_okay=False, path_type=Path), default=Path("lab.toml"),
                    show_default=True, help="The lab's file.")  # fmt: skip
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")


@click.group(epilog=EXAMPLE)
def command() -> None:
    """A lab of several machines: namespaces where we are root, addresses on loopback elsewhere."""


@command.command()
@FILE
def check(path: Path) -> None:
    """Read the file whole and name every mistake.

    \b
    Example: mtc lab check -c lab.toml
    """
    from nfs.cli._machines.config import read

    config = read(path)
    click.echo(f"{path}: ok ({len(config.machine)} machines, {len(config.instances())} functions)")


@command.command()
@FILE
def up(path: Path) -> None:
    """Make everything that the file names, anew, start it, and come back when it is ready.

    What a lab that was killed has left is taken away first.

    \b
    Example: mtc lab up -c lab.toml
    """
    lab = _lab(path, click.echo)
    lab.up()
    click.echo(f"up: logs and configurations in {lab.folder}")


@command.command()
@FILE
def down(path: Path) -> int:
    """End everything; logs stay.  Exit status 1 when something had to be killed.

    \b
    Example: mtc lab down
    """
    bad = _lab(path).down()
    for line in bad:
        click.echo(line, err=True)
    return 1 if bad else 0


@command.command()
@FILE
@JSON
def status(path: Path, as_json: bool) -> int:
    """What runs, where, and how the links are.  Exit status 1 when something does not run.

    \b
    Example: mtc lab status --json
    """
    lab = _lab(path)
    found = _status(lab)
    missing = not found["processes"] or any(not each["running"] for each in found["processes"])
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _show(found)
    return 1 if missing else 0


@command.command()
@FILE
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def kill(path: Path, names: tuple[str, ...]) -> None:
    """kill -9 functions, or the database.

    \b
    Example: mtc lab kill sms-sc-a database
    """
    lab = _up(path)
    for name in names:
        lab.kill(name)


@command.command()
@FILE
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def start(path: Path, names: tuple[str, ...]) -> None:
    """Start again what was killed, and come back when it is ready.

    \b
    Example: mtc lab start sms-sc-a
    """
    lab = _up(path)
    for name in names:
        if name not in lab.names:
            raise click.UsageError(f"{name}: not in this lab, which has {', '.join(lab.names)}")
        if name in lab.state.processes and lab.state.processes[name].alive:
            raise click.UsageError(f"{name} is running")
    lab.start(*names)


@command.command()
@FILE
@click.argument("one")
@click.argument("other")
def cut(path: Path, one: str, other: str) -> None:
    """Cut the link between two machines: nothing comes through, and nobody is told.

    \b
    Example: mtc lab cut a store
    """
    _up(path).links({"between": [one, other], "cut": True})


@command.command()
@FILE
@click.argument("one")
@click.argument("other")
@click.option("--delay-ms", type=click.FloatRange(0, 10_000), help="One way.")
@click.option("--jitter-ms", type=click.FloatRange(0, 10_000), help="Added at random, up to this.")
@click.option("--loss", type=click.FloatRange(0, 1), help="Share of the packets that get lost.")
def mend(path: Path, one: str, other: str, **shape: float | None) -> None:
    """Mend a link that was cut; with options, change how packets travel over it.

    \b
    Example: mtc lab mend a store
             mtc lab mend a b --loss 0.05 --delay-ms 40
    """
    wanted = {name: value for name, value in shape.items() if value is not None}
    _up(path).links({"between": [one, other], "cut": False, **wanted})


@command.command()
@FILE
@click.option("--count", "times", type=click.IntRange(1, 100_000), default=20, show_default=True,
              help="Kills and cuts.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Of their order and moments.")
@click.option("--at-once", type=click.IntRange(1, 100), default=2, show_default=True,
              help="How many are down at a time, at most.")  # fmt: skip
@click.option("--cut-s", type=click.FloatRange(0.2, 600), default=8.0, show_default=True,
              help="Links are cut so long at most.")  # fmt: skip
@JSON
def kills(path: Path, times: int, seed: int, at_once: int, cut_s: float, as_json: bool) -> int:
    """kill -9 functions and database and cut links at random under load, bring them back, and count.

    Triggers are submitted all the time.  Exit status 1 when one that was accepted is lost, or seen twice, by the
    application of the SCS or of a device.

    \b
    Example: mtc lab kills --count 200 --seed 1
    """
    from nfs.cli._machines.kills import Kills, broken

    lab = _up(path)
    begun: list[str] = []

    def noted(name: str) -> None:
        begun.append(name)
        if not as_json:
            click.echo(f"{len(begun):>4} {name}")

    result = Kills(lab, at_once=at_once, cut_s=cut_s, noted=noted).run(times, seed)
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        _counts(result)
    return 1 if broken(result) else 0


def _lab(path: Path, say: Callable[[str], object] = lambda _line: None) -> RunningLab:
    from nfs.cli._machines.config import folder_of, read
    from nfs.cli._machines.running import RunningLab

    config = read(path)
    return RunningLab(config, folder_of(path, config), say)


def _up(path: Path) -> RunningLab:
    lab = _lab(path)
    lab.attach()
    return lab


def _status(lab: RunningLab) -> dict[str, Any]:
    from diameter.errors import DiameterError

    processes = [
        {"name": name, "machine": each.machine, "pid": each.pid, "running": each.alive, "starts": each.starts}
        for name, each in lab.state.processes.items()
    ]
    links: list[dict[str, Any]] = []
    if lab.in_spaces:
        try:
            links = lab.links()
        except DiameterError:  # not running: that is what the table of processes shows
            links = []
    return {"schema": 1, "folder": str(lab.folder), "namespaces": lab.in_spaces, "processes": processes, "links": links}


def _show(found: dict[str, Any]) -> None:
    if not found["processes"]:
        click.echo("not up")
    for each in found["processes"]:
        state = "running" if each["running"] else "not running"
        click.echo(
            f"{each['name']:<20} {each['machine'] or '-':<12} {state:<12} pid {each['pid']}, start {each['starts']}"
        )
    for link in found["links"]:
        if link["packets"] or link["cut"]:
            shape = f"{link['delay_ms']:g} ms, jitter {link['jitter_ms']:g} ms, loss {link['loss']:g}"
            state = "cut" if link["cut"] else "whole"
            counts = f"{link['packets']} packets, {link['lost']} lost"
            click.echo(f"{':'.join(link['between']):<20} {state:<12} {shape}; {counts}")


def _counts(result: dict[str, Any]) -> None:
    click.echo(", ".join(f"{name} {times}" for name, times in result["killed"].items()))
    for name in ("kills", "accepted", "reported", "lost", "not_delivered", "reported_twice", "devices_had",
                 "devices_had_twice"):  # fmt: skip
        click.echo(f"{name.replace('_', ' '):<18} {result[name]:>8}")
    for name, times in result["not_accepted"].items():
        click.echo(f"not accepted: {name} {times}")
