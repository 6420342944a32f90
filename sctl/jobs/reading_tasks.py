"""What the process of :mod:`sctl.jobs.reading` can be asked for: one function for each kind of file.

Names are imported one by one, not their packages, so that all is loaded before the process is given its limits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.genesets import read_gmt
from sctl.io import join_labels, read, read_labels
from sctl.jobs.isolated import DATASET
from sctl.project import Project, import_project
from sctl.project.inputs import described, noted, write_dataset
from sctl.sharing import load_model, load_trained
from sctl.workflow import labels_in_table, read_datasets


def warm_up() -> None:
    """Write and read a tiny dataset: what is imported and loaded on its first use, is now."""
    with tempfile.TemporaryDirectory() as folder:
        tiny = AnnData(np.eye(2, dtype=np.float32), pd.DataFrame(index=["a", "b"]), pd.DataFrame(index=["INS", "GCG"]))
        _kept(tiny, {"folder": folder})
        read(Path(folder, DATASET))


def _paths(request: Mapping[str, Any]) -> list[Path]:
    return [Path(path) for path in request["paths"]]


def _kept(adata: AnnData, request: Mapping[str, Any]) -> dict[str, Any]:
    """Write a dataset and return what is known of it."""
    notes = write_dataset(adata, Path(request["folder"], DATASET))
    return {**described(adata), **noted(notes)}


def _datasets(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read one side of an analysis."""
    settings = {key: request[key] for key in ("names", "genes", "labeled")}
    return _kept(read_datasets(_paths(request), **settings), request)


def _labels(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Join a table of labels to the source of a project."""
    table = read_labels(_paths(request)[0], name=request["name"])
    joined, report = join_labels(Project.open(request["project"]).input("source"), table)
    likely = labels_in_table(joined, report.columns)
    columns = [*likely, *(column for column in report.columns if column not in likely)]
    return {
        "described": _kept(joined, request),
        "report": {
            "columns": [str(name) for name in columns],
            "chosen": likely[0] if likely else None,
            "text": report.text,
        },
    }


def _model(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """See whether the file of a model can be read."""
    load = load_trained if request["trained"] else load_model
    load(_paths(request)[0])
    return {}


def _gene_sets(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read gene sets."""
    return read_gmt(_paths(request)[0], name=request["name"]).to_dict()


def _project(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Open a copy of a project."""
    return {"id": import_project(_paths(request)[0]).id}


TASKS: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "datasets": _datasets,
    "labels": _labels,
    "model": _model,
    "gene_sets": _gene_sets,
    "project": _project,
}
"""What can be asked for, by the name in the request."""
