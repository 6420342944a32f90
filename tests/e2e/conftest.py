"""A cold server on a free port, and headless Chromium to drive it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"][data-test-connection-state="CONNECTED"]'
STILL = """(idle) => {
    const watched = (window.sctlStill ??= {changes: 0, frames: 0});
    if (!watched.observer) {
        watched.observer = new MutationObserver(() => { watched.frames = 0; });
        watched.observer.observe(document.body, {subtree: true, childList: true, characterData: true});
    }
    watched.frames = document.querySelector(idle) ? watched.frames + 1 : 0;
    if (watched.frames < 15) return false;
    watched.observer.disconnect();
    delete window.sctlStill;
    return true;
}"""
"""Asked once per frame: whether the script rests and nothing on the page has changed in the last frames."""
PATIENCE = 240.0
"""Seconds after which a test has surely waited in vain."""
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a browser."""
    for item in items:
        if Path(item.fspath).is_relative_to(Path(__file__).parent):
            item.add_marker("browser")


@dataclass
class App:
    """One visitor's view of the app."""

    page: Page
    url: str

    def open(self, path: str = "") -> App:
        """Open an address below the app's own, and wait until it is drawn."""
        self.page.goto(f"{self.url}/{path}")
        return self.idle()

    def idle(self, timeout: float = 60_000) -> App:
        """Wait until the script has run and the browser has drawn some frames in which nothing changed.

        What follows from a click may still be under way: wait for it with :meth:`sees` or :meth:`until`.
        """
        self.page.wait_for_function(STILL, arg=IDLE, polling="raf", timeout=timeout)
        return self

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds; a test that waits in vain fails with ``what`` was waited for."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"Waited in vain: {what}."
            self.page.evaluate("() => new Promise(requestAnimationFrame)")  # meanwhile the browser goes on

    def click(self, name: str, *, exact: bool = True) -> App:
        """Press the button called ``name``."""
        self.page.get_by_role("button", name=name, exact=exact).first.click()
        return self.idle()

    def go(self, name: str) -> App:
        """Follow the sidebar's link to a page."""
        self.page.get_by_test_id("stSidebar").get_by_role("link", name=name).first.click()
        return self.idle()

    def sees(self, text: str, timeout: float = 30_000) -> None:
        """Wait until a text is on the page."""
        self.page.get_by_text(text).first.wait_for(timeout=timeout)


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        message = "No Chromium was found; the browser tests need one (Debian: apt install chromium)."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not needed where there is no browser

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A function that starts a server nobody has visited, on projects of its own; it returns the address."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**environment: str) -> str:
        port = _free_port()
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
        command += [f"--server.port={port}"]
        folders = {f"SCTL_{name.upper()}": str(tmp_path / name) for name in ("projects", "library")}
        env = {**os.environ, **folders, "PYTHONWARNINGS": "default", **environment}
        with (tmp_path / "server.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
        started.append(process)
        _wait_until_healthy(f"http://127.0.0.1:{port}", process)
        return f"http://127.0.0.1:{port}"

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def app(browser: Browser, start_server: Callable[..., str]) -> Iterator[App]:
    """A visitor of a fresh server, who has not opened a page yet."""
    url = start_server()
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    yield App(page, url)
    page.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"The server did not start within {seconds:.0f} s.")
