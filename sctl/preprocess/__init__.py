"""From two datasets as they were read to a pair that any method can use: filters, shared genes, normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl._lazy import lazy

if TYPE_CHECKING:
    from sctl.preprocess.batch import BatchEffect
    from sctl.preprocess.filters import filter_cells, filter_genes
    from sctl.preprocess.impute import ImputationEffect
    from sctl.preprocess.labels import is_doubtful, label_text, named_type, plain_label
    from sctl.preprocess.linear import linearised, log_normalize
    from sctl.preprocess.match import require_batches
    from sctl.preprocess.params import PAPER_FILTERS, PreprocessParams, RoleParams
    from sctl.preprocess.prepare import Prepared, prepare_pair
    from sctl.preprocess.report import Loss, PrepareReport
    from sctl.preprocess.trained import prepare_target
else:
    __getattr__, __dir__ = lazy(__name__)

__all__ = [
    "PAPER_FILTERS",
    "BatchEffect",
    "ImputationEffect",
    "Loss",
    "PrepareReport",
    "Prepared",
    "PreprocessParams",
    "RoleParams",
    "filter_cells",
    "filter_genes",
    "is_doubtful",
    "label_text",
    "linearised",
    "log_normalize",
    "named_type",
    "plain_label",
    "prepare_pair",
    "prepare_target",
    "require_batches",
]
