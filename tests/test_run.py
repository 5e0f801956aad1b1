"""The test run itself: counts, verdicts, the closing table, what makes a run fail."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from run import judge, table
from tools import parts, system, tries
from tools.fuzzing import executions
from tools.gates import measure
from tools.guest import MAPS, many_maps
from tools.parts import run_part, with_pytest
from tools.requirements import Carriers, page, read_marks, verdict
from tools.tries import Outcome, Part, call, counted, tried

REPORT = """<testsuites><testsuite>
<testcase classname="tests.unit.a" name="one">
<properties><property name="requirement" value="R-TSP-06"/></properties></testcase>
<testcase classname="tests.unit.a" name="two[x]"><failure message="no"/>
<properties><property name="requirement" value="R-TSP-07"/></properties></testcase>
<testcase classname="tests.unit.a" name="three"><skipped message="no tool"/>
<properties><property name="requirement" value="R-TSP-08"/></properties></testcase>
</testsuite></testsuites>"""


def nothing(part: Part, python: Path) -> Outcome:
    return Outcome(passed=1)


def test_a_junit_report_is_counted(tmp_path: Path) -> None:
    report = tmp_path / "unit.xml"
    report.write_text(REPORT)
    found = counted(report, 1)
    assert (found.passed, found.failed, found.not_run, found.why) == (1, 1, 1, "tests.unit.a.two[x]")


def test_a_run_that_ended_badly_is_a_failure_without_a_failed_test(tmp_path: Path) -> None:
    report = tmp_path / "unit.xml"
    assert counted(report, 3).failed == 1
    report.write_text("<testsuites><testsuite><testcase classname='a' name='b'/></testsuite></testsuites>")
    assert (counted(report, 3).failed, counted(report, 0).failed) == (1, 0)
    assert (counted(report, 5).not_run, counted(report, 5).failed) == (1, 0)


@pytest.mark.parametrize(
    ("outcome", "ci", "status"),
    [
        (Outcome(passed=3), True, 0),
        (Outcome(passed=3, failed=1), False, 1),
        (Outcome(passed=3, not_run=1), False, 0),
        (Outcome(passed=3, not_run=1), True, 1),
    ],
)
def test_what_was_not_run_fails_in_ci(outcome: Outcome, ci: bool, status: int) -> None:
    assert judge({"unit": outcome}, ci) == status


def test_the_table_has_a_row_a_part() -> None:
    text = table({"unit": Outcome(passed=10, seconds=1.6), "view": Outcome(not_run=1, why="not found: tshark")})
    assert text.splitlines() == [
        "part  passed  failed  not run  again  seconds  why",
        "unit      10       0        0      0        2",
        "view       0       0        1      0        0  not found: tshark",
    ]


def test_a_part_without_its_tools_is_not_run() -> None:
    part = Part(name="x", run=nothing, needs=("sh", "no-such-program", "/no/such/file"))
    found = run_part(part, Path(sys.executable))
    assert (found.passed, found.not_run, found.why) == (0, 1, "not found: no-such-program, /no/such/file")
    assert run_part(Part(name="x", run=nothing, needs=("sh",)), Path(sys.executable)).passed == 1


def test_a_folder_that_is_not_there_is_not_run() -> None:
    assert with_pytest(Part(name="no-such-part", run=nothing, paths=("tests/none",)), Path("python")).not_run == 1


AFTER = """
import pathlib
import pytest

SEEN = pathlib.Path(__file__).with_name("seen")


@pytest.mark.parametrize("number", range({bad}))
def test_one(number):
    with SEEN.open("a") as file:
        file.write(".")
    assert len(SEEN.read_text()) > {until}


def test_other():
    pass
