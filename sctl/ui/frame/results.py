"""Results for the pages, remembered by :mod:`sctl.ui.frame.caching`; every page sees results that belong together.

After a change of settings the results of earlier ones are still shown. :func:`shown` gives the project as it was
when they were computed, and all that is loaded from that view fits: cells, maps, groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sctl import workflow
from sctl.analysis.cluster_matching import matched
from sctl.data import TransferResult
from sctl.project import (
    Project,
    analyses,
    gene,
    gene_names,
    load_baselines,
    load_latent_map,
    load_markers,
    load_result,
    load_sweep,
    load_target_all,
    mean_of_genes,
)
from sctl.project.checksums import Stamp, stamp
from sctl.project.results import MAPS, SWEEP, load_maps, present_points, source_table, target_table
from sctl.sharing.trained import CELLS_KEY
from sctl.ui.frame import caching
from sctl.workflow import ThetaPoint, ThetaSweep

Maps = dict[str, NDArray[Any]]


def shown(project: Project, step: str = "theta") -> Project:
    """Return the project as of the settings under which ``step`` was last finished; as it is where it never was."""
    return project.at_last_result(step) or project


# -- θ -----------------------------------------------------------------------------------------------


def points(project: Project) -> list[ThetaPoint]:
    """Return the finished θ under the present settings, also while the sweep runs."""
    return present_points(project)


def sweep(project: Project) -> ThetaSweep:
    """Return the prepared sweep."""
    return _sweep(project, stamp(project.result_dir("transfer") / SWEEP))


def point_at(project: Project, theta: float) -> ThetaPoint:
    """Return the clustering at any θ; numbers of clusters agree with those of the result as far as they can."""
    return _point_at(project, stamp(project.result_dir("transfer") / SWEEP), round(theta, 4))


def baselines(project: Project) -> dict[str, TransferResult]:
    """Return the baselines that are finished."""
    finished = analyses.version(project, "compare")
    return _baselines(project, finished) if finished else {}


# What is read while it is still being computed has the state of its file in the key as well.


@caching.resource("transfer", max_entries=4)
def _sweep(project: Project, written: Stamp | None) -> ThetaSweep:
    return load_sweep(project)


@caching.data("transfer", max_entries=256)
def _point_at(project: Project, written: Stamp | None, theta: float) -> ThetaPoint:
    # More threads than free cores wait for each other by spinning: 4 s instead of 0.15 beside a running job.
    with threadpool_limits(limits=1):
        return sweep(project).at(theta)


@caching.resource("transfer", max_entries=8)
def _baselines(project: Project, finished: tuple[tuple[str, Stamp | None], ...]) -> dict[str, TransferResult]:
    return load_baselines(project)


# -- the result, and what is known of its cells --------------------------------------------------------


@caching.resource("theta", max_entries=8)
def result(project: Project) -> TransferResult:
    """Return the result at the chosen θ. Shared by all visitors: never change it."""
    return load_result(project)


def merged_subpopulations(project: Project) -> list[str]:
    """Return a sentence for each group that the target shows by itself and the chosen θ hides; see :mod:`sctl.methods.transfercluster.biology`."""
    return list(result(project).diagnostics.merged_subpopulations or ())


def result_warnings(project: Project) -> tuple[str, ...]:
    """Return what speaks against the result as a whole; see :func:`sctl.workflow.result_warnings`."""
    return workflow.result_warnings(result(project))


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
    clustering = found.diagnostics.clustering
    if clustering is None or clustering.n_landmarks is None:
        return ""
    return landmarks_sentence(found.n_obs, f"{clustering.n_landmarks:,}")


def landmarks_sentence(n_obs: int, n_landmarks: str) -> str:
    """Say how a target of ``n_obs`` cells is clustered through some of them."""
    return (
        f"Your target is large ({n_obs:,} cells): clusters are found among {n_landmarks} of its cells, "
        "and each of the others follows its nearest."
    )


def groups(project: Project, kind: str, final: pd.Series | None) -> NDArray[Any]:
    """Return the group of each cell as text: ``"clusters"``, ``"labels"`` or ``"final"``.  (n_obs,)."""
    return np.asarray(workflow.groups_of(result(project), kind, final), dtype=str)


def final_labels(project: Project) -> pd.Series | None:
    """Return the labels as the user left them, by cell, or None where nothing was edited.

    They are those of today, also where the result shown is of earlier settings.
    """
    current = Project(project.root)
    reference = current.settings.labels
    return None if reference is None else _labels(current, reference)


@caching.data("inputs", max_entries=32)
def _labels(project: Project, reference: str) -> pd.Series | None:
    return project.at(replace(project.settings, labels=reference)).labels()


def aligned_clusters(project: Project, point: ThetaPoint) -> NDArray[np.integer[Any]]:
    """Return the clusters of another θ, numbered as the result's are where they hold the same cells.  (n_obs,)."""
    return matched(point.clusters, result(project).clusters)


