"""ItClust (Hu et al. 2020): a network learns the source's types, then sharpens the clusters they make of the target."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from typing_extensions import override

import sctl
from sctl.base import TransferMethod, param
from sctl.core.attribution import integrated_gradients
from sctl.core.before_after import Answer, Clustering, compare, mean_confidence
from sctl.core.composition import TypeMoments, rescaled
from sctl.core.new_groups import MIN_CELLS as MIN_FOREIGN
from sctl.core.new_groups import foreign_cells, own_groups, typical_certainty
from sctl.core.scaling import z_scores
from sctl.data import UNASSIGNED, TransferResult, require_genes
from sctl.errors import DataError
from sctl.explain import Explainer
from sctl.run import Run

if TYPE_CHECKING:  # torch takes seconds to import, and the app's start must not wait for it
    from sctl.core.deep_embedding import EmbeddingNet
    from sctl.core.schedules import Schedule
    from sctl.core.self_training import SelfTraining, Sharpened

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

MIN_CELLS = 10
"""Fewer target cells than this cannot be scaled on their own."""
N_RESCALINGS = 2
"""So often the target is named and scaled anew."""
N_LESSONS = 20
"""So often the target's cells are seen while the network learns new groups."""


@dataclass(kw_only=True)
class ItClust(TransferMethod):
    """Learn the source's types with a network, transfer it, and let the target sharpen its own clusters.

    A stacked autoencoder with embedding ``z`` is trained on the source; then encoder and centroids ``μ`` learn the
    labels, with ``q_ij ∝ 1 / (1 + |z_i − μ_j|²)``. The target starts from the source's network, with centroids at its
    own cells of each predicted type. It is fine-tuned by minimising ``KL(P‖Q)``, where ``p_ij ∝ q_ij² / Σ_i q_ij``,
    until fewer than ``tolerance`` of the cells change their cluster.

    Notes
    -----
    Departures from paper and released code are in ``docs/decisions``: held-out cells say when to stop, genes are hidden
    at random while types are learned, the target is scaled by the mix of types found in it, every cluster keeps the
    name of the type it began as, and the answer from before fine-tuning is kept where fine-tuning harms.
    ``schedule="paper"`` with ``dropout=0``, ``output="tanh"``, ``clip_sides="upper"``, ``allow_for_mix=False``,
    ``n_new_clusters=0`` and ``answer="after"`` is the paper's setting.

    References
    ----------
    .. [1] Hu et al. (2020), "Iterative transfer learning with neural network for clustering and cell type
       classification in single-cell RNA-seq analysis", Nature Machine Intelligence 2, 607.
       https://doi.org/10.1038/s42256-020-00233-7
    """

    key: ClassVar[str] = "itclust"
    title: ClassVar[str] = "ItClust"
    summary: ClassVar[str] = "Trains a network on the annotated dataset, then lets your cells sharpen its groups."
    choose_when: ClassVar[str] = "You have a large annotated dataset, or want to use what was learned for many targets."
    reference: ClassVar[str] = "Hu et al. (2020), https://doi.org/10.1038/s42256-020-00233-7"
    needs_labels: ClassVar[bool] = True
    sections: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {
            "How the network learns": (
                "schedule", "n_pretrain_epochs", "n_epochs", "dropout", "output", "n_latent",
            ),
            "What the network sees": ("n_genes", "clip", "clip_sides", "allow_for_mix"),
            "How your cells sharpen the groups": (
                "learning_rate", "epochs_per_refresh", "max_refreshes", "tolerance", "reconstruction",
            ),
            "Types that are missing on one side": ("empty_centroids", "n_new_clusters"),
        }
    )  # fmt: skip
    order: ClassVar[int] = 20
    target_settings: ClassVar[frozenset[str]] = frozenset(
        {
            "answer", "min_confidence", "allow_for_mix", "batch_key", "learning_rate", "epochs_per_refresh", "max_refreshes",
            "tolerance", "empty_centroids", "n_new_clusters",
        }
    )  # fmt: skip

    answer: Literal["auto", "before", "after"] = param(
        "auto",
        "Groups before or after your cells sharpened them; automatic takes those that divide your own data better.",
        title="Which groups to keep",
    )
    min_confidence: float = param(
        0.0,
        "Cells whose label is less sure than this are called 'unassigned'.",
        title="Leave cells below this confidence unassigned",
        low=0.0,
        high=1.0,
    )
    batch_key: str | None = param(
        None,
        "Column with donor or study, in the source or in both; the cells of each are scaled on their own.",
        title="Column of batches",
    )
    allow_for_mix: bool = param(
        True,
        "Scale your cells by the types found among them, so that a type which fills your data is not called average.",
        title="Allow for another mix of types",
        advanced=True,
    )
    schedule: Literal["fast", "paper"] = param(
        "fast", "How the network learns: until it stops improving, or as long as in the paper.", advanced=True
    )
    n_pretrain_epochs: int = param(
        10,
        "How often the network sees all source cells before it is shown their types (fast schedule).",
        title="Rounds of pretraining",
        low=0,
        high=1000,
        advanced=True,
    )
    n_epochs: int = param(
        30,
        "Most rounds in which the network sees all source cells with their types (fast schedule).",
        title="Rounds of learning types",
        low=1,
        high=2000,
        advanced=True,
    )
    dropout: float = param(
        0.2,
        "Share of the genes hidden at random while types are learned, so that no few genes decide.",
        title="Genes hidden while learning",
        low=0.0,
        high=0.95,
        advanced=True,
    )
    output: Literal["linear", "tanh"] = param(
        "linear", "What the network's reconstruction can reach: any value, or (as in the paper) −1 to 1.", advanced=True
    )
    n_latent: int | None = param(
        None,
        "Width of the network's innermost layer. Empty: by the size of the source, as in the paper.",
        title="Width of the innermost layer",
        low=2,
        high=512,
        advanced=True,
    )
    n_genes: int | None = param(
        1000,
        "Compare cells by so many of the genes that vary most. Empty: all that preprocessing marked.",
        title="Number of genes",
        low=10,
        high=100_000,
        advanced=True,
    )
    clip: float = param(
        6.0, "Scaled values beyond this are cut.", title="Cut scaled values at", low=1.0, high=100.0, advanced=True
    )
    clip_sides: Literal["both", "upper"] = param(
        "both",
        "Whether low values are cut as well; the paper cut high ones only.",
        title="Cut which side",
        advanced=True,
    )
    learning_rate: float = param(0.01, "Step size while clusters are sharpened.", low=1e-6, high=1.0, advanced=True)
    epochs_per_refresh: int = param(
        5, "How often your cells are seen between two looks at the clusters.", low=1, high=100, advanced=True
    )
    max_refreshes: int = param(
        100, "Most looks at the clusters.", title="Most refreshes", low=1, high=2000, advanced=True
    )
    tolerance: float = param(
        0.001,
        "Sharpening ends when a smaller share of the cells changes its cluster.",
        title="Stop below this share of changes",
        low=0.0,
        high=1.0,
        advanced=True,
    )
    reconstruction: float = param(
        0.0,
        "How much the network must still rebuild the expression values; keeps groups from collapsing.",
        title="Weight of the reconstruction",
        low=0.0,
        high=1000.0,
        advanced=True,
    )
    empty_centroids: Literal["drop", "keep"] = param(
        "drop", "What becomes of types that no cell of yours resembles at first.", title="Types not met", advanced=True
    )
    n_new_clusters: int | None = param(
        None,
        "Groups begun among cells that resemble no type. Empty: only where the source does not explain your data.",
        title="New groups",
        low=0,
        high=50,
        advanced=True,
    )

    @override
    def fit(self, source: AnnData, label_key: str | None, run: Run) -> Self:
        """Learn the source's types.

        Sets ``label_names_``, ``var_names_``, ``weights_`` (arrays by name), ``moments_`` (of every type's genes),
        ``typical_`` (how certain its own cells are), ``n_source_`` and ``log_``.

        Raises
        ------
        DataError
            If the source has one type only, or the column of batches is missing.
        """
        from sctl.core import deep_embedding as deep  # noqa: PLC0415 - see above
        from sctl.core.training import Cells  # noqa: PLC0415

        types = _types(source, label_key)
        genes = _variable(source.var, self.n_genes)
        order = np.argsort(source.obs_names.to_numpy(dtype=str), kind="stable")  # a sorted file must not matter
        X, codes = self._scaled(source, source[:, genes].X)[order], types.codes[order].astype(np.int64)
        schedule, n_types = self._schedule(), len(types.categories)
        widths = deep.layer_widths(len(X))
        widths = widths if self.n_latent is None else (*widths[:-1], self.n_latent)
        cells = Cells.split(X, codes, schedule.held_out, run.rng("held-out cells"))
        autoencoder, logs = deep.pretrain(widths, cells, schedule.pretraining, run=run)
        net = deep.EmbeddingNet(autoencoder, deep.class_centroids(deep.embedded(autoencoder, cells), codes, n_types))
        logs.append(deep.train_source(net, cells, codes, config=schedule.source, run=run))
        self.label_names_ = tuple(map(str, types.categories))
        self.var_names_, self.n_source_ = tuple(map(str, genes)), len(X)
        self.weights_, self.moments_ = deep.weights_of(net), TypeMoments.of(X, codes, n_types)
        self.typical_ = typical_certainty(deep.outputs(net, cells)[1], codes).astype(np.float32)
        self.log_ = {log.phase: log.to_dict() for log in logs}
        return self

    @override
    def transfer(self, target: AnnData, run: Run) -> TransferResult:
        """Name the target's cells, sharpen their clusters, and compare both answers.

        Raises
        ------
        DataError
            If the target has fewer than 10 cells, or too few of the genes that the network knows.
        """
        from sctl.core import deep_embedding as deep  # noqa: PLC0415 - torch, see above
        from sctl.core.self_training import self_train, target_head, trajectory  # noqa: PLC0415
        from sctl.core.sharpening_report import what_happened  # noqa: PLC0415
        from sctl.core.training import Cells  # noqa: PLC0415

        self._require_fitted("weights_")
        order = np.argsort(target.obs_names.to_numpy(dtype=str), kind="stable")
        X, missing = self._aligned(target)
        X = X[order]
        net = deep.network(self.weights_, output=self.output)
        cells = Cells.all(self._mixed_alike(X, net))
        z, q = deep.outputs(net, cells)
        before = Clustering(q, np.arange(q.shape[1]), z).among_met()
        keep_empty = self.empty_centroids == "keep"
        net.head, types = target_head(
            net, z, q, keep_empty=keep_empty, n_new=self.n_new_clusters or 0, rng=run.rng("new clusters")
        )
        sharp = self_train(net, cells, self._self_training(), run=run)
        after = Clustering(sharp.proba, types, sharp.embedding)
        verdict = compare(X, before, after, rng=run.rng("compared cells"))
        foreign = foreign_cells(q, self.typical_)
        explained = verdict.explained
        if self.n_new_clusters is None and not explained and foreign.sum() >= MIN_FOREIGN:
            after, sharp = self._with_new_groups(X, (z, q), foreign, run)
            verdict = compare(X, before, after, rng=run.rng("compared cells"))
        way, at_each = trajectory(sharp.snapshots)
        back = np.argsort(order)
        extra = {"trajectory": way[back], "trajectory_clusters": at_each[back]}
        uns = {
            "comparison": verdict.to_dict(),
            "explained": explained,
            "genes_missing": int(missing.sum()),
            "training": self.log_,
            "phases": list(self.log_),  # in order, which files do not keep
            **what_happened(
                before,
                after,
                sharp,
                names=self._cluster_names(after.types),
                types=[self._type_name(kind) for kind in after.types],
            ),
        }
        chosen = verdict.recommended if self.answer == "auto" else self.answer
        return self._result(target, chosen, (before.take(back), after.take(back)), obsm=extra, uns=uns, seed=run.seed)

    def explainer(self, target: AnnData, cells: Ints) -> Explainer:
        """Return how the source's network, before the target has sharpened it, weighs two types in some cells.

        The margin is ``log q_a − log q_b``; contributions are integrated gradients from 0, the mean cell.
        """
        from sctl.core import deep_embedding as deep  # noqa: PLC0415 - torch, see above
        from sctl.core.autograd import gradient_of, score_of  # noqa: PLC0415

        self._require_fitted("weights_")
        net = deep.network(self.weights_, output=self.output)
        X = self._mixed_alike(self._aligned(target)[0], net)

        def preference(label: int, against: int) -> Any:
            def score(x: Any) -> Any:
                log_q = net(x).log()
                return log_q[:, label] - log_q[:, against]

            return score

        inputs, baseline = X[cells].astype(np.float64), np.zeros(X.shape[1])
        return Explainer(
            self.var_names_,
            self.label_names_,
            inputs,
            baseline,
            margin=lambda x, label, against: score_of(preference(label, against))(x),
            contributions=lambda label, against: integrated_gradients(
                gradient_of(preference(label, against)), inputs, baseline
            ),
        )

    def _with_new_groups(
        self, X: NDArray[np.float32], first: tuple[Floats, Floats], foreign: NDArray[np.bool_], run: Run
    ) -> tuple[Clustering, Sharpened]:
        """Divide cells unlike any type by their own genes, teach the network these groups, and sharpen all."""
        from sctl.core import deep_embedding as deep  # noqa: PLC0415 - torch, see above
        from sctl.core.networks import SoftAssignment  # noqa: PLC0415
        from sctl.core.self_training import self_train  # noqa: PLC0415
        from sctl.core.training import Cells, TrainingConfig  # noqa: PLC0415

        (z, q), cells = first, Cells.all(X)  # on its own scale: the mix found means little here
        groups = q.argmax(axis=1)
        groups[foreign] = q.shape[1] + own_groups(X[foreign], rng=run.rng("own groups"))
        met, codes = np.unique(groups, return_inverse=True)
        net = deep.network(self.weights_, output=self.output)
        net.head = SoftAssignment(deep.class_centroids(z, codes, len(met)))
        lessons = TrainingConfig(max_epochs=N_LESSONS, stop_on="never", restore_best=False)
        config = deep.SourceTraining(training=lessons, dropout=self.dropout, reconstruction=self.reconstruction)
        deep.train_source(net, cells, codes, config=config, run=run, phase="Learn the new groups")
        sharp = self_train(net, cells, self._self_training(), run=run)
        types = np.where(met < q.shape[1], met, -1)
        return Clustering(sharp.proba, types, sharp.embedding), sharp

    def answered(self, result: TransferResult, answer: Answer) -> TransferResult:
        """Return the result with the answer asked for; nothing is computed anew, and no fit is needed.

        Parameters
        ----------
        result : TransferResult
            Of this method, with either answer.
        answer : {"before", "after"}
        """
        namer = copy(self)
        namer.label_names_ = result.label_names
        place = {name: code for code, name in enumerate(result.label_names)}
        before, after = (
            Clustering(
                np.asarray(result.obsm[f"{side}_proba"]),
                np.array([place.get(str(name), -1) for name in result.uns["types"][side]]),
                np.asarray(result.obsm[f"{side}_embedding"]),
            )
            for side in ("before", "after")
        )
        silent = result.confidence == 0  # no other cell is: a probability is never zero
        fields = namer._kept(answer, (before, after), silent)
        return replace(result, **fields, uns={**result.uns, **namer._told(answer, (before, after))})

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """Return what was learned: arrays by name, and what JSON holds."""
        self._require_fitted("weights_")
        moments = {"types.mean": self.moments_.mean, "types.variance": self.moments_.variance}
        moments["types.certainty"] = self.typical_
        return {**self.weights_, **moments}, {
            "label_names": list(self.label_names_),
            "genes": list(self.var_names_),
            "n_source": self.n_source_,
            "training": self.log_,
        }

    def restore(self, arrays: Mapping[str, NDArray[np.float32]], facts: Mapping[str, Any]) -> Self:
        """Take back what :meth:`state` returned."""
        self.label_names_, self.var_names_ = tuple(facts["label_names"]), tuple(facts["genes"])
        self.n_source_, self.log_ = int(facts["n_source"]), dict(facts["training"])
        self.weights_ = {name: values for name, values in arrays.items() if not name.startswith("types.")}
        nothing = np.empty((0, 0), dtype=np.float32)
        self.moments_ = TypeMoments(arrays.get("types.mean", nothing), arrays.get("types.variance", nothing))
        self.typical_ = arrays.get("types.certainty", nothing)
        self._check_parts()
        return self

    def _check_parts(self) -> None:
        """Raise ``DataError`` unless the weights make a network for these genes and types."""
        from sctl.core import deep_embedding as deep  # noqa: PLC0415 - torch, see above

        try:
            deep.network(self.weights_, output=self.output)
        except RuntimeError as error:  # what torch says of weights that are missing, too many, or of another size
            raise _parts_that_do_not_fit() from error
        sizes = (len(self.label_names_), len(self.var_names_))
        found = {(len(self.weights_["head.centroids"]), self._n_inputs()), self.moments_.mean.shape}
        if found | {self.moments_.variance.shape} != {sizes} or len(self.typical_) != sizes[0]:
            raise _parts_that_do_not_fit()

    def _n_inputs(self) -> int:
        return int(self.weights_["autoencoder.encoder.layers.0.weight"].shape[1])

    def _schedule(self) -> Schedule:
        from sctl.core import schedules  # noqa: PLC0415 - torch, see above

        knobs = {"dropout": self.dropout, "reconstruction": self.reconstruction}
        if self.schedule == "paper":
            return schedules.paper(output=self.output, **knobs)
        return schedules.fast(output=self.output, n_epochs=(self.n_pretrain_epochs, self.n_epochs), **knobs)

    def _self_training(self) -> SelfTraining:
        from sctl.core.self_training import SelfTraining  # noqa: PLC0415 - torch, see above
        from sctl.core.training import TrainingConfig  # noqa: PLC0415

        return SelfTraining(
            training=TrainingConfig(optimiser="sgd", learning_rate=self.learning_rate),
            epochs=self.epochs_per_refresh,
            max_refreshes=self.max_refreshes,
            tolerance=self.tolerance,
            reconstruction=self.reconstruction,
        )

    def _scaled(self, adata: AnnData, X: Any) -> NDArray[np.float32]:
        """Return z-scores of expression values, within batches where a column is named and there."""
        column = adata.obs.get(self.batch_key) if self.batch_key else None
        batches = None if column is None else pd.factorize(column.astype(str), sort=True)[0]
        return z_scores(X, batches=batches, clip=self.clip, both_sides=self.clip_sides == "both")

    def _mixed_alike(self, X: NDArray[np.float32], net: EmbeddingNet) -> NDArray[np.float32]:
        """Return the target on the source's scale, by the mix of types that the network finds in it."""
        from sctl.core import deep_embedding as deep  # noqa: PLC0415 - torch, see above
        from sctl.core.training import Cells  # noqa: PLC0415

        out = X
        for _ in range(N_RESCALINGS if self.allow_for_mix else 0):
            q = deep.outputs(net, Cells.all(out))[1]
            shares = np.bincount(q.argmax(axis=1), minlength=q.shape[1]) / len(q)
            out = np.clip(
                rescaled(X, self.moments_, shares), -self.clip if self.clip_sides == "both" else None, self.clip
            )
        return out

    def _aligned(self, target: AnnData) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the target's z-scores of the network's genes, 0 for genes it lacks, and which genes those are."""
        places = target.var_names.get_indexer(pd.Index(self.var_names_))
        found = places >= 0
        if target.n_obs < MIN_CELLS:
            raise DataError(
                f"The target has {target.n_obs} cells.",
                expected=f"ItClust scales the target's genes on its own, which takes {MIN_CELLS} cells or more.",
                do="Choose another method.",
            )
        require_genes(int(found.sum()), len(found))
        out = np.zeros((target.n_obs, len(found)), dtype=np.float32)
        out[:, found] = self._scaled(target, target.X[:, places[found]])
        return out, ~found

    def _result(
        self, target: AnnData, chosen: Answer, both: tuple[Clustering, Clustering], *, obsm: Any, uns: Any, seed: int
    ) -> TransferResult:
        silent = np.asarray(target[:, target.var_names.isin(self.var_names_)].X.sum(axis=1)).ravel() == 0
        answers = dict(zip(("before", "after"), both, strict=True))
        return TransferResult(
            method=self.key,
            obs_names=target.obs_names,
            label_names=self.label_names_,
            **self._kept(chosen, both, silent),
            params=dict(self.params),
            seed=seed,
            version=sctl.__version__,
            obsm={
                **obsm,
                **{f"{name}_proba": one.proba for name, one in answers.items()},
                **{f"{name}_embedding": one.embedding.astype(np.float32) for name, one in answers.items()},
            },
            uns={
                **uns,
                **self._told(chosen, both),
                "types": {name: [self._type_name(kind) for kind in one.types] for name, one in answers.items()},
            },
        )

    def _kept(self, chosen: Answer, both: tuple[Clustering, Clustering], silent: NDArray[np.bool_]) -> dict[str, Any]:
        """Return the fields of a result that follow from the answer; ``silent`` are cells without any known gene."""
        kept = both[0] if chosen == "before" else both[1]
        labels = np.array([*self.label_names_, UNASSIGNED], dtype=object)[kept.labels]
        confidence = np.where(silent, 0.0, mean_confidence(kept.labels, both, len(self.label_names_)))
        labels[silent | (confidence < self.min_confidence)] = UNASSIGNED
        return {
            "clusters": kept.clusters,
            "cluster_names": self._cluster_names(kept.types),
            "proba": kept.proba,
            "labels": labels,
            "label_proba": kept.label_proba(len(self.label_names_)),
            "confidence": confidence,
            "embedding": kept.embedding,
        }

    def _told(self, chosen: Answer, both: tuple[Clustering, Clustering]) -> dict[str, Any]:
        kept = both[0] if chosen == "before" else both[1]
        return {"answer": chosen, "cluster_types": [self._type_name(kind) for kind in kept.types]}

    def _type_name(self, kind: int) -> str:
        return self.label_names_[kind] if kind >= 0 else UNASSIGNED

    def _cluster_names(self, types: Ints) -> tuple[str, ...]:
        """Name clusters by their types, new ones by numbers."""
        first_new = int((types >= 0).sum())
        return tuple(
            self.label_names_[kind] if kind >= 0 else f"new group {i - first_new + 1}" for i, kind in enumerate(types)
        )


def _parts_that_do_not_fit() -> DataError:
    return DataError(
        "The parts of the model do not fit together.",
        expected="As many genes and cell types as the network has places for.",
        do="Save the model again.",
    )


def _types(source: AnnData, label_key: str | None) -> pd.Categorical:
    """Return the types of the source, at least two."""
    types = pd.Categorical(source.obs[label_key].astype(str))
    if len(types.categories) < 2:
        raise DataError(
            f"All source cells are {types.categories[0]!r}.",
            expected="ItClust learns to tell types apart, which takes two or more.",
            do="Choose another column of labels, or another source.",
        )
    return types


def _variable(var: pd.DataFrame, n_genes: int | None) -> pd.Index:
    """Return the names of the marked genes, of many the most variable."""
    marked = var[var["highly_variable"].to_numpy(dtype=bool)] if "highly_variable" in var else var
    if n_genes is not None and "variable_rank" in var:
        marked = marked[(marked["variable_rank"].rank(method="first") <= n_genes).to_numpy()]
    return marked.index


METHOD = ItClust