"""
"""Tests of which `bad` fail until they were run so often."""


def once_more(monkeypatch: pytest.MonkeyPatch, folder: Path, *, bad: int, until: int, timed: bool) -> Outcome:
    """What comes of them as a part of the run."""
    monkeypatch.setattr(tries, "OUT", folder)
    file = folder / "test_after.py"
    file.write_text(AFTER.format(bad=bad, until=until))
    command: list[str | Path] = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "--rootdir", folder, file]

    def go(words: Sequence[str | Path]) -> int:
        return subprocess.run([str(word) for word in words], cwd=folder, capture_output=True, check=False).returncode

    return tried(Part(name="x", run=nothing, timed=timed), "x", command, (), go)


def test_what_failed_in_a_timed_part_is_run_once_more_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = once_more(monkeypatch, tmp_path, bad=1, until=1, timed=True)
    assert (found.passed, found.failed, found.again) == (2, 0, 1)
    assert found.why == "passed when run again: test_after.test_one[0]"
    assert (tmp_path / "seen").read_text() == ".."


@pytest.mark.parametrize(
    ("bad", "until", "timed", "runs"),
    [
        (1, 9, True, 2),  # fails a second time
        (1, 1, False, 1),  # in a part where nothing depends on a clock
        (6, 6, True, 6),  # too many for an accident
    ],
)
def test_what_fails_stays_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: int, until: int, timed: bool, runs: int
) -> None:
    found = once_more(monkeypatch, tmp_path, bad=bad, until=until, timed=timed)
    assert (found.passed, found.failed, found.again) == (1, bad, 0)
    assert len((tmp_path / "seen").read_text()) == runs


def test_the_second_run_of_a_test_reaches_the_matrix(tmp_path: Path) -> None:
    (tmp_path / "unit.xml").write_text(REPORT)
    (tmp_path / "unit-again.xml").write_text(
        """<testsuites><testsuite><testcase classname="tests.unit.a" name="two[x]">
        <properties><property name="requirement" value="R-TSP-07"/></properties></testcase></testsuite></testsuites>"""
    )
    found = read_marks(tmp_path)["R-TSP-07"]
    assert (found.passed, found.failed) == (["unit.a.two"], [])


def test_without_the_right_to_a_network_of_their_own_live_peers_are_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "may_have_a_network", lambda: False)
    found = parts.live_peers(Part(name="interop", run=parts.live_peers), Path("python"))
    assert (found.not_run, found.why) == (1, "no right to make a network namespace (root has it)")


def test_a_command_that_hangs_is_ended_with_its_children() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import signal; signal.pause()'])"
    assert call([sys.executable, "-c", code], 1, {}) == 124


def test_a_machine_gives_its_guests_more_mappings_while_one_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setting, note = tmp_path / "max_map_count", tmp_path / "note"
    setting.write_text("65530\n")
    first, second = many_maps(setting, note), many_maps(setting, note)
    with first:
        second.__enter__()
        assert int(setting.read_text()) == MAPS
    assert int(setting.read_text()) == MAPS  # the other one still runs
    second.__exit__(None, None, None)
    assert (int(setting.read_text()), note.read_text(), capsys.readouterr().err) == (65530, "", "")
    setting.write_text(f"{2 * MAPS}\n")
    with many_maps(setting, note):
        assert int(setting.read_text()) == 2 * MAPS
    assert int(setting.read_text()) == 2 * MAPS


def test_where_the_limit_of_mappings_may_not_be_raised_a_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = tmp_path / "max_map_count"
    setting.write_text("65530\n")
    ran = []
    with many_maps(setting, tmp_path / "none" / "note"):
        ran.append(setting.read_text())
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("vm.max_map_count stays as it is, and a guest may need more: ")
    assert ran == ["65530\n"]


@pytest.mark.parametrize(
    ("printed", "count"),
    [
        ("#2 INITED\nDone 1234 runs in 2 second(s)\n", 1234),
        ("stat::number_of_executed_units: 77\nstat::new_units_added: 3\n", 77),
        ("Traceback (most recent call last):\n", 0),
    ],
)
def test_executions_are_read_from_what_the_fuzzer_prints(printed: str, count: int) -> None:
    assert executions(printed) == count


def test_coverage_is_summed_over_the_files_of_a_gate() -> None:
    summary = {"num_statements": 10, "covered_lines": 9, "num_branches": 4, "covered_branches": 2}
    files = {"diameter/peer/fsm.py": {"summary": summary}, "nfs/hss/logic.py": {"summary": summary}}
    assert measure(files, "*").lines == 20
    only = measure(files, "diameter/peer/*")
    assert (only.lines, round(only.percent, 1), only.branch_percent) == (10, 78.6, 50.0)
    assert measure(files, "nfs/*/logic.py").branches == 4


def test_marks_reach_the_matrix(tmp_path: Path) -> None:
    (tmp_path / "unit.xml").write_text(REPORT)
    marks = read_marks(tmp_path)
    rows = [
        {"id": row, "words": "w", "nodes": "SCS", "area": "a", "planned": planned}
        for row, planned in (
            ("R-TSP-06", ""),
            ("R-TSP-07", ""),
            ("R-TSP-08", "yes"),
            ("R-TSP-09", ""),
            ("R-TSP-10", "yes"),
        )
    ]
    found = [verdict(row, marks.get(row["id"])) for row in rows]
    assert found == ["answered", "FAILED", "SKIPPED", "MISSING", "planned"]
    assert verdict({"planned": "yes"}, Carriers(passed=["a"])) == "in part"
    assert "| R-TSP-07 | w | SCS | a | FAILED | `unit.a.two` |" in page(rows, marks)


def test_an_unknown_requirement_stops_the_run(tmp_path: Path) -> None:
    test = tmp_path / "test_x.py"
    test.write_text(
        textwrap.dedent(
            """
            import pytest

            @pytest.mark.requirement("R-TSP-99")
            def test_x():
                pass
            """
        )
    )
    tests = Path(__file__).resolve().parent
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(tests.parent / "pyproject.toml"), str(test)]
    command += ["-p", "conftest", "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=tests)
    assert done.returncode == 4, done.stdout
    assert "'R-TSP-99' is no row" in done.stdout + done.stderr


@pytest.mark.parametrize("before", [None, b"#!/bin/sh\nexit 0\n"])
def test_the_policy_that_was_there_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes | None
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(system, "POLICY", policy)
    if before is not None:
        policy.write_bytes(before)
        policy.chmod(0o700)
    with system.no_daemons():
        assert policy.stat().st_mode & 0o777 == 0o755
        assert b"exit 101" in policy.read_bytes()
    assert (policy.read_bytes() if policy.exists() else None) == before
    if before is not None:
        assert policy.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("switch", "root"), [("no", 0), ("yes", 1000)])
def test_without_leave_the_line_to_run_is_printed(
    switch: str, root: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system, "missing", lambda: ["tshark"])
    monkeypatch.setenv("SYSTEM", switch)
    monkeypatch.setattr("os.geteuid", lambda: root)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("ran something"))
    system.prepare()
    line = "apt-get update && apt-get install -y --no-install-recommends tshark"
    assert capsys.readouterr().out.rstrip().endswith(line)


def test_a_network_that_cannot_be_set_up_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers may have the right to make a network namespace, and none to what is in it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not parts.may_have_a_network()
    program = tmp_path / "unshare"
    program.write_text('#!/bin/sh\n[ "$2" = true ]\n')
    program.chmod(0o755)
    assert not parts.may_have_a_network()
