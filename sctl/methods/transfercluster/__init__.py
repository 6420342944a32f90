"""TransferCluster (Mieth et al. 2019): mix the target with its reconstruction from the source, then cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from typing_extensions import override

from sctl.data import Diagnostics, FoundGroups, SourceTransferability, ThetaCurve, TransferResult
from sctl.methods.base import param, with_depths
from sctl.methods.transfercluster.base import OF_THE_TARGET, SavedProfiles
from sctl.methods.transfercluster.baselines import (
    ConcatenateCluster as ConcatenateCluster,
)
from sctl.methods.transfercluster.baselines import (
    TargetCluster as TargetCluster,
)
from sctl.methods.transfercluster.biology import merged_subpopulations
from sctl.methods.transfercluster.kernels import TargetStep
from sctl.methods.transfercluster.landmarks import clustering_seconds
from sctl.methods.transfercluster.loadings import rejection_scores
from sctl.methods.transfercluster.nmf import elastic_net_nmf, scale_to
from sctl.methods.transfercluster.nmf_groups import Groups, nmf_groups, profiles_of_types
from sctl.methods.transfercluster.preparation import N_NULLS, prepare_sweep
from sctl.methods.transfercluster.sweep import ThetaSweep
from sctl.methods.transfercluster.theta import Criterion, ThetaPoint, choose_theta, sweep_warnings, thetas_beside
from sctl.methods.transfercluster.transferability import transferability
from sctl.numerics.class_means import class_means, one_hot
from sctl.run import Run
from sctl.typing import Doubles

SOURCE_GROUPS = range(2, 16)
"""Numbers of groups that are compared in a source without labels."""


@dataclass(kw_only=True)
class TransferCluster(SavedProfiles):
    """Cluster a target whose cells are drawn towards the source's types.

    A dictionary ``H`` (n_types, n_vars) is learned from the labelled source. Every target cell is rebuilt
    from it with non-negative loadings and replaced by the profile of its strongest type, which gives ``R``.
    The mixed data ``X(θ) = θ R + (1 − θ) X`` are clustered by SC3 for several θ: θ = 0 trusts the target
    alone, θ = 1 the source alone. The θ whose clusters agree best with the data wins.

    Notes
    -----
    Departures from the published code, each measured in ``docs/decisions``: the dictionary has the scale of
    the data, the loadings are exact, SC3 weights its eigenvectors, θ = 1 is not among the choices, and θ is
    chosen by agreement with the target's own data and steadiness (``criterion="kta"`` is the paper's).

    References
    ----------
    .. [1] Mieth et al. (2019), "Clustering single-cell RNA-seq data by transfer learning", Scientific Reports
       9, 20353. https://doi.org/10.1038/s41598-019-56911-z
    """

    key: ClassVar[str] = "transfercluster"
    title: ClassVar[str] = "TransferCluster"
    summary: ClassVar[str] = "Groups your cells with as much help from the annotated dataset as your data support."
    choose_when: ClassVar[str] = "Your dataset is small (10 to a few thousand cells) and resembles the annotated one."
    reference: ClassVar[str] = "Mieth et al. (2019), https://doi.org/10.1038/s41598-019-56911-z"
    needs_labels: ClassVar[bool] = True
    without_labels: ClassVar[Mapping[str, Any]] = MappingProxyType({"source_types": "found"})
    order: ClassVar[int] = 10
    target_settings: ClassVar[frozenset[str]] = OF_THE_TARGET | {
        "theta", "criterion", "theta_step", "theta_max", "target_step", "n_permutations"
    }  # fmt: skip

    theta: float | None = param(
        None,
        "0 uses your data alone, 1 the annotated dataset alone. Empty: the value that fits your data best.",
        title="How much to trust the source (θ)",
        low=0.0,
        high=1.0,
    )
    criterion: Criterion = param(
        "balanced",
        "What θ is chosen by: agreement of the clusters with your own data (target_kta), that and their steadiness "
        "together (balanced), agreement with the mixed data (kta, the paper's), the latter beyond what a source with shuffled genes reaches (null_kta), steadiness of the clusters "
        "(stability), or their separation (silhouette).",
        advanced=True,
    )
    theta_step: float = param(
        0.1, "Distance between the θ values that are tried.", title="Step of θ", low=0.01, high=0.5, advanced=True
    )
    theta_max: float = param(0.9, "Largest θ that is tried.", title="Largest θ", low=0.0, high=1.0, advanced=True)
    target_step: TargetStep = param(
        "hard",
        "What stands for a cell in the mix: the profile of its strongest type, all types with their loadings (soft), or "
        "the strongest type's profile at the scale of the cell (hard_optimised).",
        title="How cells are rebuilt from the source",
        advanced=True,
    )
    source_types: Literal["labels", "found"] = param(
        "labels",
        "Whether the source's known cell types are used, or groups that are found in it: 'group 1', 'group 2' and so on.",
        title="Types of the source",
        advanced=True,
    )
    n_source_groups: int | None = param(
        None,
        "How many groups to find in a source without labels. Empty: from 2 to 15, the number beyond which more explain little.",
        title="Groups of an unlabelled source",
        low=2,
        high=100,
        advanced=True,
    )
    n_permutations: int = param(
        99,
        "How many sources with shuffled genes the source is compared with, to tell of what use it is. 0: none.",
        title="Comparisons with shuffled genes",
        low=0,
        high=9999,
        advanced=True,
    )
    dictionary: Literal["means", "nmf"] = param(
        "means",
        "Profile of a source type: its mean, or the paper's penalised factorisation started from the labels.",
        title="Source profiles",
        advanced=True,
    )
    nmf_start: Literal["labels", "data"] = param(
        "labels",
        "Whether the factorisation starts from the types of the source's cells (warm start, the paper's), or from the "
        "data alone, after which each profile is given to the type whose cells it makes up most.",
        title="Start of the factorisation",
        advanced=True,
    )
    scale: Literal["data", "paper"] = param(
        "data",
        "Whether factorised profiles are brought to the scale of the data, or left shrunken as published.",
        title="Scale of the factorised profiles",
        advanced=True,
    )
    alpha: float = param(
        10.0,
        "Strength of the factorisation's penalty, which is not divided by the size of the data, as published.",
        title="Strength of the penalty (alpha)",
        low=0.0,
        high=1e6,
        advanced=True,
    )
    l1_ratio: float = param(
        0.75,
        "Share of the penalty that favours zeros.",
        title="L1 share of the penalty (l1_ratio)",
        low=0.0,
        high=1.0,
        advanced=True,
    )

    @classmethod
    @override
    def cost(cls, *, n_source: int, n_target: int, n_thetas: int = 1) -> float | None:
        return n_thetas * clustering_seconds(n_target)

    @property
    def thetas(self) -> tuple[float, ...]:
        """The θ values of the sweep, ascending; includes :attr:`theta` where it is given."""
        grid = {round(float(value), 6) for value in np.arange(0.0, self.theta_max + 1e-9, self.theta_step)}
        return tuple(sorted(grid | ({self.theta} if self.theta is not None else set())))

    @property
    @override
    def requires_labels(self) -> bool:
        return self.source_types == "labels"

    @override
    def _source_types(
        self, source: AnnData, X: Any, label_key: str | None, run: Run
    ) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        if self.requires_labels:
            return super()._source_types(source, X, label_key, run)
        penalty = self.alpha if self.dictionary == "nmf" else 0.0
        wanted = self.n_source_groups or SOURCE_GROUPS
        self.source_groups_ = nmf_groups(X, wanted, alpha=penalty, l1_ratio=self.l1_ratio, run=run)
        codes = self.source_groups_.codes.astype(np.int64)
        return tuple(f"group {number + 1}" for number in range(int(codes.max()) + 1)), codes

    @override
    def _learn(self, X: Any, codes: NDArray[np.int64], run: Run) -> Doubles:
        n_types = len(self.label_names_)
        means = class_means(X, codes, n_types)
        if self.dictionary == "means":
            return means
        H = self._factorised(X, codes, means, run)
        return scale_to(H, means) if self.scale == "data" else H

    def _factorised(self, X: Any, codes: NDArray[np.int64], means: Doubles, run: Run) -> Doubles:
        """Return the paper's profiles, in the order of the types; without a warm start if that was asked for."""
        n_types, penalty = len(means), {"alpha": self.alpha, "l1_ratio": self.l1_ratio}
        if self.nmf_start == "data":
            return profiles_of_types(X, codes, n_types, **penalty, run=run)
        start = one_hot(codes, n_types)
        return elastic_net_nmf(X, start, means, **penalty, max_iter=4000, tol=1e-3, run=run)[1]

    @override
    def prepare_sweep(self, target: AnnData, run: Run) -> ThetaSweep:
        X, profiles = self._expression(target), self._profiles(target)
        sweep = prepare_sweep(
            X,
            profiles,
            self.label_names_,
            n_clusters=self.n_clusters,
            settings=self.settings,
            clusterer=self.clusterer,
            target_step=self.target_step,
            n_landmarks=self.n_landmarks,
            n_nulls=N_NULLS if self.criterion == "null_kta" else 0,
            run=run,
        )
        rejection = rejection_scores(X, profiles, sweep.loadings)
        return self._with_target_genes(
            replace(sweep, rejection=rejection, diagnostics=self._diagnostics(X, profiles, run)), target
        )

    def _diagnostics(self, X: Any, profiles: Doubles, run: Run) -> Diagnostics:
        """Return what is known of the source before any θ is tried."""
        worth, groups = None, None
        if self.n_permutations:
            found = transferability(X, profiles, n_permutations=self.n_permutations, run=run)
            worth = SourceTransferability(score=found.score, p_value=found.p_value)
        if not self.requires_labels:
            known = self.source_groups_
            groups = FoundGroups(tried=tuple(known.tried), errors=tuple(known.errors), chosen=known.chosen)
        return Diagnostics(transferability=worth, source_groups=groups)

    @override
    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, facts = super().state()
        if not self.requires_labels:
            groups = self.source_groups_
            facts["source_groups"] = {"tried": groups.tried, "errors": groups.errors, "chosen": groups.chosen}
        return arrays, facts

    @override
    def restore(self, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Self:
        super().restore(arrays, facts)
        if not self.requires_labels:
            known = facts["source_groups"]
            none = np.empty(0, dtype=np.int64)  # the file holds no cells, so none of them has a group
            self.source_groups_ = Groups(none, tuple(known["tried"]), tuple(known["errors"]), int(known["chosen"]))
        return self

    @override
    def transfer(self, target: AnnData, run: Run) -> TransferResult:
        sweep = self.prepare_sweep(target, run)
        points = list(sweep.points(self.thetas if self.theta is None else thetas_beside(self.theta), run))
        return self.result_at(sweep, target.obs_names, self.theta, points, target=target)

    def result_at(
        self,
        sweep: ThetaSweep,
        target_names: pd.Index,
        theta: float | None,
        points: Sequence[ThetaPoint],
        *,
        target: AnnData | None = None,
    ) -> TransferResult:
        """Return the result at one θ.

        Parameters
        ----------
        sweep : ThetaSweep
            Of this target; may come from a file.
        target_names : Index of length n_obs
        theta : float or None
            None chooses it from ``points`` by :attr:`criterion`.
        points : sequence of ThetaPoint
            The curve, kept in the result's diagnostics; where θ is given, its own point and that of θ = 0 alone, so that
            a result does not depend on what else was tried. Those that are needed and absent are computed.
        target : AnnData, optional
            The target itself, in whose genes groups are looked for that the chosen θ hides.

        Returns
        -------
        TransferResult
            ``diagnostics`` holds ``theta``, the curve with every score that was computed and, where θ was chosen
            automatically, the warnings about it; also ``transferability`` and ``rejection_scores``. ``obsm`` also
            holds the ``loadings``, ``varm`` the ``dictionary``. Where genes were used that only the target has,
            ``target_genes`` holds how, and how many. With ``target``, and where θ = 0 is among
            the points or θ is given, ``merged_subpopulations`` holds sentences on groups the source may hide, see
            :func:`~sctl.methods.transfercluster.biology.merged_subpopulations`.
        """
        chosen = choose_theta(points, self.criterion) if theta is None else float(theta)
        if theta is not None and target is not None:
            known = {point.theta: point for point in points}
            points = [known[value] if value in known else sweep.at(value) for value in thetas_beside(chosen)]
        curve = sorted(points, key=lambda point: point.theta)
        result = self._result(
            sweep.cluster(chosen),
            sweep,
            target_names=target_names,
            embedding=sweep.embedding(chosen),
            seed=sweep.seed,
            found=Diagnostics(theta=self._curve(chosen, curve, by_hand=theta is not None)),
        )
        if target is None:
            return result
        result = with_depths(result, target)
        if not curve or curve[0].theta != 0:
            return result
        merged = tuple(_hidden(result, curve[0].clusters, target))
        return replace(result, diagnostics=replace(result.diagnostics, merged_subpopulations=merged))

    def _curve(self, theta: float, points: Sequence[ThetaPoint], *, by_hand: bool) -> ThetaCurve:
        """Return the scores of some θ, and what makes the choice unsure where it was made by one of them."""
        names: tuple[Criterion, ...] = get_args(Criterion)
        known = [name for name in names if all(getattr(point, name) is not None for point in points)]
        warnings = None if by_hand else tuple(found.text for found in sweep_warnings(points, self.criterion))
        return ThetaCurve(
            theta=theta,
            chosen_by="hand" if by_hand else self.criterion,
            thetas=tuple(point.theta for point in points),
            scores={name: tuple(float(getattr(point, name)) for point in points) for name in known},
            warnings=warnings,
        )


def _hidden(result: TransferResult, alone: NDArray[np.integer[Any]], target: AnnData) -> list[str]:
    """Return a sentence for each group of θ = 0 that the result hides."""
    found = merged_subpopulations(
        target.X, list(map(str, target.var_names)), clusters=result.clusters, labels=result.labels, alone=alone
    )
    return [group.text for group in found]


METHODS = (TransferCluster, TargetCluster, ConcatenateCluster)
