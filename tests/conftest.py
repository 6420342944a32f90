"""Simulated data for the whole suite; nothing is downloaded."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from sctl import workflow
from sctl.analysis.enrichment import UnitPathways
from sctl.data import CalibrationReport, Diagnostics, Pair, TransferResult
from sctl.jobs import tasks
from sctl.methods import get_method
from sctl.numerics.hyperparameters import Range
from sctl.numerics.tuning import search
from sctl.project import Project, analyses
from sctl.project.results import save_embeddings
from sctl.run import Run
from sctl.simulate import toy_counts, toy_pair
from sctl.workflow import Finding, SearchParams, UnitsParams
from sctl.workflow.analyses.search import mend_journal
from sctl.workflow.analyses.units import CASES

CALIBRATION = CalibrationReport(
    sharpness=1.0, held_out_accuracy=0.97, n_held_out=100, unknown_threshold=0.6, unknown_share=0.0, source_fit=0.8,
    source_verdict="same tissue",
)  # fmt: skip
"""What is known of names that nothing speaks against."""


def made_result(
    proba, clusters=None, labels=None, names=("alpha", "beta", "delta"), *, method="toy", calibration=None, unknown=None
) -> TransferResult:
    """Return a result by hand, of which the types' probabilities are given; in two clusters."""
    proba = np.asarray(proba, dtype=float)
    n_obs = len(proba)
    clusters = np.zeros(n_obs, dtype=int) if clusters is None else np.asarray(clusters)
    unknown = np.zeros(n_obs) if unknown is None else np.asarray(unknown)
    return TransferResult(
        method=method,
        obs_names=pd.Index([f"cell {number}" for number in range(n_obs)]),
        clusters=clusters,
        cluster_names=("0", "1"),
        proba=np.eye(2)[clusters.clip(0)],
        labels=np.array(names)[proba.argmax(axis=1)] if labels is None else np.asarray(labels),
        label_names=names,
        label_proba=proba,
        confidence=proba.max(axis=1),
        embedding=np.zeros((n_obs, 2)),
        params={},
        seed=0,
        version="0",
        obs={} if calibration is None else {"unknown": unknown},
        diagnostics=Diagnostics(calibration=calibration),
    )


@pytest.fixture(scope="session")
def pair() -> Pair:
    """200 source and 80 target cells of 4 easy types; truth in ``target.obs["cell_type"]``. Do not change it."""
    return toy_pair()


@pytest.fixture(scope="session")
def _toy() -> tuple[AnnData, AnnData]:
    return toy_counts()


@pytest.fixture(scope="session")
def source(_toy: tuple[AnnData, AnnData]) -> AnnData:
    """The pair's source as raw counts. Do not change it."""
    return _toy[0]


@pytest.fixture(scope="session")
def target(_toy: tuple[AnnData, AnnData]) -> AnnData:
    """The pair's target as raw counts. Do not change it."""
    return _toy[1]


@pytest.fixture
def rng() -> np.random.Generator:
    """Fresh for every test, so that the order of tests does not matter."""
    return np.random.default_rng(0)


# -- a server that speaks as Zenodo does ----------------------------------------------------------------


