"""The documents say what the code is: whatever is added without a word fails here."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import sctl
import sctl.ui
import sctl.workflow.analyses as registered
from sctl.cli.arguments import command_line
from sctl.export import methods_paragraph
from sctl.io import ACCEPTED
from sctl.jobs.tasks import run_job
from sctl.methods import METHODS
from sctl.methods.base import TransferMethod, fit_transfer
from sctl.project import Project, export_project, import_project
from sctl.project import analyses as project_analyses
from sctl.run import Run
from sctl.sharing import load_model, save_model
from sctl.ui.frame import steps
from sctl.ui.transfer import estimates
from sctl.workflow import result_warnings
from sctl.workflow.registry import job_kinds

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "sctl" / "resources").rglob("*.md")]
MODULES = sorted(path for path in (ROOT / "sctl").rglob("*.py"))


def name_of(path: Path) -> str:
    """Return a file's path below the repository, for the name of a test."""
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


def section(text: str, heading: str) -> str:
    """Return what stands under a heading of the second level."""
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of a table's rows, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


# -- README --------------------------------------------------------------------------------------


def test_the_table_of_methods_is_that_of_the_code():
    said = rows(section(README, "Methods"))
    citation = re.compile(r"(.*), (https://doi\.org/\S+)")
    expected = []
    for key, method in METHODS.items():
        found = citation.fullmatch(method.reference)
        assert found, method.reference
        expected.append([f"`{key}`", method.title, method.summary, f"[{found[1]}]({found[2]})"])
    assert said == expected


def test_the_accepted_files_are_those_of_the_reader():
    said = re.findall(r"`(\.\w[\w.]*)`", "".join(map(" ".join, rows(section(README, "Files it reads")))))
    assert sorted(said) == sorted(ACCEPTED)


def test_every_command_and_only_real_options_are_shown():
    parser = command_line()
    commands = next(action.choices for action in parser._actions if action.choices)
    shown = [shlex.split(line)[1:] for line in README.splitlines() if line.startswith("sctl ")]
    assert {words[0] for words in shown} == set(commands)
    for words in shown:
        parser.parse_args(words)  # leaves by SystemExit where an option does not exist


def test_every_environment_variable_is_explained():
    used = {name for path in MODULES for name in re.findall(r"\bSCTL_[A-Z_]+", path.read_text(encoding="utf-8"))}
    assert used == set(re.findall(r"\| `(SCTL_[A-Z_]+)` \|", README))


# -- The façade, the picture, the docstrings -----------------------------------------------------


