"""What is damaged in a project counts as not there, and is computed again: every kind of file, cut and overwritten."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from sctl.errors import ParameterError, ProjectError
from sctl.project import (
    Project,
    analyses,
    export_project,
    gene_names,
    import_project,
    load_baselines,
    load_clusters,
    load_embeddings,
    load_estimate,
    load_markers,
    load_pair,
    load_points,
    load_report,
    load_result,
    load_self_test,
    load_sweep,
    load_target_all,
    numbers_in,
    trained_file,
)
from sctl.project.checksums import LISTING, is_intact, is_listed_kind
from sctl.project.files import copy_of, replacing, write_json
from sctl.workflow import ExplainParams, SearchParams, UnitsParams
from sctl.workflow.analyses.units import CASES

STEPS = ("preprocess", "transfer", "theta", "explore", "markers", "consensus")
OWN = (
    "preprocess/*/source.h5ad",
    "preprocess/*/target.h5ad",
    "preprocess/*/target_all.h5ad",
    "preprocess/*/genes.h5",
    "preprocess/*/pair.json",
    "preprocess/*/repairs.json",
    "preprocess/*/repaired.npz",
    "preprocess/*/report.json",
    "transfer/*/sweep.npz",
    "transfer/*/second_opinion.h5ad",
    "transfer/*/trained.sctl",
    "transfer/*/points/0.300000.json",
    "theta/*/result.h5ad",
    "explore/*/maps.npz",
    "markers/*/markers.csv",
    "consensus/*/k003.npz",
    "consensus/*/estimate.json",
)
"""Files without which a step is not done."""

BESIDE = (
    "transfer/*/compare/*/targetcluster.json",
    "transfer/*/compare/*/targetcluster.h5ad",
    "transfer/*/self_test/*/000.json",
    "transfer/*/latent/*/result.json",
    "transfer/*/latent/*/result.npz",
    "transfer/*/units/*/result.json",
    "transfer/*/units/*/*.csv",
    "theta/*/neighbours/*/result.json",
    "theta/*/neighbours/*/result_curves.csv",
    "theta/*/explain/*/params.json",
    "theta/*/explain/*/result.json",
    "theta/*/explain/*/result_genes.csv",
    "theta/*/explain/*/result_deletion.csv",
    "theta/*/repeats/*/params.json",
    "preprocess/*/source/*/result.json",
)
"""Files with answers that were asked for."""

JOURNALS = ("theta/*/repeats/*/journal.jsonl", "preprocess/*/search/*/journal.jsonl")
MARKS = ("*/*/done.json", f"*/*/{LISTING}")


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def overwritten(content: bytes) -> bytes:
    return b"\x00\xffgarbage"


def flipped(content: bytes) -> bytes:
    """The same size, another content: what a failing disk gives back."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


DAMAGES = (cut, overwritten, flipped)


def in_turn(patterns: Sequence[str]) -> pytest.MarkDecorator:
    """Each kind of file once, with the damages in turn: computing again is what takes the time."""
    return pytest.mark.parametrize(("pattern", "damage"), list(zip(patterns, cycle(DAMAGES), strict=False)))


def the_file(project: Project, pattern: str) -> Path:
    return next(iter(sorted((project.root / "results").glob(pattern))))


def spoil(path: Path, damage) -> None:
    path.write_bytes(damage(path.read_bytes()))


def answers(project: Project) -> dict[str, object]:
    """What pages show of each kind of result, so that two states can be compared."""
    pair, result, sweep = load_pair(project), load_result(project), load_sweep(project)
    return {
        "pair": (pair.source.X.sum(), pair.target.X.sum(), load_target_all(project).X.sum(), pair.label_key),
        "genes": gene_names(project),
        "report": load_report(project),
        "result": (list(result.labels), list(result.clusters)),
        "sweep": (list(sweep.at(0.3).clusters), [point.theta for point in load_points(project)]),
        "maps": {name: values.tolist() for name, values in load_embeddings(project).items()},
        "markers": load_markers(project).to_csv(),
        "consensus": {
            number: load_clusters(project, number).tolist() for number in numbers_in(project.result_dir("consensus"))
        },
        "estimate": load_estimate(project),
        "baselines": sorted(load_baselines(project)),
        "trained": trained_file(project) is not None,
        "self_test": load_self_test(project),
        "latent": sorted(analyses.load(project, "latent") or {}),
        "units": list(analyses.load(project, "units", UnitsParams(n_units=1)) or ()),
        "curves": (found := analyses.load(project, "neighbours")) is not None and found.to_csv(),
        "reasons": analyses.load(project, "explain", WHY) is not None,
        "questions": [analyses.stored_params(project, name) for name in ("explain", "repeats", "units")],
        "source": (check := analyses.load(project, "source")) is not None and check.to_dict(),
        "search": len(found.trials) if (found := analyses.load(project, "search", SEARCH)) else 0,
    }


