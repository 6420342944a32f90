"""Datasets and label tables of a project, stored under the fingerprint of their content."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from anndata import AnnData

from sctl.errors import DataError, ProjectError
from sctl.genes import guess_species
from sctl.io import read_h5ad, write_h5ad
from sctl.project.checksums import is_content
from sctl.project.files import Staged, damaged, read_json, staged, write_json
from sctl.qc.values import value_kind
from sctl.sharing import TrainedSource, load_trained

MODEL_SUFFIX = ".sctl"
LABEL_KEY = "cell_type"  # of the stand-in, see sctl.sharing.trained


@dataclass(frozen=True)
class Stored:
    """An input that is written and described, and gets its place together with the settings that name it.

    Were it placed before, a change in another tab would find that no settings name it, and delete it.
    """

    file: Staged
    facts: Mapping[str, Any] | None = None

    @property
    def reference(self) -> str:
        """The fingerprint of the content."""
        return self.file.reference

    def place(self) -> None:
        """Put the file, and what is known of it, into the folder of inputs. The project must be locked."""
        if self.facts is not None:
            known = {"fingerprint": self.reference, "bytes": self.file.temporary.stat().st_size, "added": time.time()}
            write_json(self.file.path.with_suffix(".json"), {**self.facts, **known})
        self.file.place()


@contextmanager
def put_dataset(folder: Path, adata: AnnData, origin: Mapping[str, Any]) -> Iterator[Stored]:
    """Write a dataset and what is known of it."""
    notes: list[str] = []
    with staged(folder, ".h5ad", lambda path: notes.extend(write_dataset(adata, path))) as file:
        yield Stored(file, {**described(adata), **origin, **noted(notes)})


def origin_of(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said of where an input came from, without what its content says."""
    return {name: value for name, value in info.items() if name not in _MEASURED}


_MEASURED = {"notes", "n_obs", "n_vars", "values", "species", "obs_columns", "fingerprint", "bytes", "added", "trained"}


@contextmanager
def put_file(folder: Path, path: Path, facts: Mapping[str, Any], origin: Mapping[str, Any]) -> Iterator[Stored]:
    """Take a file that :func:`write_dataset` wrote, with what :func:`described` said of it; ``path`` is moved."""
    with staged(folder, ".h5ad", lambda temporary: shutil.move(path, temporary)) as file:
        yield Stored(file, {**facts, **origin})


def write_dataset(adata: AnnData, path: Path) -> tuple[str, ...]:
    """Write a dataset as projects keep it; ``adata`` is left as it is. Returns what had to be changed for that."""
    return write_h5ad(adata, path, compression="lzf")


def noted(notes: Sequence[str]) -> dict[str, list[str]]:
    """Return what had to be changed in a dataset as a part of what is known of it; empty where nothing had."""
    return {"notes": list(notes)} if notes else {}


@contextmanager
def put_model(folder: Path, path: Path, trained: TrainedSource, origin: Mapping[str, Any]) -> Iterator[Stored]:
    """Write the file of a trained source and what is known of it."""
    with staged(folder, MODEL_SUFFIX, lambda copy: shutil.copyfile(path, copy)) as file:
        yield Stored(file, {**described(trained.profile_source()), **origin, "trained": _facts_of(trained)})


def is_model(folder: Path, reference: str) -> bool:
    """Tell whether an input is a trained source."""
    return (folder / f"{reference}{MODEL_SUFFIX}").exists()


def model(folder: Path, reference: str) -> TrainedSource | None:
    """Read a stored trained source; None where the input is a dataset.

    Raises
    ------
    ProjectError
        If its file is damaged.
    """
    path = folder / f"{reference}{MODEL_SUFFIX}"
    if not is_model(folder, reference):
        return None
    try:
        return load_trained(_unchanged(path))
    except DataError as error:
        raise _lost(path) from error


def described(adata: AnnData) -> dict[str, Any]:
    """Return what the pages show of a dataset without opening it again."""
    return {
        "n_obs": adata.n_obs,
        "n_vars": adata.n_vars,
        "values": value_kind(adata.X),
        "species": guess_species(adata.var_names),
        "obs_columns": [str(name) for name in adata.obs.columns],
    }


def dataset(folder: Path, reference: str) -> AnnData:
    """Read a stored dataset; of a trained source, the profiles that stand for it.

    Raises
    ------
    ProjectError
        If its file is missing or damaged.
    """
    trained = model(folder, reference)
    if trained is not None:
        return trained.profile_source()
    path = _unchanged(folder / f"{reference}.h5ad")
    try:
        return read_h5ad(path, path.name)
    except DataError as error:
        raise _lost(path) from error


