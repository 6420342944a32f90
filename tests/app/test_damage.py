"""Every page is drawn, with words, whatever is damaged in the folder of a project."""

from __future__ import annotations

from itertools import cycle

import pytest

from sctl.project.files import copy_of
from sctl.ui.frame import steps

RESULTS = {
    "preprocess/*/target_all.h5ad": ("preprocess", "explore"),
    "preprocess/*/genes.h5": ("explore",),
    "preprocess/*/report.json": ("preprocess", "transfer"),
    "transfer/*/sweep.npz": ("theta",),
    "transfer/*/points/0.300000.json": ("theta", "transfer"),
    "theta/*/result.h5ad": ("uncertainty", "export"),
    "explore/*/maps.npz": ("explore",),
    "markers/*/markers.csv": ("markers",),
    "consensus/*/k003.npz": ("consensus",),
    "consensus/*/estimate.json": ("consensus",),
    "*/*/done.json": ("home", "explore"),
}
"""A file that belongs to a step → pages that show it."""

OTHERS = {
    "transfer/*/compare/*/*.h5ad": ("theta",),
    "transfer/*/self_test/*/*.json": ("uncertainty",),
    "theta/*/explain/*/*": ("explain",),
    "theta/*/repeats/*/*": ("uncertainty",),
    "preprocess/*/search/*/*.jsonl": ("transfer",),
    "preprocess/*/source/*/*.json": ("preprocess", "transfer"),
    "*/*/files.json": ("explore",),
    "*/*/failed.json": ("preprocess",),
    "*/*/started.json": ("home",),
}
"""Marks, and answers that were asked for."""

FAULTS = {"cut": lambda content: content[: len(content) // 2], "garbage": lambda content: b'["\xff'}
fault = pytest.mark.parametrize("fault", FAULTS)


def pages_of(table):
    """Each file and each of its pages once, with the faults in turn: to open a page is what takes the time."""
    pairs = [(pattern, page) for pattern, pages in table.items() for page in pages]
    rows = [(*pair, name) for pair, name in zip(pairs, cycle(FAULTS), strict=False)]
    return pytest.mark.parametrize(("pattern", "page", "fault"), rows)


def spoil(project, pattern: str, name: str) -> None:
    paths = [path for path in (project.root / "results").glob(pattern) if path.is_file()]
    assert paths, pattern
    for path in paths:
        path.write_bytes(FAULTS[name](path.read_bytes()))


def words(app) -> str:
    assert not app.exception, app.exception
    return "\n".join(
        str(item.value) for kind in ("warning", "error", "info", "markdown") for item in getattr(app, kind)
    )


@pytest.mark.slow
@pages_of(RESULTS)
def test_a_page_says_that_a_result_is_damaged(whole, open_page, pattern, page, fault):
    spoil(whole, pattern, fault)
    assert "computed anew. Everything else is still there." in words(open_page(page, whole.id))


def test_two_damaged_results_are_said_in_one_message(whole, open_page):
    app = open_page("home", whole.id)
    assert not app.warning
    spoil(whole, "markers/*/markers.csv", "cut")
    assert "The result of the step **Marker genes** (markers" in words(open_page("home", whole.id))
    spoil(whole, "explore/*/maps.npz", "cut")
    app = open_page("home", whole.id)
    assert len(app.warning) == 1
    said = app.warning[0].value.replace("\\", "")
    assert said.startswith(
        "The results of the steps **Explore** (maps.npz) and **Marker genes** (markers.csv) are damaged. "
        "They count as not computed: run these steps again"
    )


@pytest.mark.slow
@pages_of(OTHERS)
def test_a_page_is_drawn_without_a_damaged_answer(whole, open_page, pattern, page, fault):
    for step in ("preprocess", "explore"):
        for name in ("failed.json", "started.json"):
            (whole.result_dir(step) / name).write_text("{}")
    spoil(whole, pattern, fault)
    assert words(open_page(page, whole.id))


def test_no_page_is_lost_over_a_damaged_result(whole, open_page):
    """The file that nearly all pages need."""
    spoil(whole, "theta/*/result.h5ad", "cut")
    for step in steps.ALL:
        assert words(open_page(step.key, whole.id)), step.key


@fault
@pytest.mark.parametrize("name", ["history.json", "project.json"])
def test_a_page_says_what_was_restored(whole, open_page, name, fault):
    path = whole.root / name
    path.write_bytes(FAULTS[fault](path.read_bytes()))
    assert "restored from its second copy" in words(open_page("explore", whole.id))
    assert "restored" not in words(open_page("explore", whole.id)), "once is enough"
    for each in (path, copy_of(path)):
        each.write_bytes(b"")
    assert name in words(open_page("explore", whole.id)).replace("\\", "")


@pytest.mark.parametrize(
    ("suffix", "fault"), [("h5ad", "cut"), ("csv", "garbage"), ("json", "cut"), ("json", "garbage")]
)
def test_pages_survive_damaged_inputs(whole, open_page, suffix, fault):
    for path in (whole.root / "inputs").glob(f"*.{suffix}"):
        path.write_bytes(FAULTS[fault](path.read_bytes()))
    for page in ("home", "data", "preprocess", "explore", "uncertainty"):
        assert words(open_page(page, whole.id)), page


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b'{"status": 5, "error": 7, "pid": "x", "kind": 3}'])
def test_the_frame_survives_damaged_files_of_a_job(whole, open_page, content):
    job = whole.root / "jobs" / ("a" * 12)
    job.mkdir(parents=True)
    names = ("job.json", "pid.json", "progress.jsonl", "measured.jsonl", "exit.json")
    good = {"job.json": b'{"kind": "explore", "params": {}, "created": 1}', "pid.json": b'{"pid": 1}'}
    for name in names:
        for each, value in good.items():
            (job / each).write_bytes(value)
        (job / name).write_bytes(content + b"\n")
        assert words(open_page("explore", whole.id)), name
        (job / name).unlink()