def table(project: Project) -> pd.DataFrame:
    """Return the target's own table of cells, of the cells that were kept."""
    return _table(project)


@caching.resource("preprocess", max_entries=8)
def _table(project: Project) -> pd.DataFrame:
    return target_table(project)


@caching.resource("preprocess", max_entries=4)
def target(project: Project) -> AnnData:
    """Return the kept target cells with all genes, log-normalised. Shared by all visitors: never change it."""
    return load_target_all(project)


def quality(project: Project) -> pd.DataFrame:
    """Return quality metrics of the cells that were kept; no columns where cells cannot be told apart."""
    info = project.input_info("target")
    names = result(project).obs_names
    if info is None:
        return pd.DataFrame(index=names)
    metrics = caching.measured(project, "target", info["fingerprint"]).metrics
    return metrics.reindex(names) if metrics.index.is_unique else pd.DataFrame(index=names)


def source_types(project: Project) -> NDArray[Any]:
    """Return the known type of each source cell that was kept, "source" where none is known.  (n_source,)."""
    return _source_types(project, project.params("data")["label_key"])


@caching.data("preprocess", max_entries=8)
def _source_types(project: Project, label_key: str | None) -> NDArray[Any]:
    obs = source_table(project)
    return np.asarray(obs[label_key] if label_key in obs else np.full(len(obs), "source"), dtype=str)


def source_datasets(project: Project, column: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return dataset and known type of each source cell; all are one dataset where the source lacks the column.

    Of a trained source, whose cells are not there, it is known how many cells each type had.
    """
    return _source_datasets(project, project.params("data")["label_key"], column)


@caching.data("preprocess", max_entries=16)
def _source_datasets(project: Project, label_key: str | None, column: str) -> tuple[NDArray[Any], NDArray[Any]]:
    obs = source_table(project)
    if project.has_trained:
        obs = obs.loc[np.repeat(obs.index, obs[CELLS_KEY].astype(int))]
    named = [np.asarray(obs[key] if key in obs else np.full(len(obs), "all"), dtype=str) for key in (column, label_key)]
    return named[0], named[1]


# -- genes -------------------------------------------------------------------------------------------


@caching.data("preprocess", max_entries=8)
def genes(project: Project) -> list[str]:
    """Return the names of all genes of the target, sorted."""
    return sorted(gene_names(project))


@caching.data("preprocess", max_entries=256)
def expression(project: Project, name: str) -> NDArray[np.float32]:
    """Return one gene's log-normalised expression in the target.  (n_obs,)."""
    return gene(project, name)


def denoised_genes(project: Project) -> list[str]:
    """Return the genes that the method's network rebuilds, sorted; none where it rebuilds nothing."""
    return sorted(map(str, workflow.denoised_genes(result(project))))


def denoised_expression(project: Project, name: str) -> NDArray[np.float32]:
    """Return what the method's network makes of one gene, on the scale of the prepared data.  (n_obs,)."""
    return np.asarray(workflow.denoised(result(project), [name])[name], dtype=np.float32)


def mean_expression(project: Project, names: Sequence[str]) -> NDArray[np.float32]:
    """Return the mean log-normalised expression of some genes that the target has.  (n_obs,)."""
    return _mean_expression(project, tuple(sorted(set(names))))


@caching.data("preprocess", max_entries=32)
def _mean_expression(project: Project, names: tuple[str, ...]) -> NDArray[np.float32]:
    return mean_of_genes(project, names)


# -- maps and markers ----------------------------------------------------------------------------------


def maps(project: Project) -> Maps:
    """Return the maps that are drawn so far, by name; see :func:`sctl.workflow.explore`."""
    written = stamp(project.result_dir("explore") / MAPS)
    return {} if written is None else _maps(project, written)


def latent_map(project: Project) -> Maps:
    """Return the map in the method's own space, by its parts; empty where there is none. See :func:`sctl.workflow.latent_map`."""
    written = analyses.version(project, "latent")
    return _latent_map(project, written) if written else {}


@caching.resource("markers", max_entries=8)
def markers(project: Project) -> pd.DataFrame:
    """Return the table of markers. Shared by all visitors: never change it."""
    return load_markers(project)


@caching.resource("explore", max_entries=8)
def _maps(project: Project, written: Stamp | None) -> Maps:
    return load_maps(project)


@caching.resource("transfer", max_entries=8)
def _latent_map(project: Project, written: tuple[tuple[str, Stamp | None], ...]) -> Maps:
    return load_latent_map(project)
