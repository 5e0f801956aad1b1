"""`mtc trigger --group`: one request for a group, and a line for each member that is reported."""

from __future__ import annotations

import json
from typing import Any

import click

from nfs.cli._react import run
from nfs.scs.logic import Stage, TriggerRequest

EXCLUDES = {
    "external_ids": "--external-id",
    "msisdns": "--msisdn",
    "via": "--via",
    "count": "--count",
    "rate": "--rate",
    "duration": "--duration",
    "recall": "--recall",
    "replace": "--replace",
}


def refuse(given: dict[str, Any]) -> None:
    """Say what does not go with a group.  Raises UsageError."""
    for name, option in EXCLUDES.items():
        if given[name]:
            raise click.UsageError(f"--group is one trigger by an SCS of our own: not with {option}")


def request_of(given: dict[str, Any], payload: bytes) -> TriggerRequest:
    """The trigger.  Raises UsageError."""
    from nfs.common.identities import ExternalIdentifier, IdentityError

    try:
        group = str(ExternalIdentifier.parse(given["group"]))
    except IdentityError as error:
        raise click.UsageError(f"--group: {error}") from None
    return TriggerRequest(
        payload=payload,
        external_identifier=group,
        group=True,
        port=given["port"],
        priority=given["priority"],
        validity_s=given["validity_s"],
        reference=given["reference"],
    )


def trigger(given: dict[str, Any], request: TriggerRequest, config: Any) -> int:
    """Ask, wait, show; the exit code."""
    from diameter import Dictionary
    from nfs.cli._submit import OwnScs
    from nfs.common.capturing import asked_for, open_capture
    from nfs.scs.groups import report_to

    dictionary = Dictionary.load(*given["dictionaries"])
    wait_s = 0.0 if given["no_wait"] else given["wait_s"]
    tap = open_capture(asked_for(given), dictionary)

    async def main(reactor: Any) -> Any:
        scs = OwnScs(config, dictionary, reactor, tap)
        try:
            await scs.start()
            return await scs.trigger_group(request, wait_s, given["expect"])
        finally:
            await scs.stop()
            if tap is not None:
                tap.close()

    report = run(main)
    if given["as_json"]:
        click.echo(json.dumps(report_to(report), indent=2))
    else:
        for line in lines(report_to(report)):
            click.echo(line)
    return 0 if _good(report, wait_s, given["expect"]) else 1


def _good(report: Any, wait_s: float, expect: int | None) -> bool:
    """Whether all is as it should be: accepted, and everybody who is expected has had it."""
    if report.stage is not Stage.ACCEPTED or report.delivered < len(report.members):
        return False
    return wait_s == 0 or len(report.members) >= (1 if expect is None else expect)


def lines(form: dict[str, Any]) -> list[str]:
    """A report for people: a line a member, and one for the group."""
    found = [f"{each['external_identifier']:32}  {each['delivery_outcome']}" for each in form["members"]]
    how = form["stage"] if form["stage"] == "accepted" else f"{form['stage']} {form['request_status'] or ''}".rstrip()
    why = f": {form['error']}" if form["error"] else ""
    numbers = f", {form['reported']} reported, {form['delivered']} delivered" if form["stage"] == "accepted" else ""
    return [*found, f"{how}, reference {form['reference']}{numbers}{why}"]
