"""Names of strangers in a real browser: nothing is fetched from anywhere but the app itself, whatever is looked at."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sctl.ui.frame import steps

from .conftest import App

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_no_page_asks_anybody_else(
    browser: Browser, start_server: Callable[..., str], hostile_project: Path, tmp_path: Path
) -> None:
    shutil.copytree(hostile_project, tmp_path / "projects" / hostile_project.name)
    url = start_server()
    page = browser.new_page(viewport={"width": 1400, "height": 1800})
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    app = App(page, url)
    app.open(f"?p={hostile_project.name}")
    page.get_by_role("button", name="Undo").hover()
    page.get_by_role("tooltip").first.wait_for()
    for step in steps.ALL:
        app.open(f"{step.key if step is not steps.HOME else ''}?p={hostile_project.name}")
        links = page.locator("a").evaluate_all(
            "links => links.map(link => link.href || link.getAttribute('xlink:href'))"
        )
        assert not [link for link in links if "example.invalid" in str(link)], step.key
    here = urlsplit(url).netloc
    away = {
        one for one in asked if urlsplit(one).scheme in ("http", "https", "ws", "wss") and urlsplit(one).netloc != here
    }
    assert away == set()
    page.close()
