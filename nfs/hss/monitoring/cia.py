"""The members of a Configuration-Information-Answer (8.2.4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from nfs.hss.monitoring import avps
from nfs.hss.monitoring.asking import Question
from nfs.hss.monitoring.configure import Applied, Result, Target
from nfs.hss.monitoring.groups import GroupApplied
from nfs.hss.monitoring.logic import Service

ABSENT: Final = 1
IN_PROGRESS: Final = 1
MONTE: Final = 1
BITS: Final = {
    Service.IMEI_CHANGE: 0,
    Service.UE_REACHABILITY: 1,
    Service.LOCATION: 2,
    Service.LOSS_OF_CONNECTIVITY: 3,
    Service.COMMUNICATION_FAILURE: 4,
    Service.ROAMING_STATUS: 5,
    Service.AVAILABILITY: 6,
    Service.PDN_CONNECTIVITY: 8,
}
"""Supported-Monitoring-Events (8.4.41)."""


def answer_of(asked: Question, on: Target, done: Applied) -> dict[str, Any]:
    """The answer about a device."""
    members = _statuses(done.results, done.patterns)
    if done.reports:
        members["Monitoring-Event-Report"] = done.reports
    if done.network is not None:
        members["Suggested-Network-Configuration"] = done.network
    if done.absent:
        members["S6t-HSS-Cause"] = ABSENT
    if asked.known.features & MONTE:
        mine = [bit for service, bit in BITS.items() if service in asked.scef.services and on.rights.holds(service)]
        members["Supported-Services"] = {"Supported-Monitoring-Events": sum(1 << bit for bit in mine), "Node-Type": 0}
    return members


def group_answer_of(done: GroupApplied) -> dict[str, Any]:
    """The answer about a group: what becomes of its members follows in reports."""
    members = {**_statuses(done.results, done.patterns), "Number-of-UEs": done.members}
    return members | ({"CIA-Flags": IN_PROGRESS} if done.started else {})


def _statuses(results: Iterable[Result], patterns: Iterable[Result]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    if found := [_status(each) for each in results]:
        members["Monitoring-Event-Config-Status"] = found
    if said := [_pattern(each) for each in patterns]:
        members["AESE-Communication-Pattern-Config-Status"] = said
    return members


def _status(result: Result) -> dict[str, Any]:
    """Monitoring-Event-Config-Status; a report for each node where two do not agree."""
    names = {**avps.reference(*result.reference), "SCEF-ID": result.scef}
    if len(result.nodes) > 1:
        reports = [
            {"Service-Result": avps.service_result(code), "Node-Type": node} for node, code in result.nodes.items()
        ]
        return {"Service-Report": reports, **names}
    return {"Service-Report": {"Service-Result": avps.service_result(result.error)}, **names}


def _pattern(result: Result) -> dict[str, Any]:
    names = {**avps.reference(*result.reference), "SCEF-ID": result.scef}
    bad = result.error
    return names if bad is None else {**names, "AESE-Error-Report": {"Service-Result": avps.service_result(bad)}}
