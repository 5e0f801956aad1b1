"""What a check found, for eyes, scripts and browsers: text, JSON (docs/schema/pcap-check.json), one HTML file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from diameter._version import VERSION
from diameter.capture.check import ERROR, NOTE, SEVERITIES, WARNING, Group, Report
from diameter.capture.checks.rules import RULES
from diameter.capture.records import endpoint_text

SCHEMA: Final = 1
_FRAMES: Final = 8


def as_text(report: Report, *, least: str = NOTE) -> str:
    """Findings of severity `least` and worse, worst first: each kind once, with its count and frames; then the sum."""
    out = [f"{report.name}: {_amount(report.messages, 'message')} in {_duration(report)}"]
    for group in shown(report, least):
        first = group.first
        times = "once" if group.count == 1 else f"{group.count} times"
        out += ["", f"{group.rule.severity:<8} {group.rule.name}  {times}  {group.clause}"]
        out.append(f"         {first.place.short}: {first.text}")
        ends = f"{endpoint_text(first.place.source)} > {endpoint_text(first.place.destination)}"
        out.append(f"         {frames(group)}{ends}  {_clock(first.place.time_ns)}")
    if report.notice:
        out += ["", report.notice]
    return "\n".join([*out, "", sums(report)])


def as_json(report: Report, *, least: str = NOTE) -> str:
    """The same as one JSON object, schema 1."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "file": report.name,
            "messages": report.messages,
            "start": _clock(report.start_ns) if report.messages else None,
            "duration_s": round((report.end_ns - report.start_ns) / 1e9, 6),
            "notice": report.notice,
            "errors": report.counts[ERROR],
            "warnings": report.counts[WARNING],
            "notes": report.counts[NOTE],
            "findings": [_json(group) for group in shown(report, least)],
        },
        ensure_ascii=False,
        indent=1,
    )


def as_html(report: Report, *, least: str = NOTE, title: str = "") -> str:
    """The same as a page that needs nothing else; what strangers wrote is escaped, and no script runs in it."""
    from diameter.capture.ladder import environment

    groups = [
        {
            "severity": group.rule.severity,
            "name": group.rule.name,
            "rule": group.rule.text,
            "clause": group.clause,
            "count": group.count,
            "short": group.first.place.short,
            "text": group.first.text,
            "frames": ", ".join(str(frame) for frame in group.frames)
            + (" …" if more(group, len(group.frames)) else ""),
            "source": endpoint_text(group.first.place.source),
            "destination": endpoint_text(group.first.place.destination),
            "time": _clock(group.first.place.time_ns),
        }
        for group in shown(report, least)
    ]
    page = environment().get_template("check.html.j2")
    about = f"{_amount(report.messages, 'message')} in {_duration(report)}"
    return page.render(
        title=title or report.name, version=VERSION, about=about, groups=groups, counts=report.counts,
        notice=report.notice, sums=sums(report),
    )  # fmt: skip


def rules_text() -> str:
    """The table of rules, a line each."""
    names, clauses = max(map(len, RULES)), max(len(one.clause) for one in RULES.values())
    return "\n".join(
        f"{one.severity:<8} {one.name:<{names}}  {one.clause:<{clauses}}  {one.text}" for one in RULES.values()
    )


def shown(report: Report, least: str) -> list[Group]:
    """The groups of severity `least` and worse."""
    allowed = SEVERITIES[: SEVERITIES.index(least) + 1]
    return [group for group in report.groups if group.rule.severity in allowed]


def sums(report: Report) -> str:
    """`2 errors, 1 warning, no notes`, or that all is well."""
    if not any(report.counts.values()):
        return "nothing wrong found"
    return ", ".join(_amount(report.counts[one], one) for one in SEVERITIES)


def more(group: Group, listed: int) -> bool:
    """Whether there are findings in frames beyond those listed."""
    return group.count > listed


def frames(group: Group) -> str:
    """`frames 12, 15, 18  `, or nothing where the capture numbers no frames."""
    if not group.frames:
        return ""
    listed = ", ".join(str(frame) for frame in group.frames[:_FRAMES])
    dots = " …" if more(group, min(_FRAMES, len(group.frames))) and len(group.frames) > _FRAMES else ""
    return f"frame{'s' if len(group.frames) > 1 else ''} {listed}{dots}  "


def _json(group: Group) -> dict[str, Any]:
    first = group.first
    return {
        "rule": group.rule.name,
        "severity": group.rule.severity,
        "clause": group.clause,
        "what": group.what,
        "count": group.count,
        "frames": group.frames,
        "first": {
            "text": first.text,
            "message": first.place.number,
            "frame": first.place.frame,
            "offset": first.offset,
            "time": _clock(first.place.time_ns),
            "command": first.place.short,
            "source": endpoint_text(first.place.source),
            "destination": endpoint_text(first.place.destination),
        },
    }


def _amount(count: int, one: str) -> str:
    return f"{count or 'no'} {one}{'' if count == 1 else 's'}"


def _duration(report: Report) -> str:
    return f"{(report.end_ns - report.start_ns) / 1e9:.1f} s"


def _clock(time_ns: int) -> str:
    """`2026-02-05T22:11:28.120034Z`; the number where no calendar has such a year."""
    try:
        at = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{time_ns / 1e9:.6f}"
    return f"{at:%Y-%m-%dT%H:%M:%S}.{time_ns // 1000 % 1_000_000:06}Z"
