"""The column of samples or donors, handed to methods that can use one."""

from __future__ import annotations

from typing import TypeVar

from sctl.data import Pair
from sctl.errors import DataError
from sctl.methods.base import TransferMethod
from sctl.preprocess import require_batches

Method = TypeVar("Method", bound=TransferMethod)


SETTING = "batch_key"
"""What methods call the column."""


def batched(method: Method, batch_key: str | None) -> Method:
    """Return a method that knows the column of batches, if it can use one, learns anew, and was given none itself.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> batched(get_method("itclust")(), "donor").params["batch_key"]
    'donor'
    >>> batched(get_method("itclust")(batch_key="study"), "donor").params["batch_key"]
    'study'
    """
    if method.is_pretrained_ or batch_key is None or method.params.get(SETTING, "") is not None:
        return method
    return method.with_settings(**{SETTING: batch_key})


def with_batches(pair: Pair, method: Method) -> Method:
    """Return a method that knows the pair's column of batches, see :func:`batched`.

    Raises
    ------
    DataError
        If the column that the method was given is neither in the source nor in the target, or is none of batches.
    """
    method = batched(method, pair.batch_key)
    column = method.params.get(SETTING)
    for role, side in (("source", pair.source), ("target", pair.target)):
        require_batches(role, side, column)
    if column is None or method.is_pretrained_ or column in pair.source.obs or column in pair.target.obs:
        return method
    known = sorted({str(name) for side in (pair.source, pair.target) for name in side.obs.columns})
    raise DataError(
        f"Neither dataset has a column {column!r}.",
        expected=f"Their columns are {known}." if known else "They have no columns at all.",
        do="Choose another column of batches for this method, or none.",
    )
