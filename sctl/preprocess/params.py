"""The settings of preprocessing, checked where they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self, get_args

import numpy as np

from sctl.errors import ParameterError
from sctl.numerics.normalize import Log
from sctl.qc import Thresholds

NormaliseOn = Literal["shared", "all"]
BatchCorrection = Literal["none", "combat"]
Imputation = Literal["none", "magic"]


@dataclass(frozen=True, kw_only=True)
class RoleParams:
    """What is filtered on one side. By default nothing is.

    Parameters
    ----------
    thresholds : Thresholds
        Limits on genes, counts and mitochondrial per cent of a cell.
    min_genes : int
        Cell filter of the TransferCluster paper: a cell needs at least so many expressed genes.
    expression_threshold : float
        From which value on a gene counts as expressed, for ``min_genes``, ``min_cells`` and
        ``min_cell_share``; 0 means any value above 0.
    min_cells : int
        Gene filter: a gene must be expressed in at least so many cells.
    min_cell_share : float
        Gene filter of the paper, rare genes: expressed in at least this share of the cells.
    max_cell_share : float
        Gene filter of the paper, ubiquitous genes: above 0 in at most this share of the cells.

    Raises
    ------
    ParameterError
        If a value is out of its range.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    min_genes: int = 0
    expression_threshold: float = 0.0
    min_cells: int = 0
    min_cell_share: float = 0.0
    max_cell_share: float = 1.0

    def __post_init__(self) -> None:
        """Check every range once."""
        _number("min_genes", self.min_genes, low=0, whole=True)
        _number("expression_threshold", self.expression_threshold, low=0)
        _number("min_cells", self.min_cells, low=0, whole=True)
        _number("min_cell_share", self.min_cell_share, low=0, high=1)
        _number("max_cell_share", self.max_cell_share, low=0, high=1)
        if self.min_cell_share > self.max_cell_share:
            raise ParameterError(
                f"min_cell_share is {self.min_cell_share} and max_cell_share is {self.max_cell_share}.",
                expected="No gene can pass both.",
                do="Lower the first or raise the second.",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings in a form that JSON takes."""
        return {
            **{item.name: getattr(self, item.name) for item in fields(self)},
            "thresholds": self.thresholds.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings that :meth:`to_dict` described; what is absent has its default.

        Raises
        ------
        ParameterError
            If a name is unknown or a value out of range.
        """
        given = _known(cls, values)
        if isinstance(given.get("thresholds"), Mapping):
            given["thresholds"] = Thresholds.from_dict(given["thresholds"])
        return cls(**given)


@dataclass(frozen=True, kw_only=True)
class PreprocessParams:
    """All settings of :func:`sctl.preprocess.prepare_pair`. By default only what cannot be used is dropped.

    Parameters
    ----------
    source, target : RoleParams
        Filters of each side.
    normalize_to : float or None
        Total of every cell after library-size normalisation; None leaves the cells as they are.
    log : {"log1p", "log2", "none"}
    n_top_genes : int or None
        How many genes methods compare cells by: the most variable on both sides. None takes all.
    normalize_on : {"shared", "all"}
        Which genes make up the library size. Over the shared ones both sides are comparable even where
        one was measured, or published, with a small panel of genes.
    imputation : {"none", "magic"}
        Whether the highly variable genes are imputed, each dataset from its own cells, by the algorithm of
        MAGIC (van Dijk et al. 2018).
    imputation_t : int
        How many steps values are passed on between neighbours; more is smoother.
    imputation_knn : int
        How many neighbours set the width of a cell's neighbourhood.
    batch_correction : {"none", "combat"}
        Whether mean and spread of the highly variable genes are brought together between source and target
        by ComBat (Johnson et al. 2007), after imputation where both are on; values below 0 are set to 0.

    Raises
    ------
    ParameterError
        If a value is out of its range, or a batch effect is to be removed from values without logarithm.

    Examples
    --------
    >>> PreprocessParams.from_dict({"n_top_genes": 500, "target": {"min_genes": 200}}).target.min_genes
    200
    """

    source: RoleParams = field(default_factory=RoleParams)
    target: RoleParams = field(default_factory=RoleParams)
    normalize_to: float | None = 10_000.0
    log: Log = "log1p"
    n_top_genes: int | None = 2000
    normalize_on: NormaliseOn = "shared"
    imputation: Imputation = "none"
    imputation_t: int = 3
    imputation_knn: int = 5
    batch_correction: BatchCorrection = "none"

    def __post_init__(self) -> None:
        """Check every range once."""
        if self.normalize_to is not None:
            _number("normalize_to", self.normalize_to, low=1)
        if self.n_top_genes is not None:
            _number("n_top_genes", self.n_top_genes, low=10, whole=True)
        _choice("log", self.log, get_args(Log))
        _choice("normalize_on", self.normalize_on, get_args(NormaliseOn))
        _choice("imputation", self.imputation, get_args(Imputation))
        _number("imputation_t", self.imputation_t, low=1, high=20, whole=True)
        _number("imputation_knn", self.imputation_knn, low=1, high=100, whole=True)
        _choice("batch_correction", self.batch_correction, get_args(BatchCorrection))
        if self.batch_correction != "none" and self.log == "none":
            raise ParameterError(
                "A batch effect is to be removed from values without logarithm.",
                expected="ComBat needs logarithms: only there is a batch effect added to each gene.",
                do="Choose a logarithm, or turn the removal of the batch effect off.",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings in a form that JSON takes."""
        own = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**own, "source": self.source.to_dict(), "target": self.target.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings that :meth:`to_dict` described; what is absent has its default.

        Raises
        ------
        ParameterError
            If a name is unknown or a value out of range.
        """
        given = _known(cls, values)
        for role in ("source", "target"):
            if isinstance(given.get(role), Mapping):
                given[role] = RoleParams.from_dict(given[role])
        return cls(**given)


def _known(cls: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    names = [item.name for item in fields(cls)]
    for name in values:
        if name not in names:
            raise ParameterError(
                f"There is no setting {name!r}.", expected=f"Settings are {names}.", do="Leave it out."
            )
    return dict(values)


def _number(name: str, value: Any, *, low: float, high: float = np.inf, whole: bool = False) -> None:
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high or not np.isfinite(value):
        kind = "a whole number" if whole else "a number"
        limits = f"of {low} or more" if high == np.inf else f"between {low} and {high}"
        raise ParameterError(
            f"{name} is {value!r}.", expected=f"It must be {kind} {limits}.", do="Correct the setting."
        )


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ParameterError(
            f"{name} is {value!r}.", expected=f"It must be one of {list(choices)}.", do="Choose one of these."
        )


PAPER_FILTERS = RoleParams(min_genes=2000, expression_threshold=2.0, min_cell_share=0.06, max_cell_share=0.94)
"""The cell and gene filters of Mieth et al. (2019) at their published values, for deep read counts."""
