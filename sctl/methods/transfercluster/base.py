"""What the three SC3-based methods share: settings, the source dictionary, and naming clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse
from typing_extensions import override

from sctl._version import __version__
from sctl.data import (
    TARGET_ONLY,
    UNASSIGNED,
    Diagnostics,
    TargetOnlyGenes,
    TransferResult,
    require_genes,
)
from sctl.errors import DataError, ParameterError
from sctl.methods.base import TransferMethod, param
from sctl.methods.explainer import Explainer
from sctl.methods.parameters import min_confidence_param
from sctl.methods.transfercluster.clusterers import ClustererName, check_installed
from sctl.methods.transfercluster.landmarks import clustering_seconds
from sctl.methods.transfercluster.loadings import (
    evidence,
    label_probabilities,
    loading_contributions,
    loading_margin,
)
from sctl.methods.transfercluster.preparation import prepare_sweep, with_target_only_genes
from sctl.methods.transfercluster.sc3 import Consensus, Distance, Sc3, Transformation
from sctl.methods.transfercluster.sweep import ThetaSweep
from sctl.numerics.class_means import class_means
from sctl.run import Run
from sctl.typing import Doubles

MIN_CELLS = 5
"""Fewer target cells than this have no structure that a consensus could find."""

FEW_GENES = 750
"""Cells are hard to tell apart by fewer shared genes than these; the target's own genes then help (measured)."""


OF_THE_TARGET = frozenset(
    {
        "n_clusters", "min_confidence", "distances", "transformations", "eigenvectors", "clusterer", "n_init",
        "n_landmarks", "target_genes",
    }
)  # fmt: skip
"""Settings that play no part while profiles are learned."""


