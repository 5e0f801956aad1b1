"""`mtc demo`: device triggers end to end on loopback, with a picture of what was said."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from nfs.cli._lab import Lab
    from nfs.cli._load import Form, Tally

LONG_EVERY: Final = 50  # every so many triggers one takes three short messages
LINKS: Final = (("mtc-iwf", "hss"), ("mtc-iwf", "sms-sc"), ("mtc-iwf", "scs"), ("sms-sc", "mme"), ("scs", "mtc-iwf"))
REPORT_S: Final = 60.0


@click.command()
@click.option("--count", "--triggers", "count", type=click.IntRange(1, 100_000), default=1000, show_default=True,
              help="Devices to trigger, one trigger each.")  # fmt: skip
@click.option("--output", "--out", "output", type=click.Path(file_okay=False, path_type=Path), default=Path("demo"),
              show_default=True, help="Folder for trigger.pcapng and trigger.html.")  # fmt: skip
@click.option(
    "--concurrency", type=click.IntRange(1, 1000), default=50, show_default=True, help="Triggers open at once."
)
@click.option("--transport", type=click.Choice(["tcp", "sctp"]), default="tcp", show_default=True,
              help="Of the links in clear; SCTP in user space where the kernel has none.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON, and no progress.")
def command(count: int, output: Path, concurrency: int, transport: str, as_json: bool) -> int:
    """Run the main job on loopback: SCS, MTC-IWF, HSS, SMS-SC, and an MME with simulated UEs, a process each.

    The link of the SCS is mutual TLS, with certificates made on the spot; the others are in clear on loopback.  Each
    trigger goes to another device, and its delivery report comes back.  Exit status 1 when one trigger is lost.

    \b
    Example: mtc demo
             mtc demo --count 100 --output pictures --json
             mtc demo --transport sctp
    """
    from nfs.cli._demo_lab import make
    from nfs.cli._lab import Lab, prepare
    from nfs.cli._react import run

    folder = output.resolve() / "lab"
    begun = time.monotonic()
    if transport == "sctp":
        from diameter.transport.sctp_choice import choose

        _say(as_json, choose("auto").why)
    _say(as_json, "certificates, subscribers, configurations ...")
    prepare(folder)
    token = make(folder, count, transport)
    lab = Lab(folder)
    try:
        tally = run(lambda reactor: _drive(reactor, lab, token, count, concurrency, as_json))
        lab.check()
    finally:
        bad = lab.stop()
    numbers = tally.summary() | {"received": _received(folder), "failures": bad}
    numbers |= _draw(folder, output, as_json)
    numbers["whole_run_s"] = round(time.monotonic() - begun, 2)
    _show(numbers, as_json)
    if tally.delivered == count == numbers["received"] and not bad:
        return 0
    click.echo(f"mtc: not every trigger was delivered, or a process ended badly; logs: {folder}/*.log", err=True)
    return 1


def _say(as_json: bool, text: str) -> None:
    if not as_json:
        click.echo(text)


async def _drive(reactor: Any, lab: Lab, token: str, count: int, concurrency: int, as_json: bool) -> Tally:
    """Start the processes, send the triggers, wait for every report."""
    from nfs.cli._demo_lab import HOSTS
    from nfs.cli._load import Tally, run_load
    from nfs.cli._submit import ViaHttp

    _say(as_json, "starting HSS, MME with UEs, SMS-SC, MTC-IWF, SCS ...")
    await lab.until_ready(reactor, *(lab.start(name) for name in ("hss", "mme", "sms-sc")))
    await lab.until_ready(reactor, lab.start("mtc-iwf"))
    await lab.until_ready(reactor, lab.start("scs"))
    for function, peer in LINKS:
        await lab.until_open(reactor, function, HOSTS[peer])
    via = ViaHttp(lab.url(), token, reactor)
    tally = Tally()
    try:
        with _Progress(count, as_json) as noted:
            load = run_load(
                reactor,
                lambda number, _due: via.trigger(_request(number), REPORT_S),
                tally,
                concurrency=concurrency,
                count=count,
                noted=noted,
            )
            await lab.watch(reactor, load)
    finally:
        await via.stop()
    return tally


def _request(number: int) -> Any:
    from nfs.cli._demo_lab import APPLICATION_PORT, CUSTOMER
    from nfs.scs.logic import TriggerRequest

    text = f"wake up, meter {number + 1}"
    if number % LONG_EVERY == LONG_EVERY - 1:
        text += ": " + "read, report, sleep; " * 14
    return TriggerRequest(
        payload=text.encode(),
        external_identifier=f"meter-{number + 1}@{CUSTOMER}",
        port=APPLICATION_PORT,
        validity_s=3600,
    )


class _Progress:
    """A bar that moves with each report; nothing when JSON is asked for."""

    def __init__(self, count: int, as_json: bool) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), disable=as_json
        )
        self._task = self._bar.add_task("delivery reports", total=count)

    def __enter__(self) -> Callable[[Form], None]:
        self._bar.start()
        return lambda _report: self._bar.advance(self._task)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _received(folder: Path) -> int:
    """Triggers that reached the application of a UE, each counted once."""
    lines = (folder / "received.jsonl").read_text(encoding="utf-8").splitlines()
    return len({(line["imsi"], line["payload"]) for line in map(json.loads, lines)})


def _draw(folder: Path, output: Path, as_json: bool) -> dict[str, Any]:
    """Merge the captures and draw the ladder; the names of the files, and the messages in them."""
    from diameter import Dictionary
    from diameter.capture import ladder, merge
    from nfs.cli._demo_lab import FUNCTIONS

    _say(as_json, "merging captures, drawing the ladder ...")
    pcapng, html = output / "trigger.pcapng", output / "trigger.html"
    messages = merge([folder / f"{name}.pcapng" for name in FUNCTIONS], pcapng)
    ladder.write(pcapng, html, Dictionary.load(), title="Device triggers, from the SCS to the UEs and back")
    return {"messages": messages, "capture": str(pcapng), "ladder": str(html)}


def _show(numbers: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(numbers, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Device triggers", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in (
        ("asked for", str(numbers["asked"])),
        *((name, str(number)) for name, number in numbers["outcomes"].items()),
        ("received by devices", str(numbers["received"])),
        ("rate", f"{numbers['rate_per_s']:.0f} a second"),
        ("request to report, p50", _ms(numbers["p50_ms"])),
        ("request to report, p99", _ms(numbers["p99_ms"])),
        ("Diameter messages", str(numbers["messages"])),
        ("whole run", f"{numbers['whole_run_s']:.1f} s"),
    ):
        table.add_row(name, value)
    Console().print(table)
    click.echo(f"{numbers['capture']}  for Wireshark\n{numbers['ladder']}  for a browser")
    for line in (*numbers["failures"], *(f"{times} x {text}" for text, times in numbers["errors"].items())):
        click.echo(line, err=True)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"