def info(folder: Path, reference: str) -> dict[str, Any]:
    """Return what is known of a stored dataset.

    Raises
    ------
    ProjectError
        If its file is missing or damaged.
    """
    path = folder / f"{reference}{MODEL_SUFFIX if is_model(folder, reference) else '.h5ad'}"
    if not path.exists():
        raise _lost(path)
    try:
        known = read_json(folder / f"{reference}.json")
        if not known.keys() >= {"fingerprint", "bytes", "n_obs", "n_vars", "values", "species", "obs_columns"}:
            raise damaged(folder / f"{reference}.json")
    except ProjectError:
        known = _described_again(folder, reference, path)
    if known["bytes"] != path.stat().st_size:
        raise _lost(path)
    return known


def _described_again(folder: Path, reference: str, path: Path) -> dict[str, Any]:
    """Look at a stored dataset once more, where what was known of it is damaged: only its origin is lost."""
    facts = described(dataset(folder, reference))
    known = {
        **facts,
        "filename": path.name,
        "fingerprint": reference,
        "bytes": path.stat().st_size,
        "added": time.time(),
    }
    if (trained := model(folder, reference)) is not None:
        known["trained"] = _facts_of(trained)
    write_json(folder / f"{reference}.json", known)
    return known


def _facts_of(trained: TrainedSource) -> dict[str, Any]:
    return {"title": trained.manifest["title"], "n_cells": trained.n_source, "n_genes": len(trained.genes)}


def _unchanged(path: Path) -> Path:
    """Return the path of a stored file if its content is what its name says.

    Raises
    ------
    ProjectError
        If it is missing or damaged.
    """
    if not is_content(path, path.stem):
        raise _lost(path)
    return path


def _lost(path: Path) -> ProjectError:
    return ProjectError(
        f"The file {path.name}, in which this project keeps what you have given it, is missing or damaged.",
        expected="Files of a project are written by sctl alone.",
        do="Add the same file again on the Data page, or take back the change with Undo. Everything else is still there.",
    )


@contextmanager
def put_series(folder: Path, values: pd.Series) -> Iterator[Stored]:
    """Write one text per cell."""
    table = pd.DataFrame({"cell": values.index.astype(str), "label": values.astype(str).to_numpy()})
    with staged(folder, ".csv", lambda path: table.to_csv(path, index=False)) as file:
        yield Stored(file)


def series(folder: Path, reference: str) -> pd.Series:
    """Read one text per cell.

    Raises
    ------
    ProjectError
        If the file is missing or damaged.
    """
    path = folder / f"{reference}.csv"
    if not is_content(path, reference):
        raise _labels_lost()
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return pd.Series(table["label"].to_numpy(), index=pd.Index(table["cell"]), name="label")
    except (OSError, KeyError, OverflowError, ValueError, pd.errors.ParserWarning) as error:
        raise _labels_lost() from error


def _labels_lost() -> ProjectError:
    return ProjectError(
        "The file with labels of your cells is missing or damaged.",
        do="Take back the last change of labels with Undo, or give the labels again. Everything else is still there.",
    )


def given_of(folder: Path, reference: str) -> str:
    """Return the fingerprint of the dataset as it was read, from which repairs have made another; or its own."""
    path = folder / f"{reference}.json"
    given = read_json(path).get("given", reference) if path.exists() else reference
    if not isinstance(given, str) or _REFERENCE.fullmatch(given) is None:
        raise damaged(path)
    return given


_REFERENCE = re.compile("[0-9a-f]{16}")


def collect(folder: Path, references: set[str]) -> None:
    """Delete stored files that no settings in the history name any more, nor an input that was made from them.

    The project must be locked.
    """
    try:
        references = references | {given_of(folder, reference) for reference in references}
    except ProjectError:  # which file another was made from cannot be known: none is deleted
        return
    for path in folder.glob("*.*"):
        if (
            path.suffix in {".h5ad", ".csv", ".json", MODEL_SUFFIX}
            and path.stem not in references
            and not path.name.startswith(".")
        ):
            path.unlink(missing_ok=True)


def missing(role: str) -> ProjectError:
    """Return the error for an input that was never given."""
    return ProjectError(f"This project has no {role} yet.", do=f"Load a {role} on the Data page.")