@dataclass(kw_only=True)
class ConsensusMethod(TransferMethod):
    """Cluster by SC3 and name the clusters by the source types that their cells resemble."""

    family: ClassVar[str] = "cluster your cells by consensus (SC3)"
    citations: ClassVar[tuple[str, ...]] = (
        "Kiselev et al. (2017), SC3: consensus clustering of single-cell RNA-seq data, Nature Methods 14:483",
    )

    n_clusters: int | None = param(
        None,
        "How many groups to look for. Empty: as many as source types are met in your data.",
        title="Number of clusters",
        low=2,
        high=100,
    )
    min_confidence: float = min_confidence_param()
    genes: Literal["highly_variable", "all"] = param(
        "highly_variable", "Compare cells by the most variable genes, or by all shared ones.", advanced=True
    )
    distances: Literal["pearson", "euclidean", "spearman", "all"] = param(
        "pearson", "How the difference between two cells is measured; SC3 uses all three.", advanced=True
    )
    transformations: Literal["pca", "laplacian", "both"] = param(
        "pca", "How the distances are condensed; SC3 uses both.", advanced=True
    )
    eigenvectors: Literal["weighted", "unweighted"] = param(
        "weighted", "Whether strong directions count more (steadier) or all alike (as in SC3).", advanced=True
    )
    clusterer: ClustererName = param(
        "sc3",
        "What divides the cells into groups. SC3 joins many clusterings, which is steadiest for few cells; Leiden "
        "(the field's usual choice), k-means and agglomerative are quicker on many. Leiden needs two packages under the "
        "GPL, added by `pip install sctl[leiden]`.",
        title="Clustering by",
        advanced=True,
    )
    n_init: int = param(
        10, "How often each k-means is started.", title="k-means starts", low=1, high=1000, advanced=True
    )

    n_landmarks: int | None = param(
        None,
        "Of more target cells than this, so many are clustered, and each of the others follows its nearest. Empty: "
        "1,000 where there are more than 3,000 cells. Time and memory grow with the square of this number.",
        title="Cells that are clustered directly (landmarks)",
        low=100,
        high=5000,
        advanced=True,
    )

    @classmethod
    @override
    def cost(cls, *, n_source: int, n_target: int, n_thetas: int = 1) -> float | None:
        return clustering_seconds(n_target)

    def fit(self, source: AnnData, label_key: str | None, run: Run) -> Self:
        """Learn a profile for each source type.

        Sets ``label_names_`` (n_types), ``var_names_`` (n_vars), ``dictionary_`` (n_types, n_vars) and ``n_source_``.

        Raises
        ------
        DataError
            If the source has no labels, or only one.
        ParameterError
            If the packages of the clusterer are not installed.
        """
        check_installed(self.clusterer)
        variable = self.genes == "highly_variable" and "highly_variable" in source.var
        used = source[:, source.var["highly_variable"].to_numpy()] if variable else source
        self.var_names_, self.n_source_ = used.var_names, source.n_obs
        self.label_names_, codes = self._source_types(source, used.X, label_key, run)
        self.dictionary_ = self._learn(used.X, codes, run)
        return self

    def _source_types(
        self,
        source: AnnData,
        X: Any,
        label_key: str | None,
        run: Run,
    ) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """Return the names of the source's types, and the type of each cell as their number."""
        if label_key is None or label_key not in source.obs:
            raise DataError(
                "The source has no cell-type labels.",
                expected=f"{self.title} names clusters by known cell types.",
                do="Choose the column of the source that holds them.",
            )
        types = pd.Categorical(source.obs[label_key].astype(str))
        if len(types.categories) < 2:
            raise DataError(
                f"The source has a single type, {types.categories[0]!r}.",
                expected="At least two known types are needed to tell cells apart.",
                do="Choose another label column, or another source.",
            )
        return tuple(map(str, types.categories)), types.codes.astype(np.int64)

    def _learn(self, X: Any, codes: NDArray[np.int64], run: Run) -> Doubles:
        """Return the source dictionary, shape (n_types, n_vars)."""
        run.report("Learning the source's profiles", 0, 1)
        means = class_means(X, codes, len(self.label_names_))
        run.report("Learning the source's profiles", 1, 1)
        return means

    @property
    def settings(self) -> Sc3:
        """Settings of SC3."""
        distances: tuple[Distance, ...] = (
            ("pearson", "euclidean", "spearman") if self.distances == "all" else (self.distances,)
        )
        transformations: tuple[Transformation, ...] = (
            ("pca", "laplacian") if self.transformations == "both" else (self.transformations,)
        )
        return Sc3(
            distances=distances,
            transformations=transformations,
            n_init=self.n_init,
            weighted=self.eigenvectors == "weighted",
        )

    def prepare_sweep(self, target: AnnData, run: Run) -> ThetaSweep:
        """Compare a target with the fitted source.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        DataError
            If the target lacks genes of the source, or has too few cells.
        ParameterError
            If there are fewer cells than clusters.
        """
        X = self._expression(target)
        return prepare_sweep(
            X,
            self._profiles(target),
            self.label_names_,
            n_clusters=self.n_clusters,
            settings=self.settings,
            clusterer=self.clusterer,
            n_landmarks=self.n_landmarks,
            run=run,
        )

    def explainer(self, target: AnnData, cells: NDArray[np.integer[Any]], run: Run | None = None) -> Explainer:
        """Return how much more of one source profile than of another some cells are rebuilt from."""
        X = self._expression(target)[cells]
        inputs = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
        H = np.asarray(self.dictionary_, dtype=np.float64)
        baseline = H.mean(axis=0)
        return Explainer(
            tuple(map(str, self.var_names_)),
            tuple(self.label_names_),
            inputs,
            baseline,
            margin=lambda x, label, against: loading_margin(x, H, label, against),
            contributions=lambda label, against: loading_contributions(inputs, H, label, against, baseline),
        )

    def _expression(self, target: AnnData) -> Any:
        self._require_fitted("dictionary_")
        found = self.var_names_.isin(target.var_names)
        if self.is_pretrained_:
            require_genes(int(found.sum()), len(found))
        elif not found.all():
            raise DataError(
                "The target lacks genes that this method learned from the source.",
                expected="Source and target must come from one pair.",
                do="Make a pair with sctl.prepare_pair(source, target, ...) and fit on its source.",
            )
        if target.n_obs < MIN_CELLS:
            raise DataError(
                f"The target has {target.n_obs} cells.",
                expected=f"{self.title} needs at least {MIN_CELLS}.",
                do="Loosen the cell filters, or add cells.",
            )
        if self.n_clusters is not None and self.n_clusters > target.n_obs:
            raise ParameterError(
                f"{self.n_clusters} clusters were asked of {target.n_obs} cells.",
                expected="There cannot be more clusters than cells.",
                do="Choose a smaller number of clusters.",
            )
        return target[:, self.var_names_[found]].X

    def _profiles(self, target: AnnData) -> Doubles:
        """Return the dictionary for the genes that the target has: a trained source may know more.  (n_types, n_found)."""
        found = self.var_names_.isin(target.var_names)
        return self.dictionary_ if found.all() else self.dictionary_[:, found]

    def _result(
        self,
        consensus: Consensus,
        sweep: ThetaSweep,
        *,
        target_names: pd.Index,
        embedding: Doubles,
        seed: int,
        found: Diagnostics,
    ) -> TransferResult:
        """Name the clusters and gather everything into a result."""
        own = evidence(sweep.loadings, np.sqrt(np.diagonal(sweep.kernels.Q)))
        proba = label_probabilities(consensus.clusters, consensus.proba, own, sweep.z)
        best = proba.argmax(axis=1)
        confidence = np.clip(proba[np.arange(len(best)), best], 0.0, 1.0)
        labels = np.array(sweep.type_names, dtype=object)[best]
        labels[(confidence < self.min_confidence) | (confidence <= 0)] = UNASSIGNED
        return TransferResult(
            method=self.key,
            obs_names=target_names,
            clusters=consensus.clusters,
            cluster_names=tuple(str(number + 1) for number in range(consensus.proba.shape[1])),
            proba=consensus.proba,
            labels=labels,
            label_names=sweep.type_names,
            label_proba=proba,
            confidence=confidence,
            embedding=embedding,
            params={name: value for name, value in self.params.items() if value is not None},
            seed=seed,
            version=__version__,
            var_names=tuple(getattr(self, "var_names_", ())),
            obsm={"loadings": sweep.loadings, **({} if sweep.rejection is None else {"rejection": sweep.rejection})},
            varm={"dictionary": self.dictionary_.T} if "dictionary_" in vars(self) else {},
            diagnostics=sweep.described(found, int(consensus.proba.shape[1])),
        )


