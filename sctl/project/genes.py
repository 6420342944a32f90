"""The target's expression stored by gene, so that a page reads one gene without the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from sctl.errors import DataError, ProjectError
from sctl.io import opened_hdf5
from sctl.project.files import replacing
from sctl.project.folder import Project
from sctl.project.steps import require_intact, unreadable

GENES = "genes.h5"


def save_genes(directory: Path, adata: AnnData) -> None:
    """Write the expression by gene (CSC), so that one gene is read without the others."""
    by_gene = sparse.csc_matrix(adata.X, dtype=np.float32)
    with replacing(directory / GENES) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["n_obs"] = adata.n_obs
        file["names"] = np.array([str(name).encode() for name in adata.var_names])
        file["cells"] = np.array([str(name).encode() for name in adata.obs_names])
        for name in ("data", "indices", "indptr"):
            file.create_dataset(name, data=getattr(by_gene, name))


def gene_names(project: Project) -> list[str]:
    """Return the names of all genes of the target, in the order of :func:`load_target_all`."""
    with _genes(project) as file:
        return [name.decode() for name in file["names"][:]]


def gene(project: Project, name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return one gene's log-normalised values in the target, reading little else.

    Returns
    -------
    ndarray of shape (n_obs,)

    Raises
    ------
    ProjectError
        If the target has no such gene.
    """
    names = gene_names(project)
    if name not in names:
        raise ProjectError(f"The target has no gene {name!r}.", do="Check how the genes of your file are named.")
    place = names.index(name)
    with _genes(project) as file:
        start, stop = file["indptr"][place : place + 2]
        values = np.zeros(int(file.attrs["n_obs"]), dtype=np.float32)
        values[file["indices"][start:stop]] = file["data"][start:stop]
    return values


def mean_of_genes(project: Project, names: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the mean of some genes' log-normalised values in the target; those it lacks count for nothing.

    Parameters
    ----------
    project : Project
    names : sequence of str
        One or more that the target has.

    Returns
    -------
    ndarray of shape (n_obs,)

    Raises
    ------
    ProjectError
        If the target has none of them.
    """
    wanted = set(names)
    places = [place for place, name in enumerate(gene_names(project)) if name in wanted]
    if not places:
        raise ProjectError("The target has none of these genes.", do="Check how the genes of your file are named.")
    with _genes(project) as file:
        ends = file["indptr"][:]
        total = np.zeros(int(file.attrs["n_obs"]), dtype=np.float64)
        for place in places:
            start, stop = ends[place : place + 2]
            total[file["indices"][start:stop]] += file["data"][start:stop]
    return (total / len(places)).astype(np.float32)


def n_cells(project: Project) -> int:
    """Return how many target cells were kept."""
    with _genes(project) as file:
        return len(file["cells"])


def target_names(project: Project) -> pd.Index:
    """Return the names of the target cells that were kept, in order, without reading the data."""
    with _genes(project) as file:
        names: pd.Index = pd.Index([name.decode() for name in file["cells"][:]])
        return names


@contextmanager
def _genes(project: Project) -> Iterator[Any]:
    """Open the expression by gene."""
    path = require_intact(project.require("preprocess") / GENES)
    try:
        with opened_hdf5(path, path.name) as file:
            if file["cells"].shape != (int(file.attrs["n_obs"]),) or len(file["indptr"]) != len(file["names"]) + 1:
                raise unreadable(path)
            yield file
    except (DataError, OSError, KeyError, ValueError, IndexError) as error:
        raise unreadable(path) from error
