"""Draw the pictures of the documents from the running app: ``python scripts/screenshots.py``.

Starts the app on a free port with projects of its own, walks through the demo in headless Chromium, and writes
``docs/images/*.png``. Needs Chromium (Debian: ``apt install chromium``).
"""

from __future__ import annotations

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

from sctl import jobs
from sctl.project import Project

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1400, 900
PAGES = ("data", "preprocess", "theta", "explore", "markers", "uncertainty")
CHARTS = {"preprocess", "theta", "explore", "markers", "uncertainty"}
"""Pages that are not finished before a chart is drawn."""
PATIENCE = 300.0
"""Seconds after which something that should have happened has not."""
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"][data-test-connection-state="CONNECTED"]'
STILL = 1500
"""Milliseconds in which nothing may move before a picture is taken: charts and fonts arrive after the page."""


def main() -> None:
    """Write all pictures and tell their sizes."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("No Chromium was found. Install it (Debian: apt install chromium) and try again.")
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SCTL_PROJECTS"] = folder  # of the server and its jobs, and of this process, which waits for them
        with served(Path(folder, "server.log")) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            page.set_default_timeout(PATIENCE * 1000)
            walk(page, url)
            browser.close()


def walk(page: Page, url: str) -> None:
    """Go through the demo and photograph each page."""
    page.goto(url)
    photograph(page, "home")
    page.get_by_role("button", name="Try the demo", exact=True).click()
    page.wait_for_url(re.compile(r"[?&]p=\w{12}"))
    project = re.search(r"[?&]p=(\w{12})", page.url)
    if project is None:
        sys.exit(f"The demo did not open a project: {page.url}")
    wait_for_results(Project.open(project[1]))
    for name in PAGES:
        page.goto(f"{url}/{name}?p={project[1]}")
        if name in CHARTS:
            page.locator(".js-plotly-plot .main-svg").first.wait_for()
        photograph(page, name)


def wait_for_results(project: Project) -> None:
    """Wait until the whole analysis is there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if project.state("markers") == "done" and not jobs.running(project):
            return
        time.sleep(0.5)
    states = [(job.kind, job.state()) for job in jobs.jobs_of(project)]
    sys.exit(f"The demo was not finished after {PATIENCE:.0f} s: {states}")


def photograph(page: Page, name: str) -> None:
    """Write what is on the screen, packed without loss."""
    for _ in range(2):
        page.wait_for_selector(IDLE)
        page.wait_for_timeout(STILL)
    page.mouse.move(WIDTH - 1, HEIGHT - 1)  # no tooltip
    path = OUT / f"{name}.png"
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


@contextmanager
def served(log: Path) -> Iterator[str]:
    """Run the app on a free port; yield its address, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
    command += [f"--server.port={url.rsplit(':', 1)[1]}", "--server.address=127.0.0.1"]
    with log.open("wb") as stream:
        server = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=stream)
    try:
        wait_until_healthy(url, server, log)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=20)


def wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers; leave with its log where it does not."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    sys.exit(f"The app did not start:\n{log.read_text(errors='replace')}")


if __name__ == "__main__":
    main()
