"""The transferable Poisson autoencoder (Walbech et al. 2022): a code learned from the source, reused without training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse
from typing_extensions import override

from sctl._version import __version__
from sctl.data import TransferResult
from sctl.methods.base import TransferMethod, param
from sctl.methods.explainer import Explainer
from sctl.methods.parameters import min_confidence_param
from sctl.methods.poisson.expression import GeneChoice, aligned, chosen_genes, rows, source_types
from sctl.methods.poisson.knn_attribution import CodeReasons, Reference
from sctl.methods.poisson.knn_vote import MOST_NEIGHBOURS, votes_on
from sctl.methods.poisson.latent_space import common_space
from sctl.methods.poisson.result import arrays_of, diagnostics, labeled, result_warnings
from sctl.methods.poisson.storage import network_arrays, networks_in, require_fitting
from sctl.numerics.hyperparameters import SPACES
from sctl.numerics.neighbors import nearest, typical_distances
from sctl.run import Run
from sctl.typing import Floats, Ints

if TYPE_CHECKING:  # torch takes seconds to import, and the app's start must not wait for it
    from pathlib import Path

    from sctl.methods.poisson.autoencoder import PoissonConfig
    from sctl.numerics.hyperparameters import Search, Wanted


MOST_NETWORKS = 20
_KINDS = ("complex", "simple")


@dataclass(kw_only=True)
class PoissonAutoencoder(TransferMethod):
    """Learn a code of the source's cells, and name the target's cells by their neighbours in it.

    Two layers lead from the genes to the code, and two back, with softplus after each. They are trained on the source
    alone to minimise the Poisson loss ``y − x log y`` of the reconstruction ``y``, plus ``λ ‖I − W Wᵀ‖`` on the last
    layer of the encoder, which keeps the units of the code apart. The target is encoded as it is, and each of its
    cells takes the label of most of its ``n_neighbors`` nearest source cells. Clusters are the labels that were given.

    Notes
    -----
    Departures from paper and released code are in ``docs/decisions``: the penalty has a gradient, codes are compared by
    their direction, genes are the most variable ones unless the Hallmark genes are asked for, and the codes of two networks
    stand side by side, one with and one without penalties on the size of weights. ``genes="hallmark"``,
    ``schedule="paper"``, ``loss="rate"``, ``distance="euclidean"`` and ``model="simple"`` is the paper's simple model,
    ``model="complex"`` with ``l1`` above 0 its complex one.

    References
    ----------
    .. [1] Walbech et al. (2022), "Interpretable Autoencoders Trained on Single Cell Sequencing Data Can Transfer
       Directly to Data from Unseen Tissues", Cells 11, 85. https://doi.org/10.3390/cells11010085
    """

    key: ClassVar[str] = "poissonautoencoder"
    title: ClassVar[str] = "Poisson autoencoder"
    summary: ClassVar[str] = "Learns a compact code of the annotated cells, and names yours by their neighbours in it."
    choose_when: ClassVar[str] = (
        "You want to know which genes and pathways speak for a label, or reuse one model often."
    )
    reference: ClassVar[str] = "Walbech et al. (2022), https://doi.org/10.3390/cells11010085"
    needs_labels: ClassVar[bool] = True
    sections: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {
            "How cells are compared": ("simple_weight", "distance", "scaling"),
            "What the network is": ("n_hidden", "n_latent", "loss", "softplus"),
            "Penalties": ("orthogonality", "l1", "weight_decay"),
            "How the network learns": ("schedule", "learning_rate", "max_epochs"),
        }
    )
    order: ClassVar[int] = 40
    target_settings: ClassVar[frozenset[str]] = frozenset({"min_confidence"})
    array_levels: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"labels": "latents", **{f"{network}.code": "latents" for network in range(2 * MOST_NETWORKS)}}
    )

    genes: GeneChoice = param(
        "variable",
        "Learn from the genes that vary most, from those of the 50 Hallmark pathways (as in the paper), or from all.",
        title="Genes to learn from",
    )
    n_neighbors: int = param(
        15, "How many source cells vote on each of your cells.", title="Number of neighbours", low=1, high=500
    )
    min_confidence: float = min_confidence_param()
    model: Literal["both", "simple", "complex"] = param(
        "both",
        "One network without penalties, which keeps what other tissues may need, one whose weights shrink, which tells the "
        "source's types apart best, or both side by side.",
        title="Kind of network",
    )
    n_networks: int = param(
        1,
        "Networks of each kind that differ by chance alone and are used together; more are steadier and take longer.",
        title="Number of networks",
        low=1,
        high=MOST_NETWORKS,
    )
    simple_weight: float = param(
        0.7,
        "How much the network without penalties counts beside the other, where there are both.",
        title="Weight of the simple network",
        low=0.0,
        high=10.0,
        advanced=True,
    )
    distance: Literal["cosine", "euclidean"] = param(
        "cosine",
        "Compare cells by the direction of their codes, or (as in the paper) by the straight distance.",
        advanced=True,
    )
    scaling: Literal["none", "source", "each"] = param(
        "none",
        "Whether units of the code are scaled before cells are compared: not at all, by the source's spread, or each "
        "dataset by its own, which assumes that both hold the same mix of types.",
        title="Scale the code",
        advanced=True,
    )
    n_hidden: int = param(
        100, "Width of the layers between genes and code.", title="Width of the layers between", low=2, high=4000,
        advanced=True,
    )  # fmt: skip
    n_latent: int = param(
        50, "Number of units of the code.", title="Width of the code", low=2, high=1000, advanced=True
    )
    loss: Literal["rate", "log-rate"] | None = param(
        None,
        "What the network learns: expected expression, or its logarithm as in the authors' code, which heeds strong genes. "
        "Empty: the logarithm without penalties, expression with them.",
        title="Form of the Poisson loss",
        advanced=True,
    )
    softplus: Literal["smooth", "width"] = param(
        "smooth",
        "Shape of the softplus: smooth, or as sharp as the layer is wide, as in the authors' code.",
        title="Shape of softplus",
        advanced=True,
    )
    orthogonality: float = param(
        0.01, "How strongly the units of the code are kept apart.", title="Keep units apart", low=0.0, high=100.0,
        advanced=True,
    )  # fmt: skip
    l1: float = param(
        0.0, "Penalty on the size of all weights of the complex network.", title="L1 penalty", low=0.0, high=1.0,
        advanced=True,
    )  # fmt: skip
    weight_decay: float = param(
        1e-4, "How strongly the complex network's weights shrink that the source does not hold up.", low=0.0, high=1.0,
        advanced=True,
    )  # fmt: skip
    schedule: Literal["fast", "paper"] = param(
        "fast", "How the network learns: Adam with 64 cells at a time, or cell by cell as in the paper.", advanced=True
    )
    learning_rate: float | None = param(
        None, "Step size while learning. Empty: by the schedule.", low=1e-7, high=1.0, advanced=True
    )
    max_epochs: int | None = param(
        None,
        "Most rounds in which the network sees all source cells. Empty: by the schedule.",
        title="Most rounds of learning",
        low=1,
        high=5000,
        advanced=True,
    )

    @classmethod
    @override
    def cost(cls, *, n_source: int, n_target: int, n_thetas: int = 1) -> float | None:
        # 19 s at 1,500 source cells (2,000 genes), and well below a second for 440 target cells.
        return 4.0 + 1e-2 * n_source + 1e-7 * n_source * n_target

    @classmethod
    @override
    def warnings(cls, result: TransferResult) -> tuple[str, ...]:
        return result_warnings(result)

    @override
    def fit(self, source: AnnData, label_key: str | None, run: Run) -> Self:
        """Learn a code of the source's cells.

        Sets ``label_names_``, ``var_names_``, ``models_``, ``codes_`` (one array for each network), ``labels_``,
        ``mean_`` (of each gene), ``typical_`` and ``log_``.

        Raises
        ------
        DataError
            If the source has a single type, or too few genes of the chosen kind are there.
        """
        from sctl.methods.poisson.autoencoder import train_several  # noqa: PLC0415 - torch, see above

        types = source_types(source, label_key)
        X, codes, genes = self.training_cells(source, label_key)
        self.models_, logs = train_several(X, codes, self.configs, self.n_networks, run=run)
        self.label_names_, self.var_names_ = tuple(map(str, types.categories)), tuple(map(str, genes))
        self.labels_, self.mean_ = codes, np.asarray(X.mean(axis=0), dtype=np.float32).ravel()
        self.codes_ = tuple(model.encode(X) for model in self.models_)
        self.typical_ = typical_distances(self._space(self.codes_), self.n_neighbors, run=run)
        self.log_ = {f"network {i + 1}": log.to_dict() for i, log in enumerate(logs)}
        return self

    def training_cells(self, source: AnnData, label_key: str | None) -> tuple[sparse.csr_matrix, Ints, pd.Index]:
        """Return what the network is trained on: values of the chosen genes, the number of each type, and the genes."""
        types = pd.Categorical(source.obs[label_key].astype(str))
        order = np.argsort(source.obs_names.to_numpy(dtype=str), kind="stable")  # a sorted file must not matter
        genes = chosen_genes(source.var, self.genes)
        return rows(source[:, genes].X)[order], types.codes[order].astype(np.int64), genes

    def search_settings(
        self, source: AnnData, label_key: str | None, wanted: Wanted, *, run: Run, journal: Path | None = None
    ) -> Search:
        """Look for settings with a small loss on held-out cells; see :func:`sctl.methods.poisson.search.search_poisson`."""
        from sctl.methods.poisson.search import search_poisson  # noqa: PLC0415 - torch, see above

        X, codes, _ = self.training_cells(source, label_key)
        options: dict[str, Any] = {"n_trials": wanted.n_trials, "sampler": wanted.sampler, "journal": journal}
        return search_poisson(X, codes, self.config, SPACES[wanted.ranges], run=run, **options)

    @property
    def config(self) -> PoissonConfig:
        """What is trained, and how; of two kinds of networks the simple one, which :func:`sctl.workflow.search_settings` looks at."""
        return self._config("complex" if self.model == "complex" else "simple")

    @property
    def configs(self) -> tuple[PoissonConfig, ...]:
        """The configuration of each kind of network, in the order of ``models_``; the first explains and denoises."""
        return tuple(map(self._config, _KINDS if self.model == "both" else (self.model,)))

    def _config(self, kind: str) -> PoissonConfig:
        from sctl.methods.poisson import autoencoder as poisson  # noqa: PLC0415 - torch, see above
        from sctl.numerics.training import TrainingConfig  # noqa: PLC0415 - the same

        base: TrainingConfig = poisson.PAPER if self.schedule == "paper" else poisson.FAST
        changed = {"learning_rate": self.learning_rate, "max_epochs": self.max_epochs}
        given = {name: value for name, value in changed.items() if value is not None}
        heavy = kind == "complex"
        training = TrainingConfig(**{**vars(base), "weight_decay": self.weight_decay * heavy, **given})
        return poisson.PoissonConfig(
            n_hidden=self.n_hidden,
            n_latent=self.n_latent,
            loss=self.loss or ("rate" if heavy else "log-rate"),
            softplus=self.softplus,
            orthogonality=self.orthogonality,
            l1=self.l1 * heavy,
            training=training,
        )

    @override
    def transfer(self, target: AnnData, run: Run) -> TransferResult:
        """Encode the target and name its cells by their neighbours.

        Raises
        ------
        DataError
            If the target has too few of the genes that the network knows.
        """
        self._require_fitted("models_")
        X, missing = self.aligned(target)
        codes = tuple(model.encode(X) for model in run.track("Encode cells", self.models_))
        n_nearest = min(max(self.n_neighbors, MOST_NEIGHBOURS), len(self.labels_))
        found = nearest(self._space(self.codes_), self._space(codes), n_nearest, run=run)
        votes = votes_on(*found, self.labels_, n_labels=len(self.label_names_), n_neighbors=self.n_neighbors)
        obsm, varm = arrays_of(votes, self.models_[0], codes[0], X, self.typical_)
        return TransferResult(
            method=self.key,
            obs_names=target.obs_names,
            **labeled(votes, self.label_names_, X, self.min_confidence),
            embedding=self._space(codes),
            params={name: value for name, value in self.params.items() if value is not None},
            seed=run.seed,
            version=__version__,
            var_names=self.var_names_,
            obsm=obsm,
            varm=varm,
            diagnostics=diagnostics(missing, votes, self.models_[0], self.log_),
        )

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what was learned: arrays by name, and what JSON holds."""
        self._require_fitted("models_")
        own = {"mean": self.mean_, "labels": self.labels_, "typical": self.typical_}
        return {**own, **network_arrays(self.models_, self.codes_)}, {
            "label_names": list(self.label_names_),
            "genes": list(self.var_names_),
            "n_source": len(self.labels_),
            "training": self.log_,
        }

    def restore(self, arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> Self:
        """Take back what :meth:`state` returned."""
        models, codes = networks_in(arrays, self.n_networks * len(self.configs), self.softplus)
        sizes = len(facts["genes"]), self.n_latent, len(facts["label_names"])
        require_fitting(arrays, models, codes, sizes=sizes)
        self.label_names_, self.var_names_ = tuple(facts["label_names"]), tuple(facts["genes"])
        self.log_, self.models_, self.codes_ = dict(facts["training"]), models, codes
        self.mean_, self.labels_, self.typical_ = arrays["mean"], arrays["labels"], arrays["typical"]
        return self

    def aligned(self, target: AnnData) -> tuple[Any, NDArray[np.bool_]]:
        """Return the target's values of the network's genes and which it lacks; ``DataError`` without half of them."""
        self._require_fitted("models_")
        return aligned(target, self.var_names_)

    def explainer(self, target: AnnData, cells: Ints, run: Run | None = None) -> Explainer:
        """Return how near the first network's code of some cells lies to source cells of either label.

        Contributions are integrated gradients from the source's mean cell.
        """
        X, _ = self.aligned(target)
        near = CodeReasons.of(
            self.models_[0],
            Reference(self.codes_[0], self.labels_, self.scaling, unit_length=self.distance == "cosine"),
            X,
            np.asarray(cells),
            n_neighbors=self.n_neighbors,
        )
        return near.explainer(self.var_names_, self.label_names_, self.mean_.astype(np.float64))

    def _space(self, codes: tuple[Floats, ...]) -> NDArray[np.float32]:
        """Return codes in the space in which cells are compared."""
        by_direction, weights = self.distance == "cosine", self.network_weights
        return common_space(codes, self.codes_, scaling=self.scaling, unit_length=by_direction, weights=weights)

    @property
    def network_weights(self) -> tuple[float, ...]:
        """How much each network counts, in the order of ``models_``."""
        return ((1.0, self.simple_weight) if self.model == "both" else (1.0,)) * self.n_networks


METHODS = (PoissonAutoencoder,)
