"""What pages compute more than once, remembered by fingerprint.

Data are never an argument that is hashed: Streamlit samples large arrays when it hashes them, so a change
could go unseen. A fingerprint names content and settings exactly; what starts with ``_`` is not hashed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st
from anndata import AnnData

from sctl import preflight, preprocess, qc
from sctl.errors import ProjectError
from sctl.genes import identifier_kind
from sctl.preflight import Report, Role
from sctl.project import Project
from sctl.sharing import TrainedSource, load_trained

_MOST_GROUPS = 200


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


@st.cache_resource(max_entries=4, ttl="2h", show_spinner=False)
def dataset(_project: Project, role: str, fingerprint: str) -> AnnData:
    """Return an input as it was read. Shared by all visitors: never change it."""
    return _project.input(role)


@st.cache_resource(max_entries=4, ttl="2h", show_spinner=False)
def trained(_project: Project, fingerprint: str) -> TrainedSource:
    """Return a trained source; only where the project's source is one. Shared by all visitors: never change it.

    Raises
    ------
    ProjectError
        If it is a dataset.
    """
    found = _project.trained()
    if found is None:
        raise ProjectError("The source is a dataset.", do="Load a trained source on the Data page.")
    return found


@st.cache_resource(max_entries=4, ttl="2h", show_spinner=False)
def model(path: str, changed: float) -> TrainedSource:
    """Return the trained source in a file as it was at a time. Shared by all visitors: never change it."""
    _ = changed  # a part of the key
    return load_trained(path)


@st.cache_data(max_entries=16, show_spinner="Measuring the cells …")
def measured(_project: Project, role: str, fingerprint: str, expression_threshold: float = 0.0) -> Measured:
    """Return quality metrics of one side on linear values.

    Raises
    ------
    DataError
        If the values cannot be brought to a linear scale.
    """
    linear = preprocess.linearised(dataset(_project, role, fingerprint))
    metrics = qc.qc_metrics(linear, expression_threshold=expression_threshold)
    return Measured(metrics, qc.expression_histogram(linear, bins=80))


@st.cache_data(max_entries=32, show_spinner=False)
def column(_project: Project, role: str, fingerprint: str, name: str) -> pd.Series:
    """Return one column of the table of cells."""
    values: pd.Series = dataset(_project, role, fingerprint).obs[name].copy()
    return values


@st.cache_data(max_entries=16, show_spinner=False)
def corner(_project: Project, role: str, fingerprint: str, size: int = 5) -> pd.DataFrame:
    """Return the first cells and genes as a table: (size, size)."""
    adata = dataset(_project, role, fingerprint)[:size, :size]
    values: Any = adata.X.toarray() if hasattr(adata.X, "toarray") else adata.X
    return pd.DataFrame(values, index=adata.obs_names, columns=adata.var_names)


@st.cache_data(max_entries=16, show_spinner=False)
def gene_names_kind(_project: Project, role: str, fingerprint: str) -> str:
    """Return what kind of identifiers the genes have; see :func:`sctl.genes.identifier_kind`."""
    return identifier_kind(dataset(_project, role, fingerprint).var_names)


@st.cache_data(max_entries=16, show_spinner=False)
def groupings(_project: Project, role: str, fingerprint: str) -> list[str]:
    """Return the columns of the table of cells that divide it into 2 to 200 groups."""
    obs = dataset(_project, role, fingerprint).obs
    texts = [name for name in obs.columns if not pd.api.types.is_float_dtype(obs[name])]
    return [str(name) for name in texts if 2 <= obs[name].nunique() <= _MOST_GROUPS]


@st.cache_resource(max_entries=16, show_spinner="Checking the data …")
def side_report(_project: Project, role: Role, fingerprint: str, label_key: str | None) -> Report:
    """Return what the check of one dataset found."""
    return preflight.inspect(dataset(_project, role, fingerprint), role=role, label_key=label_key)


@st.cache_resource(max_entries=16, show_spinner="Comparing the two datasets …")
def pair_report(_project: Project, source: str, target: str) -> Report:
    """Return what the check of both datasets together found; they are named by fingerprint."""
    return preflight.inspect_pair(dataset(_project, "source", source), dataset(_project, "target", target))
