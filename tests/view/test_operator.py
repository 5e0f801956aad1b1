"""The operator's page of a running relay in a headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from helpers.nodes import ACTION
from helpers.workers import Node, RawPeer, dialled, peer_table, relay_table

pytestmark = pytest.mark.view
A, B, GONE = "scs.clients.example", "iwf.servers.example", "hss.servers.example"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A relay that has passed three requests on, two answered well; a third peer never came."""
    table = relay_table(peer_table(A), peer_table(B), peer_table(GONE, dialled(1)))
    with Node(tmp_path_factory.mktemp("relay"), table, 1) as node:
        client, server = RawPeer.opened(A, node.port), RawPeer.opened(B, node.port)
        for number, result in enumerate((2001, 2001, 5001), 1):
            client.ask("servers.example", number)
            asked = server.hear()
            notification = {"Reference-Number": asked["Device-Action"]["Reference-Number"], "Action-Type": 1}
            host = {"Origin-Host": B, "Origin-Realm": "servers.example"}
            server.send(asked.answer(result, {**host, "Device-Notification": notification}))
            assert client.hear().result == (0, result)
        yield node
        client.close()
        server.close()


@pytest.fixture
def page(node: Node, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    here = f"http://127.0.0.1:{node.admin}/"
    page.on("request", lambda one: said.append(one.url) if not one.url.startswith((here, "blob:")) else None)
    page.goto(here)
    page.wait_for_selector("html[data-asked][data-drawn]", state="attached", timeout=60_000)
    yield page
    page.close()
    assert said == []


def test_state_alarms_and_peers(page: Page) -> None:
    assert page.locator("h1").inner_text() == "relay.hub.example"
    assert page.locator("#status").inner_text() == "ok"
    assert page.locator("#pending").inner_text() == "2 of 3 peers usable"
    (alarm,) = page.locator("#alarms li").all()
    assert alarm.inner_text().split()[:2] == ["major", f"{GONE}:"]
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#peers tbody tr").all()]
    assert [row[0] for row in rows] == [GONE, B, A]
    assert (rows[1][2].startswith("tcp 127.0.0.1:"), rows[0][6] != "") == (True, True)
    page.fill("#peers-filter", "scs.")
    assert page.locator("#peers tbody tr").count() == 1
    assert page.locator("#peers-count").inner_text() == "1 of 3"


def test_queues_traffic_and_counters(page: Page) -> None:
    rows = {
        cells[0]: cells[1:]
        for cells in (row.locator("td").all_inner_texts() for row in page.locator("#queues tbody tr").all())
    }
    assert rows["requests that wait for their answer"][0] == "0"
    page.locator("#traffic dd").first.wait_for()  # a rate needs a second look
    titles = [one.get_attribute("title") for one in page.locator("#traffic > div").all()]
    assert "3 since the start" in titles


def test_the_last_messages(page: Page, tmp_path: Path) -> None:
    """The picture is there, and the page behind it opens, with the devices written over."""
    width, height = page.evaluate(
        "(image => [image.naturalWidth, image.naturalHeight])(document.getElementById('ladder'))"
    )
    assert width > 400
    assert height > 300
    device = ACTION["Device-Action"]["External-Identifier"]
    picture = page.evaluate("fetch('/ladder.svg').then(answer => answer.text())")
    assert picture.count('class="arrow"') == 12
    assert device not in picture
    page.goto(page.url + "ladder")
    page.wait_for_selector("html[data-indexed]", state="attached")
    assert page.locator(".row.message .chip", has_text="DAR").count() == 6
    assert device not in page.content()
    page.locator(".row.message").first.click()
    assert page.locator("#detail").is_visible()
