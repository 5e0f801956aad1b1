"""`mtc trigger`: act as an SCS, or submit through a running one; wait for the delivery report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from nfs.cli._carrying import may_carry_a_token
from nfs.cli._target import capturing

if TYPE_CHECKING:
    from diameter import Dictionary
    from nfs.cli._load import Form, Tally
    from nfs.cli._submit import Submitter
    from nfs.scs.config import ScsConfig
    from nfs.scs.logic import TriggerRequest

OPEN_AT_ONCE: Final = 1000
"""Triggers open at once with --rate: many, so that a device that is late holds nobody up."""
CLOSED_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many triggers, how fast."""

    count: int | None
    rate_per_s: float | None
    concurrency: int
    duration_s: float | None

    @property
    def one(self) -> bool:
        """Just one trigger, shown whole."""
        return self.count == 1 and self.duration_s is None


@click.command(no_args_is_help=True)
@click.option(
    "--external-id", "external_ids", multiple=True, help="Device: local-id@domain; more than one go round robin."
)
@click.option("--msisdn", "msisdns", multiple=True, help="Device: its MSISDN.")
@click.option("--payload", default="", help="Text, @FILE, or hex:0a0b for octets.")
@click.option("--port", type=click.IntRange(0, 0xFFFF), help="Application port in the device.")
@click.option("--validity", "validity_s", type=click.IntRange(0, 0xFFFF_FFFF), help="Seconds; 0 is one attempt only.")
@click.option("--priority", is_flag=True, help="Ask for priority.")
@click.option("--reference", type=click.IntRange(0, 0xFFFF_FFFF), help="Reference-Number; a random one by default.")
@click.option("-c", "--config", type=click.Path(path_type=Path), help="TOML file of an SCS.")
@click.option("--origin-host", help="Our Origin-Host, instead of -c.")
@click.option("--origin-realm", help="Our Origin-Realm; what follows the first dot of --origin-host by default.")
@click.option("--scs-number", help="Our ISDN number, for SCS-Identity.")
@click.option("--mtc-iwf", help="Origin-Host of the MTC-IWF.")
@click.option("--mtc-iwf-realm", help="Its realm; what follows the first dot of --mtc-iwf by default.")
@click.option("--peer", help="Where the MTC-IWF listens: HOST[:PORT], tls:HOST[:PORT] or tcp:HOST[:PORT].")
@click.option("--certificate", type=click.Path(path_type=Path), help="PEM file of our certificate.")
@click.option("--key", type=click.Path(path_type=Path), help="PEM file of its key.")
@click.option("--trust", type=click.Path(path_type=Path), multiple=True, help="PEM file of a CA that we trust.")
@click.option("--crl", type=click.Path(path_type=Path), multiple=True, help="Revocation list.")
@click.option("--physical-protection", help="Why a tcp: link may be in clear.")
@click.option("--via", help="URL of a running SCS instead of an identity of our own.")
@click.option("--token", type=click.Path(path_type=Path), help="File with the token that --via needs.")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(min=0.1), default=60.0, show_default=True, help="Seconds to wait."
)
@click.option("--no-wait", is_flag=True, help="The answer is enough; do not wait for the delivery report.")
@click.option("--count", type=click.IntRange(min=1), help="Send this many.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Send so many a second, reported or not.")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    help=f"Keep so many open at once, at most.  [default: {CLOSED_AT_ONCE}; {OPEN_AT_ONCE} with --rate]",
)
@click.option("--duration", type=click.FloatRange(min=0, min_open=True), help="Send for so many seconds.")
@capturing
@click.option(
    "--dict", "dictionaries", multiple=True, type=click.Path(path_type=Path), help="A further dictionary file."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report, or the numbers of a load run, as JSON.")
@click.option("--recall", type=click.IntRange(0, 0xFFFF_FFFF), help="Withdraw the trigger of this reference.")
@click.option("--replace", type=click.IntRange(0, 0xFFFF_FFFF), help="Send this in the place of that trigger.")
@click.option("--group", "--external-group-id", "group", help="Trigger a group of devices: its local-id@domain.")
@click.option("--expect", type=click.IntRange(min=1), help="Members of the group after whose reports to wait no more.")
def command(**given: Any) -> int:
    """Trigger devices and wait for the delivery reports.

    With several devices, --count or --duration the numbers are printed instead of the report, with --json a histogram
    too.  With --rate a time counts from when its trigger was due, so that those that had to wait say so.

    --recall and --replace name a trigger for the same device by its reference, and reach it as long as it waits.

    --group names a group; each member that is reported has a line, until there are --expect of them or --wait is over.
    With --recall the members that still wait for that trigger will not have it.

    Exit status: 0 when every trigger was delivered (with --no-wait: accepted; with --recall: withdrawn), 1 when not, 2
    for wrong usage.

    \b
    Example: mtc trigger -c scs.toml --external-id meter-7@example.com --port 8000 --payload "wake up"
             mtc trigger --via http://127.0.0.1:8080 --token scs.token --msisdn 15551234567 --payload @frame.bin
             mtc trigger -c scs.toml --external-id meter-7@example.com --recall 4711
             mtc trigger -c scs.toml --group fleet@example.com --payload "wake up" --expect 3
             mtc trigger -c scs.toml --external-id meter-7@example.com --rate 50 --duration 10 --json
    """
    from diameter import Dictionary
    from nfs.cli._react import run

    _refuse(given)
    if given["group"]:
        from nfs.cli import _trigger_group as groups

        groups.refuse(given)
        request = groups.request_of(given, _payload(given["payload"]))
    else:
        requests = _requests(given)
        load = _load(given, len(requests))
    config = None if given["via"] else _config(given)
    dictionary = Dictionary.load(*given["dictionaries"])
    if given["group"]:
        return groups.trigger(given, lambda reactor: _submitter(given, config, dictionary, reactor), request)
    wait_s = 0.0 if given["no_wait"] else given["wait_s"]

    async def main(reactor: Any) -> tuple[Tally, Form | None]:
        submitter, close = _submitter(given, config, dictionary, reactor)
        try:
            return await _send(reactor, submitter, requests, load, wait_s)
        finally:
            await submitter.stop()
            close()

    tally, last = run(main)
    _show(tally, last if load.one else None, given["as_json"])
    good = tally.delivered + tally.outcomes["recalled"] + (0 if wait_s else tally.outcomes["accepted"])
    return 0 if good == tally.asked else 1


def _refuse(given: dict[str, Any]) -> None:
    """Say what cannot be: options that exclude each other."""
    if given["recall"] is not None and (given["replace"] is not None or given["payload"]):
        raise click.UsageError("--recall only withdraws: no --payload, and no --replace")
    if sum(given[way] is not None for way in ("config", "via", "origin_host")) != 1:
        raise click.UsageError("say who sends: one of -c FILE, --origin-host with its options, or --via URL")
    if given["via"] and not may_carry_a_token(given["via"]):
        raise click.UsageError("--via takes an http:// URL of this machine, or an https:// URL")
    if given["via"] and not given["token"]:
        raise click.UsageError("--via needs --token FILE")
    if given["via"] and given["capture"]:
        raise click.UsageError("--capture shows our own messages: with --via there are none")


def _requests(given: dict[str, Any]) -> list[TriggerRequest]:
    """The triggers to send, one a device."""
    from nfs.common.identities import ExternalIdentifier, IdentityError, e164
    from nfs.scs.logic import TriggerRequest

    common = {
        "payload": _payload(given["payload"]),
        "port": given["port"],
        "priority": given["priority"],
        "validity_s": given["validity_s"],
        "reference": given["reference"],
        "recall": given["recall"],
        "replace": given["replace"],
    }
    try:
        found = [
            *(
                TriggerRequest(external_identifier=str(ExternalIdentifier.parse(e)), **common)
                for e in given["external_ids"]
            ),
            *(TriggerRequest(msisdn=e164(number), **common) for number in given["msisdns"]),
        ]
    except IdentityError as error:
        raise click.UsageError(str(error)) from None
    if not found:
        raise click.UsageError("name a device: --external-id or --msisdn")
    return found


def _payload(text: str) -> bytes:
    try:
        if text.startswith("@"):
            return Path(text[1:]).read_bytes()
        return bytes.fromhex(text[4:]) if text.startswith("hex:") else text.encode()
    except ValueError:
        raise click.UsageError("--payload hex: takes hexadecimal digits") from None


def _load(given: dict[str, Any], devices: int) -> Load:
    """What the load options mean; without any, one trigger for each device."""
    timed = given["duration"] is not None
    count = given["count"] if given["count"] is not None or timed else devices
    for option in ("reference", "recall", "replace"):
        if given[option] is not None and count != 1:
            raise click.UsageError(f"--{option} is for one trigger")
    return Load(
        count=count,
        rate_per_s=given["rate"],
        concurrency=given["concurrency"] or (OPEN_AT_ONCE if given["rate"] else CLOSED_AT_ONCE),
        duration_s=given["duration"],
    )


def _config(given: dict[str, Any]) -> ScsConfig:
    """The SCS of the file, or the one that the options describe."""
    from diameter.config import load, parse
    from nfs.scs.config import ScsConfig

    if given["config"]:
        return load(given["config"], ScsConfig)
    missing = [f"--{name.replace('_', '-')}" for name in ("scs_number", "mtc_iwf", "peer") if not given[name]]
    if missing:
        raise click.UsageError(f"--origin-host needs {', '.join(missing)} too")
    return parse(_toml(given), ScsConfig, source="mtc trigger", base=Path.cwd())


def _toml(given: dict[str, Any]) -> str:
    """The options as the file they stand for."""
    transport, host, port = _place(given["peer"])
    iwf_realm = given["mtc_iwf_realm"] or given["mtc_iwf"].partition(".")[2]
    lines = [
        "[node]",
        f"origin_host = {_quoted(given['origin_host'])}",
        f"origin_realm = {_quoted(given['origin_realm'] or given['origin_host'].partition('.')[2])}",
        *_tls(given),
        "[[peer]]",
        f"host = {_quoted(given['mtc_iwf'])}",
        f"realm = {_quoted(iwf_realm)}",
        "connect = true",
        f"addresses = [{_quoted(host)}]",
        f"transport = {_quoted(transport)}",
    ]
    if port:
        lines.append(f"port = {port}")
    if given["physical_protection"]:
        lines += ["physical_protection = true", f"physical_protection_reason = {_quoted(given['physical_protection'])}"]
    lines += ["[scs]", f"number = {_quoted(given['scs_number'])}", f"realm = {_quoted(iwf_realm)}"]
    return "\n".join([*lines, f"mtc_iwf = {_quoted(given['mtc_iwf'])}"])


def _place(text: str) -> tuple[str, str, str]:
    """Transport, host and port (maybe empty) of --peer; an IPv6 address with a port stands in brackets."""
    transport, place = (text[:3], text[4:]) if text.startswith(("tls:", "tcp:")) else ("tls", text)
    host, colon, port = place.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        return transport, host.strip("[]"), port
    return transport, place.strip("[]"), ""


def _tls(given: dict[str, Any]) -> list[str]:
    names = ("certificate", "key")
    if not any(given[name] for name in (*names, "trust", "crl")):
        return []
    lines = ["[node.tls]", *(f"{name} = {_quoted(str(given[name]))}" for name in names if given[name])]
    for name in ("trust", "crl"):
        if given[name]:
            lines.append(f"{name} = [{', '.join(_quoted(str(path)) for path in given[name])}]")
    return lines


def _quoted(text: str) -> str:
    """A TOML string; JSON's escapes are a part of TOML's."""
    return json.dumps(text, ensure_ascii=False)


def _submitter(
    given: dict[str, Any], config: ScsConfig | None, dictionary: Dictionary, reactor: Any
) -> tuple[Submitter, Any]:
    """How triggers leave, and what to close at the end."""
    from nfs.cli._submit import OwnScs, ViaHttp, read_token

    if config is None:
        return ViaHttp(given["via"], read_token(given["token"]), reactor), lambda: None
    from nfs.common.capturing import asked_for, open_capture

    tap = open_capture(asked_for(given), dictionary)
    domains = {name.partition("@")[2] for name in (*given["external_ids"], given["group"] or "") if "@" in name}
    own = OwnScs(config, dictionary, reactor, tap, domains)
    return own, (lambda: None) if tap is None else tap.close


async def _send(
    reactor: Any, submitter: Submitter, requests: list[TriggerRequest], load: Load, wait_s: float
) -> tuple[Tally, Form | None]:
    """Connect, send what `load` says; the tally and the last report."""
    from nfs.cli._load import Tally, run_load

    await submitter.start()
    reports: list[Form] = []

    async def one(number: int, due: float) -> Form:
        report = await submitter.trigger(requests[number % len(requests)], wait_s)
        if not load.one:
            report = {**report, "took_s": reactor.seconds() - due}
        reports[:] = [report]
        return report

    tally = Tally()
    await run_load(
        reactor,
        one,
        tally,
        concurrency=load.concurrency,
        count=load.count,
        rate_per_s=load.rate_per_s,
        duration_s=load.duration_s,
    )
    return tally, reports[0] if reports else None


def _show(tally: Tally, report: Form | None, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(tally.summary() if report is None else report, indent=2))
    elif report is not None:
        from nfs.cli._load import outcome_of

        why = f": {report['error']}" if report["error"] else ""
        click.echo(f"{outcome_of(report)}, reference {report['reference']}, {report['took_s'] * 1000:.1f} ms{why}")
    else:
        from nfs.cli._load import table

        click.echo(table(tally.summary()))