@dataclass(kw_only=True)
class TargetGenesMethod(ConsensusMethod):
    """A consensus method that can use genes of the target that the source lacks."""

    target_genes: Literal["auto", "shared", "constant", "covariance"] = param(
        "auto",
        "What becomes of variable genes that your data have and the annotated dataset lacks. They are left out (shared), "
        "help to tell cells apart as they are (constant), or also follow what the annotated dataset changes in the "
        "shared genes, as far as they vary together in your data (covariance). Auto: the last where few genes are "
        "shared, else the first.",
        title="Genes that only your data have",
        advanced=True,
    )

    def _with_target_genes(self, sweep: ThetaSweep, target: AnnData) -> ThetaSweep:
        """Add the target's own genes, where they are wanted and there are any."""
        own, mode = target.obsm.get(TARGET_ONLY), self.target_genes
        if mode == "auto":
            mode = "covariance" if target.n_vars < FEW_GENES else "shared"
        if own is None or mode == "shared":
            return sweep
        found = replace(sweep.diagnostics, target_genes=TargetOnlyGenes(mode=mode, n_genes=int(own.shape[1])))
        return replace(with_target_only_genes(sweep, own, mode), diagnostics=found)


@dataclass(kw_only=True)
class SavedProfiles(TargetGenesMethod):
    """A method that learns nothing of the source but a profile of each type, which a file can hold."""

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return the profiles, and what JSON holds."""
        self._require_fitted("dictionary_")
        return {"dictionary": self.dictionary_}, {
            "label_names": list(self.label_names_),
            "genes": list(map(str, self.var_names_)),
            "n_source": self.n_source_,
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Self:
        """Take back what :meth:`state` returned."""
        self.label_names_, self.var_names_ = tuple(facts["label_names"]), pd.Index(facts["genes"], dtype=object)
        self.n_source_, self.dictionary_ = int(facts["n_source"]), np.array(arrays["dictionary"], dtype=np.float64)
        if self.dictionary_.shape != (len(self.label_names_), len(self.var_names_)):
            raise DataError(
                "The parts of the model do not fit together.",
                expected="A profile of every cell type, with a value for every gene.",
                do="Save the model again.",
            )
        return self
