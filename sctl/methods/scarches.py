"""scArches (Lotfollahi et al. 2020): learn a reference once, adapt a few weights to a target, name cells by neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from typing_extensions import override

import sctl
from sctl.base import TransferMethod, param
from sctl.core.novelty import Evidence, Novelty, ReferenceSpace, held_out, learn_novelty
from sctl.core.recipes import PRESETS, Preset, Recipe
from sctl.core.unknown_groups import divide, unknown_groups
from sctl.core.weighted_knn import Weighting
from sctl.data import UNASSIGNED, TransferResult
from sctl.errors import DataError
from sctl.reference import Cohort, cohort, matched
from sctl.reference.report import self_test
from sctl.run import Run

if TYPE_CHECKING:  # torch takes seconds to import, and the app's start must not wait for it
    from sctl.core.conditional import ConditionalAutoencoder
    from sctl.core.training import TrainingLog

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

MIN_CELLS = 10
"""Fewer target cells than this teach a network nothing: they are mapped as those of a usual dataset of the reference."""
NOVELTY = ("unknown", "ambiguity", "neighbour distance")
"""Columns of ``obsm["novelty"]``."""


@dataclass(kw_only=True)
class ScArches(TransferMethod):
    """Learn a reference with a conditional autoencoder, map a target onto it by surgery, and name its cells by neighbours.

    Datasets are conditions of a variational autoencoder. A target is a new condition: its few weights are trained, while
    all others, and with them the embedding of the reference, stay as they are. A target cell gets the labels of its
    nearest reference cells, weighted by distance, with two separate doubts: it lies between types, or far from all.

    Notes
    -----
    Departures from paper and released code, each in ``docs/decisions``: normalised expression is modelled with a small
    weight of the divergence; a new condition starts as the mean of the reference's; weights of neighbours have no unit of
    length; the threshold beyond which a cell is called unknown is learned by hiding the reference's own types.
    ``preset="paper-trvae"`` or ``"paper-cvae"`` with ``weighting="paper"`` and ``find_new_types=False`` is the paper's.

    References
    ----------
    .. [1] Lotfollahi et al. (2022), "Mapping single-cell data to reference atlases by transfer learning", Nature
       Biotechnology 40, 121. https://doi.org/10.1038/s41587-021-01001-7
    """

    key: ClassVar[str] = "scarches"
    title: ClassVar[str] = "scArches"
    summary: ClassVar[str] = "Places your cells among those of a reference, and says which resemble none of them."
    choose_when: ClassVar[str] = (
        "Your cells may include types that the annotated dataset lacks, or come from many donors."
    )
    reference: ClassVar[str] = "Lotfollahi et al. (2022), https://doi.org/10.1038/s41587-021-01001-7"
    needs_labels: ClassVar[bool] = True
    order: ClassVar[int] = 30
    array_levels: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"latent": "latents", "codes": "latents", "batches": "latents"}
    )
    sections: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {
            "How the reference is learned": (
                "preset", "likelihood", "n_latent", "epochs", "kl_weight", "mmd_weight",
            ),
            "How your cells are mapped": ("freedom", "surgery_epochs"),
            "How labels are given": ("weighting", "n_neighbours", "max_ambiguity"),
        }
    )  # fmt: skip
    target_settings: ClassVar[frozenset[str]] = frozenset(
        {"find_new_types", "min_confidence", "batch_key", "freedom", "surgery_epochs", "max_ambiguity"}
    )

    find_new_types: bool = param(
        True, "Whether cells that resemble no known type are left unassigned, and grouped as 'unknown 1' and so on."
    )
    known_kept: float = param(
        0.95,
        "Share of cells of known types that should keep their label; a smaller share finds more cells of new types.",
        title="Share of known cells to keep",
        low=0.5,
        high=1.0,
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
        "Column with donor or study, in the source, your data or both; each value is a dataset of its own.",
        title="Column of batches",
    )
    preset: Preset = param(
        "sctl", "Settings of the network: ours, or one of two from the paper.", title="Network", advanced=True
    )
    freedom: Literal["condition", "input", "all"] = param(
        "condition",
        "What is adapted to your data: the weights of its own dataset (the reference stays as it is), the first layers "
        "too, or the whole network.",
        title="What is adapted",
        advanced=True,
    )
    weighting: Weighting = param(
        "local",
        "How neighbours are weighted: by their distance relative to what is usual there, as in the released code, as in "
        "the paper, or all alike.",
        title="Weights of neighbours",
        advanced=True,
    )
    n_neighbours: int = param(
        15, "How many reference cells are asked for their label.", title="Neighbours", low=1, high=500, advanced=True
    )
    max_ambiguity: float = param(
        0.5,
        "Cells for which the neighbours of other types weigh more than this are called 'unassigned'.",
        title="Most ambiguity",
        low=0.0,
        high=1.0,
        advanced=True,
    )
    likelihood: Literal["mse", "sse", "nb", "zinb"] | None = param(
        None,
        "What the network rebuilds: normalised expression (mse, sse) or raw counts (nb, zinb). Empty: as the preset says.",
        title="What is rebuilt",
        advanced=True,
    )
    n_latent: int | None = param(
        None, "Dimensions of the common space. Empty: as the preset says.", low=2, high=256, advanced=True
    )
    kl_weight: float | None = param(
        None,
        "How strongly the cells are drawn towards one round cloud. Empty: as the preset says.",
        title="Weight of the divergence (α)",
        low=0.0,
        high=1e3,
        advanced=True,
    )
    mmd_weight: float | None = param(
        None,
        "How strongly the reference's datasets are pulled over each other. Empty: as the preset says.",
        title="Weight of the discrepancy (β)",
        low=0.0,
        high=1e6,
        advanced=True,
    )
    epochs: int | None = param(
        None, "Most rounds of training of the reference. Empty: as the preset says.", low=1, high=10_000, advanced=True
    )
    surgery_epochs: int | None = param(
        None,
        "Most rounds of adapting to your data; 0 maps it without. Empty: as the preset says.",
        title="Rounds of adapting",
        low=0,
        high=10_000,
        advanced=True,
    )

    @property
    def recipe(self) -> Recipe:
        """Settings of the network, the preset's where nothing else is said."""
        chosen = {
            "likelihood": self.likelihood,
            "n_latent": self.n_latent,
            "kl": self.kl_weight,
            "mmd": self.mmd_weight,
            "epochs": self.epochs,
            "surgery_epochs": self.surgery_epochs,
        }
        given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
        return replace(PRESETS[self.preset], **given)

    @override
    def fit(self, source: AnnData, label_key: str | None, run: Run) -> Self:
        """Train the reference.

        Sets ``network_``, ``var_names_``, ``label_names_``, ``conditions_`` (names), ``codes_`` and ``batches_`` (n_source),
        ``latent_`` (n_source, n_latent), ``novelty_``, ``log_`` and ``notes_``.

        Raises
        ------
        DataError
            If the source has no labels, one type only, or fewer than 10 cells.
        """
        from sctl.core.conditional import COUNTS  # noqa: PLC0415 - torch, see above
        from sctl.core.surgery import Expression, embedded, learn_reference  # noqa: PLC0415

        data = cohort(source, label_key, self.batch_key)
        recipe, self.notes_ = self.recipe, list[str]()
        if recipe.likelihood in COUNTS and data.counts is None:
            recipe = replace(recipe, likelihood="mse")
            self.notes_.append("The source has no raw counts; normalised expression was modelled instead.")
        expression = Expression(data.X, data.batches, data.counts)
        strata = data.batches * len(data.label_names) + data.codes
        self.network_, log = learn_reference(expression, strata, recipe, run)
        self.var_names_, self.label_names_ = data.var_names, data.label_names
        self.conditions_, self.codes_, self.batches_ = data.batch_names, data.codes, data.batches
        self.latent_, self.log_ = embedded(self.network_, data.X, data.batches), log.to_dict()
        self._own_cells = data.X
        self.novelty_ = self._learned_novelty()
        return self

    @override
    def transfer(self, target: AnnData, run: Run) -> TransferResult:
        """Map the target onto the reference and name its cells.

        Raises
        ------
        DataError
            If the target has too few of the reference's genes.
        """
        self._require_fitted("network_")
        order = np.argsort(target.obs_names.to_numpy(dtype=str), kind="stable")
        data = matched(
            target, self.var_names_, self.network_.centre.numpy(), batch_key=self.batch_key, known=self.conditions_
        )
        network, log, notes = self._adapted(data.take(order), run)
        z, space = self._mapped(network, data, run)
        evidence = space.ask(z)
        run.report("Compare with the reference", 1, 1)
        features = evidence.features
        shift = self.novelty_.shift(features)
        unknown = self.novelty_.probability(features, shift=shift)
        uns = {
            **self._what_happened(network, log),
            "conditions": [*self.conditions_, *data.batch_names],
            "n_new_conditions": len(data.batch_names),
            "genes_missing": data.n_missing,
            "notes": [*self.notes_, *notes],
            "novelty": {**asdict(self.novelty_), "shift": shift},
            "novelty_columns": list(NOVELTY),
        }
        return self._result(target, z, (evidence, unknown, data.silent), uns, run)

    def tested(self, source: AnnData, label_key: str, run: Run) -> Self:
        """Return a copy that carries a test of itself: how often unseen types are flagged, and what hidden datasets cost.

        Parameters
        ----------
        source : AnnData
            What it was fitted on.
        label_key : str
        run : Run
        """
        self._require_fitted("network_")
        out = copy(self)
        out.self_test_ = self_test(self, source, label_key, run, batch_key=self.batch_key).to_dict()
        return out

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return what was learned: arrays by name, and what JSON holds. No expression values are among them."""
        self._require_fitted("network_")
        weights = {f"network.{name}": value.numpy() for name, value in self.network_.state_dict().items()}
        arrays = {"latent": self.latent_, "codes": self.codes_, "batches": self.batches_}
        return {**weights, **arrays}, {
            "label_names": list(self.label_names_),
            "genes": list(self.var_names_),
            "conditions": list(self.conditions_),
            "architecture": asdict(self.network_.architecture),
            "novelty": asdict(self.novelty_),
            "training": self.log_,
            "notes": self.notes_,
            "self_test": getattr(self, "self_test_", {}),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Self:
        """Take back what :meth:`state` returned.

        Raises
        ------
        DataError
            If its parts do not fit together.
        """
        from sctl.reference.network import rebuilt  # noqa: PLC0415 - torch, see above

        self.network_ = rebuilt(arrays, facts["architecture"])
        self.label_names_, self.var_names_ = tuple(facts["label_names"]), tuple(facts["genes"])
        self.conditions_, self.notes_ = tuple(facts["conditions"]), list(facts["notes"])
        self.latent_, self.codes_, self.batches_ = (np.asarray(arrays[name]) for name in ("latent", "codes", "batches"))
        self.novelty_, self.log_ = Novelty(**facts["novelty"]), dict(facts["training"])
        self.self_test_ = dict(facts.get("self_test", {}))
        fits = len(self.var_names_) == self.network_.architecture.n_vars and len(self.latent_) == len(self.codes_)
        if not fits or len(self.conditions_) != self.network_.n_conditions:
            raise DataError(
                "The parts of the model do not fit together.",
                expected="As many genes, cells and datasets as the network has places for.",
                do="Save the model again.",
            )
        return self

    def _space(self, latent: Floats) -> ReferenceSpace:
        return ReferenceSpace(
            latent, self.codes_, len(self.label_names_), k=self.n_neighbours, weighting=self.weighting
        )

    def _learned_novelty(self) -> Novelty:
        return learn_novelty(held_out(self._space(self.latent_)), kept=self.known_kept)

    def _adapted(self, data: Cohort, run: Run) -> tuple[ConditionalAutoencoder, TrainingLog, list[str]]:
        """Return the network after surgery, what happened, and what the user should know."""
        from sctl.core.conditional import COUNTS  # noqa: PLC0415 - torch, see above
        from sctl.core.surgery import Expression, operate  # noqa: PLC0415

        notes, recipe = list[str](), self.recipe
        counted = self.network_.architecture.likelihood in COUNTS
        if len(data.batches) < MIN_CELLS:
            notes.append(f"Fewer than {MIN_CELLS} cells were mapped without adapting the network to them.")
        if counted and data.counts is None:
            notes.append("Your data has no raw counts, which this reference models; it was mapped without adapting.")
        if notes:
            recipe = replace(recipe, surgery_epochs=0)
        expression = Expression(data.X, data.batches, data.counts, data.genes)
        return *operate(self.network_, expression, recipe, run, self.freedom), notes

    def _mapped(self, network: ConditionalAutoencoder, data: Cohort, run: Run) -> tuple[Floats, ReferenceSpace]:
        """Return where the target's cells are, and the reference they are compared with."""
        from sctl.core.surgery import embedded  # noqa: PLC0415 - torch, see above

        run.report("Compare with the reference", 0, 1)
        z = embedded(network, data.X, data.batches).astype(np.float64)
        if self.freedom == "condition":
            return z, self._space(self.latent_)
        if not hasattr(self, "_own_cells"):
            raise DataError(
                "This reference was saved without the expression of its cells.",
                expected="Adapting more than the weights of the new dataset moves the reference's cells too.",
                do="Set 'What is adapted' to 'condition'.",
            )
        return z, self._space(embedded(network, self._own_cells, self.batches_))

    def _what_happened(self, network: ConditionalAutoencoder, log: TrainingLog) -> dict[str, Any]:
        from sctl.core.conditional import n_trainable  # noqa: PLC0415 - torch, see above
        from sctl.reference.network import drift  # noqa: PLC0415

        logs = {str(one["phase"]): one for one in (self.log_, log.to_dict())}
        return {
            "training": logs,
            "phases": list(logs),
            "reference_drift": drift(self.network_, network, self.latent_, self.batches_),
            "n_trained": n_trainable(network) if log.epochs else 0,
            "n_weights": sum(weight.numel() for weight in network.parameters()),
        }

    def _result(
        self,
        target: AnnData,
        z: Floats,
        found: tuple[Evidence, Floats, NDArray[np.bool_]],
        uns: dict[str, Any],
        run: Run,
    ) -> TransferResult:
        """Turn evidence into labels and groups."""
        evidence, unknown, silent = found
        new = (unknown > self.novelty_.threshold) & self.find_new_types
        share = np.where(silent, 0.0, 1.0 - unknown * self.find_new_types)[:, None]
        label_proba, best = evidence.proba * share, evidence.proba.argmax(axis=1)
        confidence = label_proba.max(axis=1)
        labels = np.array(self.label_names_, dtype=object)[best]
        doubtful = evidence.proba.max(axis=1) < 1.0 - self.max_ambiguity
        labels[new | silent | doubtful | (confidence < self.min_confidence)] = UNASSIGNED
        groups = unknown_groups(z[new], run.rng("unknown groups"))
        divided = divide(evidence.proba, unknown, new, groups)
        return TransferResult(
            method=self.key,
            obs_names=target.obs_names,
            clusters=divided.clusters,
            cluster_names=tuple(divided.names(self.label_names_)),
            proba=divided.proba,
            labels=labels,
            label_names=self.label_names_,
            label_proba=label_proba,
            confidence=confidence,
            embedding=z,
            params={name: value for name, value in self.params.items() if value is not None},
            seed=run.seed,
            version=sctl.__version__,
            var_names=self.var_names_,
            obsm={"novelty": np.column_stack([unknown, 1.0 - evidence.proba.max(axis=1), evidence.neighbour_distance])},
            uns=uns,
        )


METHOD = ScArches