def test_the_facade_is_sorted_and_importable():
    names = [name for name in sctl.__all__ if name != "__version__"]
    assert names == sorted(names)
    assert set(names) < set(dir(sctl))
    for name in sctl.__all__:
        assert getattr(sctl, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = sctl.no_such_name


LAZY = [path for path in MODULES if path.stem == "__init__" and "lazy(__name__)" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", LAZY, ids=lambda path: path.parent.name)
def test_type_checkers_see_the_names_that_users_see(path):
    typed = [
        alias.asname or alias.name
        for block in tree_of(path).body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    package = importlib.import_module(".".join(path.relative_to(ROOT).parent.parts))
    assert len(set(typed)) == len(typed)
    assert set(getattr(package, "__all__", typed)) - {"__version__"} == set(typed) <= set(dir(package))
    assert not {name for name in typed if (path.parent / name).exists() or (path.parent / f"{name}.py").exists()}
    for name in typed:
        assert getattr(package, name) is not None
    with pytest.raises(ImportError, match="no_such_name"):
        exec(f"from {package.__name__} import no_such_name")


def picture() -> list[list[str]]:
    """Return the rooms of the picture, a list for each line from top to bottom."""
    block = ARCHITECTURE.split("```")[1]
    found = re.findall(r"^(\w+(?: \| \w+)*)(?:  .*)?$", block, flags=re.MULTILINE)
    return [line.split(" | ") for line in found]


def test_the_picture_shows_the_rooms_there_are():
    shown = [room for line in picture() for room in line]
    there = [
        path.stem
        for path in (ROOT / "sctl").iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    ]
    assert sorted(shown) == sorted(there)


def test_the_picture_is_what_the_import_rules_check():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert picture() == [layer.split(" | ") for layer in layers]


def test_every_room_offers_what_is_said():
    table = rows(section(ARCHITECTURE, "What each package offers"))
    rooms = {f"`sctl.{room}`" for line in picture() for room in line} - {"`sctl.__main__`"}
    assert rooms <= {row[0] for row in table}
    for room, offers in table:
        module = importlib.import_module(room.strip("`"))
        missing = [name for name in re.findall(r"`(\w+)`", offers) if not hasattr(module, name)]
        assert missing == [], room


def test_every_module_has_a_docstring():
    texts = {name_of(path): ast.get_docstring(tree_of(path)) for path in MODULES}
    missing = [
        name for name, text in texts.items() if not (text and text.splitlines()[0].rstrip().endswith((".", ":")))
    ]
    assert missing == []


# -- Names ---------------------------------------------------------------------------------------

BANNED = {
    *("tell", "tells", "told", "teller", "say", "says", "said", "ask", "asks", "asked", "wonder", "wondered"),
    *("door", "room", "rooms", "noun", "nouns", "busy", "stranger", "strangers", "swallow", "swallowed", "aside"),
    *("doubt", "doubts", "remark", "remarks", "caution", "cautions", "worth", "apart", "met", "film", "rivalry"),
    *(
        "neighbour",
        "neighbours",
        "colour",
        "colours",
        "normalise",
        "normalised",
        "centre",
        "centred",
        "labelled",
        "licence",
    ),
}
"""Words of our own dialect, metaphors and British spelling: names take the field's terms instead (docs/glossary.md)."""


STANDARD = {"tell"}
"""Names that a protocol of Python prescribes: the place in a file."""


def names_in(tree: ast.Module) -> Iterator[str]:
    """Yield the names of functions, classes, parameters and fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
            yield from (argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
        elif isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def words_of(name: str) -> set[str]:
    """Return the words of a name in snake or camel case."""
    return set(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_"))


def test_words_are_split_from_names():
    assert words_of("_isDoubt") >= {"is", "doubt"}
    assert words_of("n_neighbours") == {"n", "neighbours"}


def test_no_name_is_in_a_dialect():
    names = [(name_of(path), name) for path in MODULES for name in names_in(tree_of(path))]
    modules = [(name_of(path), part) for path in MODULES for part in path.relative_to(ROOT).with_suffix("").parts]
    assert [
        (where, name) for where, name in (*names, *modules) if words_of(name) & BANNED and name not in STANDARD
    ] == []


# -- Decisions and links -------------------------------------------------------------------------


@pytest.mark.parametrize("path", DECISIONS, ids=name_of)
def test_every_decision_has_its_three_parts(path):
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == ["Context", "Decision", "Consequence"]
    assert text.startswith(f"# {path.name[:4]}. ")
    assert re.match(r"Status: (in force|superseded by \[\d{4}\]|closed)[^\n]*\.$", text.split("\n")[2])
    assert all(section(text, heading).strip() for heading in ("Context", "Decision", "Consequence"))


def test_decisions_are_numbered_and_listed():
    numbers = [int(path.name[:4]) for path in DECISIONS]
    assert len(set(numbers)) == len(numbers)
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    titles = {path.name: path.read_text(encoding="utf-8").split("\n", 1)[0][len("# 0000. ") :] for path in DECISIONS}
    assert re.findall(r"^- \[\d{4}\]\((.+?)\) (.+)$", index, flags=re.MULTILINE) == list(titles.items())


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    here = [link.split("#", 1)[0] for link in links if "://" not in link]
    assert [link for link in here if link and not (path.parent / link).exists()] == []


# -- The guide -----------------------------------------------------------------------------------


def write_the_guides_method(folder: Path) -> None:
    """Make the module that the guide builds."""
    examples = doctest.DocTestParser().get_examples((ROOT / "docs" / "adding_a_method.md").read_text(encoding="utf-8"))
    sources = [example.source for example in examples]
    end = next(i for i, source in enumerate(sources) if source.startswith("METHODS ="))
    folder.mkdir()
    (folder / "nearest_profile.py").write_text("".join(sources[: end + 1]), encoding="utf-8")


@pytest.fixture
def guides_method(tmp_path, monkeypatch) -> type[TransferMethod]:
    """Return the guide's method, found in a folder of its own that is added to those of the methods."""
    write_the_guides_method(tmp_path / "methods")
    monkeypatch.setattr(sctl.methods, "__path__", [*sctl.methods.__path__, str(tmp_path / "methods")])
    kind = sctl.methods._found.__wrapped__()["nearestprofile"]
    monkeypatch.setitem(METHODS, kind.key, kind)  # what is found is kept for the process
    yield kind
    del sys.modules[kind.__module__]


def test_a_method_of_others_shows_all_that_it_declares(guides_method, pair, tmp_path):
    assert estimates.in_words(estimates.with_start(guides_method.cost(n_source=10**5, n_target=10**5))) == "about 20 s"
    result = fit_transfer(pair, guides_method(), Run())
    said = methods_paragraph(result)
    assert "Kiselev et al. (2018), https://doi.org/10.1038/nmeth.4644; Pearson (1896), Philosophical" in said
    assert "SC3" not in said
    assert result_warnings(result) == ()
    far = dataclasses.replace(result, embedding=np.zeros_like(result.embedding))
    assert result_warnings(far) == ("80 of your 80 cells correlate with no type of the source.",)
    fitted = guides_method().fit(pair.source, pair.label_key, Run())
    path = save_model(fitted, tmp_path / "model.sctl", seed=0)
    card = zipfile.ZipFile(path).read("README.md").decode()
    assert f"\n- Every type is known by its mean over {pair.source.n_vars} genes alone.\n" in card
    np.testing.assert_array_equal(load_model(path).transfer(pair.target, Run()).labels, result.labels)


def test_no_other_module_names_a_method_by_its_key():
    """What is particular to a method is a member of its class; the app's choice of a first method stands in one place."""
    keys = "|".join(METHODS)
    outside = [path for path in MODULES if (ROOT / "sctl" / "methods") not in path.parents]
    found = {}
    for path in outside:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in texts]
        if named := [value for value in constants if isinstance(value, str) and re.fullmatch(keys, value)]:
            found[name_of(path)] = named
    assert found == {"sctl/workflow/settings.py": ["transfercluster"]}


@pytest.mark.slow
def test_the_guides_method_passes_the_battery(tmp_path):
    """Make the file that the guide builds, and let pytest find it as it finds any method."""
    write_the_guides_method(tmp_path / "methods")
    (tmp_path / "with_the_guides_method.py").write_text(
        "import sctl.methods\n"
        f"sctl.methods.__path__.append({str(tmp_path / 'methods')!r})\n"
        "sctl.methods.METHODS.update(sctl.methods._found())\n"
    )
    options = ["-k", "nearestprofile", "-p", "with_the_guides_method", "-p", "no:cacheprovider", "-q", "-m", ""]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/test_contract.py", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) > 15


def test_the_guides_analysis_is_a_job_with_a_result_and_a_panel(source, target, tmp_path, monkeypatch):
    """Make the file and the function that the guide tells to make; nothing else is edited."""
    examples = doctest.DocTestParser().get_examples(
        (ROOT / "docs" / "adding_an_analysis.md").read_text(encoding="utf-8")
    )
    sources = [example.source for example in examples]
    end = next(i for i, code in enumerate(sources) if code.startswith("ANALYSIS ="))
    drawn = next(i for i, code in enumerate(sources) if code.startswith("import streamlit"))
    (tmp_path / "analyses").mkdir()
    (tmp_path / "analyses" / "mixing.py").write_text("".join(sources[: end + 1]), encoding="utf-8")
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path / "projects"))
    monkeypatch.setattr(registered, "__path__", [*registered.__path__, str(tmp_path / "analyses")])
    registered.all_analyses.cache_clear()
    try:
        project = Project.create("Toy")
        project.put_input("source", source, {"filename": "source.h5ad"})
        project.put_input("target", target, {"filename": "target.h5ad"})
        project.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
        project.set_params("transfer", {"method": "targetcluster"}, note="Be quick")
        page = "".join(
            [
                "from sctl.project import Project\nfrom sctl.workflow.analyses.mixing import MixingParams\n",
                *sources[drawn:],
                f"panel(Project.open({project.id!r}))\n",
            ]
        )
        assert AppTest.from_string(page).run().button(key="mixing:start").label == "Measure"
        kind = job_kinds()["mixing"]
        assert kind.title == "Measuring how mixed the clusters are"
        assert kind.parts == ("preprocess", "transfer", "theta", "mixing")
        params = {"min_cells": 2}
        job = {"kind": "mixing", "params": params, "settings": project.settings.to_dict()}
        run_job(project.root, job, lambda step, low, high: Run())
        wanted = registered.get_analysis("mixing").params.from_dict(params)
        table = project_analyses.load(project, "mixing", wanted)
        assert table["n_cells"].sum() == target.n_obs
        assert project_analyses.stored_params(project, "mixing") == [wanted]
        app = AppTest.from_string(page).run()
        assert not app.exception
        assert len(app.dataframe[0].value) == len(table)
        copy = import_project(export_project(project, tmp_path / "toy.sctl.zip"))
        pd.testing.assert_frame_equal(project_analyses.load(copy, "mixing", wanted), table)
    finally:
        registered.all_analyses.cache_clear()
        sys.modules.pop("sctl.workflow.analyses.mixing", None)