WHY = ExplainParams(of="clusters", name="1")
SEARCH = SearchParams(method="poissonautoencoder", params={})


@pytest.fixture(scope="session")
def expected(everything):
    return answers(Project(everything))


def test_every_kind_of_file_is_looked_at_here(everything):
    """A new kind of file is to be healed too, and belongs into one of the lists above."""
    results = everything / "results"
    known = {path for pattern in (*OWN, *BESIDE, *JOURNALS, *MARKS) for path in results.glob(pattern)}
    known |= set(results.glob("transfer/*/points/*.json")) | set(results.glob("consensus/*/k*.npz"))
    known |= set(results.glob("transfer/*/compare/*/*")) | set(results.glob("theta/*/explain/*/*"))
    known |= set(results.glob("*/*/*/*/params.json"))
    assert {path for path in results.rglob("*") if path.is_file() and path.suffix != ".lock"} == known
    assert all(list(results.glob(pattern)) for pattern in (*OWN, *BESIDE, *JOURNALS, *MARKS))


def test_everything_is_listed_with_its_size_and_digest(whole):
    for path in (whole.root / "results").rglob("*"):
        if path.is_file() and is_listed_kind(path):
            assert is_intact(path), path
    done = json.loads((whole.result_dir("explore") / "done.json").read_text())
    size = (whole.result_dir("explore") / "maps.npz").stat().st_size
    assert done["files"]["maps.npz"]["size"] == size
    assert re.fullmatch("[0-9a-f]{64}", done["files"]["maps.npz"]["sha256"])
    assert [whole.state(step) for step in STEPS] == ["done"] * len(STEPS)


def test_every_damage_to_a_result_is_seen_and_named(whole):
    for pattern in OWN:
        path = the_file(whole, pattern)
        step, content = path.relative_to(whole.root / "results").parts[0], path.read_bytes()
        for damage in (*DAMAGES, None):
            path.unlink() if damage is None else path.write_bytes(damage(content))
            assert whole.state(step) != "done", (pattern, damage)
            assert path.name in whole.damage(step), (pattern, damage)
            path.write_bytes(content)
            assert whole.state(step) == "done", "the same bytes are the same result"


@in_turn(OWN)
def test_a_damaged_result_counts_as_not_there_and_is_computed_again(whole, pattern, damage, compute_again, expected):
    path = the_file(whole, pattern)
    step = path.relative_to(whole.root / "results").parts[0]
    spoil(path, damage)
    assert whole.state(step) != "done"
    compute_again(whole)
    assert whole.state(step) == "done"
    assert not whole.damage(step)
    assert answers(whole) == expected


def test_what_is_missing_is_computed_again(whole, compute_again, expected):
    for pattern in OWN:
        the_file(whole, pattern).unlink()
    compute_again(whole)
    assert answers(whole) == expected


@in_turn([*BESIDE, *JOURNALS, *MARKS])
def test_a_damaged_answer_is_not_shown_and_is_computed_again(whole, pattern, damage, compute_again, expected):
    for path in (whole.root / "results").glob(pattern):
        spoil(path, damage)
    with suppress(ProjectError):  # and nothing else
        answers(whole)
    compute_again(whole)
    assert answers(whole) == expected


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_everything_is_computed_again(whole, damage, compute_again, expected):
    for path in (whole.root / "results").rglob("*"):
        if path.is_file() and path.suffix != ".lock":
            spoil(path, damage)
    with suppress(ProjectError):  # and nothing else
        answers(whole)
    compute_again(whole)
    assert answers(whole) == expected


@pytest.mark.parametrize(
    "pattern", ["theta/*/explain/*/result_genes.csv", "transfer/*/units/*/*.csv", "theta/*/neighbours/*/*.csv"]
)
def test_half_a_table_is_never_shown_as_a_whole_one(whole, pattern):
    path = the_file(whole, pattern)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2 + 1]))
    found = {
        "explain": analyses.load(whole, "explain", WHY),
        "units": analyses.load(whole, "units", UnitsParams(n_units=1)),
    }
    found["neighbours"] = analyses.load(whole, "neighbours")
    assert next(value for name, value in found.items() if name in pattern) is None


