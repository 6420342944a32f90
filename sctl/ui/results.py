"""Results for the pages, remembered by fingerprint; every page sees results that belong together.

After a change of settings the results of earlier ones are still shown. :func:`shown` gives the project as it was
when they were computed, and all that is loaded from that view fits: cells, maps, groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from anndata import AnnData
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sctl import pipeline
from sctl.core.matching import matched
from sctl.data import TransferResult
from sctl.denoised import denoised
from sctl.denoised import denoised_genes as denoised_names
from sctl.project import (
    Project,
    gene,
    gene_names,
    load_baselines,
    load_markers,
    load_result,
    load_sweep,
    load_target_all,
    mean_of_genes,
)
from sctl.project.latent import LATENT_MAP
from sctl.project.results import MAPS, load_latent_map, load_maps, points_in, source_table
from sctl.sharing.trained import CELLS_KEY
from sctl.sweep import ThetaPoint, ThetaSweep
from sctl.ui import caching

Maps = dict[str, NDArray[Any]]


def shown(project: Project, step: str = "theta") -> Project:
    """Return the project as of the settings under which ``step`` was last finished; as it is where it never was."""
    return project.computed(step) or project


# -- θ -----------------------------------------------------------------------------------------------


def points(project: Project) -> list[ThetaPoint]:
    """Return the finished θ under the present settings, also while the sweep runs."""
    return points_in(project.result_dir("transfer"))


def sweep(project: Project) -> ThetaSweep:
    """Return the prepared sweep."""
    return _sweep(project, project.fingerprint("transfer"))


def point_at(project: Project, theta: float) -> ThetaPoint:
    """Return the clustering at any θ; numbers of clusters agree with those of the result as far as they can."""
    return _point_at(project, project.fingerprint("theta"), project.fingerprint("transfer"), round(theta, 4))


def baselines(project: Project) -> dict[str, TransferResult]:
    """Return the baselines that are finished."""
    folder = project.result_dir("transfer") / "baselines"
    finished = tuple(sorted(path.stem for path in folder.glob("*.h5ad")))
    return _baselines(project, project.fingerprint("transfer"), finished) if finished else {}


@st.cache_resource(max_entries=4, ttl="2h", show_spinner=False)
def _sweep(_project: Project, fingerprint: str) -> ThetaSweep:
    return load_sweep(_project)


@st.cache_data(max_entries=256, show_spinner=False)
def _point_at(_project: Project, result: str, transfer: str, theta: float) -> ThetaPoint:
    # More threads than free cores wait for each other by spinning: 4 s instead of 0.15 beside a running job.
    with threadpool_limits(limits=1):
        return sweep(_project).at(theta)


@st.cache_resource(max_entries=8, ttl="2h", show_spinner=False)
def _baselines(_project: Project, fingerprint: str, finished: tuple[str, ...]) -> dict[str, TransferResult]:
    return load_baselines(_project)


# -- the result, and what is known of its cells --------------------------------------------------------


def result(project: Project) -> TransferResult:
    """Return the result at the chosen θ. Shared by all visitors: never change it."""
    return _result(project, project.fingerprint("theta"))


def hidden_groups(project: Project) -> list[str]:
    """Return a sentence for each group that the target shows by itself and the chosen θ hides; see :mod:`sctl.sweep`."""
    return [str(text) for text in result(project).uns.get("hidden_groups", ())]


def cautions(project: Project) -> tuple[str, ...]:
    """Return what speaks against the result as a whole; see :func:`sctl.pipeline.cautions`."""
    return pipeline.cautions(result(project))


def answers(project: Project) -> list[TransferResult]:
    """Return the results of all methods that named the same cells, the one shown first; baselines of a sweep included."""
    own = result(project)
    found = {own.method: own}
    for view in project.answers():
        other = result(view)
        found.setdefault(other.method, other)
    found |= {key: other for key, other in baselines(project).items() if key not in found}
    return [other for other in found.values() if other.obs_names.equals(own.obs_names)]


def landmarks_text(project: Project) -> str:
    """Say how a large target was clustered; empty where all cells were compared with all."""
    found = result(project)
    return "" if "n_landmarks" not in found.uns else landmarks_sentence(found.n_obs, f"{found.uns['n_landmarks']:,}")


def landmarks_sentence(n_obs: int, n_landmarks: str) -> str:
    """Say how a target of ``n_obs`` cells is clustered through some of them."""
    return (
        f"Your target is large ({n_obs:,} cells): clusters are found among {n_landmarks} of its cells, "
        "and each of the others follows its nearest."
    )


def groups(project: Project, kind: str, final: pd.Series | None) -> NDArray[Any]:
    """Return the group of each cell as text: ``"clusters"``, ``"labels"`` or ``"final"``.  (n_obs,)."""
    return np.asarray(pipeline.groups_of(result(project), kind, final), dtype=str)


def final_labels(project: Project) -> pd.Series | None:
    """Return the labels as the user left them, by cell, or None where nothing was edited.

    They are those of today, also where the result shown is of earlier settings.
    """
    current = Project(project.root)
    reference = current.settings.labels
    return None if reference is None else _labels(current, reference)


@st.cache_data(max_entries=32, show_spinner=False)
def _labels(_project: Project, reference: str) -> pd.Series | None:
    return _project.labels()


def aligned_clusters(project: Project, point: ThetaPoint) -> NDArray[np.integer[Any]]:
    """Return the clusters of another θ, numbered as the result's are where they hold the same cells.  (n_obs,)."""
    return matched(point.clusters, result(project).clusters)


