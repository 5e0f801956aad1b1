"""What the SMS-SC does with a device's short message: each refusal for its reason, and what the device hears."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import ConfigError, Dictionary, Message, Undeliverable
from diameter.config import parse
from diameter.testing import FakeRequester
from nfs.common.sm_failure import TGPP, FailureCause, Verdict, failure
from nfs.common.sms import TRIGGER_PID, Submit, UserData
from nfs.common.sms_layout import SmsAddress
from nfs.common.sms_reports import Failed, Status, decode_status_report, decode_submit_report
from nfs.sms_sc.config import SmsScConfig
from nfs.sms_sc.mo_sgd import MoSgd
from nfs.sms_sc.mo_sms import MoSms, NotTaken, Route, Submission, status_of

NOW = 1_767_323_045.25
IMSI = "001010000000001"
ROUTE = Route(host="iwf.example.org", realm="example.org", number="15550000400", plmns=frozenset({"00101"}))
MME = ("mme.example.org", "example.org")


def tpdu(to: str = "4711", **more: Any) -> bytes:
    return Submit(reference=9, destination=SmsAddress(digits=to, ton=0), user_data=UserData(data=b"x"), **more).encode()


def desk(**more: Any) -> MoSms:
    return MoSms("15550000200", {"4711": ROUTE}, **more)


def take(mo_sms: MoSms, octets: bytes = b"", imsi: str = IMSI, number: str = "15550000200") -> Submission:
    submission, report = mo_sms.take(number, imsi, octets or tpdu(status_report=True), MME, NOW)
    assert decode_submit_report(report, error=False).scts == submission.taken
    return submission


@pytest.mark.parametrize(
    ("given", "cause", "failed"),
    [
        ({"number": "15550000201"}, FailureCause.UNKNOWN_SERVICE_CENTRE, Failed.NO_SUBSCRIPTION),
        ({"octets": b"\x44"}, FailureCause.EQUIPMENT_PROTOCOL_ERROR, Failed.TPDU_UNSUPPORTED),
        ({"octets": bytes(201)}, FailureCause.EQUIPMENT_PROTOCOL_ERROR, Failed.TPDU_UNSUPPORTED),
        ({"octets": tpdu(pid=TRIGGER_PID)}, FailureCause.EQUIPMENT_PROTOCOL_ERROR, Failed.PID_UNSUPPORTED),
        ({"octets": tpdu("4712")}, FailureCause.INVALID_SME_ADDRESS, Failed.INVALID_SME_ADDRESS),
        ({"imsi": "262010000000001"}, FailureCause.USER_NOT_SC_USER, Failed.NO_SUBSCRIPTION),
    ],
)
def test_a_message_is_refused_for_its_reason(given: dict[str, Any], cause: FailureCause, failed: Failed) -> None:
    mo_sms = desk()
    with pytest.raises(NotTaken) as refused:
        take(mo_sms, **given)
    verdict = refused.value.verdict
    assert (verdict.result, verdict.cause) == ((TGPP, 5555), cause)
    assert decode_submit_report(refused.value.report, error=True).failure_cause == failed
    assert (mo_sms.open, mo_sms.counts) == (0, {cause.name.lower(): 1})


def test_so_many_are_on_their_way_at_once() -> None:
    mo_sms = desk(at_once=1)
    take(mo_sms)
    with pytest.raises(NotTaken) as refused:
        take(mo_sms)
    assert refused.value.verdict.cause is FailureCause.SC_CONGESTION
    mo_sms.done(Verdict())
    take(mo_sms)
    assert mo_sms.counts == {"taken": 2, "sc_congestion": 1, "delivered": 1}


@pytest.mark.parametrize(
    ("verdict", "status", "passed_on"),
    [
        (Verdict(), Status.RECEIVED, None),
        (failure(FailureCause.INVALID_SME_ADDRESS, ""), Status.NOT_OBTAINABLE, Failed.INVALID_SME_ADDRESS),
        (failure(FailureCause.UNKNOWN_SERVICE_CENTRE, ""), Status.NOT_OBTAINABLE, Failed.SC_FAILURE),
        (failure(FailureCause.SC_CONGESTION, ""), Status.CONGESTION, Failed.SC_BUSY),
        (failure(FailureCause.USER_NOT_SC_USER, ""), Status.CONNECTION_REJECTED, Failed.NO_SUBSCRIPTION),
        (failure(FailureCause.EQUIPMENT_PROTOCOL_ERROR, ""), Status.REMOTE_PROCEDURE_ERROR, Failed.SC_FAILURE),
        (Verdict(result=(TGPP, 5552)), Status.NO_INTERWORKING, Failed.SC_FAILURE),
        (Verdict(result=(0, 3002)), Status.NO_RESPONSE, Failed.SC_BUSY),
        (Verdict(result=(0, 3004)), Status.CONGESTION, Failed.SC_BUSY),
        (Verdict(result=(0, 5012)), Status.REMOTE_PROCEDURE_ERROR, Failed.SC_FAILURE),
    ],
)
def test_what_the_device_hears_of_each_answer(verdict: Verdict, status: Status, passed_on: Failed | None) -> None:
    mo_sms = desk()
    submission = take(mo_sms)
    octets = submission.status_report(verdict, NOW + 2)
    assert octets is not None
    report = decode_status_report(octets)
    assert (report.status, report.reference, report.recipient.digits) == (status, 9, "4711")
    assert (report.scts, (report.discharged - report.scts).seconds) == (submission.taken, 2)
    assert status_of(verdict) is status
    if passed_on is not None:
        refused = mo_sms.passed_on(submission, verdict)
        assert decode_submit_report(refused.report, error=True).failure_cause == passed_on
        assert refused.verdict.result[1] in (5552, 5555, 5012)  # never a protocol error of somebody else


def test_a_device_that_wants_no_report_gets_none() -> None:
    assert take(desk(), tpdu()).status_report(Verdict(), NOW) is None


def test_a_report_for_a_device_that_has_gone_is_counted() -> None:
    def gone(_: Message) -> Message:
        raise Undeliverable("MT-Forward-Short-Message: no way")

    mo_sms = desk()
    handlers = {
        "MO-Forward-Short-Message-Request": lambda request: request.answer(2001),
        "MT-Forward-Short-Message-Request": gone,
    }
    fake = FakeRequester(MoSgd(mo_sms, lambda: NOW), Dictionary.load(), handlers)
    avps = {
        "SC-Address": bytes.fromhex("5155000002f0"),
        "User-Identifier": {"User-Name": IMSI},
        "SM-RP-UI": tpdu(status_report=True),
    }
    assert fake.deliver("MO-Forward-Short-Message", avps).result == (0, 2001)
    fake.settle()
    assert mo_sms.counts == {"taken": 1, "delivered": 1, "report_lost": 1}


@pytest.mark.parametrize("reports", [True, False])
def test_where_the_report_of_a_submission_goes(reports: bool) -> None:
    """Into SM-RP-UI, or beside the cause of 5555; without it the answer alone is RP-ACK or RP-ERROR."""
    results = [(0, 2001), (TGPP, 5552)]
    handlers = {"MO-Forward-Short-Message-Request": lambda request: request.answer(results[0][1], vendor=results[0][0])}
    fake = FakeRequester(MoSgd(desk(), lambda: NOW, reports=reports), Dictionary.load(), handlers)
    avps = {
        "SC-Address": bytes.fromhex("5155000002f0"),
        "User-Identifier": {"User-Name": IMSI},
        "SM-RP-UI": tpdu(),
    }
    taken = fake.deliver("MO-Forward-Short-Message", avps)
    results.pop(0)
    refused = fake.deliver("MO-Forward-Short-Message", avps)
    assert (taken.result, refused.result) == ((0, 2001), (TGPP, 5552))
    assert ("SM-RP-UI" in taken, "SM-RP-UI" in refused) == (reports, reports)
    if reports:
        assert decode_submit_report(refused.raw("SM-RP-UI"), error=True).failure_cause == Failed.SC_FAILURE


CONFIG = """
[node]
origin_host = "sms-sc.example.org"
origin_realm = "example.org"
[sms_sc]
number = "15550000200"
[[mo_sms]]
destinations = ["4711", "+15550000100"]
host = "iwf.example.org"
realm = "example.org"
number = "15550000400"
"""


def test_the_configuration_is_checked_whole(tmp_path: Any) -> None:
    config = parse(CONFIG, SmsScConfig, source="sms-sc.toml", base=tmp_path)
    assert config.mo_sms[0].destinations == ("4711", "15550000100")
    twice = (
        CONFIG + '[[mo_sms]]\ndestinations = ["4711"]\nhost = "b.example"\nrealm = "example"\nnumber = "15550000401"\n'
    )
    with pytest.raises(ConfigError, match=r"mo_sms\.1\.destinations: 4711 is in another table too"):
        parse(twice, SmsScConfig, source="sms-sc.toml", base=tmp_path)
    with pytest.raises(ConfigError, match="short code or number of 1 to 20 digits"):
        parse(CONFIG.replace('"4711"', '"47-11"'), SmsScConfig, source="sms-sc.toml", base=tmp_path)
