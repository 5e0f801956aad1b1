"""The peer of a verb that dials one (`mtc ping`, `mtc send`), and who we are to it: options and their meaning."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from diameter import Dictionary
    from diameter.config import NodeConfig, PeerConfig, TlsConfig
    from diameter.peer.capabilities import Advertised

F = TypeVar("F", bound=Callable[..., Any])

_IDENTITY = (
    click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        help="Be the node of this TOML file; PEER may be one of its peers.",
    ),
    click.option("--origin-host", help="Our Origin-Host; VERB.<this host> by default."),
    click.option("--origin-realm", help="Our Origin-Realm; what follows the first dot of our Origin-Host by default."),
    click.option("--certificate", type=click.Path(path_type=Path), help="PEM file of our certificate."),
    click.option("--key", type=click.Path(path_type=Path), help="PEM file of its key."),
    click.option("--trust", type=click.Path(path_type=Path), multiple=True, help="PEM file of a CA that we trust."),
    click.option("--crl", type=click.Path(path_type=Path), multiple=True, help="Revocation list."),
    click.option(
        "--dict", "dictionaries", multiple=True, type=click.Path(path_type=Path), help="A further dictionary file."
    ),
)
_CAPTURE = (
    click.option("--capture", type=click.Path(path_type=Path), help="Write what is sent and received to this pcapng."),
    click.option("--capture-size", type=click.IntRange(min=0), help="Begin another file after so many octets."),
    click.option("--capture-files", type=click.IntRange(min=1), help="Keep so many files.  [default: 10]"),
    click.option("--capture-filter", help='What to write: "command=DAR,DAA peer=*.example without=DWR".'),
)
transport = click.option(
    "--transport", type=click.Choice(["tcp", "tls", "sctp", "dtls"]), help="tls unless PEER says it."
)
"""How the link is made; stands first."""
timeout = click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="Seconds an answer may take."
)


def identity(function: F) -> F:
    """The options that say who we are, in this order."""
    for option in reversed(_IDENTITY):
        function = option(function)
    return function


def capturing(function: F) -> F:
    """The options that say where messages are written down, in this order."""
    for option in reversed(_CAPTURE):
        function = option(function)
    return function


def who(given: dict[str, Any], verb: str) -> tuple[NodeConfig, PeerConfig]:
    """Who we are and whom we dial, by the options above and `peer`.  Raises ConfigError."""
    from diameter._node.setup import endpoint, quick_config
    from diameter.config import CERTIFIED
    from diameter.errors import ConfigError

    text = given["peer"]
    known = from_file(given["config"]) if given["config"] is not None else None
    if known is not None:
        found = known.peer_named(text)
        if found is not None:
            return known, found
    transport, host, port = endpoint(
        text if text.startswith(("tcp:", "tls:", "sctp:", "dtls:")) else f"{given['transport'] or 'tls'}:{text}"
    )
    if given["transport"] not in (None, transport):
        raise ConfigError(f"{text!r} is not --transport {given['transport']}")
    tls = tls_of(given) or (known.tls if known is not None else None)
    if transport in CERTIFIED and tls is None:
        clear = {"tls": "tcp", "dtls": "sctp"}[transport]
        raise ConfigError(
            f"{transport} needs --certificate, --key and --trust, or -c; for clear text write {clear}:HOST:PORT"
        )
    own = given["origin_host"] or (known.origin_host if known is not None else f"{verb}.{socket.getfqdn()}")
    realm = given["origin_realm"] or (known.origin_realm if known is not None else own.partition(".")[2])
    at = f"{transport}:[{host}]" + (f":{port}" if port else "")
    name = host if ":" not in host else "peer.invalid"
    config = quick_config(own, realm, connect={name: at}, tls=tls, physical_protection="asked for at the command line")
    return config, config.peer[0]


def tls_of(given: dict[str, Any]) -> TlsConfig | None:
    """Certificate, key and trust as the options above give them; None without them.  Raises ConfigError."""
    from diameter.config import TlsConfig
    from diameter.config.load import validate

    if given["certificate"] is None and given["key"] is None and not given["trust"]:
        return None
    files = {name: given[name] for name in ("certificate", "key") if given[name] is not None}
    tables = {**files, "trust": list(given["trust"]), "crl": list(given["crl"])}
    return validate(tables, TlsConfig, source="options", base=Path())


def from_file(path: Path) -> NodeConfig:
    """The node of a configuration, of whatever network function.  Raises ConfigError."""
    from diameter.config import load, top_level
    from nfs.cli.config import model_of

    return load(path, model_of(str(top_level(path).get("function", "")), str(path))).node_config


def advertised(wanted: Iterable[str | int], dictionary: Dictionary) -> list[Advertised]:
    """Applications by name or number; as a relay, for all, when there are none.  Raises DictionaryError."""
    from diameter.peer.capabilities import RELAY, Advertised

    names = [int(name) if isinstance(name, str) and name.isdigit() else name for name in wanted]
    found = [dictionary.application(name) for name in names]
    return [Advertised(id=one.id, vendor=one.vendor, accounting=one.accounting) for one in found] or [
        Advertised(id=RELAY)
    ]
