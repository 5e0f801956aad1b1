"""`mtc s6m PEER`: ask an HSS as an MTC-IWF does: who is this device, may this SCS trigger it, where is it."""

from __future__ import annotations

from typing import Any, Final

import click

from nfs.cli._target import capturing, identity, timeout, transport

NAMES: Final = {"external_id": "--external-id", "msisdn": "--msisdn", "imsi": "--imsi"}


@click.command(no_args_is_help=True)
@click.argument("peer", metavar="PEER")
@transport
@click.option("--external-id", help="The device by its External Identifier, LOCAL@DOMAIN;")
@click.option("--msisdn", help="or by its MSISDN;")
@click.option("--imsi", help="or, for sms-mo, by its IMSI.")
@click.option("--scs-number", required=True, help="ISDN number of the SCS on whose behalf is asked.")
@click.option("--service", type=click.Choice(["device-trigger", "sms-mo"]), default="device-trigger",
              show_default=True, help="What the SCS wants.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 0xFFFF), help="sms-mo: the application port of the short message.")
@click.option("--priority", is_flag=True, help="A trigger with priority: nodes marked unreachable are named, too.")
@timeout
@identity
@capturing
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def command(**given: Any) -> int:
    """Ask the HSS at PEER about a device as an MTC-IWF does, and check the answer.

    Without --service it is the question before a device trigger: the answer has the IMSI, HSS-Cause and the serving
    nodes.  sms-mo asks which External Identifier stands for an IMSI and an application port.  PEER is HOST, HOST:PORT,
    tcp:HOST:PORT, tls:HOST:PORT, sctp:HOST:PORT or dtls:HOST:PORT, or with -c the Origin-Host of a peer in that file.
    The HSS has to know our Origin-Host.  Exit status: 0 for success without anything wrong in it, 1 for a refusal or a
    fault, 2 for wrong usage.

    \b
    Example: mtc s6m tcp:127.0.0.1:3868 --external-id meter-1@example.org --scs-number 15550000100
             mtc s6m hss.example.org -c iwf.toml --msisdn 15560000001 --scs-number 15550000100 --priority --json
             mtc s6m sctp:192.0.2.7 --service sms-mo --imsi 001010000000001 --port 16000 --scs-number 15550000100
    """
    from nfs.cli._informing import Question, ask
    from nfs.common.identities import IdentityError, e164
    from nfs.mtc_iwf.informed import Asked, short_message, trigger

    asked = Asked(given["service"])
    try:
        user, scs = _user(given), e164(given["scs_number"], "--scs-number")
    except IdentityError as error:
        raise click.UsageError(str(error)) from None
    if asked is Asked.SMS_MO:
        if given["priority"]:
            raise click.UsageError("--priority: of a trigger only")
        avps = short_message(user, scs=scs, port=given["port"])
    else:
        if given["port"] is not None:
            raise click.UsageError("--port: of sms-mo only")
        avps = trigger(user, scs=scs, priority=given["priority"])
    return ask(given, Question(verb="s6m", asked=asked, avps=avps, subscriber=user.get("User-Name")))


def _user(given: dict[str, Any]) -> dict[str, Any]:
    """The one identity, as the member of User-Identifier.  Raises UsageError, IdentityError."""
    from nfs.common.identities import ExternalIdentifier, e164, encode_number, imsi

    named = [name for name in NAMES if given[name] is not None]
    if len(named) != 1:
        raise click.UsageError(f"exactly one of {', '.join(NAMES.values())} expected")
    if named == ["external_id"]:
        return {"External-Identifier": str(ExternalIdentifier.parse(given["external_id"]))}
    if named == ["msisdn"]:
        return {"MSISDN": encode_number(e164(given["msisdn"], "--msisdn"))}
    return {"User-Name": imsi(given["imsi"])}