TABLES = {
    "markers/*/markers.csv": load_markers,
    "theta/*/explain/*/result_genes.csv": lambda project: analyses.load(project, "explain", WHY),
    "theta/*/explain/*/result_deletion.csv": lambda project: analyses.load(project, "explain", WHY),
    "theta/*/neighbours/*/*.csv": lambda project: analyses.load(project, "neighbours"),
    "transfer/*/units/*/result_trained.csv": lambda project: analyses.load(project, "units", UnitsParams(n_units=1)),
}
FORGERIES = {
    "nothing": lambda table: b"",
    "other columns": lambda table: b"a,b\n1,2\n",
    "no numbers": lambda table: (
        table.map(lambda value: value if isinstance(value, str) else "x").to_csv(index=False).encode()
    ),
    "too large": lambda table: (
        table.map(lambda value: value if isinstance(value, str) else "9" * 400).to_csv(index=False).encode()
    ),
    "a column less": lambda table: table.iloc[:, :-1].to_csv(index=False).encode(),
    "no text": lambda table: b"\xff\xfe\x00" * 99,
    "an open quote": lambda table: table.to_csv(index=False).encode() + b'"',
}


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("pattern", TABLES)
def test_a_table_of_other_content_is_an_error_and_counts_as_not_there(whole, pattern, forgery):
    """Whoever forges a table in a project's file forges its digest, too."""
    path = the_file(whole, pattern)
    content = FORGERIES[forgery](pd.read_csv(path, keep_default_na=False))
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    with pytest.raises(ProjectError, match="missing or damaged"):
        TABLES[pattern](whole)
    assert not is_intact(path)
    if pattern.startswith("markers"):
        assert whole.state("markers") == "todo"


@pytest.mark.parametrize(
    "changes",
    [{"units": dict.fromkeys(CASES, 10**12)}, {"units": dict.fromkeys(CASES, "x")}, {"units": {"a": 1}}, {"units": 1}],
)
def test_units_that_are_others_are_an_error(whole, changes):
    path = the_file(whole, "transfer/*/units/*/result.json")
    known = json.loads(path.read_text())
    write_json(path, {**known, "facts": {**known["facts"], **changes}})
    with pytest.raises(ProjectError, match="missing or damaged"):
        analyses.load(whole, "units", UnitsParams(n_units=1))


@pytest.mark.parametrize("cell", [-1, 10**6, 10**30])
def test_selected_cells_that_are_not_there_are_refused(whole, cell):
    assert ExplainParams(of="selection", name="x", cells=(0, 3)).places(load_result(whole)).tolist() == [0, 3]
    with pytest.raises(ParameterError, match="not in the target"):
        ExplainParams(of="selection", name="x", cells=(0, cell)).places(load_result(whole))


def test_half_a_table_of_markers_is_an_error_not_a_shorter_table(whole):
    path = the_file(whole, "markers/*/markers.csv")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]))
    with pytest.raises(ProjectError, match=r"markers\.csv .* missing or damaged"):
        load_markers(whole)


def test_damage_that_only_loading_shows_makes_the_step_run_again(whole, compute_again):
    """A disk that gives back other bytes under the same size and time."""
    import os  # noqa: PLC0415

    path = the_file(whole, "explore/*/maps.npz")
    known = path.stat()
    spoil(path, flipped)
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
    assert whole.state("explore") == "done", "a quick look cannot see it"
    with pytest.raises(ProjectError, match="maps"):
        load_embeddings(whole)
    assert whole.state("explore") == "todo"
    compute_again(whole)
    assert load_embeddings(whole)


def test_a_result_without_a_list_is_computed_again(whole):
    for step in STEPS:
        folder = whole.result_dir(step)
        (folder / LISTING).unlink()
        done = json.loads((folder / "done.json").read_text())
        del done["files"]
        (folder / "done.json").write_text(json.dumps(done))
    assert "done" not in [whole.state(step) for step in STEPS]


def test_unfinished_work_that_is_damaged_is_not_gone_on_with(whole, compute_again, expected):
    """A job was killed in the middle, and the disk was full: what it left is checked before it is used."""
    folder = whole.result_dir("transfer")
    (folder / "done.json").unlink()
    spoil(folder / "points" / "0.200000.json", cut)
    shutil.rmtree(whole.result_dir("consensus") / "done.json", ignore_errors=True)
    (whole.result_dir("consensus") / "done.json").unlink()
    spoil(whole.result_dir("consensus") / "k004.npz", cut)
    compute_again(whole)
    assert answers(whole) == expected


# -- what cannot be computed again -------------------------------------------------------------------------


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["history.json", "project.json"])
def test_name_and_settings_lie_there_twice(whole, name, damage, expected):
    if damage is flipped:
        damage = overwritten
    settings, called = whole.settings, whole.name
    spoil(whole.root / name, damage)
    again = Project.open(whole.id)
    assert (again.settings, again.name) == (settings, called)
    assert [info.problem for info in Project.all()] == [""]
    said = again.restore()
    assert len(said) == 1
    assert "damaged" in said[0]
    assert ("Edit labels" in said[0]) == (name == "history.json"), "the last change that is known is named"
    assert again.restore() == []
    assert (whole.root / name).read_bytes() == copy_of(whole.root / name).read_bytes()
    assert again.undo() == "Edit labels"


