"""The ladder in a headless Chromium: it opens, filters, shows a message, and says nothing to the console."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from diameter import decode
from diameter.capture import Captured, CaptureWriter, ladder, text
from helpers.browsing import Visit, visit
from helpers.captures import Traffic, link
from helpers.messages import dictionary

pytestmark = pytest.mark.view


@pytest.fixture(scope="module")
def messages() -> list[Captured]:
    return Traffic(dictionary()).run(100)


@pytest.fixture(scope="module")
def small(messages: list[Captured], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ladder")
    with CaptureWriter(folder / "trigger.pcapng") as writer:
        for one in messages:
            writer.record(one)
        ends = link("tls", messages[0].source, messages[0].destination)
        writer.event(messages[-1].time_ns / 1e9 + 1, ends, "LINK_LOST", "the link is gone")
    ladder.write(folder / "trigger.pcapng", folder / "trigger.html", dictionary())
    return folder / "trigger.html"


@pytest.fixture
def opened(browser: Browser, small: Path) -> Iterator[Visit]:
    yield from visit(browser, small)


def test_it_opens(opened: Visit, messages: list[Captured]) -> None:
    page = opened.page
    assert page.locator("h1").inner_text() == "trigger.pcapng"
    assert [one.inner_text() for one in page.locator(".card b").all()] == ["scs", "mtc-iwf", "hss", "sms-sc", "mme1"]
    assert f"{len(messages):,} messages" in page.locator("#facts").inner_text()
    assert page.locator(".row.message").first.locator(".chip").inner_text() == "CER"
    second = page.locator(".row.message").nth(9).locator(".chip")
    assert second.inner_text().split() == ["SIR", "meter-0001@meters.example"]


def test_the_filter_narrows_and_counts(opened: Visit) -> None:
    opened.page.fill("#filter", "is:failed")
    opened.page.locator("#facts", has_text="of 1,179 messages").wait_for()
    assert opened.shown() > 10
    for typed, fits in (
        ("cmd:DAR", 100),
        ("cmd:DAR -meter-0001", 99),
        ("Reference-Number=17", 5),
        ("request-status=INVEXTID", 3),
        ("request-status=102", 3),
        ("result:5001", 6),
        ("is:unanswered", 1),
        ("is:faulty", 2),
        ("app:T4 is:request via:tcp", 193),
        ("latency>14ms", 96),
        ("meter-0007", 4),
        ("nothing-like-it", 0),
        ("", 1179),
    ):
        opened.script("typed => ladder.setFilter(typed)", typed)
        assert opened.shown() == fits, typed
    opened.script("typed => ladder.setFilter(typed)", "nothing-like-it")
    assert opened.page.locator("#empty").inner_text() == "No message fits this filter."


def test_a_click_shows_the_message(opened: Visit, messages: list[Captured]) -> None:
    page = opened.page
    page.locator(".row.message").nth(8).click()
    detail = page.locator("#detail")
    assert detail.locator("h2").inner_text() == "Device-Action-Request"
    assert "DEVICE_TRIGGER_REQUEST (1)" in detail.inner_text()
    assert page.locator(".row.selected").count() == page.locator(".row.partner").count() == 1
    avp = detail.locator(".avp", has_text="Reference-Number")
    avp.click()
    marked = "".join(one.inner_text() for one in detail.locator(".codes .marked").all())
    assert bytes.fromhex(marked) in messages[8].octets
    assert marked.startswith("00000bbf")
    detail.locator(".codes i[data-at='24']").click()
    assert "Session-Id" in detail.locator(".avp.marked").inner_text()
    page.keyboard.press("p")
    assert detail.locator("h2").inner_text() == "Device-Action-Answer"
    page.keyboard.press("ArrowDown")
    assert detail.locator("h2").inner_text() != "Device-Action-Answer"
    page.keyboard.press("Escape")
    assert not detail.is_visible()


def test_the_tree_reads_as_text_does(opened: Visit, messages: list[Captured]) -> None:
    flat = """i => { const out = []; const walk = (list, depth) => { for (const n of list) {
        out.push([depth, n.offset, n.length, n.name, n.code, n.vendor, n.flags, n.value]);
        if (n.members) walk(n.members, depth + 1); } }; walk(ladder.treeOf(i).list, 0); return out; }"""
    for index in [*range(30), len(messages) - 1]:
        ours = [
            [line.depth, line.offset, line.length, line.name, line.code, line.vendor, line.flags, line.value]
            for line in text.lines(decode(messages[index].octets, dictionary()), faults=False)
        ]
        assert opened.script(flat, index) == ours


def test_groups_by_session_and_device(opened: Visit) -> None:
    page = opened.page
    page.reload()
    assert page.locator("[data-order=device]").get_attribute("aria-checked") == "true"
    assert page.locator(".row.message").count() == 12
    assert page.locator(".row.group").first.locator("b").inner_text() == "meter-0001@meters.example"
    assert opened.script("ladder.view.groups.length") == 101
    page.locator(".row.group").nth(1).click()
    assert page.locator(".row.message").count() == 24
    page.click("#unfold")
    assert opened.script("ladder.view.kinds.length") == 1179 + 101
    page.click("[data-order=session]")
    assert opened.script("ladder.view.groups.length") > 500
    page.fill("#filter", "is:faulty")
    page.locator("#facts", has_text="2 of").wait_for()
    assert page.locator(".row.message").count() == 2


def test_link_upkeep_can_be_left_out(opened: Visit) -> None:
    opened.page.click("#upkeep")
    assert opened.shown() == 1169


def test_pauses_and_events_are_rows(opened: Visit) -> None:
    opened.script("document.getElementById('scroller').scrollTop = 1e9")
    opened.page.wait_for_selector(".row.event")
    assert opened.page.locator(".row.event .chip").inner_text() == "link lost: mtc-iwf"
    assert opened.page.locator(".row.pause").first.inner_text().strip() == "2.50 s later"


def test_dark_is_dark(opened: Visit) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light = opened.script(paper)
    opened.page.emulate_media(color_scheme="dark")
    assert opened.script(paper) != light


def test_hostile_names_do_nothing(browser: Browser, tmp_path: Path, messages: list[Captured]) -> None:
    octets = messages[8].octets.replace(b"scs.meters.example", b"<img/onerror=a(1)>")
    ladder.write([messages[8]._replace(octets=octets)], tmp_path / "a.html", dictionary(), title="<b>x</b>")
    for one in visit(browser, tmp_path / "a.html"):
        one.page.locator(".row.message").click()
        assert one.page.locator("img").count() == 0
        assert one.page.locator("h1").inner_text() == "<b>x</b>"
        assert "<img/onerror=a(1)>" in one.page.locator("#detail").inner_text()


def test_twenty_thousand_messages_are_quick(browser: Browser, tmp_path: Path) -> None:
    """Bars: first paint in 2 s, a filter in 200 ms, 500 rows in the page."""
    ladder.write(Traffic(dictionary()).run(1700), tmp_path / "big.html", dictionary())
    for one in visit(browser, tmp_path / "big.html"):
        assert one.script("ladder.view.shown.length") > 19_900
        assert one.script("performance.getEntriesByName('first-contentful-paint')[0].startTime") < 2000
        took = """typed => { const start = performance.now(); ladder.setFilter(typed);
            document.body.offsetHeight; return performance.now() - start; }"""
        for typed in ("meter-0100", "is:failed", "Reference-Number=17", "latency>2ms", ""):
            assert one.script(took, typed) < 200, typed
        assert 0 < one.script("ladder.rowsInPage()") <= 500
        assert one.script("document.querySelectorAll('.row').length") <= 500
