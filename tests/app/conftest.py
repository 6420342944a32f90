"""The app in process, on projects of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def projects(tmp_path, monkeypatch):
    """An empty folder of projects and an empty library; the app runs from its own folder, as a user starts it."""
    folder = tmp_path / "projects"
    monkeypatch.setenv("SCTL_PROJECTS", str(folder))
    monkeypatch.setenv("SCTL_LIBRARY", str(tmp_path / "library"))
    monkeypatch.delenv("SCTL_DATA_ROOTS", raising=False)
    monkeypatch.chdir(ROOT)
    return folder


@pytest.fixture
def open_page() -> Callable[..., AppTest]:
    """Open a page from ``app.py`` as a new visitor, with a project in the address or without."""

    def run(key: str, project: str = "") -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        if project:
            app.query_params["p"] = project
        app.switch_page(f"pages/steps/{key}.py")
        return app.run()

    return run