class FakeZenodo(ThreadingHTTPServer):
    """Records in memory behind the few addresses that are used, with faults in waiting.

    ``faults`` holds pairs of a beginning of *METHOD path* and what is to happen the next time it is asked: a status, a
    tuple of status, headers and content, or one of "cut" (half of the file, then silence), "drop" (no answer), "other" (another
    content) and "whole" (a range is passed over). ``seen`` holds method, path and headers of all requests.
    """

    daemon_threads = True
    token = "s3cret-token"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.records: dict[str, dict[str, Any]] = {}
        self.faults: list[tuple[str, Any]] = []
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/api"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: broken connections are what is tested."""

    def put(self, number: str, files: dict[str, bytes], **metadata: Any) -> None:
        """Publish a record."""
        self.records[number] = {"metadata": {"title": f"Record {number}", **metadata}, "files": files, "open": True}

    def shown(self, number: str) -> dict[str, Any]:
        """Return a record as the interface shows it."""
        record = self.records[number]
        entries = {
            name: {"key": name, "size": len(content), "checksum": f"md5:{hashlib.md5(content).hexdigest()}"}
            for name, content in record["files"].items()
        }
        return {
            "id": number,
            "metadata": record["metadata"],
            "is_published": record["open"],
            "pids": {"doi": {"identifier": f"10.5281/zenodo.{number}"}} if record["open"] else {},
            "files": {"enabled": True, "entries": entries},
        }

    def fault(self, line: str) -> Any:
        """Return what is to go wrong with a request, once."""
        for number, (beginning, what) in enumerate(self.faults):
            if line.startswith(beginning):
                del self.faults[number]
                return what
        return None

    def asked(self, method: str) -> list[str]:
        """Return the paths that were asked by a method."""
        return [path for seen, path, _ in self.seen if seen == method]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeZenodo

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.removeprefix("/api").partition("?")
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        what = self.server.fault(f"{self.command} {path}")
        if what == "drop":
            self.close_connection = True
            return
        if isinstance(what, int | tuple):
            status, headers, value = (*([what] if isinstance(what, int) else what), {}, {"message": "no"})[:3]
            self._answer(status, value, headers)
            return
        known = self.headers.get("Authorization") == f"Bearer {self.server.token}"
        if (self.command != "GET" or path.startswith("/user")) and not known:
            self._answer(401, {"message": "unauthorised"})
            return
        parts = path.strip("/").split("/")
        if self.command == "GET":
            self._look(parts, parse_qs(query), what)
        else:
            self._write(parts, body, what)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for

    def _look(self, parts: list[str], query: dict[str, list[str]], what: Any) -> None:
        records = self.server.records
        match parts:
            case ["records"]:
                doi = query["q"][0].split('"')[1]
                hits = [r for r in map(self.server.shown, records) if r["metadata"].get("doi") == doi or " " in doi]
                self._answer(200, {"hits": {"hits": hits}})
            case "user", "records":
                self._answer(200, {"hits": {"hits": [self.server.shown(number) for number in records]}})
            case "records", number if number in records:
                self._answer(200, self.server.shown(number))
            case "records", number, "files", name, "content" if number in records:
                self._content(records[number]["files"][unquote(name)], what)
            case _:
                self._answer(404, {"message": "not found"})

    def _write(self, parts: list[str], body: bytes, what: Any) -> None:
        records = self.server.records
        match self.command, *parts:
            case "POST", "records":
                number = str(1000 + len(records))
                records[number] = {**json.loads(body), "files": {}, "open": False}
                self._answer(201, self.server.shown(number))
            case "DELETE", "records", number, "draft":
                del records[number]
                self._answer(204, None)
            case "POST", "records", number, "draft", "files":
                self._answer(201, {"entries": json.loads(body)})
            case "PUT", "records", number, "draft", "files", name, "content":
                records[number]["files"][unquote(name)] = body[:-1] if what == "other" else body
                self._answer(200, {})
            case "POST", "records", number, "draft", "files", name, "commit":
                self._answer(200, self.server.shown(number)["files"]["entries"][unquote(name)])
            case "POST", "records", number, "draft", "actions", "publish":
                records[number]["open"] = True
                self._answer(202, self.server.shown(number))
            case _:
                self._answer(404, {"message": "not found"})

    def _content(self, content: bytes, what: Any) -> None:
        if what == "other":
            content = bytes(reversed(content))
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and what != "whole" else 0
        rest = content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if what == "cut":
            self.close_connection = True
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)

    def _answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        content = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        for name, said in (headers or {}).items():
            self.send_header(name, said)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def zenodo_server(monkeypatch) -> Iterator[FakeZenodo]:
    """A server of this computer that speaks as Zenodo does; no other is ever asked."""
    for name in ("ZENODO_TOKEN", "ZENODO_SANDBOX_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with FakeZenodo() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def model_file(tmp_path_factory, source) -> Path:
    """A trained source of TargetCluster, as a file. Do not change it."""
    method = get_method("targetcluster")(n_init=2)
    learned = workflow.train(source, method, {"label_key": "cell_type"}, Run())
    path = tmp_path_factory.mktemp("model") / "toy"
    return workflow.save_trained(path, learned, method, {}, seed=0, name="toy.h5ad")


# -- a project in which everything was computed ---------------------------------------------------------


@pytest.fixture(scope="session")
def everything(tmp_path_factory, source, target) -> Path:
    """The folder of a project with a result of every kind, for tests to copy. Do not change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCTL_PROJECTS", str(tmp_path_factory.mktemp("everything")))
        project = Project.create("Toy")
        bare = target.copy()
        del bare.obs["cell_type"]
        project.put_input("source", source, {"filename": "source.h5ad"})
        project.put_input("target", bare, {"filename": "target.h5ad"})
        project.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
        project.set_params("consensus", {"k_min": 3, "k_max": 4}, note="Try few numbers of groups")
        truth = target.obs["cell_type"].astype(str)
        project.put_truth(truth)
        project.set_labels(truth, note="Edit labels")
        compute_everything(project)
        return project.root


QUESTION = {"of": "clusters", "name": "1", "against": None, "sets": "", "cells": []}
GROUPS = {"of": "clusters", "one": "1", "other": "2"}
JOBS: dict[str, dict[str, Any]] = {
    "transfer": {},
    "markers": {},
    "consensus": {},
    "explain": QUESTION,
    "repeats": {**GROUPS, "n_seeds": 1},
    "prepare": {},
}
"""Jobs that take a second each, and between them compute nearly every kind of file; maps are drawn by chance."""


def compute_everything(project: Project) -> None:
    """Compute what is not there."""
    for kind, params in JOBS.items():
        description = {"kind": kind, "params": params, "settings": project.settings.to_dict()}
        tasks.run_job(project.root, description, lambda step, start, end: Run())
    draw_maps(project)
    keep_by_others(project)


def draw_maps(project: Project) -> None:
    """Lay cells out by chance: how maps are made is tested elsewhere, and UMAP takes seconds to load."""
    rng = np.random.default_rng(0)
    maps = {f"target_{kind}": rng.normal(size=(80, 2)) for kind in ("umap", "tsne", "pca")}
    maps |= {f"joint_umap_{side}": rng.normal(size=(n, 2)) for side, n in (("source", 50), ("target", 80))}
    with project.working("explore") as directory:
        if directory is not None:
            save_embeddings(directory, {**maps, "joint_source_index": np.arange(50)})


def keep_by_others(project: Project) -> None:
    """Keep results of methods that take long to learn."""
    analyses.save(project, "self_test", None, Finding(number=0, kind="types", name="type A"))
    analyses.save(project, "latent", None, {"source": np.zeros((3, 2)), "target": np.ones((80, 2))})
    curves = pd.DataFrame({"space": "code", "k": [1, 2], "accuracy": [0.5, 0.75], "macro_f1": 0.5})
    analyses.save(project, "neighbours", None, curves)
    texts, numbers = ("ranking", "set", "leading_genes", "cell_type"), ("size", "score", "p_value", "fdr", "fdr_all")
    table = pd.DataFrame({"unit": [0, 1, 2], **dict.fromkeys(texts, "a"), **dict.fromkeys(numbers, 0.5)})
    analyses.save(project, "units", UnitsParams(n_units=1), {case: UnitPathways(table, 1) for case in CASES})
    searched = SearchParams(method="poissonautoencoder", params={})
    analyses.begin(project, "search", searched)
    journal = analyses.journal(project, "search", searched)
    mend_journal(journal)
    search(
        lambda at, run: at["x"] ** 2, {"x": Range(-1.0, 1.0)}, n_trials=2, sampler="random", journal=journal, run=Run()
    )


@pytest.fixture
def whole(everything, tmp_path, monkeypatch) -> Project:
    """A project of this test's own in which everything was computed."""
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path / "projects"))
    shutil.copytree(everything, tmp_path / "projects" / everything.name)
    return Project.open(everything.name)


