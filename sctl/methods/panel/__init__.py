"""Simple classifiers that vote on unscaled values, with probabilities that hold and an eye for cells of no known type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from sctl._version import __version__
from sctl.data import UNASSIGNED, CalibrationReport, Diagnostics, TransferResult
from sctl.errors import DataError
from sctl.methods.base import TransferMethod, param
from sctl.methods.panel.calibration import (
    alarm_threshold,
    calibrate,
    source_fit,
    source_verdict,
    unknown_probability,
)
from sctl.numerics.shift_classifier import ShiftClassifier, unit_length
from sctl.numerics.unknown_groups import divide, unknown_groups
from sctl.run import Run
from sctl.typing import Bools


@dataclass(kw_only=True)
class Panel(TransferMethod):
    """Name cells by logistic regression and by correlation with profiles, once the shift that all types share is off.

    Both see log-normalised values of the variable genes that are not scaled, since the spread of a gene depends on the mix
    of types. They vote, a cell's neighbours in the target have half a say, and the votes are made probabilities
    by naming held-out cells of the source. A cell is called unknown where the vote is unsure and what sets its
    neighbourhood apart in the target is not what sets the type apart in the source. Clusters are the names, and groups of
    the unknown cells.

    Notes
    -----
    Why these and not others, and on which data every constant was set: ``docs/decisions/0070-a-panel-of-simple-classifiers.md``.

    References
    ----------
    .. [1] Abdelaal et al. (2019), "A comparison of automatic cell identification methods for single-cell RNA sequencing
       data", Genome Biology 20, 194. https://doi.org/10.1186/s13059-019-1795-z
    .. [2] Guo et al. (2017), "On calibration of modern neural networks", ICML.
    """

    key: ClassVar[str] = "panel"
    title: ClassVar[str] = "Panel"
    summary: ClassVar[str] = (
        "Lets simple classifiers vote on each name, and says how probable it is and which cells are of no known type."
    )
    choose_when: ClassVar[str] = (
        "You want names within seconds, how probable each is, and which cells are of no known type."
    )
    reference: ClassVar[str] = "Abdelaal et al. (2019), https://doi.org/10.1186/s13059-019-1795-z"
    citations: ClassVar[tuple[str, ...]] = (
        "Guo et al. (2017), On calibration of modern neural networks, ICML",
        "Pedregosa et al. (2011), Journal of Machine Learning Research 12, 2825",
    )
    needs_labels: ClassVar[bool] = True
    needs_source_cells: ClassVar[bool] = True
    is_calibrated: ClassVar[bool] = True
    order: ClassVar[int] = 15

    find_new_types: bool = param(
        True, "Whether cells that resemble no known type are left unassigned, and grouped as 'unknown 1' and so on."
    )
    false_alarms: float = param(
        0.05,
        "Share of cells of known types that may be called unknown by mistake; a larger share finds more cells of new types.",
        title="False alarms among known cells",
        low=0.01,
        high=0.2,
    )
    min_confidence: float = param(
        0.0,
        "Cells whose name is less probable than this are called 'unassigned'.",
        title="Leave cells below this confidence unassigned",
        low=0.0,
        high=1.0,
    )

    @classmethod
    def cost(cls, *, n_source: int, n_target: int, n_thetas: int = 1) -> float:
        """Return about how many seconds learning and transfer take on one core."""
        return 0.5 + 7e-4 * n_source + 6e-4 * n_target

    def fit(self, source: AnnData, label_key: str | None, run: Run) -> Self:
        """Learn both classifiers from the source's variable genes, and how far their votes can be trusted."""
        types = pd.Categorical(source.obs[label_key].astype(str))
        names = tuple(map(str, types.categories))
        if len(names) < 2:
            raise DataError(
                f"All source cells have the type {names[0]!r}.",
                expected="Classifiers tell at least two types apart.",
                do="Choose another column of labels, or a source with more types.",
            )
        marked = source.var.get("highly_variable")
        self.genes_ = source.var_names if marked is None else source.var_names[marked.to_numpy(dtype=bool)]
        values, codes = source[:, self.genes_].X, np.asarray(types.codes, dtype=np.int64)
        self.label_names_ = names
        self.calibration_ = calibrate(values, codes, len(names), run)
        run.report("Learn the types", 0, 1)
        self.classifier_ = ShiftClassifier(values, codes, len(names), seed=run.random_state("cells of large types"))
        run.report("Learn the types", 1, 1)
        return self

    def transfer(self, target: AnnData, run: Run) -> TransferResult:
        """Name the cells of a target, and group those of no known type."""
        self._require_fitted("classifier_")
        values = target[:, self.genes_].X
        named = self.classifier_.named(values, run)
        silent = _silent(values)
        proba = np.where(silent[:, None], 0.0, self.calibration_.apply(named.proba))
        unknown = np.where(silent, 0.0, unknown_probability(named.features))
        new = unknown > alarm_threshold(self.false_alarms)
        if not self.find_new_types:
            new[:] = False
        labels = np.array(self.label_names_, dtype=object)[proba.argmax(axis=1)]
        labels[new | silent | (proba.max(axis=1) < self.min_confidence)] = UNASSIGNED
        votes = np.where(silent[:, None], 1.0 / len(self.label_names_), proba)
        groups = unknown_groups(named.scores[new], run.rng("unknown groups"))
        divided = divide(votes, np.where(new, 1.0, 0.0), new, groups)
        calibration = self.calibration_
        fit = source_fit(unit_length(values), proba.argmax(axis=1), self.classifier_.means)
        report = CalibrationReport(
            sharpness=calibration.sharpness,
            held_out_accuracy=calibration.accuracy,
            n_held_out=calibration.n_held_out,
            source_fit=fit,
            source_verdict=source_verdict(fit),
            reliability=calibration.reliability,
            unknown_threshold=alarm_threshold(self.false_alarms),
            unknown_share=float((unknown > alarm_threshold(self.false_alarms)).mean()),
        )
        return TransferResult(
            method=self.key,
            obs_names=target.obs_names,
            clusters=divided.clusters,
            cluster_names=tuple(divided.names(self.label_names_)),
            proba=divided.proba,
            labels=labels,
            label_names=self.label_names_,
            label_proba=proba,
            confidence=proba.max(axis=1),
            embedding=named.scores,
            params=dict(self.params),
            seed=run.seed,
            version=__version__,
            obs={"unknown": unknown},
            diagnostics=Diagnostics(calibration=report),
        )


def _silent(values: Any) -> Bools:
    """Return which cells show none of the genes."""
    total = values.sum(axis=1) if sparse.issparse(values) else np.asarray(values).sum(axis=1)
    return np.asarray(np.asarray(total).ravel() == 0)


METHODS = (Panel,)
