"""What the server is told in its settings, and what it does about garbage."""

from __future__ import annotations

import gc
import tomllib
from pathlib import Path

import pytest

from sctl.jobs import Job, JobState
from sctl.ui.frame import jobs

SETTINGS = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def test_the_server_listens_on_this_computer_alone_under_its_names():
    assert SETTINGS["server"]["address"] == "127.0.0.1"
    assert set(SETTINGS["server"]["allowedHosts"]) == {"localhost", "127.0.0.1", "::1"}
    assert not {"enableCORS", "enableXsrfProtection"} & set(SETTINGS["server"]), "both stay on"


def test_garbage_is_not_collected_after_every_redraw(open_page):
    assert SETTINGS["runner"]["postScriptGC"] is False
    open_page("help")
    assert gc.get_freeze_count() > 100_000, "what was imported is not searched again and again"


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (JobState("queued"), JobState("queued", seconds=600.0)),
        (JobState("running", seconds=1.0), JobState("running", seconds=14.0)),
        (JobState("running", seconds=600.0), JobState("running", seconds=6000.0)),
    ],
)
def test_the_pace_of_looks_changes_seldom(now, then):
    assert jobs.pace(now) == jobs.pace(then)


def test_a_job_that_takes_long_is_looked_at_less_often(monkeypatch, tmp_path):
    asked: list[float] = []
    monkeypatch.setattr(
        jobs.st, "fragment", lambda run_every: asked.append(run_every) or (lambda function: lambda: None)
    )
    for state in (
        JobState("running", seconds=1.0),
        JobState("running", seconds=60.0),
        JobState("running", seconds=900.0),
    ):
        monkeypatch.setattr(Job, "state", lambda self, state=state: state)
        jobs.watch(Job(tmp_path))
    assert asked == sorted(asked)
    assert asked[0] < asked[1] < asked[2]