def test_the_guides_page_is_drawn_for_a_project(source, target, tmp_path, monkeypatch):
    """Make the three files that the guide tells to make, in a copy of the app, and describe the page in ``steps``."""
    examples = doctest.DocTestParser().get_examples((ROOT / "docs" / "adding_a_page.md").read_text(encoding="utf-8"))
    made: dict[str, Any] = {}
    for example in examples:
        if example.source.startswith(("from sctl.ui.frame.steps", "SIZES =", "SCRIPT =", "DOOR =")):
            exec(example.source, made)
    view = [e.source for e in examples if e.source.startswith(("import", "from sctl.data", "def table"))]
    page, views = made["SIZES"], tmp_path / "ui" / made["SIZES"].key
    views.mkdir(parents=True)
    (views / "__init__.py").write_text('"""The page of sizes."""\n', encoding="utf-8")
    (views / "size_view.py").write_text("".join(view), encoding="utf-8")
    app = tmp_path / "app"
    shutil.copytree(ROOT / "pages", app / "pages")
    shutil.copy(ROOT / "app.py", app)
    (app / page.path).write_text(made["SCRIPT"], encoding="utf-8")
    (app / "pages" / f"{page.key}.py").write_text(made["DOOR"], encoding="utf-8")
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path / "projects"))
    monkeypatch.setattr(sctl.ui, "__path__", [*sctl.ui.__path__, str(tmp_path / "ui")])
    monkeypatch.setattr(steps, "SIZES", page, raising=False)
    monkeypatch.setattr(steps, "ALL", (*steps.ALL, page))
    monkeypatch.chdir(app)
    project = Project.create("Toy")
    project.put_input("source", source, {"filename": "source.h5ad"})
    project.put_input("target", target, {"filename": "target.h5ad"})
    project.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
    project.set_params("transfer", {"method": "targetcluster"}, note="Be quick")

    def open_page() -> AppTest:
        test = AppTest.from_file(str(app / "app.py"), default_timeout=60)
        test.query_params["p"] = project.id
        test.switch_page(page.path)
        return test.run()

    try:
        before = open_page()
        assert not before.exception
        assert not before.dataframe  # nothing is shown before the answer is there
        job = {"kind": "everything", "params": {}, "settings": project.settings.to_dict()}
        run_job(project.root, job, lambda step, low, high: Run())
        after = open_page()
        assert not after.exception
        assert after.title[0].value == page.title
        assert after.dataframe[0].value.to_numpy().sum() == target.n_obs
    finally:
        for name in [name for name in sys.modules if name.startswith("sctl.ui.sizes")]:
            del sys.modules[name]
