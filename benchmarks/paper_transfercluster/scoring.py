"""The ARI of the three methods on one pair, all from the same comparison of source and target."""

from __future__ import annotations

from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np

from sctl.analysis.evaluate import adjusted_rand
from sctl.data import Pair
from sctl.errors import SctlError
from sctl.methods import get_method
from sctl.methods.base import fit_transfer
from sctl.methods.transfercluster.theta import choose_theta
from sctl.run import Run

TARGET, CONCATENATE, TRANSFER = "TargetCluster", "ConcatenateCluster", "TransferCluster"
PAPER_RULE, LABELS_ALONE, BEST = "TransferCluster, KTA up to θ = 1", "θ = 1", "best θ"
COLUMNS = ("method", "ARI", "theta", "k", "CPU s", "refused")
METHODS = (TARGET, CONCATENATE, TRANSFER, PAPER_RULE, LABELS_ALONE, BEST)

PUBLISHED = {
    "distances": "euclidean",
    "eigenvectors": "unweighted",
    "dictionary": "nmf",
    "scale": "paper",
    "genes": "all",
}
"""Settings of the released code; ours are the defaults of :class:`~sctl.methods.transfercluster.TransferCluster`."""


@dataclass(frozen=True)
class Setting:
    """How the methods are set up, the same for every repeat.

    Parameters
    ----------
    published : bool
        Whether with the released code's settings in place of our defaults.
    found_k : bool
        Whether the number of clusters is found, as by default in the app, in place of the true one.
    concatenate : bool
        Whether ConcatenateCluster takes part; it takes longest.
    """

    published: bool = False
    found_k: bool = False
    concatenate: bool = True

    def of(self, key: str, n_clusters: int) -> Any:
        """Return the method ``key``."""
        kind = get_method(key)
        names = {parameter.name for parameter in kind.parameters()}
        wanted = {**(PUBLISHED if self.published else {}), "n_permutations": 0}
        wanted |= {} if self.found_k else {"n_clusters": n_clusters}
        return kind(**{name: value for name, value in wanted.items() if name in names})


def scored(pair: Pair, truth: np.ndarray, n_clusters: int, setting: Setting, run: Run) -> list[dict[str, Any]]:
    """Return a row for each method: ARI, θ, number of clusters, CPU seconds; a method that refuses says why."""
    rows = list(_swept(pair, truth, setting.of("transfercluster", n_clusters), run))
    if setting.concatenate:
        rows.insert(1, _concatenated(pair, truth, setting.of("concatenatecluster", n_clusters), run))
    return rows


def _swept(pair: Pair, truth: np.ndarray, method: Any, run: Run) -> list[dict[str, Any]]:
    """Cluster at every θ once; TargetCluster is θ = 0, and all choices of θ are among the same clusterings."""
    start = process_time()
    try:
        sweep = method.fit(pair.source, pair.label_key, run).prepare_sweep(pair.target, run)
        points = list(sweep.points((*method.thetas, 1.0), run))
    except SctlError as error:
        return [{"method": name, "refused": str(error)} for name in METHODS if name != CONCATENATE]
    right = {point.theta: adjusted_rand(point.clusters, truth) for point in points}
    chosen = {
        TARGET: 0.0,
        TRANSFER: choose_theta(points, method.criterion),
        PAPER_RULE: max(points, key=lambda point: (round(point.kta, 9), -point.theta)).theta,
        LABELS_ALONE: 1.0,
        BEST: max(method.thetas, key=lambda theta: right[theta]),
    }
    shared = {"k": sweep.n_clusters, "CPU s": process_time() - start}
    return [{"method": name, "ARI": right[theta], "theta": theta, **shared} for name, theta in chosen.items()]


def _concatenated(pair: Pair, truth: np.ndarray, method: Any, run: Run) -> dict[str, Any]:
    start = process_time()
    try:
        result = fit_transfer(pair, method, run)
    except SctlError as error:
        return {"method": CONCATENATE, "refused": str(error)}
    found = {"ARI": adjusted_rand(result.clusters, truth), "k": len(result.cluster_names)}
    return {"method": CONCATENATE, **found, "CPU s": process_time() - start}
