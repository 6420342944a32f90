"""scArches (Lotfollahi et al. 2020): learn a reference once, adapt a few weights to a target, name cells by neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from typing_extensions import override

from sctl._version import __version__
from sctl.data import TransferResult
from sctl.errors import DataError
from sctl.methods.base import param
from sctl.methods.explainer import Explainer
from sctl.methods.parameters import min_confidence_param
from sctl.methods.scarches.card import reference_facts
from sctl.methods.scarches.datasets import EncodedDataset, encode_dataset, matched
from sctl.methods.scarches.labels import Answer, Limits
from sctl.methods.scarches.mapping import Adapted, adapted_network, grown_model, latent_explainer, learned_model
from sctl.methods.scarches.ood_classifier import ReferenceSpace
from sctl.methods.scarches.reference import ReferenceModel
from sctl.methods.scarches.result import diagnostics_of, result_warnings
from sctl.methods.scarches.self_test import self_test
from sctl.methods.scarches.settings import WEIGHTINGS, ConditionalMethod, Weighting
from sctl.run import Run
from sctl.typing import Floats, Ints

if TYPE_CHECKING:  # torch takes seconds to import, and the app's start must not wait for it
    from sctl.methods.scarches.cvae import ConditionalAutoencoder


@dataclass(kw_only=True)
class ScArches(ConditionalMethod):
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
        {"latent": "latents", "codes": "latents", "batches": "latents", "usual": "latents"}
    )
    sections: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {
            "How the reference is learned": (
                "preset", "likelihood", "norm", "n_latent", "epochs", "reconstruction_weight", "kl_weight",
                "anneal_epochs", "mmd_weight", "mmd_on", "sampling",
            ),
            "How your cells are mapped": ("trainable", "surgery_epochs"),
            "How labels are given": ("weighting", "n_neighbors", "max_ambiguity"),
        }
    )  # fmt: skip
    target_settings: ClassVar[frozenset[str]] = frozenset(
        {"find_new_types", "min_confidence", "batch_key", "trainable", "surgery_epochs", "max_ambiguity"}
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
    min_confidence: float = min_confidence_param()
    batch_key: str | None = param(
        None,
        "Column with donor or study, in the source, your data or both; each value is a dataset of its own.",
        title="Column of batches",
    )
    trainable: Literal["condition", "input", "all"] = param(
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
    n_neighbors: int = param(
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

    @classmethod
    @override
    def cost(cls, *, n_source: int, n_target: int, n_thetas: int = 1) -> float | None:
        # On the source 3.5 s at 600 cells, 4.4 s at 2,500, 7.8 s at 4,500; on the target 2.2 s at 700 cells, 10 s at 4,500.
        # Loading the library of networks takes 2 s.
        return 4.5 + 1.2e-3 * n_source + max(2.2, 2.3e-3 * n_target)

    @classmethod
    @override
    def warnings(cls, result: TransferResult) -> tuple[str, ...]:
        return result_warnings(result)

    @classmethod
    @override
    def card_facts(cls, facts: Mapping[str, Any]) -> tuple[str, ...]:
        return reference_facts(facts)

    @override
    def fit(self, source: AnnData, label_key: str | None, run: Run) -> Self:
        """Train the reference.

        Sets ``learned_``, and by names of their own ``network_``, ``var_names_``, ``label_names_``, ``conditions_`` (names),
        ``codes_`` and ``batches_`` (n_source), ``latent_`` (n_source, n_latent), ``novelty_`` and ``log_``.

        Raises
        ------
        DataError
            If the source has no labels, one type only, or fewer than 10 cells.
        """
        data = encode_dataset(source, label_key, self.batch_key)
        learned = learned_model(data, self.recipe, self._space, kept=self.known_kept, run=run)
        self._own_cells = data.X
        return self._take(learned)

    @override
    def transfer(self, target: AnnData, run: Run) -> TransferResult:
        """Map the target onto the reference and name its cells.

        Raises
        ------
        DataError
            If the target has too few of the reference's genes.
        """
        self._require_fitted("learned_")
        data = self._matched(target)
        adapted = self._adapted(target, data, run)
        z, space = self._mapped(adapted.network, data, run)
        evidence = space.query(z)
        run.report("Compare with the reference", 1, 1)
        shift = self.novelty_.shift(evidence.features)
        unknown = self.novelty_.probability(evidence.features, shift=shift)
        limits = Limits(
            novelty=self.novelty_.threshold if self.find_new_types else None,
            ambiguity=self.max_ambiguity,
            confidence=self.min_confidence,
        )
        answer = Answer(evidence, unknown, data.silent, self.label_names_, limits)
        return TransferResult(
            method=self.key,
            obs_names=target.obs_names,
            **answer.parts(z, run),
            label_names=self.label_names_,
            embedding=z,
            params={name: value for name, value in self.params.items() if value is not None},
            seed=run.seed,
            version=__version__,
            var_names=self.var_names_,
            obsm={"novelty": np.column_stack([unknown, 1.0 - evidence.proba.max(axis=1), evidence.neighbor_distance])},
            diagnostics=diagnostics_of(
                self.learned_, adapted, data, is_moved=self.trainable != "condition", shift=shift
            ),
        )

    @property
    def reference_id(self) -> str:
        """A name for what was learned of the reference, to know its adaptors by."""
        return self.learned_.identity

    def tested(self, source: AnnData, label_key: str, run: Run) -> Self:
        """Return a copy that carries a test of itself: how often unseen types are flagged, and what hidden datasets cost.

        Parameters
        ----------
        source : AnnData
            What it was fitted on.
        label_key : str
        run : Run
        """
        self._require_fitted("learned_")
        out = copy(self)
        out.self_test_ = self_test(self, source, label_key, run, batch_key=self.batch_key).to_dict()
        return out

    def extended(self, target: AnnData, labels: Sequence[Any], run: Run) -> Self:
        """Return a reference that has a target's cells too; those that it had stay where they are.

        Parameters
        ----------
        target : AnnData
        labels : sequence of str, length n_obs
            Type of each cell, known or new; cells that are ``"unassigned"`` or without a label do not become part of it.
        run : Run

        Returns
        -------
        ScArches
            Its file says which datasets were added, and when. A test of the old reference says nothing of the new one and is
            left out.

        Raises
        ------
        DataError
            If no cell has a label, or more than the weights of new datasets would be trained.
        """
        self._require_fitted("learned_")
        if self.trainable != "condition":
            raise DataError(
                "A reference whose own weights are moved has no place for more cells.",
                expected="Its cells stay where they are only if the weights of the new dataset alone are trained.",
                do="Set 'What is adapted' to 'condition'.",
            )
        data = self._matched(target)
        adapted = self._adapted(target, data, run)
        z, _ = self._mapped(adapted.network, data, run)
        more = self.learned_.with_cells(adapted.network, data, z, labels)
        space = self._space(more.latent, more.codes, len(more.label_names))
        out = copy(self)
        vars(out).pop("self_test_", None)
        vars(out).pop("_own_cells", None)
        n_epochs = len(adapted.log.epochs)
        return out._take(grown_model(more, data, space, kept=self.known_kept, n_epochs=n_epochs, seed=run.seed))

    def with_adaptors(self, adaptors: Mapping[str, Mapping[str, Any]]) -> Self:
        """Return a copy that knows further datasets by what surgery learned for them: ``diagnostics.mapping.adaptors``.

        A target's dataset of the same name is then mapped by these weights, and nothing is trained for it.

        Raises
        ------
        DataError
            If they were made for another reference, or a dataset of that name is there already.
        """
        self._require_fitted("learned_")
        return copy(self)._take(self.learned_.with_adaptors(adaptors))

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return what was learned: arrays by name, and what JSON holds. No expression values are among them."""
        self._require_fitted("learned_")
        return replace(self.learned_, self_test=getattr(self, "self_test_", {})).state()

    def restore(self, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Self:
        """Take back what :meth:`state` returned.

        Raises
        ------
        DataError
            If its parts do not fit together.
        """
        return self._take(ReferenceModel.read(arrays, facts))

    def _take(self, learned: ReferenceModel) -> Self:
        self.learned_, self.network_ = learned, learned.network
        self.var_names_, self.label_names_ = learned.var_names, learned.label_names
        self.conditions_, self.latent_, self.codes_ = learned.conditions, learned.latent, learned.codes
        self.batches_, self.novelty_, self.log_ = learned.batches, learned.novelty, learned.log
        if learned.self_test:
            self.self_test_ = learned.self_test
        return self

    def explainer(self, target: AnnData, cells: Ints, run: Run | None = None) -> Explainer:
        """Return how much nearer some cells lie to reference cells of one type than to those of another.

        The places compared are the means of the ``n_neighbors`` nearest reference cells of either type, in the latent space
        after surgery; they stay those of the cell as it was. Contributions are integrated gradients from the reference's mean
        cell, so that genes which the target lacks have none.
        """
        self._require_fitted("learned_")
        run, data = run or Run(), self._matched(target)
        network = self._adapted(target, data, run).network
        mine = data.take(np.asarray(cells))
        return latent_explainer(self.learned_, network, mine, self._mapped(network, mine, run), self.n_neighbors)

    def _space(self, latent: Floats, codes: Ints, n_labels: int, own: Floats | None = None) -> ReferenceSpace:
        weighting = WEIGHTINGS[self.weighting]
        return ReferenceSpace(latent, codes, n_labels, k=self.n_neighbors, weighting=weighting, own=own)

    def _matched(self, target: AnnData) -> EncodedDataset:
        """Return the target's cells in the genes of the reference."""
        center, ready = self.network_.center.numpy(), self.learned_.without_cells
        return matched(target, self.var_names_, center, batch_key=self.batch_key, known=self.conditions_, ready=ready)

    def _adapted(self, target: AnnData, data: EncodedDataset, run: Run) -> Adapted:
        """Return the network after surgery, what happened, and what the user should know."""
        order = np.argsort(target.obs_names.to_numpy(dtype=str), kind="stable")  # a sorted file must not matter
        return adapted_network(self.network_, data.take(order), self.recipe, self.trainable, run)

    def _mapped(self, network: ConditionalAutoencoder, data: EncodedDataset, run: Run) -> tuple[Floats, ReferenceSpace]:
        """Return where the target's cells are, and the reference they are compared with."""
        from sctl.methods.scarches.surgery import embedded  # noqa: PLC0415 - torch, see above

        run.report("Compare with the reference", 0, 1)
        z, n_labels = embedded(network, data.X, data.batches).astype(np.float64), len(self.label_names_)
        if self.trainable == "condition":
            return z, self._space(self.latent_, self.codes_, n_labels, self.learned_.usual)
        own_cells = vars(self).get("_own_cells")
        if own_cells is None:
            raise DataError(
                "This reference was saved without the expression of its cells.",
                expected="Adapting more than the weights of the new dataset moves the reference's cells too.",
                do="Set 'What is adapted' to 'condition'.",
            )
        return z, self._space(embedded(network, own_cells, self.batches_), self.codes_, n_labels)


METHODS = (ScArches,)
