"""What an operator sees of the protection of links that are open: what was negotiated, and with whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diameter._node.core import Core, Line
from diameter.security.papers import Paper
from diameter.security.policy import level

Page = dict[str, Any]


def head(core: Core, papers: Sequence[Paper]) -> Page:
    """The page without its links."""
    stats = core.stats
    return {
        "origin_host": core.config.origin_host,
        "papers": [
            {"kind": one.kind, "name": one.name, "not_after": one.not_after.isoformat()} for one in papers
        ],
        "links_refused": stats.links_refused,
        "links_broken": stats.links_broken,
        "records_replayed": replayed(core),
        "links": [],
    }  # fmt: skip


def row(line: Line) -> Page:
    """One open link: `level` is what it really reaches, `placement` null while nobody has said who he is."""
    link, config = line.link, line.config
    security = link.security
    reason = "" if config is None or security.secure else config.physical_protection_reason
    physical = bool(reason) and config is not None and config.physical_protection
    return {
        "peer": None if line.entry is None else line.entry.host,
        "placement": None if config is None else config.placement,
        "transport": link.transport,
        "remote": str(link.remote),
        "dialled": bool(link.dialled),
        "mechanism": security.mechanism,
        "version": security.version,
        "cipher": security.cipher,
        "group": security.group,
        "names": list(security.peer_names),
        "subject": security.subject,
        "issuer": security.issuer,
        "serial": str(security.serial) if security.serial else "",
        "fingerprint": security.fingerprint,
        "key_type": security.key_type,
        "key_bits": security.key_bits,
        "not_after": None if security.not_after is None else security.not_after.isoformat(),
        "physical_protection_reason": reason,
        "level": level(security, physical=physical).name.lower(),
        "replayed": link.replayed,
    }


def replayed(core: Core) -> int:
    """Records refused as repeated, those of links that are up counted in."""
    return core.stats.records_replayed + sum(line.link.replayed for line in core.lines.values())


def ends(papers: Sequence[Paper]) -> list[list[Any]]:
    """[kind, name, end in seconds since 1970] of each; of those that are alike the one that ends first."""
    found: dict[tuple[str, str], float] = {}
    for one in papers:
        key, end = (one.kind, one.name), one.not_after.timestamp()
        found[key] = min(end, found.get(key, end))
    return [[*key, end] for key, end in found.items()]
