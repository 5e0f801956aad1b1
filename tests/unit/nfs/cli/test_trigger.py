"""`mtc trigger`: wrong usage, the configuration its options stand for, and the numbers of a load run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed

from diameter import ConfigError, LocalError, RequestError
from nfs.cli import _lab, trigger
from nfs.cli._carrying import may_carry_a_token
from nfs.cli._load import Tally, milliseconds, outcome_of, percentile, run_load, table
from nfs.cli._submit import ViaHttp, read_token
from nfs.scs.form import report_to
from nfs.scs.logic import Report, Stage, TriggerRequest

_failed: Any = ResponseFailed  # neither has types
_failure: Any = Failure
OWN = ("--origin-host", "scs.customer.example", "--scs-number", "15550000100", "--mtc-iwf", "iwf.operator.example")
DEVICE = ("--external-id", "meter-1@customer.example")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (DEVICE, "say who sends"),
        ((*DEVICE, "-c", "x.toml", "--via", "http://127.0.0.1"), "say who sends"),
        ((*DEVICE, "--via", "http://127.0.0.1"), "--via needs --token"),
        ((*DEVICE, "--via", "http://127.0.0.1", "--token", "t", "--capture", "x.pcapng"), "--capture shows"),
        (("--via", "http://127.0.0.1", "--token", "t"), "name a device"),
        *(
            ((*DEVICE, "--via", url, "--token", "t"), "--via takes an http:// URL of this machine")
            for url in (
                "nonsense",
                "http://",
                "http://192.0.2.1",
                "http://scs.example",
                "ftp://127.0.0.1",
                "https://",
                "http://[::1",
                "http://127.0.0.1:x",
                "http://127.0.0.1:65536",
            )
        ),
        (("--external-id", "no-domain", *OWN), "External-Identifier"),
        (("--msisdn", "12", *OWN), "MSISDN"),
        ((*DEVICE, *OWN, "--payload", "hex:0"), "hexadecimal"),
        ((*DEVICE, *OWN, "--payload", "@/does/not/exist"), "does/not/exist"),
        ((*DEVICE, *OWN, "--port", "65536"), "--port"),
        ((*DEVICE, *OWN, "--reference", "1", "--count", "2"), "--reference is for one trigger"),
        ((*DEVICE, *OWN), "--origin-host needs --peer too"),
        ((*DEVICE, *OWN, "--peer", "127.0.0.1"), 'missing, but peer.0 has transport = "tls"'),
        ((*DEVICE, *OWN, "--peer", "tcp:127.0.0.1"), "physical_protection"),
        ((*DEVICE, *OWN, "--recall", "1", "--replace", "2"), "--recall only withdraws"),
        ((*DEVICE, *OWN, "--recall", "1", "--payload", "x"), "--recall only withdraws"),
        ((*DEVICE, *OWN, "--recall", "1", "--count", "2"), "--recall is for one trigger"),
        ((*DEVICE, *DEVICE, *OWN, "--replace", "1"), "--replace is for one trigger"),
        (
            (*DEVICE, "--group", "g@x.example", *OWN),
            "--group is one trigger: not with --external-id",
        ),
        (("--external-group-id", "g", *OWN), "--group: External-Identifier: local-id@domain-id expected"),
        (("--group", "g@x.example", "--replace", "7", *OWN), "not with --replace"),
    ],
)
def test_wrong_usage_is_a_line_that_says_so(words: tuple[str, ...], complaint: str) -> None:
    result = CliRunner().invoke(trigger.command, words)
    text = result.output + str(result.exception)
    assert complaint in text
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, (SystemExit, ConfigError, OSError))


@pytest.mark.parametrize(
    ("cause", "raised", "words"),
    [
        (CancelledError(), CancelledError, "^$"),
        (ConnectionLost(), RequestError, "v1/triggers: Connection to the other"),
    ],
)
def test_a_broken_answer(cause: Exception, raised: type[Exception], words: str) -> None:
    via: Any = ViaHttp("http://127.0.0.1:1", "token", Clock())

    class Client:
        """Loses every answer."""

        def request(self, *_: object, **__: object) -> Deferred[object]:
            return fail(_failed([_failure(cause)]))

    via._client = Client()
    trigger_it = via.trigger(TriggerRequest(payload=b"", msisdn="15560000001"), 0.0)
    with pytest.raises(raised, match=words):
        trigger_it.send(None)


def test_a_token_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\n")
    with pytest.raises(LocalError, match="a token is ASCII text"):
        read_token(tmp_path / "token")


def given(**changes: Any) -> dict[str, Any]:
    return {
        "config": None,
        "origin_host": "scs.customer.example",
        "origin_realm": None,
        "scs_number": "15550000100",
        "mtc_iwf": "iwf.operator.example",
        "mtc_iwf_realm": None,
        "peer": "tcp:127.0.0.1",
        "certificate": None,
        "key": None,
        "trust": (),
        "crl": (),
        "physical_protection": "lab",
        **changes,
    }


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("tcp:127.0.0.1", ("tcp", ("127.0.0.1",), 3868)),
        ("tcp:iwf.operator.example:4000", ("tcp", ("iwf.operator.example",), 4000)),
        ("tcp:::1", ("tcp", ("::1",), 3868)),
        ("tcp:[::1]", ("tcp", ("::1",), 3868)),
        ("tcp:[::1]:4000", ("tcp", ("::1",), 4000)),
    ],
)
def test_options_make_the_configuration_of_an_scs(peer: str, expected: tuple[str, tuple[str, ...], int]) -> None:
    config = trigger._config(given(peer=peer))
    assert (config.node.origin_host, config.node.origin_realm) == ("scs.customer.example", "customer.example")
    (iwf,) = config.peer
    assert (iwf.transport, iwf.addresses, iwf.port_number) == expected
    assert (iwf.host, iwf.realm, iwf.connect, iwf.physical_protection_reason) == (
        "iwf.operator.example", "operator.example", True, "lab",
    )  # fmt: skip
    assert (config.scs.number, config.scs.realm, config.scs.mtc_iwf) == (
        "15550000100", "operator.example", "iwf.operator.example",
    )  # fmt: skip


def test_options_of_a_secure_link(tmp_path: Path) -> None:
    for name in ("c.pem", "c.key", "ca.pem", "crl.pem"):
        (tmp_path / name).touch(0o600)
    config = trigger._config(
        given(
            peer="127.0.0.1", physical_protection=None, certificate=tmp_path / "c.pem", key=tmp_path / "c.key",
            trust=(tmp_path / "ca.pem",), crl=(tmp_path / "crl.pem",),
            origin_realm="a.example", mtc_iwf_realm="b.example",
        )
    )  # fmt: skip
    assert (config.peer[0].transport, config.peer[0].port_number) == ("tls", 5868)
    assert config.node.tls is not None
    assert (config.node.tls.certificate, config.node.tls.crl) == (tmp_path / "c.pem", (tmp_path / "crl.pem",))
    assert (config.node.origin_realm, config.scs.realm) == ("a.example", "b.example")


@pytest.mark.parametrize("url", ["http://127.0.0.2:1", "http://[::1]:80", "http://localhost", "https://scs.example"])
def test_where_a_token_may_go(url: str) -> None:
    assert may_carry_a_token(url)


def test_payloads(tmp_path: Path) -> None:
    (tmp_path / "frame").write_bytes(b"\x00\xff")
    assert trigger._payload("wake up ü") == "wake up ü".encode()
    assert trigger._payload("hex:00 ff") == b"\x00\xff"
    assert trigger._payload(f"@{tmp_path}/frame") == b"\x00\xff"


def report(stage: Stage = Stage.REPORTED, **more: Any) -> dict[str, Any]:
    return report_to(Report(reference=1, stage=stage, **{"took_s": 0.25, **more}))


@pytest.mark.parametrize(
    ("form", "word"),
    [
        (report(outcome=0), "delivered"),
        (report(outcome=1), "reported EXPIRED"),
        (report(Stage.REFUSED, status=102, result=(0, 2001)), "refused INVEXTID"),
        (report(Stage.REFUSED, result=(0, 5012)), "refused 5012"),
        (report(Stage.REFUSED, status=0, result=(10415, 5012)), "refused 5012"),
        (report(Stage.FAILED, error="no peer"), "failed"),
        (report(Stage.ACCEPTED, status=0), "accepted"),
        (report(Stage.ACCEPTED, status=0, error="no report within 5 s"), "no report"),
    ],
)
def test_words_for_outcomes(form: dict[str, Any], word: str) -> None:
    assert outcome_of(form) == word


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, None), ([3.0], 99, 3.0), ([4.0, 1.0, 3.0, 2.0], 50, 2.0), ([1.0, 2.0], 99, 2.0), ([1.0, 2.0], 0, 1.0)],
)
def test_percentiles(values: list[float], percent: float, expected: float | None) -> None:
    assert percentile(values, percent) == expected


def test_the_summary() -> None:
    tally = Tally(asked=3, elapsed_s=2.0)
    for form in (report(outcome=0), report(outcome=0, took_s=0.5), report(Stage.FAILED, error="no peer")):
        tally.note(form)
    summary = tally.summary()
    assert summary == {
        "schema": 1,
        "asked": 3,
        "delivered": 2,
        "outcomes": {"delivered": 2, "failed": 1},
        "errors": {"no peer": 1},
        "elapsed_s": 2.0,
        "rate_per_s": 1.0,
        "p50_ms": 250.0,
        "p90_ms": 500.0,
        "p99_ms": 500.0,
        "p999_ms": 500.0,
        "max_ms": 500.0,
        "histogram": [{"up_to_ms": 500.0, "count": 2}],
    }
    assert tally.failed == 1
    assert "latency p50  250.0 ms" in table(summary)
    assert "1 x no peer" in table(summary)
    assert "latency" not in table(Tally().summary())
    assert milliseconds(None) is None


def test_what_nobody_waits_for_counts_until_its_answer() -> None:
    tally = Tally(asked=2, elapsed_s=1.0)
    tally.note(report(Stage.ACCEPTED, status=0))
    tally.note(report(Stage.ACCEPTED, status=0, error="no report within 5 s"))
    summary = tally.summary()
    assert (summary["delivered"], summary["rate_per_s"], summary["p50_ms"]) == (0, 1.0, 250.0)
    assert summary["histogram"] == [{"up_to_ms": 500.0, "count": 1}]
    assert "1.0 a second" in table(summary)


class Slow:
    """Triggers that take `took_s` each; how many were open at once at most, and when each began."""

    def __init__(self, took_s: float) -> None:
        self.clock = Clock()
        self.took_s = took_s
        self.open = self.most = 0
        self.began: list[float] = []

    async def one(self, _number: int, due: float) -> dict[str, Any]:
        self.began.append(self.clock.seconds())
        self.open += 1
        self.most = max(self.most, self.open)
        done: Deferred[None] = Deferred()
        self.clock.callLater(self.took_s, done.callback, None)
        await done
        self.open -= 1
        return report(outcome=0, took_s=self.clock.seconds() - due)

    def run(self, **how: Any) -> Tally:
        tally = Tally()
        ended: list[None] = []
        _ = Deferred.fromCoroutine(run_load(self.clock, self.one, tally, **how)).addCallback(ended.append)
        while not ended:
            self.clock.advance(0.1)
        return tally


def test_so_many_at_once() -> None:
    slow = Slow(1.0)
    noted: list[object] = []
    tally = slow.run(count=10, concurrency=4, noted=noted.append)
    assert (tally.asked, tally.delivered, slow.most, len(noted)) == (10, 10, 4, 10)
    assert tally.elapsed_s == pytest.approx(3.0, abs=0.2)


def test_so_many_a_second() -> None:
    slow = Slow(0.1)
    slow.run(count=5, concurrency=10, rate_per_s=2.0)
    assert slow.began == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0], abs=0.11)


def test_for_so_long() -> None:
    slow = Slow(0.5)
    tally = slow.run(concurrency=1, duration_s=2.0)
    assert (tally.asked, tally.delivered) == (4, 4)


def test_for_so_long_at_a_rate() -> None:
    """However many may be open at once: none is begun whose place in time is after the end."""
    slow = Slow(0.1)
    tally = slow.run(concurrency=100, rate_per_s=5.0, duration_s=2.0)
    assert (tally.asked, tally.delivered) == (10, 10)
    assert tally.elapsed_s == pytest.approx(2.0, abs=0.2)


def test_a_time_counts_from_when_it_was_due() -> None:
    """One at a time, 1 s each, one due every 0.5 s: each waits half a second longer than the one before."""
    slow = Slow(1.0)
    tally = slow.run(count=5, concurrency=1, rate_per_s=2.0)
    assert tally.took_s == pytest.approx([1.0, 1.5, 2.0, 2.5, 3.0], abs=0.3)


def test_what_was_due_and_found_no_place_is_counted() -> None:
    """Two at once, 2 s each, for 3 s at 4 a second: 12 were due; none began later than a second after the end."""
    slow = Slow(2.0)
    tally = slow.run(concurrency=2, rate_per_s=4.0, duration_s=3.0)
    assert (tally.asked, tally.delivered, tally.outcomes["not sent"]) == (12, 4, 8)
    assert max(slow.began) < 4.0
    assert tally.failed == 8
    assert slow.run(concurrency=2, rate_per_s=4.0, duration_s=3.0, count=5).outcomes["not sent"] == 1


def test_without_a_rate_nothing_is_due_before_it_begins() -> None:
    slow = Slow(1.0)
    tally = slow.run(concurrency=2, duration_s=3.0)
    assert (tally.asked, tally.outcomes["not sent"]) == (6, 0)
    assert tally.took_s == pytest.approx([1.0] * 6, abs=0.2)


def test_an_error_ends_the_run() -> None:
    async def one(_number: int, _due: float) -> dict[str, Any]:
        raise ConfigError("401: a bearer token is needed")

    found: list[Any] = []
    ending = Deferred.fromCoroutine(run_load(Clock(), one, Tally(), count=3, concurrency=2))
    _ = ending.addErrback(lambda failure: found.append(failure.value))
    assert isinstance(found[0], ConfigError)


def test_a_folder_is_made_anew_only_when_it_is_ours(tmp_path: Path) -> None:
    folder = tmp_path / "demo" / "lab"
    _lab.prepare(folder)
    (folder / "old").touch()
    _lab.prepare(folder)
    assert not (folder / "old").exists()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    with pytest.raises(ConfigError, match="is not ours"):
        _lab.prepare(foreign)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError):
        _lab.prepare(tmp_path / "file" / "lab")


def test_a_token_is_for_us_only(tmp_path: Path) -> None:
    token = _lab.write_token(tmp_path / "token")
    assert (tmp_path / "token").read_text() == token + "\n"
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
