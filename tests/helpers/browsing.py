"""A page of ours in a headless Chromium, and everything its console says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def browsers() -> Iterator[Browser]:
    """A Chromium that is closed afterwards."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program is not None, "chromium is not installed"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """One open page and what its console said."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on(
            "request", lambda request: self.said.append(request.url) if not request.url.startswith("file:") else None
        )

    def script(self, code: str, argument: Any = None) -> Any:
        return self.page.evaluate(code, argument)

    def shown(self) -> int:
        return int(self.script("ladder.view.shown.length"))


def visit(browser: Browser, path: Path, width: int = 1440, height: int = 900) -> Iterator[Visit]:
    """The ladder at `path`, in the order of time; the console must stay silent."""
    page = browser.new_page(viewport={"width": width, "height": height})
    one = Visit(page)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-indexed]", state="attached")
    page.click("[data-order=time]")
    yield one
    page.close()
    assert one.said == []
