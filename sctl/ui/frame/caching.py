"""What pages compute more than once, remembered by project and fingerprint.

Data are never an argument that is hashed: Streamlit samples large arrays when it hashes them, so a change
could go unseen. A fingerprint names settings, and says nothing of who computed the result: whatever is read from a
project is therefore remembered by :func:`data` or :func:`resource`, whose keys hold the project's folder and the state
of the result. Nothing is left out of a key by a name that starts with ``_``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, TypeVar

import pandas as pd
import streamlit as st
from anndata import AnnData
from scipy import sparse

from sctl import preflight, preprocess, qc
from sctl.errors import ProjectError
from sctl.genes import identifier_kind
from sctl.preflight import Report, Role
from sctl.project import Project
from sctl.sharing import TrainedSource, load_trained

_MOST_GROUPS = 200

P = ParamSpec("P")
T = TypeVar("T")
Step = Literal["inputs", "preprocess", "transfer", "theta", "explore", "markers", "consensus"]


def data(of: Step, **options: Any) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Remember what a function of a project returns, for each project and each state of a result; a copy for each caller.

    Parameters
    ----------
    of : str
        The step whose result the function reads, or ``"inputs"`` where it reads an input that a fingerprint names.
    **options
        Of :func:`streamlit.cache_data`.
    """
    remember: Callable[[Callable[P, T]], Callable[P, T]] = st.cache_data(**_keyed(of, options))
    return remember


def resource(of: Step, **options: Any) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Remember it as :func:`data` does, one value for all visitors, which must not be changed."""
    remember: Callable[[Callable[P, T]], Callable[P, T]] = st.cache_resource(**_keyed(of, {"ttl": "2h", **options}))
    return remember


def _keyed(of: Step, options: dict[str, Any]) -> dict[str, Any]:
    step = "" if of == "inputs" else of

    def version(project: Project) -> tuple[object, ...]:
        try:
            return project.version(step)
        except ProjectError:  # the function itself runs into it next, outside of Streamlit's hashing
            return (*project.version(), "damaged")

    hash_funcs = {Project: version, **options.pop("hash_funcs", {})}
    return {"show_spinner": False, **options, "hash_funcs": hash_funcs}


@dataclass(frozen=True)
class Measured:
    """Quality of one side's cells.

    Parameters
    ----------
    metrics : DataFrame, n_obs rows
        See :func:`sctl.qc.qc_metrics`.
    expression : Histogram
        Of the values above 0.
    """

    metrics: pd.DataFrame
    expression: qc.Histogram


@resource("inputs", max_entries=4)
def dataset(project: Project, role: str, fingerprint: str) -> AnnData:
    """Return an input as it was read. Shared by all visitors: never change it."""
    return project.at(project.settings.with_input(role, fingerprint)).input(role)


@resource("inputs", max_entries=4)
def trained(project: Project, fingerprint: str) -> TrainedSource:
    """Return a trained source; only where the project's source is one. Shared by all visitors: never change it.

    Raises
    ------
    ProjectError
        If it is a dataset.
    """
    found = project.at(project.settings.with_input("source", fingerprint)).trained()
    if found is None:
        raise ProjectError("The source is a dataset.", do="Load a trained source on the Data page.")
    return found


@st.cache_resource(max_entries=4, ttl="2h", show_spinner=False)
def model(path: str, changed: float) -> TrainedSource:
    """Return the trained source in a file as it was at a time. Shared by all visitors: never change it."""
    _ = changed  # a part of the key
    return load_trained(path)


@data("inputs", max_entries=16, show_spinner="Measuring the cells …")
def measured(project: Project, role: str, fingerprint: str, expression_threshold: float = 0.0) -> Measured:
    """Return quality metrics of one side on linear values.

    Raises
    ------
    DataError
        If the values cannot be brought to a linear scale.
    """
    linear = preprocess.linearised(dataset(project, role, fingerprint))
    metrics = qc.qc_metrics(linear, expression_threshold=expression_threshold)
    return Measured(metrics, qc.expression_histogram(linear, bins=80))


@data("inputs", max_entries=32)
def column(project: Project, role: str, fingerprint: str, name: str) -> pd.Series:
    """Return one column of the table of cells."""
    values: pd.Series = dataset(project, role, fingerprint).obs[name].copy()
    return values


@data("inputs", max_entries=16)
def corner(project: Project, role: str, fingerprint: str, size: int = 5) -> pd.DataFrame:
    """Return the first cells and genes as a table: (size, size)."""
    adata = dataset(project, role, fingerprint)[:size, :size]
    values: Any = adata.X.toarray() if sparse.issparse(adata.X) else adata.X
    return pd.DataFrame(values, index=adata.obs_names, columns=adata.var_names)


@data("inputs", max_entries=16)
def gene_names_kind(project: Project, role: str, fingerprint: str) -> str:
    """Return what kind of identifiers the genes have; see :func:`sctl.genes.identifier_kind`."""
    return identifier_kind(dataset(project, role, fingerprint).var_names)


@data("inputs", max_entries=16)
def groupings(project: Project, role: str, fingerprint: str) -> list[str]:
    """Return the columns of the table of cells that divide it into 2 to 200 groups."""
    obs = dataset(project, role, fingerprint).obs
    texts = [name for name in obs.columns if not pd.api.types.is_float_dtype(obs[name])]
    return [str(name) for name in texts if 2 <= obs[name].nunique() <= _MOST_GROUPS]


@resource("inputs", max_entries=16, show_spinner="Checking the data …")
def side_report(project: Project, role: Role, fingerprint: str, label_key: str | None) -> Report:
    """Return what the check of one dataset found."""
    return preflight.inspect(dataset(project, role, fingerprint), role=role, label_key=label_key)


@resource("inputs", max_entries=16, show_spinner="Comparing the two datasets …")
def pair_report(project: Project, source: str, target: str) -> Report:
    """Return what the check of both datasets together found; they are named by fingerprint."""
    return preflight.inspect_pair(dataset(project, "source", source), dataset(project, "target", target))