@pytest.mark.parametrize("name", ["history.json", "project.json"])
def test_a_project_lacking_one_of_its_own_files_is_listed_saved_and_opened(whole, name, tmp_path):
    settings, called = whole.settings, whole.name
    (whole.root / name).unlink()
    assert [(info.name, info.problem) for info in Project.all()] == [(called, "")]
    again = import_project(export_project(whole, tmp_path / "toy.sctl.zip"))
    assert (again.settings, again.name) == (settings, called)


def test_a_copy_is_made_for_projects_that_have_none(whole):
    for name in ("history.json", "project.json"):
        copy_of(whole.root / name).unlink()
    assert whole.restore() == []
    assert all(copy_of(whole.root / name).exists() for name in ("history.json", "project.json"))


def test_a_project_whose_files_are_both_damaged_says_so(whole):
    for path in (whole.root / "history.json", copy_of(whole.root / "history.json")):
        spoil(path, cut)
    with pytest.raises(ProjectError, match=r"history\.json"):
        Project.open(whole.id)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("suffix", ["h5ad", "csv"])
def test_a_damaged_input_is_an_error_with_a_way_out(whole, damage, suffix, source, target):
    for path in (whole.root / "inputs").glob(f"*.{suffix}"):
        spoil(path, damage)
    with pytest.raises(ProjectError, match="missing or damaged") as raised:
        _ = whole.input("source") if suffix == "h5ad" else whole.labels()
    assert "Undo" in raised.value.do
    whole.put_input("source", source, {"filename": "source.h5ad"})
    whole.put_truth(target.obs["cell_type"].astype(str))
    assert np.array_equal(whole.input("source").obs_names, source.obs_names)
    assert whole.truth() is not None


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_known_of_an_input_is_found_out_again(whole, damage):
    known = whole.input_info("source")
    spoil(whole.root / "inputs" / f"{known['fingerprint']}.json", overwritten if damage is flipped else damage)
    found = whole.input_info("source")
    same = ("n_obs", "n_vars", "values", "species", "obs_columns", "fingerprint", "bytes")
    assert {name: found[name] for name in same} == {name: known[name] for name in same}


# -- bundles -------------------------------------------------------------------------------------------------


def test_damaged_results_stay_behind_when_a_project_is_saved(whole, tmp_path, compute_again, expected):
    spoil(the_file(whole, "markers/*/markers.csv"), cut)
    spoil(the_file(whole, "theta/*/explain/*/result_genes.csv"), cut)
    again = import_project(export_project(whole, tmp_path / "toy.sctl.zip"))
    assert [again.state(step) for step in ("theta", "markers")] == ["done", "todo"]
    compute_again(again)
    assert answers(again) == expected


def test_a_bundle_takes_the_whole_folder_of_every_result(whole, tmp_path):
    import zipfile  # noqa: PLC0415

    with zipfile.ZipFile(export_project(whole, tmp_path / "toy.sctl.zip")) as archive:
        taken = {name for name in archive.namelist() if name.startswith("results/")}
    there = {path for path in (whole.root / "results").rglob("*") if path.is_file() and path.suffix != ".lock"}
    assert taken == {path.relative_to(whole.root).as_posix() for path in there}


def changed(content: bytes, pattern: str) -> bytes:
    """Return the content of a file with another number in it, that can still be read."""
    if not pattern.endswith(".h5ad"):
        return content.replace(b"3", b"4")
    whole_file = io.BytesIO(content)
    with h5py.File(whole_file, "r+") as file:
        file["obs/sctl_transfercluster_confidence"][0] = 0.123
    return whole_file.getvalue()


@pytest.mark.parametrize("pattern", ["theta/*/result.h5ad", "markers/*/markers.csv", "transfer/*/points/0.300000.json"])
def test_a_bundle_whose_results_were_changed_is_refused(whole, tmp_path, pattern):
    import zipfile  # noqa: PLC0415

    saved = export_project(whole, tmp_path / "toy.sctl.zip")
    name = the_file(whole, pattern).relative_to(whole.root).as_posix()
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(tmp_path / "other.sctl.zip", "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            new.writestr(entry, changed(content, pattern) if entry == name else content)
    with pytest.raises(ProjectError, match="changed after it was computed"):
        import_project(tmp_path / "other.sctl.zip")
    assert len(Project.all()) == 1