def table(project: Project) -> pd.DataFrame:
    """Return the target's own table of cells, of the cells that were kept."""
    return target(project).obs


def target(project: Project) -> AnnData:
    """Return the kept target cells with all genes, log-normalised. Shared by all visitors: never change it."""
    return _target(project, project.fingerprint("preprocess"))


def quality(project: Project) -> pd.DataFrame:
    """Return quality metrics of the cells that were kept; no columns where cells cannot be told apart."""
    info = project.input_info("target")
    names = result(project).obs_names
    if info is None:
        return pd.DataFrame(index=names)
    metrics = caching.measured(project, "target", info["fingerprint"]).metrics
    return metrics.reindex(names) if metrics.index.is_unique else pd.DataFrame(index=names)


@st.cache_resource(max_entries=8, ttl="2h", show_spinner=False)
def _result(_project: Project, fingerprint: str) -> TransferResult:
    return load_result(_project)


@st.cache_resource(max_entries=4, ttl="2h", show_spinner=False)
def _target(_project: Project, fingerprint: str) -> AnnData:
    return load_target_all(_project)


def source_types(project: Project) -> NDArray[Any]:
    """Return the known type of each source cell that was kept, "source" where none is known.  (n_source,)."""
    return _source_types(project, project.fingerprint("preprocess"), project.params("data")["label_key"])


@st.cache_data(max_entries=8, show_spinner=False)
def _source_types(_project: Project, fingerprint: str, label_key: str | None) -> NDArray[Any]:
    obs = source_table(_project)
    return np.asarray(obs[label_key] if label_key in obs else np.full(len(obs), "source"), dtype=str)


def source_datasets(project: Project, column: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return dataset and known type of each source cell; all are one dataset where the source lacks the column.

    Of a trained source, whose cells are not there, it is known how many cells each type had.
    """
    return _source_datasets(project, project.fingerprint("preprocess"), project.params("data")["label_key"], column)


@st.cache_data(max_entries=16, show_spinner=False)
def _source_datasets(
    _project: Project, fingerprint: str, label_key: str | None, column: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    obs = source_table(_project)
    if _project.has_trained:
        obs = obs.loc[np.repeat(obs.index, obs[CELLS_KEY].astype(int))]
    named = [np.asarray(obs[key] if key in obs else np.full(len(obs), "all"), dtype=str) for key in (column, label_key)]
    return named[0], named[1]


# -- genes -------------------------------------------------------------------------------------------


def genes(project: Project) -> list[str]:
    """Return the names of all genes of the target, sorted."""
    return _genes(project, project.fingerprint("preprocess"))


def expression(project: Project, name: str) -> NDArray[np.float32]:
    """Return one gene's log-normalised expression in the target.  (n_obs,)."""
    return _expression(project, project.fingerprint("preprocess"), name)


def denoised_genes(project: Project) -> list[str]:
    """Return the genes that the method's network rebuilds, sorted; none where it rebuilds nothing."""
    return sorted(map(str, denoised_names(result(project))))


def denoised_expression(project: Project, name: str) -> NDArray[np.float32]:
    """Return what the method's network makes of one gene, on the scale of the prepared data.  (n_obs,)."""
    return np.asarray(denoised(result(project), [name])[name], dtype=np.float32)


def mean_expression(project: Project, names: Sequence[str]) -> NDArray[np.float32]:
    """Return the mean log-normalised expression of some genes that the target has.  (n_obs,)."""
    return _mean_expression(project, project.fingerprint("preprocess"), tuple(sorted(set(names))))


@st.cache_data(max_entries=32, show_spinner=False)
def _mean_expression(_project: Project, fingerprint: str, names: tuple[str, ...]) -> NDArray[np.float32]:
    return mean_of_genes(_project, names)


@st.cache_data(max_entries=8, show_spinner=False)
def _genes(_project: Project, fingerprint: str) -> list[str]:
    return sorted(gene_names(_project))


@st.cache_data(max_entries=256, show_spinner=False)
def _expression(_project: Project, fingerprint: str, name: str) -> NDArray[np.float32]:
    return gene(_project, name)


# -- maps and markers ----------------------------------------------------------------------------------


def maps(project: Project) -> Maps:
    """Return the maps that are drawn so far, by name; see :func:`sctl.pipeline.explore`."""
    path = project.result_dir("explore") / MAPS
    if not path.exists():
        return {}
    return _maps(project, project.fingerprint("explore"), path.stat().st_mtime_ns)


def latent_map(project: Project) -> Maps:
    """Return the map in the method's own space, by its parts; empty where there is none. See :func:`sctl.pipeline.latent_map`."""
    path = project.result_dir("transfer") / LATENT_MAP
    return _latent_map(project, project.fingerprint("transfer")) if path.exists() else {}


def markers(project: Project) -> pd.DataFrame:
    """Return the table of markers."""
    return _markers(project, project.fingerprint("markers"))


@st.cache_resource(max_entries=8, ttl="2h", show_spinner=False)
def _maps(_project: Project, fingerprint: str, written: int) -> Maps:
    return load_maps(_project)


@st.cache_resource(max_entries=8, ttl="2h", show_spinner=False)
def _latent_map(_project: Project, fingerprint: str) -> Maps:
    return load_latent_map(_project)


@st.cache_resource(max_entries=8, ttl="2h", show_spinner=False)
def _markers(_project: Project, fingerprint: str) -> pd.DataFrame:
    return load_markers(_project)
