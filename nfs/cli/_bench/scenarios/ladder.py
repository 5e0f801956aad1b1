"""A ladder of 20,000 messages: written, opened in a browser, filtered."""

from __future__ import annotations

import importlib.util
import shutil
import time
from pathlib import Path
from typing import Any, Final

from diameter import Dictionary
from diameter.capture import Captured, ladder
from nfs.cli._bench.messages import session
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS

FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
FILTER: Final = """typed => { const start = performance.now(); ladder.setFilter(typed); document.body.offsetHeight;
    return performance.now() - start; }"""
PAINT: Final = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
TYPED: Final = ("00000042", "is:failed", "User-Name=001010123456789", "latency>2ms", "")


def run(run: Run) -> None:
    """Without a browser only the writing."""
    if not run.of(OURS):
        return
    count = 200 if run.options.quick else 20_000
    path = run.workshop.folder / "ladder.html"
    messages = _messages(run.workshop.wire, count)
    dictionary = Dictionary.load()
    for _ in range(run.options.rounds):
        run.note(f"{OURS}, ladder of {count} messages")
        begin = time.process_time()
        ladder.write(messages, path, dictionary)
        spent_s = time.process_time() - begin
    figures = {"write_ms": spent_s * 1000, "us": spent_s / count * 1e6, "rate_per_s": count / spent_s}
    figures["octets"] = path.stat().st_size
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None or importlib.util.find_spec("playwright") is None:
        run.leave("ladder in a browser: no chromium, or no playwright")
        seen: list[dict[str, float]] = [{}]
    else:
        seen = _open(browser, path, run.options.rounds)
    run.add(OURS, "ladder", [figures | one for one in seen], messages=count)


def _messages(wire: Path, count: int) -> list[Captured]:
    """Requests and their answers, 100 us apart, each pair another session."""
    octets = {name: (wire / f"{name}.bin").read_bytes() for name in ("request", "answer")}
    any_session = session(1700000000).encode()
    client, server = ("192.0.2.1", 40000), ("192.0.2.2", 3868)
    found = []
    for number in range(count):
        name, ends = ("answer", (server, client)) if number % 2 else ("request", (client, server))
        both = (number // 2 + 1).to_bytes(4) * 2
        whole = octets[name][:12] + both + octets[name][20:].replace(any_session, session(number // 2).encode())
        found.append(Captured(1_700_000_000_000_000_000 + number * 100_000, *ends, whole))
    return found


def _open(browser: str, path: Path, rounds: int) -> list[dict[str, float]]:
    """Milliseconds to the first paint, and of the slowest filter."""
    from playwright.sync_api import sync_playwright  # of the development environment only

    out = []
    with sync_playwright() as play:
        running: Any = play.chromium.launch(executable_path=browser, args=list(FLAGS))
        for _ in range(rounds):
            page = running.new_page(viewport={"width": 1440, "height": 900})
            page.goto(path.as_uri())
            page.wait_for_selector("html[data-indexed]", state="attached")
            slowest = max(float(page.evaluate(FILTER, typed)) for typed in TYPED)
            out.append({"first_paint_ms": float(page.evaluate(PAINT)), "filter_ms": slowest})
            page.close()
        running.close()
    return out


SCENARIO = Scenario(
    "ladder",
    "ladder",
    "A ladder of 20,000 messages",
    run,
    (
        Bar("first paint of 20,000 messages, ms", OURS, "first_paint_ms", 2000, (("messages", 20_000),)),
        Bar("a filter over 20,000 messages, ms", OURS, "filter_ms", 200, (("messages", 20_000),)),
    ),
)
