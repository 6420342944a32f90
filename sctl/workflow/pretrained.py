"""Train a source once, and use it on many targets without its cells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.data import CanonicalOrder, Pair
from sctl.errors import ParameterError
from sctl.genes import symbol_column
from sctl.methods.base import Saveable, TransferMethod, learned
from sctl.numerics.class_means import class_means
from sctl.preflight import Finding
from sctl.preprocess import Prepared, PreprocessParams, prepare_target
from sctl.run import Run
from sctl.sharing import SourceSummary, TrainedSource, save_model
from sctl.sharing.trained import LABEL_KEY, PREPARATION, TRAINED_GENE
from sctl.workflow.inputs import repaired
from sctl.workflow.settings import complete
from sctl.workflow.steps import prepare


def train(source: AnnData, method: TransferMethod, params: Mapping[str, Any], run: Run) -> Pair:
    """Let a method learn from a source that has no target yet.

    Parameters
    ----------
    source : AnnData
    method : TransferMethod
        Learns.
    params : mapping
        As for :func:`sctl.workflow.prepare`. Genes are chosen, and cells normalised, by the source alone.
    run : Run

    Returns
    -------
    Pair
        What it has learned from; for :func:`summarised`. Its target is the source itself.
    """
    pair = prepare(source, source, {**params, "target": params.get("source", {})}, run).pair
    learned(pair, method, run)
    return pair


def why_not_saved(method: type[TransferMethod] | TransferMethod, preprocess: Mapping[str, Any]) -> str:
    """Say why what a method learned cannot serve other targets; empty where it can.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> why_not_saved(get_method("concatenatecluster"), {})
    'ConcatenateCluster learns nothing that could be kept: it needs the cells of the source each time.'
    """
    kind = method if isinstance(method, type) else type(method)
    if not issubclass(kind, Saveable):
        return f"{kind.title} learns nothing that could be kept: it needs the cells of the source each time."
    if preprocess.get("batch_correction", "none") != "none":
        return "The source was brought closer to this one target (ComBat), so it would fit no other."
    if preprocess.get("imputation", "none") != "none":
        return "Missed molecules were filled in (MAGIC), which cannot be repeated alike for another target."
    return ""


def summarised(
    pair: Pair, method: TransferMethod, preprocess: Mapping[str, Any], *, name: str = "", license: str = ""
) -> SourceSummary:
    """Return what a file keeps of the source that a method has learned from.

    Parameters
    ----------
    pair : Pair
    method : TransferMethod
        After it has learned from the pair's source.
    preprocess : mapping
        Settings of the preparation.
    name : str
        What the source is called.
    license : str
        Under which the model may be used.

    Raises
    ------
    ParameterError
        If it cannot serve other targets.
    """
    if why_not := why_not_saved(method, preprocess):
        raise ParameterError(why_not, do="Keep the source and the settings instead.")
    names = getattr(method, "label_names_", ())
    groups = getattr(method, "source_groups_", None)
    codes = (
        pd.Categorical(np.asarray(pair.labels), categories=names).codes
        if groups is None
        else groups.codes[CanonicalOrder.of(pair.source).back]
    )
    symbols = symbol_column(pair.source)
    full = complete("preprocess", preprocess)
    return SourceSummary(
        profiles=class_means(pair.source.X, np.asarray(codes, dtype=np.int64), len(names)).astype(np.float32),
        n_cells=tuple(np.bincount(codes, minlength=len(names)).tolist()),
        genes=tuple(map(str, pair.source.var_names)),
        marks=pair.source.var[["highly_variable", "variable_rank"]].reset_index(drop=True),
        symbols=None if symbols is None else tuple(pair.source.var[symbols].astype(str)),
        preparation={setting: full[setting] for setting in PREPARATION},
        name=name,
        license=license,
    )


def save_trained(
    path: Path,
    pair: Pair,
    method: TransferMethod,
    preprocess: Mapping[str, Any],
    *,
    seed: int,
    name: str = "",
    **said: Any,
) -> Path:
    """Write what a method has learned from a pair's source into a file; see :func:`summarised`.

    What else is said: ``license``; and ``note`` and ``keep``, see :func:`sctl.sharing.save_model`.
    """
    license = str(said.pop("license", ""))
    source = summarised(pair, method, preprocess, name=name, license=license)
    return save_model(method, path, seed=seed, source=source, **said)


def prepare_trained(trained: TrainedSource, target: AnnData, params: Mapping[str, Any], run: Run) -> Prepared:
    """Filter a target by its own settings, and normalise it as the trained source was.

    Parameters
    ----------
    trained : TrainedSource
    target : AnnData
    params : mapping
        Those of the step ``"preprocess"``; only the filters of the target are read.
    run : Run
    """
    chosen = PreprocessParams.from_dict({**trained.summary.preparation, "target": params.get("target", {})})
    return prepare_target(
        trained.profile_source(), target, chosen, label_key=LABEL_KEY, n_source=trained.n_source, run=run
    )


def match_genes(
    trained: TrainedSource, target: AnnData, *, blocks: bool = False
) -> tuple[TrainedSource, AnnData, list[Finding]]:
    """Make the genes of a trained source and a target meet, as :func:`sctl.workflow.repaired` does for two datasets."""
    profile_source, repaired_target, applied = repaired(trained.profile_source(), target, blocks=blocks)
    return renamed(trained, profile_source), repaired_target, applied


def renamed(trained: TrainedSource, profile_source: AnnData) -> TrainedSource:
    """Return a trained source whose genes are named as those of its repaired stand-in."""
    names = dict(zip(profile_source.var[TRAINED_GENE].astype(str), map(str, profile_source.var_names), strict=True))
    return trained if all(old == new for old, new in names.items()) else trained.renamed(names)
