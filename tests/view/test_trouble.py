"""The ladder of a capture in which much goes wrong: findings, link events, repetitions, search, narrow and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from diameter.capture import check, ladder, report
from helpers.browsing import Visit, visit
from helpers.messages import dictionary
from helpers.trouble import IWF, trouble

pytestmark = pytest.mark.view

OVERLAPS = """() => [...document.querySelectorAll('.card')].filter((card, i, all) => i &&
    card.getBoundingClientRect().left < all[i - 1].getBoundingClientRect().right - 0.5).length +
    [...document.querySelectorAll('.row.message .arrow')].filter(arrow => arrow.querySelector('.chip')
    .getBoundingClientRect().width > arrow.getBoundingClientRect().width).length"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trouble") / "trouble.html"
    ladder.write(trouble(), path, dictionary(), title="Trouble")
    return path


@pytest.fixture
def opened(browser: Browser, drawn: Path) -> Iterator[Visit]:
    yield from visit(browser, drawn)


def test_findings_stand_in_place(opened: Visit) -> None:
    page = opened.page
    found = check.run(trouble(), dictionary()).counts
    assert f"{found['error']} errors" in page.locator("#facts").inner_text()
    assert f"{found['warning']} warnings" in page.locator("#facts").inner_text()
    page.locator("#facts .link.error").click()
    assert page.locator(".row.message .mark.error").count() == opened.shown() > 3
    opened.script("ladder.setFilter('rule:missing-avp')")
    assert opened.shown() == 1
    page.locator(".row.message").click()
    box = page.locator(".findings li", has_text="Origin-Realm is missing")
    assert "TS 29.336 section 6.2.3" in box.inner_text()
    opened.script("ladder.setFilter('rule:repeat-without-t-flag')")
    page.locator(".row.message").click()
    page.locator(".findings .link", has_text="request-unanswered").click()
    assert page.locator("#filter").input_value() == "rule:request-unanswered"
    opened.script("ladder.setFilter('rule:answer-end-to-end')")
    page.locator(".row.message").click()
    page.locator(".findings li", has_text="End-to-End Identifier").click()
    marked = "".join(one.inner_text() for one in page.locator(".codes .marked").all())
    assert marked == "00000007"


def test_hovering_over_an_avp_shows_its_octets(opened: Visit) -> None:
    page = opened.page
    page.locator(".row.message").first.click()
    page.locator(".avp", has_text="Product-Name").hover()
    glowing = bytes.fromhex("".join(one.inner_text() for one in page.locator(".codes .glow").all()))
    assert glowing == b"\0\0\x01\x0d\0\0\0\x0ctest"


def test_what_the_wire_shows_is_drawn(opened: Visit) -> None:
    page = opened.page
    words = [one.inner_text().replace("\n", " ") for one in page.locator(".row.event .chip").all()]
    assert words[:6] == ["SYN", "RST connection refused", "SYN", "INIT", "INIT ACK", "412 octets again"]
    assert page.locator(".row.event .arrow.wire").count() == len(words)
    assert page.locator(".row.event.lost").count() >= 1
    assert page.locator(".arrow.again .mark.again").first.inner_text() == "T"
    page.click("#upkeep")
    assert "SYN" not in [one.inner_text() for one in page.locator(".row.event .chip").all()]


def test_transactions_are_groups(opened: Visit) -> None:
    page = opened.page
    page.click("[data-order=transaction]")
    groups = [one.inner_text() for one in page.locator(".row.group b").all()]
    assert groups[0] == "CER mtc-interworking-function-01 → dra"
    assert groups[2] == "SIR mtc-interworking-function-01 → dra · meter-0001@customer.example"
    page.locator(".row.group").nth(2).click()
    chips = [one.inner_text().split()[0] for one in page.locator(".row.message .chip").all()]
    assert chips == ["SIR", "SIR", "SIA", "SIA"]


def test_find_keeps_everything_and_goes_from_hit_to_hit(opened: Visit) -> None:
    page = opened.page
    page.click("#find")
    page.fill("#filter", "cmd:SIA")
    page.locator("#facts", has_text="6 of 22 messages").wait_for()
    assert opened.shown() == 22
    assert page.locator(".row.hit").count() == 6
    page.focus("#filter")
    for wanted in (5, 6, 9):
        page.keyboard.press("Enter")
        assert opened.script("ladder.view.selected") in (wanted, wanted + 1, wanted + 2)
        assert "SIA" in page.locator(".row.selected .chip").inner_text()
    page.keyboard.press("Escape")
    first = opened.script("ladder.view.selected")
    page.keyboard.press("N")
    assert opened.script("ladder.view.selected") < first
    page.click("#find")
    assert opened.shown() == 6


def test_a_host_is_named_with_its_addresses(opened: Visit) -> None:
    title = opened.page.locator(".card").first.get_attribute("title") or ""
    assert title.splitlines()[:2] == [IWF, "192.0.2.1:40000"]
    assert opened.page.locator(".card b").nth(3).inner_text() == "192.0.2.99"


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (720, 800), (380, 700)])
def test_nothing_overlaps_or_runs_out_of_the_page(browser: Browser, drawn: Path, width: int, height: int) -> None:
    for one in visit(browser, drawn, width, height):
        assert one.script(OVERLAPS) == 0
        assert one.script("document.documentElement.scrollWidth") <= width
        one.page.locator(".row.message").nth(4).click(position={"x": 10, "y": 10})
        assert one.page.locator("#detail").bounding_box()["width"] <= width  # type: ignore[index]
        one.page.keyboard.press("Escape")


def test_dark_colours_differ_for_marks_too(opened: Visit) -> None:
    colour = "getComputedStyle(document.querySelector('.mark.error')).backgroundColor"
    light = opened.script(colour)
    opened.page.emulate_media(color_scheme="dark")
    assert opened.script(colour) != light


def test_the_report_is_a_page_of_its_own(browser: Browser, tmp_path: Path) -> None:
    found = check.run(trouble(), dictionary())
    (tmp_path / "report.html").write_text(report.as_html(found), encoding="utf-8")
    page = browser.new_page(viewport={"width": 380, "height": 700})
    one = Visit(page)
    page.goto((tmp_path / "report.html").as_uri())
    assert page.locator("article").count() == len(found.groups)
    assert one.script("document.documentElement.scrollWidth") <= 380
    page.close()
    assert one.said == []