@pytest.fixture(scope="session")
def compute_again() -> Callable[[Project], None]:
    """What runs all jobs once more: what is there, they leave as it is."""
    return compute_everything


# -- names that are attacks ----------------------------------------------------------------------------------

IMAGE = "![x](http://example.invalid/x.png)"
LINK = "[a](http://example.invalid)"
TAG = "<a href='http://example.invalid'>b</a>"
SIGNS = "www.example.invalid x@example.invalid :red[c] :material/skull: $d$ `e` **f**"
HOSTILE = f"{IMAGE}{LINK}{TAG}{SIGNS}"
COLUMN = HOSTILE.replace("/", "")  # a slash cannot be stored in the name of a column


@pytest.fixture(scope="session")
def hostile_project(tmp_path_factory, source, target):
    """The folder of a project in which every name is an attack."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCTL_PROJECTS", str(tmp_path_factory.mktemp("hostile")))
        project = Project.create(HOSTILE[:80])
        hostile, bare = source.copy(), target.copy()
        names = {f"type {letter}": f"{HOSTILE} {letter}" for letter in "ABCD"}
        for adata in (hostile, bare):
            adata.var_names = [f"{HOSTILE} {name}" for name in adata.var_names]
            adata.obs_names = [f"{HOSTILE} {name}" for name in adata.obs_names]
            adata.obs["donor"] = pd.Categorical([f"{HOSTILE} {value}" for value in adata.obs["donor"]])
            adata.obs["cell_type"] = adata.obs["cell_type"].astype(str).replace(names)
            adata.obs = adata.obs.rename(columns={"donor": f"{COLUMN} donor", "cell_type": f"{COLUMN} type"})
        truth = bare.obs[f"{COLUMN} type"].astype(str)
        project.put_input("source", hostile, {"filename": f"{HOSTILE}.h5ad"}, note=f"Load {HOSTILE}")
        project.put_input("target", bare, {"filename": f"{HOSTILE}.h5ad"}, note=f"Load {HOSTILE}")
        project.set_params(
            "data", {"label_key": f"{COLUMN} type", "batch_key": f"{COLUMN} donor"}, note=f"Choose {HOSTILE}"
        )
        project.set_params("consensus", {"k_min": 3, "k_max": 4}, note=f"Try {HOSTILE}")
        project.put_truth(truth)
        project.set_labels(truth, note=f"Rename {HOSTILE}")
        compute_everything(project)
        project.set_params("markers", {"groups": "labels"}, note=f"Once {HOSTILE}")
        project.undo()
        return project.root
